"""Version specifiers compared by what they admit, as uv 0.13 does for recorded requirements."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.specifiers import Specifier

__all__ = ["canonical_specifier", "has_same_clauses", "is_same_specifier"]

_EXACT = frozenset({"==", "==="})


@lru_cache(maxsize=1024)
def canonical_specifier(specifier: str) -> tuple[tuple[str, str], ...]:
    """Return the clauses in one spelling and order: `>=2.30.0 , <3` is `<3,>=2.30`; repetitions stay.

    Text that is no specifier is returned as one clause without operator.
    """
    from packaging.specifiers import InvalidSpecifier

    try:
        clauses = _clauses(specifier)
    except InvalidSpecifier:
        return (("", specifier),)
    return tuple(sorted((clause.operator, _canonical_version(clause)) for clause in clauses))


def _clauses(specifier: str) -> list[Specifier]:
    from packaging.specifiers import Specifier

    return [Specifier(part) for part in specifier.split(",") if part.strip()]


def _canonical_version(clause: Specifier) -> str:
    from packaging.utils import canonicalize_version

    # `~=2.0` and `==2.0.*` mean another thing without their zero.
    keeps_zeros = clause.operator == "~=" or clause.version.endswith(".*")
    return canonicalize_version(clause.version, strip_trailing_zero=not keeps_zeros)


def has_same_clauses(left: str, right: str) -> bool:
    """Tell whether both consist of the same clauses, in any order and spelling."""
    return canonical_specifier(left) == canonical_specifier(right)


@lru_cache(maxsize=1024)
def is_same_specifier(left: str, right: str) -> bool:
    """Tell whether both admit the same versions; with an exact pin in one of them, whether they are the same text.

    >>> is_same_specifier(">=1,<3,<9", "<3.0,>=1"), is_same_specifier("==1.0", "==1.0,>=1")
    (True, False)
    """
    ours, theirs = canonical_specifier(left), canonical_specifier(right)
    if ours == theirs:
        return True
    for operator, version in (*ours, *theirs):
        if not operator or (operator in _EXACT and not version.endswith(".*")):
            return False
    if not ours or not theirs:
        return False
    from packaging.specifiers import SpecifierSet

    first, second = SpecifierSet(left), SpecifierSet(right)
    samples = {sample for _, version in (*ours, *theirs) for sample in _samples(version.removesuffix(".*"))}
    return all(
        first.contains(sample, prereleases=True) == second.contains(sample, prereleases=True) for sample in samples
    )


def _samples(version: str) -> Iterator[str]:
    """Yield versions in each region around one that a specifier names."""
    from packaging.version import Version

    parsed = Version(version)
    release = list(parsed.release)
    following = [".".join(map(str, [*release[:at], release[at] + 1])) for at in range(len(release))]
    yield from ("0.dev0", str(parsed), f"{parsed.public}+local")
    if not parsed.is_devrelease:
        yield f"{parsed.public}.dev0"
    for base in (parsed.base_version, f"{parsed.base_version}.0.1", *following):
        for suffix in (".dev0", "a0", "a1", "rc1", "", "+local", ".post1"):
            yield base + suffix
