"""The long form of a problem's code, for people who have never met it."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cudapin.errors import Code, ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Explanation", "find_code", "list_codes", "parse_explanations", "render_explanation"]

_WIDTH = 100
_CLOSE = 3
_KEYS = ("means", "arises", "mend")


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What a code means and why that matters, how it arises, how to mend it; whether a waiver can accept it."""

    means: str
    arises: str
    mend: str
    is_waivable: bool = False


def parse_explanations(table: Mapping[str, Mapping[str, object]]) -> Mapping[Code, Explanation]:
    """Read the tables of the data file. Raises KeyError for a code that does not exist or a text that is missing."""
    return {
        Code[name]: Explanation(
            **{key: " ".join(str(entry[key]).split()) for key in _KEYS}, is_waivable=entry.get("waivable") is True
        )
        for name, entry in table.items()
    }


def find_code(asked: str) -> Code:
    """Return the code that is asked for, in any case and also without `CP`. Raises ConfigError (CP112) for none.

    >>> find_code("cp201").name
    'CP201'
    """
    name = "".join(asked.split()).upper()
    name = f"CP{name}" if name.isdecimal() else name
    if name in Code.__members__:
        return Code[name]
    close = max(Code.__members__, key=lambda known: (_equal_places(known, name), -int(known[2:])))
    raise ConfigError(
        Problem(
            code=Code.CP112,
            what=f"there is no code `{asked}`",
            why="wanted a code as messages show it, such as `CP201`; `cudapin explain` alone lists them all",
            fix=f"cudapin explain {close}" if _equal_places(close, name) >= _CLOSE else "cudapin explain",
        )
    )


def _equal_places(known: str, name: str) -> int:
    """Count the characters that are the same in the same place: in a code each digit has its own meaning."""
    return sum(one == other for one, other in zip(known, name, strict=False))


def list_codes() -> str:
    """Return every code with its meaning, a line each."""
    return "\n".join(f"{code.name}  {code.value}" for code in sorted(Code, key=lambda code: code.name))


def render_explanation(code: Code, explanation: Explanation) -> str:
    """Return the whole text, in paragraphs of at most 100 columns."""
    parts = [
        explanation.means,
        f"How it arises: {explanation.arises}",
        f"How to mend it: {explanation.mend}",
    ]
    if explanation.is_waivable:
        parts.append(
            f'To accept it: add `[[tool.cudapin.allow]]` with `code = "{code.name}"` and a `reason`, or run once '
            f"with `CUDAPIN_ALLOW={code.name}`. Each use is printed, and recorded in the wheel that is built."
        )
    filled = (textwrap.fill(part, _WIDTH, break_long_words=False, break_on_hyphens=False) for part in parts)
    return "\n\n".join((f"{code.name}: {code.value}", *filled))
