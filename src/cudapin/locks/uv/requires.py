"""Requirements as uv compares them: from the text in a project file, through `tool.uv.sources`, to one value.

This is what `uv-distribution` calls lowering: each requirement becomes one `UvRequirement` per source that applies
to it, plus one for the part of its marker that no source covers.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from cudapin.core.index import strip_credentials
from cudapin.core.marker_truth import are_equivalent, is_possible
from cudapin.core.markers import TRUE, Clause, conjunction, negation, parse_marker, render_marker
from cudapin.core.names import normalise
from cudapin.core.python import parse_python_range
from cudapin.core.specifiers import is_same_specifier
from cudapin.locks.uv.address import comparable_source, git_address, is_same_directory, url_source, with_subdirectory
from cudapin.locks.uv.model import UvRequirement
from cudapin.locks.uv.project import Declared, UnjudgeableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from cudapin.core.markers import Marker
    from cudapin.core.python import PythonRange
    from cudapin.locks.uv.project import UvProject, UvWorkspace

__all__ = [
    "Wanted",
    "differing_names",
    "lower_requirement",
    "parse_requirement",
    "render_requirement",
    "specifier_text",
]

_ARCHIVE = re.compile(r"\.(?:whl|zip|tar\.\w+|tgz|tbz|txz|tlz)$")
_SPECIFIER = re.compile(r"\s*[A-Za-z0-9][\w.-]*\s*(?:\[[^\]]*\])?\s*\(?([^;)]*)")
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_RELEASE = r"[0-9]+(?:\.[0-9]+)*(?:(?:a|b|rc)[0-9]+)?(?:\.post[0-9]+)?(?:\.dev[0-9]+)?"
_CLAUSE = (
    rf"(?:[<>]=?\s*{_RELEASE}|~=\s*[0-9]+(?:\.[0-9]+)+|[=!]=\s*(?:[0-9]+(?:\.[0-9]+)*\.\*"
    rf"|{_RELEASE}(?:\+[A-Za-z0-9]+(?:\.[A-Za-z0-9]+)*)?))\s*"
)
_REQUIREMENT = re.compile(
    rf"\s*({_NAME})\s*(?:\[\s*({_NAME}\s*(?:,\s*{_NAME}\s*)*)\]\s*)?({_CLAUSE}(?:,\s*{_CLAUSE})*)?(?:;(.*\S)\s*)?"
)
_NONE = ("", "")


class Wanted(NamedTuple):
    """The parts of a requirement as written, name and extras normalised; `packaging` drops repeated clauses."""

    name: str
    extras: frozenset[str]
    specifier: str
    url: str | None
    marker: str | None


@lru_cache(maxsize=4096)
def parse_requirement(declared: Declared) -> Wanted:
    """Read the text of a requirement; raise UnjudgeableError where `packaging` cannot.

    The usual forms are read here, since loading `packaging` takes longer than judging a lock.
    """
    if match := _REQUIREMENT.fullmatch(declared.text):
        name, extras, specifier, marker = match.groups()
        names = frozenset(normalise(extra) for extra in re.findall(r"[\w.-]+", extras or ""))
        return Wanted(normalise(name), names, (specifier or "").strip(), None, marker)
    from packaging.requirements import InvalidRequirement, Requirement

    # `name @ url;marker` is read by uv, while the grammar of PEP 508 wants a space there.
    text = re.sub(r"(@[^;]*[^\s;]);", r"\1 ;", declared.text, count=1)
    try:
        requirement = Requirement(text)
    except (InvalidRequirement, RecursionError) as error:
        why = f"`{strip_credentials(declared.text)}` is no requirement"
        raise UnjudgeableError(why, *declared.key, item=declared.text) from error
    return Wanted(
        normalise(requirement.name),
        frozenset(map(normalise, requirement.extras)),
        specifier_text(declared.text) if requirement.specifier else "",
        requirement.url,
        None if requirement.marker is None else str(requirement.marker),
    )


def specifier_text(requirement: str) -> str:
    """Return the specifier of a requirement as written; `packaging` drops repeated clauses, uv does not."""
    match = _SPECIFIER.match(requirement)
    return match[1].strip() if match else ""


def lower_requirement(declared: Declared, project: UvProject, workspace: UvWorkspace) -> Iterator[UvRequirement]:
    """Yield what uv makes of a declared requirement of a project, sources applied."""
    requirement = parse_requirement(declared)
    marker = _declared_marker(declared, requirement)
    plain = UvRequirement(
        name=requirement.name,
        extras=requirement.extras,
        specifier=requirement.specifier,
        marker=marker,
        source=None if requirement.url is None else url_source(requirement.url, declared),
    )
    sources, owner = _find_sources(requirement.name, project, workspace)
    applicable = [source for source in sources if _applies(source, declared)]
    rest = marker
    for source in applicable:
        scope = parse_marker(source["marker"]) if isinstance(source.get("marker"), str) else TRUE
        rest = conjunction(rest, negation(scope))
        found = _with_source(plain, source, conjunction(marker, scope), owner, project, workspace)
        if is_possible(found.marker):
            yield found
    if not applicable or is_possible(rest):
        yield _replace(plain, marker=rest)


def _replace(requirement: UvRequirement, **changes: Any) -> UvRequirement:  # noqa: ANN401
    from dataclasses import replace

    return replace(requirement, **changes)


def _declared_marker(declared: Declared, requirement: Wanted) -> Marker:
    parts = [parse_marker(requirement.marker) if requirement.marker else TRUE]
    for specifier in declared.python:
        span = parse_python_range(specifier)
        if span is None:
            raise UnjudgeableError(f"`{specifier}` is no version specifier", "tool", "uv", "dependency-groups")
        parts += [parse_marker(text) for text in _python_clauses(span)]
    if declared.extra is not None:
        parts.append(Clause("extra", "==", declared.extra))
    return conjunction(*parts)


def _python_clauses(span: PythonRange) -> Iterator[str]:
    for part in filter(None, str(span).replace("any", "").split(",")):
        op, bound = re.split(r"(?<=[<>=])(?=\d)", part)
        yield f"python_full_version {op} '{bound}'"


def _find_sources(
    name: str, project: UvProject, workspace: UvWorkspace
) -> tuple[tuple[Mapping[str, Any], ...], UvProject]:
    """Return the sources of a name and the project whose file has them: its own, else the workspace root's."""
    if name in project.sources:
        return project.sources[name], project
    return workspace.root.sources.get(name, ()), workspace.root


