"""What is about to be published, as values: wheels and sdists as they were read, and what their project declares."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from cudapin.errors import Problem, Where
from cudapin.release.index_place import is_spelled, variant_of_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cudapin.core.audit import Audit
    from cudapin.core.stamp import Metadata
    from cudapin.errors import Code, Level
    from cudapin.release.index_place import Found

__all__ = [
    "Declared",
    "Expected",
    "IndexKind",
    "Requirements",
    "SdistFacts",
    "WheelFacts",
    "canonical",
    "problem_at",
    "public_part",
    "split_requirements",
]

_TAKEN = ("linux_armv6l", "linux_armv7l")
"""Plain Linux tags that the public index takes."""
IndexKind = Literal["public", "private"]
Requirements = dict[str, frozenset[str]]
"""Requirements in one spelling, by the extra that brings them; "" for those without."""
_EXTRA = re.compile(
    r"(?P<rest>.*?)\s*;\s*(?:\(?(?P<marker>.+?)\)?\s+and\s+)?extra\s*==\s*(['\"])(?P<extra>[^'\"]+)\3\s*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelFacts:
    """A wheel: what it says (`found`), what an audit says of it, its tags, and the hash of each file by its path.

    `starts_with` reads the beginning of one of its files.
    """

    found: Found
    audit: Audit
    size: int
    label: str | None
    interpreter: str
    abi: str
    platforms: tuple[str, ...]
    tags: tuple[str, ...]
    is_pure: bool
    requires: tuple[str, ...]
    extras: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    starts_with: Callable[[str, bytes], bool] = lambda _path, _start: False

    @property
    def shown(self) -> str:
        """The path that messages show."""
        return self.found.shown

    @property
    def variant(self) -> str | None:
        """The variant that its record names."""
        variant = (self.found.record or {}).get("variant")
        return variant if isinstance(variant, str) else None

    @property
    def has_local(self) -> bool:
        """Whether the version has a local part."""
        return "+" in self.found.version

    @property
    def local_platforms(self) -> tuple[str, ...]:
        """The platform tags for the machine of the build and those like it."""
        return tuple(tag for tag in self.platforms if tag.startswith("linux_") and tag not in _TAKEN)

    @property
    def is_spelled(self) -> bool:
        """Whether the local part of the version names a variant; that of a commit does not."""
        version = self.found.version
        names_own = self.variant is not None and is_spelled(self.variant, version)
        return names_own or variant_of_version(version) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a wheel of a variant has to be, after its project: `metadata` with the stamp.

    `default` is the default variant where the wheel is for; `takes_any`: the variant may be for any platform. `lock` is
    the SHA-256 of the variant's lock file, `locked` are the versions of its CUDA-bound packages there.
    """

    default: str
    is_unspelled: bool
    metadata: Metadata
    takes_any: bool
    lock: str | None = None
    locked: Mapping[str, str | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a project declares: its name, its variants with the names of their wheels, how they are spelled."""

    origin: str
    name: str
    names: Mapping[str, str]
    """Variant -> normalised project name of its wheel, were it spelled."""
    spelling: str
    is_renaming: bool
    spell_default: bool
    defaults: tuple[str, ...]

    def has_own_indexes(self, to: IndexKind) -> bool:
        """Whether each variant has an index of its own, since nothing spells it: which no public index is."""
        return to == "private" and self.spelling == "none" and not self.is_renaming


@dataclass(frozen=True, slots=True, kw_only=True)
class SdistFacts:
    """An sdist: its metadata and the project inside it."""

    shown: str
    size: int
    name: str
    version: str
    requires: tuple[str, ...]
    extras: tuple[str, ...]
    classifiers: tuple[str, ...]


def problem_at(
    code: Code,
    shown: str,
    what: str,
    why: str,
    fix: str,
    *,
    level: Level = "error",
    key: str | None = None,
    variant: str | None = None,
) -> Problem:
    """Return a problem of a file to publish."""
    return Problem(
        code=code, what=what, where=Where(path=shown, key=key), why=why, fix=fix, level=level, variant=variant
    )


def public_part(version: str) -> str:
    """Return a version without its local part."""
    return version.partition("+")[0]


def split_requirements(requires: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the requirements of metadata by extra, "" for those without; the marker of the extra is taken off.

    >>> split_requirements(["numpy", "torch>=2 ; extra == 'cu128'"])
    {'': ('numpy',), 'cu128': ('torch>=2',)}
    """
    found: dict[str, list[str]] = {}
    for text in requires:
        match = _EXTRA.fullmatch(text)
        if match is None:
            found.setdefault("", []).append(text)
        else:
            marker = f" ; {match['marker']}" if match["marker"] else ""
            found.setdefault(match["extra"], []).append(f"{match['rest']}{marker}")
    return {extra: tuple(items) for extra, items in found.items()}


def canonical(requirements: Mapping[str, Iterable[str]]) -> Requirements:
    """Return requirements in one spelling: names normalised, specifiers sorted. Raises InvalidRequirement."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    found: Requirements = {}
    for extra, texts in requirements.items():
        items = set()
        for text in texts:
            requirement = Requirement(text)
            requirement.name = canonicalize_name(requirement.name)
            items.add(str(requirement))
        found[str(canonicalize_name(extra)) if extra else ""] = frozenset(items)
    return found
