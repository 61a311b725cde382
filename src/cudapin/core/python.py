"""The range of Python versions that a `requires-python` specifier spans, by its outer bounds.

uv compares and simplifies by these bounds alone (`RequiresPythonRange`): `>=3.10,!=3.11.*` spans the same as
`>=3.10`, and pre-releases count as their release.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["ANY_PYTHON", "PythonRange", "Release", "parse_python_range", "parse_release"]

Release = tuple[int, ...]

_RELEASE = re.compile(
    r"\s*v?(?:0!)?([0-9]{1,9}(?:\.[0-9]{1,9})*)(?:[-_.]?(?:a|b|c|rc|alpha|beta|pre|preview|post|dev)[-_.]?[0-9]*)*(?:\+\S*)?\s*"
)
_CLAUSE = re.compile(r"\s*(~=|===?|!=|<=|>=|<|>)(.*)", re.DOTALL)


def parse_release(text: str) -> Release | None:
    """Return the release numbers of a version, as written, or None when the text is no version.

    >>> parse_release("3.10.0rc1")
    (3, 10, 0)
    """
    match = _RELEASE.fullmatch(text.lower())
    return tuple(map(int, match[1].split("."))) if match else None


def _trim(release: Release) -> Release:
    while release and not release[-1]:
        release = release[:-1]
    return release


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonRange:
    """From `lower` to `upper`; a bound of None is open, an excluded one is not part of the range."""

    lower: Release | None = None
    lower_excluded: bool = False
    upper: Release | None = None
    upper_excluded: bool = True

    @property
    def edges(self) -> tuple[Release, ...]:
        """The bounds that exist."""
        return tuple(edge for edge in (self.lower, self.upper) if edge is not None)

    def contains(self, release: Release) -> bool:
        """Tell whether the release (without trailing zeros) lies within the bounds."""
        if self.lower is not None and (release < self.lower or (self.lower_excluded and release == self.lower)):
            return False
        return self.upper is None or release < self.upper or (not self.upper_excluded and release == self.upper)

    def intersect(self, other: PythonRange) -> PythonRange:
        """Return the range that lies in both."""
        lowers = [r for r in (self, other) if r.lower is not None]
        uppers = [r for r in (self, other) if r.upper is not None]
        low = max(lowers, key=lambda r: (r.lower or (), r.lower_excluded), default=None)
        high = min(uppers, key=lambda r: (r.upper or (), not r.upper_excluded), default=None)
        return PythonRange(
            lower=low.lower if low else None,
            lower_excluded=low.lower_excluded if low else False,
            upper=high.upper if high else None,
            upper_excluded=high.upper_excluded if high else True,
        )

    def __str__(self) -> str:
        low, high = (".".join(map(str, edge or (0,))) for edge in (self.lower, self.upper))
        parts = [f">{'' if self.lower_excluded else '='}{low}"] if self.lower is not None else []
        parts += [f"<{'' if self.upper_excluded else '='}{high}"] if self.upper is not None else []
        return ",".join(parts) or "any"


ANY_PYTHON = PythonRange()


def parse_python_range(specifier: str) -> PythonRange | None:
    """Return the outer bounds of a specifier, or None when it is none.

    >>> str(parse_python_range("==3.12.*"))
    '>=3.12,<3.13'
    """
    result = ANY_PYTHON
    for part in filter(str.strip, specifier.split(",")):
        clause = _clause_range(part)
        if clause is None:
            return None
        result = result.intersect(clause)
    return result


def _clause_range(text: str) -> PythonRange | None:
    match = _CLAUSE.fullmatch(text)
    release = parse_release(match[2].strip().removesuffix(".*")) if match else None
    if match is None or release is None:
        return None
    op, bound = match[1], _trim(release)
    if op == "~=":
        if len(release) < 2:  # noqa: PLR2004
            return None
        return PythonRange(lower=bound, upper=(*release[:-2], release[-2] + 1))
    if match[2].strip().endswith(".*") and op in {"==", "==="}:
        return PythonRange(lower=bound, upper=(*release[:-1], release[-1] + 1))
    return {
        "==": PythonRange(lower=bound, upper=bound, upper_excluded=False),
        "===": PythonRange(lower=bound, upper=bound, upper_excluded=False),
        ">=": PythonRange(lower=bound),
        ">": PythonRange(lower=bound, lower_excluded=True),
        "<": PythonRange(upper=bound),
        "<=": PythonRange(upper=bound, upper_excluded=False),
        "!=": ANY_PYTHON,
    }[op]
