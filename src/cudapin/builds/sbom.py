"""What the SBOM of a wheel is made from, and what must be there to make one."""

from __future__ import annotations

import hashlib
import re
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from cudapin import __version__
from cudapin.core.compiled import is_host, library_stem
from cudapin.core.config import Variant
from cudapin.core.libraries import majors_of_library
from cudapin.core.locate import find_line
from cudapin.core.names import normalise
from cudapin.core.wheel_name import DATA
from cudapin.errors import Code, ConfigError, Problem, Where
from cudapin.release.sbom import Bundled, Subject, render_sbom

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from cudapin.builds.judgement import Judgement
    from cudapin.core.compiled import Binary
    from cudapin.core.lock import Selection
    from cudapin.gate import Gate

__all__ = ["HATCHLING", "judge_sbom", "make_sbom", "old_hatchling"]

HATCHLING = "1.29"
"""The first hatchling that takes files for `*.dist-info/sboms` from a build hook."""

_LIBRARY = "cyclonedx-python-lib"
_DISTRIBUTION = "cudapin"
_EXTRA = "sbom"
_IMPORTED = re.compile(r"\.(?:cpython-|abi3|pypy)")
"""In the name of a module that Python imports."""


def make_sbom(
    gate: Gate,
    variant: Variant | None,
    judgement: Judgement,
    wheel: tuple[str, str],
    files: Mapping[str, Path],
    binaries: Sequence[Binary],
    data_folder: str,
) -> str:
    """Return the SBOM of a wheel of that name and version; `variant` is None in a project without variants.

    `files` and `binaries` are what goes into the wheel, by the paths there, in which `data_folder` is still to be
    filled in. Raises ConfigError (CP117) where `cyclonedx-python-lib` is missing, LockError where the lock cannot be
    read after all.
    """
    selection = gate.select_all(variant or Variant(name="", extra=(), group=()))
    if selection is None:  # pragma: no cover - `lock = false` beside `sbom` is a fault of the configuration
        message = "an SBOM without a lock file"
        raise AssertionError(message)
    try:
        subject = Subject(
            name=wheel[0],
            version=wheel[1],
            facts=_facts(gate, variant, judgement),
            knows_edges=_knows_edges(gate, variant, selection),
            tools={_DISTRIBUTION: __version__, _LIBRARY: version(_LIBRARY)},
            epoch_s=_epoch(gate.environ),
        )
        return render_sbom(subject, selection, list(_bundled(gate, files, binaries, data_folder)), gate.target)
    except (ImportError, PackageNotFoundError) as error:
        raise ConfigError(_missing(gate)) from error


def judge_sbom(gate: Gate) -> Iterable[Problem]:
    """Return what is wrong with the build requirements of a project that wants an SBOM."""
    if gate.config.sbom and not _lists_extra(gate):
        yield _missing(gate)


def old_hatchling(gate: Gate, found: str) -> ConfigError:
    """Return the error for a hatchling that places no SBOM."""
    return ConfigError(
        Problem(
            code=Code.CP117,
            what=f"`sbom = true` needs hatchling {HATCHLING}, and the build has {found}",
            where=_where(gate, "tool", "cudapin", "sbom"),
            why="older ones take no file for `*.dist-info/sboms` (PEP 770) from a build hook",
            fix=f'write `"hatchling>={HATCHLING}"` in `requires` of `[build-system]`',
        )
    )


def _missing(gate: Gate) -> Problem:
    is_listed = _lists_extra(gate)
    fix = 'write `"cudapin[sbom]"` instead of `"cudapin"` in `requires` of `[build-system]`'
    return Problem(
        code=Code.CP117,
        what="`sbom = true` needs the extra `cudapin[sbom]`"
        + (", which the build environment lacks" if is_listed else ", which the project does not require"),
        where=_where(gate, *(("tool", "cudapin", "sbom") if is_listed else ("build-system", "requires"))),
        why=f"`{_LIBRARY}` writes the SBOM, and only that extra brings it",
        fix='python -m pip install "cudapin[sbom]"' if is_listed else fix,
    )


def _lists_extra(gate: Gate) -> bool:
    from packaging.requirements import InvalidRequirement, Requirement

    requires = gate.project.pyproject.table.get("build-system", {}).get("requires")
    for text in requires if isinstance(requires, list) else []:
        try:
            requirement = Requirement(str(text))
        except InvalidRequirement:
            continue
        name = normalise(requirement.name)
        if name == _LIBRARY or (name == _DISTRIBUTION and _EXTRA in {normalise(extra) for extra in requirement.extras}):
            return True
    return False


def _where(gate: Gate, *key: str) -> Where:
    source = gate.project.pyproject.source
    return Where(path=source.path, line=find_line(source.text, *key), key=".".join(key))


def _facts(gate: Gate, variant: Variant | None, judgement: Judgement) -> dict[str, str]:
    """Return what of the build is worth knowing: a lock selects for one Python and platform."""
    environment = gate.environment
    facts = {
        "environment": f"{environment['platform_python_implementation']} {environment['python_version']}, "
        f"{environment['sys_platform']} {environment['platform_machine']}"
    }
    if variant is not None:
        facts |= {"variant": variant.name}
        facts |= {"cuda": ", ".join(map(str, variant.cuda))} if variant.cuda else {}
    if (path := gate.lock_path(variant)) is not None:
        facts |= {"lock.path": path, "lock.sha256": gate.lock_digest(path)}
        facts |= {"lock.verdict": judgement.verdicts[path].freshness} if path in judgement.verdicts else {}
    return facts


def _knows_edges(gate: Gate, variant: Variant | None, selection: Selection) -> bool:
    """Tell whether the lock says what each package requires: some formats always do, others where their tool wrote it.

    A single package without any says nothing in a format that need not.
    """
    path = gate.lock_path(variant)
    if path is not None and gate.lock(path).format in {"uv", "poetry", "pdm"}:
        return True
    return any(package.dependencies for package in selection.packages)


def _bundled(gate: Gate, files: Mapping[str, Path], binaries: Sequence[Binary], data_folder: str) -> Iterable[Bundled]:
    """Return the shared libraries among the compiled files; what Python itself imports is the project's own."""
    for binary in binaries:
        name = binary.path.rpartition("/")[2]
        if is_host(binary) and (library_stem(name) or name.endswith(".dll")) and not _IMPORTED.search(name):
            yield Bundled(
                path=re.sub(f"^{re.escape(DATA)}/", f"{data_folder}/", binary.path),
                sha256=_digest(files[binary.path]),
                cuda=majors_of_library(binary.name, gate.facts.libraries),
            )


def _digest(path: Path) -> str:
    """Return the SHA-256 of a library, which may be larger than what is good to hold at once."""
    found = hashlib.sha256()
    with path.open("rb") as stream:
        while part := stream.read(1 << 20):
            found.update(part)
    return found.hexdigest()


def _epoch(environ: Mapping[str, str]) -> int | None:
    text = environ.get("SOURCE_DATE_EPOCH", "")
    return int(text) if text.isdecimal() else None
