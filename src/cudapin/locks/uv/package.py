"""From the tables of a `uv.lock`, whose types were checked, to packages, edges and requirements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cudapin.core.lock import LockedFile
from cudapin.core.markers import TRUE, parse_marker
from cudapin.locks.uv.model import UvEdge, UvMetadata, UvPackage, UvRequirement, UvSource
from cudapin.locks.uv.text import EdgeText, PackageText, WheelText

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["read_file", "read_package", "read_requirement"]

_SOURCE_KINDS = ("registry", "git", "url", "path", "directory", "editable", "virtual")


_NO_METADATA = UvMetadata(groups={})
_DEFAULT_GROUPS = frozenset({"dev"})


def read_package(table: Mapping[str, Any] | PackageText, line: int | None) -> UvPackage:
    """Read one `[[package]]`; raise ValueError for a marker or source that is none."""
    if isinstance(table, PackageText):
        return _read_text(table, line)
    wheels, edges = table.get("wheels", ()), table.get("dependencies", ())
    default_groups = table.get("default-groups", ["dev"])
    return UvPackage(
        name=table["name"],
        version=table.get("version"),
        source=_read_source(table["source"]),
        edges=edges if isinstance(edges, EdgeText) else _read_edges(edges),
        optional_dependencies=_read_edge_map(table.get("optional-dependencies", {})),
        dev_dependencies=_read_edge_map(table.get("dev-dependencies", {})),
        metadata=_read_metadata(table["metadata"]) if "metadata" in table else _NO_METADATA,
        default_groups=default_groups if isinstance(default_groups, str) else frozenset(default_groups),
        group_requires_python=table.get("group-requires-python", {}),
        sdist=read_file(table["sdist"]) if "sdist" in table else None,
        wheels=wheels if isinstance(wheels, WheelText) else tuple(map(read_file, wheels)),
        line=line,
    )


def _read_text(text: PackageText, line: int | None) -> UvPackage:
    return UvPackage(
        name=text.name,
        version=text.version,
        source=UvSource("registry", text.registry),
        edges=() if text.edges is None else text.edges,
        optional_dependencies={},
        dev_dependencies={},
        metadata=_NO_METADATA,
        default_groups=_DEFAULT_GROUPS,
        group_requires_python={},
        sdist=text.sdist,
        wheels=() if text.wheels is None else text.wheels,
        line=line,
    )


def _read_source(table: Mapping[str, str]) -> UvSource:
    for kind in _SOURCE_KINDS:
        if kind in table:
            return UvSource(kind, table[kind])
    raise ValueError("its `source` is of no known kind")


def _read_edges(tables: Iterable[Mapping[str, Any]]) -> tuple[UvEdge, ...]:
    return tuple(
        UvEdge(
            table["name"],
            table.get("version"),
            _read_source(table["source"]) if "source" in table else None,
            table.get("marker"),
            tuple(table.get("extra", ())),
        )
        for table in tables
    )


def _read_edge_map(tables: Mapping[str, Any]) -> Mapping[str, tuple[UvEdge, ...]]:
    return {name: _read_edges(items) for name, items in tables.items()}


def _read_metadata(table: Mapping[str, Any]) -> UvMetadata:
    return UvMetadata(
        requires_dist=tuple(map(read_requirement, table.get("requires-dist", ()))),
        provides_extras=frozenset(table.get("provides-extras", ())),
        groups={name: tuple(map(read_requirement, items)) for name, items in table.get("requires-dev", {}).items()},
    )


def read_requirement(table: Mapping[str, Any]) -> UvRequirement:
    """Read one recorded requirement; raise MarkerError for a marker that is none."""
    source: tuple[str, str] | None = None
    for kind in ("index", *_SOURCE_KINDS[1:]):
        if kind in table:
            subdirectory = table.get("subdirectory")
            source = (kind, table[kind] + (f"#subdirectory={subdirectory}" if subdirectory else ""))
    conflict = table.get("conflict")
    return UvRequirement(
        name=table["name"],
        extras=frozenset(table.get("extras", ())),
        specifier=table.get("specifier", ""),
        marker=parse_marker(table["marker"]) if "marker" in table else TRUE,
        source=source,
        conflict=(conflict.get("package", ""), conflict.get("extra", ""), conflict.get("group", ""))
        if conflict
        else None,
    )


def read_file(table: Mapping[str, str]) -> LockedFile:
    """Read an `sdist` or an item of `wheels`; a hash has the form `sha256:...`."""
    address = table.get("url") or table.get("path")
    name = table.get("filename") or (address or "").partition("#")[0].partition("?")[0].rpartition("/")[2]
    algorithm, colon, digest = table.get("hash", "").partition(":")
    return LockedFile(name=_unquote(name), url=address, hashes={algorithm: digest} if colon else {})


def _unquote(name: str) -> str:
    """Undo the percent encoding that some indexes use for the `+` of a local version."""
    return name.replace("%2B", "+").replace("%2b", "+")
