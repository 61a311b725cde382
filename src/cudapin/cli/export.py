"""The command `export`: what a fresh lock selects for one Python and platform, as an installable file."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cudapin.adapters.rewrite import rewrite
from cudapin.cli.check_project import waiver_notes
from cudapin.cli.commands import Outcome
from cudapin.cli.request import choose, require_project, retarget, wrong
from cudapin.cli.variables import check_variables
from cudapin.core.export import Recipe, judge_export
from cudapin.core.export_excludes import render_excludes
from cudapin.core.export_pylock import render_pylock
from cudapin.core.export_requirements import render_requirements
from cudapin.core.target import other_target
from cudapin.errors import ConfigError, sort_problems
from cudapin.gate import Gate, open_gate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cudapin.core.config import Variant
    from cudapin.core.export import ExportFormat

__all__ = ["export"]


def export(
    root: Path,
    environ: Mapping[str, str],
    *,
    variant: str | None,
    extras: Sequence[str],
    groups: Sequence[str],
    python: str | None,
    platform: str | None,
    to: ExportFormat,
    output: str | None,
) -> Outcome:
    """Export the selection of a variant, or of extras and groups; to `output` if given, else as text.

    Nothing is written where the lock is not fresh, or holds what cannot be installed with a hash. Raises ConfigError
    for a wrong request and an output that cannot be written, LockError for a lock that cannot be read.
    """
    gate = open_gate(root, environ)
    require_project(gate)
    check_variables([gate], environ, is_named=bool(variant or extras or groups))
    python, platform = _retarget_exactly(gate, python, platform)
    chosen, name = choose(gate, variant, extras, groups)
    if to == "auditwheel-excludes":
        return _excludes(gate, chosen, name, output)
    path = gate.lock_path(chosen)
    selection = None
    if path is not None:
        _check_output(gate, path, to, output)
        verdict = gate.waive(gate.judge_lock(path).problems, name)
        if any(problem.level == "error" for problem in verdict.standing):
            return Outcome(problems=sort_problems(verdict.standing), data={"export": None})
        selection = gate.select_all(chosen)
    if path is None or selection is None:
        raise ConfigError(wrong("there is no lock file to export from", "`lock = false`", "name a lock file"))
    recipe = Recipe(
        format=to,
        lock=path,
        sha256=gate.lock_digest(path),
        variant=name,
        extras=() if name else chosen.extra or (),
        groups=() if name else chosen.group or (),
        python=python,
        platform=platform,
        requires_python=_requires_python(gate),
        index_options=tuple(f"{option} {url}".strip() for option, url in getattr(gate.lock(path), "indexes", ())),
    )
    found = gate.waive(judge_export(selection, recipe, gate.target), name)
    problems = sort_problems([*verdict.standing, *found.standing])
    if any(problem.level == "error" for problem in problems):
        return Outcome(problems=problems, data={"export": None})
    render = render_pylock if to == "pylock" else render_requirements
    made = render(selection, recipe, gate.target)
    notes = [*made.notes, *waiver_notes((*verdict.accepted, *found.accepted))]
    if output is not None:
        notes.append(f"{output}: {'written' if _write(Path(output), made.text) else 'unchanged'}")
    return Outcome(
        problems=problems,
        text="" if output is not None else made.text.rstrip("\n"),
        data={"export": _export_object(recipe, made.text, output)},
        notes=tuple(notes),
    )


def _excludes(gate: Gate, variant: Variant, name: str | None, output: str | None) -> Outcome:
    """Give the options for auditwheel, which depend on the variant's CUDA alone."""
    if name is None:
        why = "`--to auditwheel-excludes` goes by the CUDA of a variant"
        raise ConfigError(wrong("there is no variant to go by", why, "name one with `--variant`"))
    text = render_excludes(variant, gate.facts) + "\n"
    notes: tuple[str, ...] = ()
    if output is not None:
        notes = (f"{output}: {'written' if _write(Path(output), text) else 'unchanged'}",)
    command = f"cudapin export --variant {name} --to auditwheel-excludes"
    data = {
        "format": "auditwheel-excludes",
        "command": command,
        "lock": None,
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "path": output,
        "text": None if output is not None else text,
    }
    shown = "" if output is not None else text.rstrip("\n")
    return Outcome(problems=(), text=shown, data={"export": data}, notes=notes)


def _retarget_exactly(gate: Gate, python: str | None, platform: str | None) -> tuple[str | None, str | None]:
    """Set the target, and return the Python and platform that give it again anywhere.

    What is not named is taken from the running interpreter; None where no name means it, as for PyPy.
    """
    retarget(gate, python, platform)
    environment = gate.target.environment
    names = [python, platform]
    if python is None and environment["implementation_name"] == "cpython":
        names[0] = environment["python_full_version"]
    if platform is None:
        tags = [tag.platform for tag in gate.target.tags if tag.platform != "any"]
        names[1] = next((tag for tag in tags if tag.startswith(("many", "musl"))), next(iter(tags), None))
    for position, name in enumerate(names):
        try:
            gate.target = other_target(gate.target, *((name, None) if position == 0 else (None, name)))
        except ValueError:  # a Python of a version that is no release, or a platform without a name
            names[position] = None
    return names[0], names[1]


def _requires_python(gate: Gate) -> str | None:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    value = gate.project.metadata.get("requires-python")
    with suppress(InvalidSpecifier):
        return str(SpecifierSet(value)) if isinstance(value, str) else None
    return None


def _check_output(gate: Gate, lock: str, to: ExportFormat, output: str | None) -> None:
    """Refuse a name that installers would not take for a lock file, and the lock itself."""
    if output is None:
        return
    from packaging.pylock import is_valid_pylock_path

    file = Path(output)
    if to == "pylock" and not is_valid_pylock_path(file):
        why = f"wanted `pylock.toml` or `pylock.NAME.toml`, found `{file.name}`"
        raise ConfigError(wrong("installers would not take the output for a lock file", why, "use `-o pylock.toml`"))
    if file.resolve() == gate.project.locate(lock).resolve():
        why = f"`{output}` is the lock file that is exported"
        raise ConfigError(wrong("the output would overwrite its own source", why, "name another file"))


def _write(file: Path, text: str) -> bool:
    """Put the text in the place of the file in one step, and tell whether that changed anything."""
    file = file.resolve()
    try:
        return rewrite(file, text.encode())
    except OSError as error:
        what = f"`{file}` cannot be written"
        why = f"{error.strerror or type(error).__name__}"
        raise ConfigError(wrong(what, why, "name a file that can be written with `-o FILE`")) from error


def _export_object(recipe: Recipe, text: str, output: str | None) -> dict[str, Any]:
    return {
        "format": recipe.format,
        "command": recipe.command,
        "lock": {"path": recipe.lock, "sha256": recipe.sha256},
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "path": output,
        "text": None if output is not None else text,
    }