def _applies(source: Mapping[str, Any], declared: Declared) -> bool:
    return all(
        scope is None or (isinstance(scope, str) and normalise(scope) == actual)
        for scope, actual in ((source.get("extra"), declared.extra), (source.get("group"), declared.group))
    )


def _with_source(
    plain: UvRequirement,
    source: Mapping[str, Any],
    marker: Marker,
    owner: UvProject,
    project: UvProject,
    workspace: UvWorkspace,
) -> UvRequirement:
    if "index" in source:
        conflict = None
        if "extra" in source or "group" in source:
            extra, group = (normalise(str(source.get(key) or "")) for key in ("extra", "group"))
            conflict = (project.name or "", extra, "" if extra else group)
        address = _index_url(str(source["index"]), plain.name, project, workspace)
        return _replace(plain, marker=marker, source=("index", address), conflict=conflict)
    return _replace(plain, marker=marker, specifier="", source=_direct_source(plain, source, owner, workspace))


def _index_url(name: str, package: str, project: UvProject, workspace: UvWorkspace) -> str:
    for owner in (project, workspace.root):
        for index in owner.get(list, "tool", "uv", "index") or []:
            if isinstance(index, dict) and index.get("name") == name and isinstance(index.get("url"), str):
                url = strip_credentials(index["url"])
                return url if "://" in url else f"file:{workspace.join(owner.directory, url)}"
    raise UnjudgeableError(f"the index `{name}` is not declared", "tool", "uv", "sources", package)


