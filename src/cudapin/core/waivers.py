"""Problems that were accepted: which waiver covers which problem."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cudapin.errors import Code, Problem

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable

    from cudapin.core.config import Waiver

__all__ = ["Waived", "divide", "is_waivable"]

_NOT_WAIVABLE = frozenset((*(code for code in Code if code.name.startswith("CP1")), Code.CP205, Code.CP900))


@dataclass(frozen=True, slots=True, kw_only=True)
class Waived:
    """Problems divided by the waivers: those that stand, and those accepted, with the waiver that accepts each."""

    standing: tuple[Problem, ...]
    accepted: tuple[tuple[Problem, Waiver], ...]


def is_waivable(code: Code) -> bool:
    """Tell whether a waiver may accept problems of this code, where one is asked."""
    return code not in _NOT_WAIVABLE


def divide(
    problems: Iterable[Problem],
    waivers: tuple[Waiver, ...],
    variant: str | None,
    today: dt.date,
    expired: Callable[[Waiver], Problem],
) -> Waived:
    """Divide problems into those that stand and those that a waiver accepts.

    An expired waiver accepts nothing, and `expired` gives the problem that it is.
    """
    standing: list[Problem] = []
    accepted: list[tuple[Problem, Waiver]] = []
    for problem in problems:
        matching = [waiver for waiver in waivers if _covers(waiver, problem, variant)]
        valid = [waiver for waiver in matching if waiver.until is None or waiver.until >= today]
        if valid:
            accepted.append((problem, valid[0]))
        else:
            standing += [problem, *map(expired, matching)]
    return Waived(standing=tuple(dict.fromkeys(standing)), accepted=tuple(accepted))


def _covers(waiver: Waiver, problem: Problem, variant: str | None) -> bool:
    if waiver.code is not problem.code or not is_waivable(problem.code):
        return False
    if waiver.variant is not None and waiver.variant != (problem.variant or variant):
        return False
    return waiver.package is None or waiver.package == problem.package
