"""The rules for an sdist: neutral, and with what is needed to judge it again. Reads nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cudapin.core.fields import name_list
from cudapin.core.index import find_private_hosts, has_credentials
from cudapin.core.names import normalise
from cudapin.errors import Code, Problem
from cudapin.release.index_place import variant_of_version
from cudapin.release.publish import canonical, problem_at, split_requirements

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cudapin.core.seal import Seal
    from cudapin.release.publish import Declared, IndexKind, SdistFacts

__all__ = ["SETTINGS", "judge_carried", "judge_hosts", "judge_neutral"]

SETTINGS = ("pyproject.toml", "uv.toml", "hatch.toml")
"""Files of an sdist that may name indexes and lock nothing."""
_CUDA_CLASSIFIER = re.compile(r"Environment :: GPU :: NVIDIA CUDA :: \d.*")


def judge_neutral(
    sdist: SdistFacts, project: Mapping[str, Any], declared: Declared, to: IndexKind
) -> Iterable[Problem]:
    """Return what a variant has left in an sdist; `project` is the `[project]` table inside it."""
    dynamic = project.get("dynamic") or ()
    local = sdist.version.partition("+")[2]
    said = next((name for name in declared.names if local == name or local.startswith(f"{name}.")), None)
    said = said or variant_of_version(sdist.version)
    if said is not None:
        yield _stamped(sdist, f"its version {sdist.version} names variant `{said}`", "wanted one without")
    elif "version" in project and not _same_version(project["version"], sdist.version):
        yield _stamped(sdist, f"its version is {sdist.version}", f"wanted {project['version']}")
    elif local and to == "public":
        yield problem_at(
            Code.CP721,
            sdist.shown,
            f"a public index refuses version {sdist.version}",
            f"`+{local}` is a local version (PEP 440), which only private indexes take",
            "release from a commit that has a tag, or set the version",
        )
    if isinstance(project.get("name"), str) and normalise(sdist.name) != normalise(project["name"]):
        yield _stamped(sdist, f"its name is `{sdist.name}`", f"wanted `{project['name']}`")
    found = split_requirements(sdist.requires)
    wanted: dict[str, tuple[str, ...]] = {}
    fields = [name for name in ("dependencies", "optional-dependencies") if name in dynamic]
    if not fields:
        wanted = {"": tuple(project.get("dependencies", ()))}
        wanted |= {name: tuple(items) for name, items in project.get("optional-dependencies", {}).items()}
        if difference := _difference(wanted, found):
            yield _stamped(sdist, difference, "wanted what `pyproject.toml` has")
    if "classifiers" not in dynamic:
        own = set(project.get("classifiers", ()))
        surplus = [text for text in sdist.classifiers if _CUDA_CLASSIFIER.fullmatch(text) and text not in own]
        if surplus:
            yield _stamped(sdist, f"it has the classifier `{surplus[0]}`", "wanted what `pyproject.toml` has")


def _difference(wanted: Mapping[str, tuple[str, ...]], found: Mapping[str, tuple[str, ...]]) -> str:
    from packaging.requirements import InvalidRequirement

    try:
        one, two = canonical(wanted), canonical(found)
    except InvalidRequirement:
        return ""
    for extra in sorted({*one, *two}):
        missing, surplus = (
            sorted(a.get(extra, frozenset()) - b.get(extra, frozenset())) for a, b in ((one, two), (two, one))
        )
        of = f" in extra `{extra}`" if extra else ""
        if surplus:
            return f"it requires {name_list(surplus[:3])}{of}"
        if missing:
            return f"it does not require {name_list(missing[:3])}{of}"
    return ""


def _same_version(wanted: object, found: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        return Version(str(wanted)) == Version(found)
    except InvalidVersion:
        return True


def _stamped(sdist: SdistFacts, what: str, wanted: str) -> Problem:
    return problem_at(
        Code.CP729,
        sdist.shown,
        "the sdist is not the same for every variant",
        f"{wanted}, found that {what}",
        "build it anew with the hook of cudapin: `cudapin build --sdist`",
        key="PKG-INFO",
    )


def judge_carried(shown: str, seal: Seal | None, locks: Iterable[str], digests: Mapping[str, str]) -> Iterable[Problem]:
    """Return a problem for each lock file that an sdist does not carry as it was sealed, and for a missing seal.

    `locks` are the lock files of the project as messages show them; `digests` are those of the files of the sdist.
    """
    fix = "build it anew with the hook of cudapin: `cudapin build --sdist`"
    if seal is None:
        what, why = "the sdist has no seal", "`cudapin.seal.json` says what its lock was judged by, found none"
        yield problem_at(Code.CP730, shown, what, why, fix)
    for path in sorted({*locks, *(seal.files if seal else ())}):
        sealed = seal.files.get(path) if seal else None
        target = sealed.path if sealed is not None else path
        if target is None:
            continue
        if target not in digests:
            yield problem_at(
                Code.CP730, shown, f"the sdist lacks `{path}`", f"wanted it at `{target}`, found nothing there", fix
            )
        elif sealed is not None and digests[target] != sealed.sha256:
            why = f"wanted SHA-256 {sealed.sha256[:12]}…, found {digests[target][:12]}…"
            yield problem_at(Code.CP730, shown, f"`{target}` is not the file that was sealed", why, fix, key=target)


def judge_hosts(shown: str, path: str, text: str, to: IndexKind) -> Iterable[Problem]:
    """Return a problem for credentials in a file of an sdist, and for private hosts in a lock of a public one."""
    if has_credentials(text):
        yield problem_at(
            Code.CP210,
            shown,
            f"`{path}` in the sdist holds credentials",
            "an address in it has a user name and a password or token, and whoever gets the sdist can read them",
            "take them out of the file, withdraw them, and build the sdist anew",
            key=path,
        )
    if to == "public" and not path.endswith(SETTINGS) and (hosts := find_private_hosts(text)):
        yield problem_at(
            Code.CP210,
            shown,
            f"`{path}` in the sdist names the private host{'s' if len(hosts) > 1 else ''} {name_list(hosts)}",
            "whoever gets the sdist can read it, and nobody outside can build from it",
            "publish wheels only, or lock from an index that may be known",
            key=path,
        )