def _direct_source(
    plain: UvRequirement, source: Mapping[str, Any], owner: UvProject, workspace: UvWorkspace
) -> tuple[str, str]:
    if isinstance(source.get("git"), str):
        return ("git", git_address(source["git"], source))
    if isinstance(source.get("url"), str):
        return ("url", with_subdirectory(strip_credentials(source["url"]), source.get("subdirectory")))
    if source.get("workspace") is True and plain.name in workspace.members:
        member = workspace.members[plain.name]
        return (workspace.source_kind(member), workspace.join(member.directory))
    if isinstance(source.get("path"), str):
        return _path_source(source, owner, workspace)
    raise UnjudgeableError("its source is of no known kind", "tool", "uv", "sources", plain.name)


def _path_source(source: Mapping[str, Any], owner: UvProject, workspace: UvWorkspace) -> tuple[str, str]:
    path = workspace.join(owner.directory, source["path"])
    if _ARCHIVE.search(path):
        return ("path", path)
    if source.get("editable") is True:
        return ("editable", path)
    is_package = source.get("package")
    if is_package is None:
        target = workspace.find_path(path)
        is_package = target is None or target.is_package(is_required=True)
    return ("directory" if is_package else "virtual", path)


def _comparable(requirement: UvRequirement) -> tuple[object, ...]:
    return (requirement.extras, comparable_source(requirement.source), requirement.conflict)


def _agree(
    wanted: UvRequirement,
    found: UvRequirement,
    members: Mapping[str, object],
    python: PythonRange,
    is_same: Callable[[str, str], bool],
) -> bool:
    """Tell whether uv takes both for the same requirement."""
    if wanted.name in members and None in (wanted.source, found.source) and wanted.source != found.source:
        # What a member requires of another is recorded with its directory or, by some versions of uv, plainly.
        wanted, found = (_replace(item, source=None, specifier="") for item in (wanted, found))
    if _is_local_index(wanted) and _is_local_index(found):
        if not is_same_directory((wanted.source or _NONE)[1], (found.source or _NONE)[1]):
            return False
        wanted, found = (_replace(item, source=None) for item in (wanted, found))
    return (
        _comparable(wanted) == _comparable(found)
        and are_equivalent(wanted.marker, found.marker, python)
        and is_same(wanted.specifier, found.specifier)
    )


def _is_local_index(requirement: UvRequirement) -> bool:
    return requirement.source is not None and requirement.source[1].startswith("file:")


def differing_names(
    wanted: Iterable[UvRequirement],
    found: Iterable[UvRequirement],
    members: Mapping[str, object],
    python: PythonRange,
    *,
    is_same: Callable[[str, str], bool] = is_same_specifier,
) -> dict[str, tuple[list[UvRequirement], list[UvRequirement]]]:
    """Return, for each name whose requirements differ, those wanted and not found, and the other way round.

    `is_same` compares their specifiers: by what they admit, where uv does not ask for the same clauses.
    """
    by_name: dict[str, tuple[list[UvRequirement], list[UvRequirement]]] = {}
    for side, requirements in enumerate((wanted, found)):
        for requirement in requirements:
            by_name.setdefault(requirement.name, ([], []))[side].append(requirement)
    differing = {}
    for name, (ours, theirs) in sorted(by_name.items()):
        equal = set(ours).intersection(theirs)
        missing = [
            a for a in ours if a not in equal and not any(_agree(a, b, members, python, is_same) for b in theirs)
        ]
        surplus = [
            b for b in theirs if b not in equal and not any(_agree(a, b, members, python, is_same) for a in ours)
        ]
        if missing or surplus:
            differing[name] = (missing, surplus)
    return differing


def render_requirement(requirement: UvRequirement) -> str:
    """Return the requirement as text for a message, without credentials."""
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    text = f"{requirement.name}{extras}{requirement.specifier}"
    if requirement.source is not None:
        kind, value = requirement.source
        text += f" from {kind} {strip_credentials(value)}"
    return text if requirement.marker == TRUE else f"{text}; {render_marker(requirement.marker)}"
