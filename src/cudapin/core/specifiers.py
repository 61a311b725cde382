"""Version specifiers compared by what they admit, as uv 0.13 does for recorded requirements."""

from __future__ import annotations

import operator
import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.specifiers import Specifier

__all__ = ["canonical_specifier", "has_same_clauses", "is_admitted", "is_same_specifier", "is_same_version"]

_RELEASE = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})*")
_VERSION = (
    rf"(?P<release>{_RELEASE.pattern})(?:\.post(?P<post>[0-9]{{1,9}}))?"
    r"(?:\+(?P<local>[a-z]+[0-9]*(?:\.(?:0|[1-9][0-9]{0,8}))*))?"
)
_PLAIN = re.compile(_VERSION)
_CLAUSE = re.compile(rf"\s*(?P<op>>=|<=|<|>|==|!=|~=)\s*{_VERSION}(?P<star>\.\*)?\s*")

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


def is_same_version(left: str, right: str) -> bool:
    """Tell whether two versions are equal, in any spelling; raise ValueError for one that is none."""
    if left == right and _RELEASE.fullmatch(left):
        return True
    from packaging.version import Version

    return Version(left) == Version(right)


_COMPARE = {
    ">=": operator.ge,
    "<=": operator.le,
    "<": operator.lt,
    ">": operator.gt,
    "==": operator.eq,
    "!=": operator.ne,
    "~=": operator.ge,
}


@lru_cache(maxsize=4096)
def is_admitted(version: str, specifier: str) -> bool:
    """Tell whether a specifier admits a version, pre-releases included.

    Where both are plain numbers this is decided here: loading `packaging` takes longer than judging a lock.

    >>> is_admitted("2.10", ">=2.9,<3"), is_admitted("2.10.0+cu128", "~=2.9.0")
    (True, False)
    """
    if specifier == f"=={version}":
        return True
    clauses = [_CLAUSE.fullmatch(part) for part in specifier.split(",") if part.strip()]
    plain = _PLAIN.fullmatch(version)
    if plain is not None and all(clause is not None and _is_plain(clause) for clause in clauses):
        return all(_holds(plain, clause) for clause in clauses if clause is not None)
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(specifier).contains(version, prereleases=True)


def _is_plain(clause: re.Match[str]) -> bool:
    """Tell whether a clause that was recognised has a meaning: `.*` and local parts only go with `==` and `!=`."""
    if clause["star"] or clause["local"]:
        return clause["op"] in {"==", "!="} and not (clause["star"] and (clause["post"] or clause["local"]))
    return clause["op"] != "~=" or "." in clause["release"]


def _holds(version: re.Match[str], clause: re.Match[str]) -> bool:
    """Compare numbers, then post-release; a clause without a local part does not look at that of the version."""
    release, bound = ([int(part) for part in match["release"].split(".")] for match in (version, clause))
    length = max(len(release), len(bound))
    release += [0] * (length - len(release))
    op = clause["op"]
    if clause["star"]:
        return (release[: len(bound)] == bound) == (op == "==")
    if op == "~=" and release[: len(bound) - 1] != bound[:-1]:
        return False
    bound += [0] * (length - len(bound))
    if op == ">" and release == bound and not clause["post"]:
        return False
    ours, theirs = ((numbers, int(match["post"] or -1)) for numbers, match in ((release, version), (bound, clause)))
    if clause["local"]:
        return (ours == theirs and version["local"] == clause["local"]) == (op == "==")
    return bool(_COMPARE[op](ours, theirs))


def has_same_clauses(left: str, right: str) -> bool:
    """Tell whether both consist of the same clauses, in any order and spelling."""
    return left == right or canonical_specifier(left) == canonical_specifier(right)


@lru_cache(maxsize=1024)
def is_same_specifier(left: str, right: str) -> bool:
    """Tell whether both admit the same versions; with an exact pin in one of them, whether they are the same text.

    >>> is_same_specifier(">=1,<3,<9", "<3.0,>=1"), is_same_specifier("==1.0", "==1.0,>=1")
    (True, False)
    """
    if left == right:
        return True
    ours, theirs = canonical_specifier(left), canonical_specifier(right)
    if ours == theirs:
        return True
    for clause, version in (*ours, *theirs):
        if not clause or (clause in _EXACT and not version.endswith(".*")):
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
