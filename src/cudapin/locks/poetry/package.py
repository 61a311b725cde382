"""From one `[[package]]` of a `poetry.lock` to a package; every value is checked on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from cudapin.core.lock import LockedFile, SourceKind
from cudapin.core.names import normalise

__all__ = ["PoetryEdge", "PoetryPackage", "ShapeError", "read_files", "read_package", "value_of"]

_T = TypeVar("_T")
_KIND_NAMES = {str: "a string", bool: "a boolean", dict: "a table", list: "an array"}
_SOURCE_KINDS: Mapping[str, SourceKind] = {
    "legacy": "registry",
    "git": "git",
    "url": "url",
    "file": "path",
    "directory": "directory",
}
_DIRECT = ("git", "url", "path", "file", "hg")


class ShapeError(Exception):
    """A value that is missing or has the wrong type."""

    def __init__(self, key: str, wanted: str, found: object) -> None:
        super().__init__(key)
        self.key = key
        name = next((name for kind, name in _KIND_NAMES.items() if type(found) is kind), "another type")
        if found is None:
            self.what, self.why = f"lacks `{key}`", f"Poetry writes {wanted} there"
        elif name == wanted:
            self.what, self.why = f"has a value that is not known at `{key}`", f"Poetry never writes `{found}` there"
        else:
            self.what, self.why = f"has a value of the wrong type at `{key}`", f"wanted {wanted}, found {name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PoetryEdge:
    """One dependency as a package records it: `constraint` is in Poetry's language, None for a direct address."""

    name: str
    constraint: str | None
    marker: str | None
    python: str | None
    extras: frozenset[str]
    is_optional: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PoetryPackage:
    """One locked package, equal to itself alone. `groups` is None where the lock does not record them (before 2.1)."""

    name: str
    version: str
    is_optional: bool
    python_versions: str
    groups: frozenset[str] | None
    markers: Mapping[str, str] | str | None
    extras: Mapping[str, frozenset[str]]
    edges: tuple[PoetryEdge, ...]
    kind: SourceKind
    url: str | None
    reference: str | None
    files: tuple[LockedFile, ...] | None
    line: int | None
    commit: str | None = None

    def marker_of(self, group: str) -> str | None:
        """Return the marker under which a group has the package; None: always."""
        return self.markers.get(group) if isinstance(self.markers, Mapping) else self.markers


def value_of(table: Mapping[str, Any], key: str, kind: type[_T], path: str, default: _T | None = None) -> _T:
    """Return a value of that type; raise ShapeError where it is missing (without a default) or of another type."""
    value = table.get(key)
    if value is None and default is not None:
        return default
    if type(value) is not kind:
        raise ShapeError(f"{path}.{key}" if path else key, _KIND_NAMES[kind], value)
    return value


def read_package(table: object, line: int | None, *, has_groups: bool) -> PoetryPackage:
    """Read one `[[package]]`; raise ShapeError for a value that Poetry would not read."""
    if not isinstance(table, dict):
        raise ShapeError("package", "a table", table)
    source: dict[str, Any] = value_of(table, "source", dict, "package", {})
    kind = value_of(source, "type", str, "package.source", "") if source else "legacy"
    if kind not in _SOURCE_KINDS:
        raise ShapeError("package.source.type", "a string", kind)
    files: list[Any] | None = value_of(table, "files", list, "package") if "files" in table else None
    extras: dict[str, Any] = value_of(table, "extras", dict, "package", {})
    return PoetryPackage(
        name=normalise(value_of(table, "name", str, "package")),
        version=_read_version(table),
        is_optional=value_of(table, "optional", bool, "package"),
        python_versions=value_of(table, "python-versions", str, "package"),
        groups=_read_groups(table) if has_groups else None,
        markers=_read_markers(table) if has_groups else None,
        extras={normalise(name): _required_names(items, f"package.extras.{name}") for name, items in extras.items()},
        edges=tuple(_read_edges(value_of(table, "dependencies", dict, "package", {}))),
        kind=_SOURCE_KINDS[kind],
        url=value_of(source, "url", str, "package.source") if source else None,
        reference=value_of(source, "reference", str, "package.source", "") or None,
        files=None if files is None else read_files(files, "package.files"),
        line=line,
        commit=value_of(source, "resolved_reference", str, "package.source", "") or None,
    )


def _read_version(table: Mapping[str, Any]) -> str:
    from packaging.version import Version

    version = value_of(table, "version", str, "package")
    try:
        Version(version)
    except ValueError:
        raise ShapeError("package.version", "a string", version) from None
    return version


def read_files(items: object, path: str) -> tuple[LockedFile, ...]:
    """Read a list of `{file, hash}`."""
    if not isinstance(items, list):
        raise ShapeError(path, "an array", items)
    return tuple(_read_file(item, f"{path}.{index}") for index, item in enumerate(items))


def _read_file(item: object, path: str) -> LockedFile:
    if not isinstance(item, dict):
        raise ShapeError(path, "a table", item)
    algorithm, colon, digest = value_of(item, "hash", str, path, " ").strip().partition(":")
    hashes = {algorithm: digest} if colon else {"sha256": algorithm} if algorithm else {}
    return LockedFile(name=value_of(item, "file", str, path), url=None, hashes=hashes)


def _read_groups(table: Mapping[str, Any]) -> frozenset[str]:
    groups: list[Any] = value_of(table, "groups", list, "package")
    return frozenset(normalise(name) for name in _texts(groups, "package.groups"))


def _read_markers(table: Mapping[str, Any]) -> Mapping[str, str] | str | None:
    markers = table.get("markers")
    if markers is None or isinstance(markers, str):
        return markers
    if not isinstance(markers, dict):
        raise ShapeError("package.markers", "a string or a table", markers)
    return {normalise(group): value_of(markers, group, str, "package.markers") for group in markers}


def _texts(items: object, path: str) -> list[str]:
    if not isinstance(items, list):
        raise ShapeError(path, "an array", items)
    for index, item in enumerate(items):
        if not isinstance(item, str):
            raise ShapeError(f"{path}.{index}", "a string", item)
    return items


def _required_names(items: object, path: str) -> frozenset[str]:
    """Return the names in requirements such as `alpha (>=1.0) ; os_name == "nt"`, which need not be PEP 508."""
    names = (text.strip().partition(" ")[0].partition("[")[0].partition(";")[0] for text in _texts(items, path))
    return frozenset(normalise(name.split("(")[0].split("=")[0].split("<")[0].split(">")[0]) for name in names)


def _read_edges(table: Mapping[str, Any]) -> list[PoetryEdge]:
    edges = []
    for name, value in table.items():
        path = f"package.dependencies.{name}"
        for index, item in enumerate(value if isinstance(value, list) else [value]):
            edges.append(_read_edge(name, item, f"{path}.{index}" if isinstance(value, list) else path))
    return edges


def _read_edge(name: str, item: object, path: str) -> PoetryEdge:
    if isinstance(item, str):
        item = {"version": item}
    if not isinstance(item, dict):
        raise ShapeError(path, "a string, a table or an array", item)
    is_direct = any(key in item for key in _DIRECT)
    return PoetryEdge(
        name=normalise(name),
        constraint=None if is_direct else value_of(item, "version", str, path, "*"),
        marker=value_of(item, "markers", str, path, "") or None,
        python=value_of(item, "python", str, path, "") or None,
        extras=frozenset(normalise(extra) for extra in _texts(item.get("extras", []), f"{path}.extras")),
        is_optional=value_of(item, "optional", bool, path, False),
    )
