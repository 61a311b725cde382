"""What a `uv.lock` says, as plain values: packages, the edges between them, and the inputs it was made from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cudapin.core.lock import LockedFile
    from cudapin.core.markers import Marker
    from cudapin.locks.uv.text import EdgeText, WheelText

__all__ = ["UvEdge", "UvMetadata", "UvPackage", "UvRequirement", "UvSource", "UvSourceKind"]

UvSourceKind = Literal["registry", "git", "url", "path", "directory", "editable", "virtual"]


class UvSource(NamedTuple):
    """Where a package comes from: `{ registry = "https://..." }` is `("registry", "https://...")`."""

    kind: str
    value: str


class UvEdge(NamedTuple):
    """One entry of a `dependencies` array: version and source are there only if the name has several packages."""

    name: str
    version: str | None
    source: UvSource | None
    marker: str | None
    extras: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UvRequirement:
    """A requirement as uv compares it (`Requirement` in `uv-distribution-types`): from a lock or a project file.

    `source` is None for a plain requirement on the indexes, else `("index", url)`, `("git", url)` and so on;
    `conflict` the extra or group for which an index was chosen.
    """

    name: str
    extras: frozenset[str]
    specifier: str
    marker: Marker
    source: tuple[str, str] | None = None
    conflict: tuple[str, str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UvMetadata:
    """`[package.metadata]` of a workspace member or path dependency: the declarations it was locked from."""

    requires_dist: tuple[UvRequirement, ...] = ()
    provides_extras: frozenset[str] = frozenset()
    groups: Mapping[str, tuple[UvRequirement, ...]]


@dataclass(frozen=True, kw_only=True)
class UvPackage:
    """One `[[package]]`; `line` is that of its header. A package whose version is dynamic has none."""

    name: str
    version: str | None
    source: UvSource
    edges: tuple[UvEdge, ...] | EdgeText
    optional_dependencies: Mapping[str, tuple[UvEdge, ...]]
    dev_dependencies: Mapping[str, tuple[UvEdge, ...]]
    metadata: UvMetadata
    default_groups: str | frozenset[str]
    group_requires_python: Mapping[str, str]
    sdist: LockedFile | WheelText | None
    wheels: tuple[LockedFile, ...] | WheelText
    line: int | None

    @cached_property
    def dependencies(self) -> tuple[UvEdge, ...]:
        """The edges to what it always requires, read when they are first asked for."""
        return self.edges if isinstance(self.edges, tuple) else self.edges.edges()
