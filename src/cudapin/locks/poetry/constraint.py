"""Version constraints in Poetry's own language, read as PEP 440 specifiers where that is exact."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

__all__ = ["allows", "parse_constraint", "python_marker"]

_OR = re.compile(r"\s*\|\|?\s*")
_AND = re.compile(r"\s*,\s*|(?<=[\w*])\s+(?=[\^~=<>!\d])")
_ANY = re.compile(r"[xX*](?:\.[xX*])*")
_CLAUSE = re.compile(r"(\^|~=|~|===?|=|!=|<=|>=|<|>)?\s*([^\s^~=<>!]+)")
_PLAIN = re.compile(r"\d+(?:\.\d+)*")


@lru_cache(maxsize=4096)
def parse_constraint(text: str) -> tuple[SpecifierSet, ...] | None:
    """Return the specifiers of which one must hold, or None for a text that cannot be told exactly.

    >>> [str(part) for part in parse_constraint("^1.2 || 3.*")]
    ['<2,>=1.2', '==3.*']
    """
    from packaging.specifiers import SpecifierSet

    result = []
    try:
        for part in _OR.split(" ".join(text.split())):
            clauses = [_clause(clause) for clause in _AND.split(part.rstrip(", "))]
            result.append(SpecifierSet(",".join(_known(clauses))))
    except ValueError:  # no specifier, or a number of too many digits
        return None
    return tuple(result)


def allows(constraint: str, version: str) -> bool | None:
    """Tell whether a version satisfies a constraint; None where that cannot be told."""
    from packaging.version import Version

    alternatives = parse_constraint(constraint)
    if alternatives is None:
        return None
    try:
        parsed = Version(version)
        return any(alternative.contains(parsed, prereleases=True) for alternative in alternatives)
    except ValueError:
        return None


def python_marker(constraint: str) -> str:
    """Return a constraint on Python as a marker; text that is none becomes a marker that cannot be read.

    >>> python_marker("^3.10")
    "(python_full_version < '4' and python_full_version >= '3.10')"
    """
    alternatives = parse_constraint(constraint)
    if alternatives is None:
        return f"python {constraint}"
    parts = (
        " and ".join(sorted(f"python_full_version {clause.operator} '{clause.version}'" for clause in alternative))
        or "python_version >= '0'"
        for alternative in alternatives
    )
    return " or ".join(f"({part})" for part in parts)


def _known(clauses: list[str | None]) -> list[str]:
    if None in clauses:
        raise ValueError(clauses)
    return [clause for clause in clauses if clause]


def _clause(text: str) -> str | None:
    """Return one clause as PEP 440 writes it; empty for any version, None where it cannot be told."""
    if _ANY.fullmatch(text):
        return ""
    match = _CLAUSE.fullmatch(text.strip())
    if match is None:
        return None
    operator, version = match[1] or "==", match[2]
    if operator in ("^", "~") or (operator == "~=" and "." not in version):
        if not _PLAIN.fullmatch(version):
            return None
        release = [int(number) for number in version.split(".")]
        upper = _next_breaking(release) if operator == "^" else _next_minor(release)
        return f">={version},<{'.'.join(map(str, upper))}"
    return f"{'==' if operator == '=' else operator}{version}"


def _next_breaking(release: list[int]) -> list[int]:
    """Return the version that `^` ends before: the first number that is not zero, or the last given, goes up."""
    major, minor, patch, *_ = [*release, None, None]
    if major or minor is None:
        return [(major or 0) + 1]
    if minor or patch is None:
        return [0, minor + 1]
    return [0, 0, patch + 1]


def _next_minor(release: list[int]) -> list[int]:
    return [release[0] + 1] if len(release) == 1 else [release[0], release[1] + 1]
