"""What a build in another process said: the problems that its cudapin wrote down, read back from the text."""

from __future__ import annotations

import re
from typing import NamedTuple

from cudapin.errors import Code, Problem, Where

__all__ = ["Said", "read_said"]

_HEAD = re.compile(r"(?P<level>error|warning)\[(?P<code>CP\d{3})\]: (?P<what>.*)")
_WHERE = re.compile(r"  --> (?P<path>.*?)(?::(?P<line>\d+))?(?: \((?P<key>[^()]*)\))?")
_NOTE = re.compile(r"cudapin: (?P<note>(?:waived |CUDAPIN).*)")


class Said(NamedTuple):
    """Problems, and notes on what was waived or set, in the order in which they were said."""

    problems: tuple[Problem, ...]
    notes: tuple[str, ...]


def read_said(text: str) -> Said:
    """Return what `cudapin.core.verdict.render_problem`, and the build hook, wrote into the output of a build.

    A problem of a newer cudapin, whose code is not known here, is left in the text.
    """
    problems: list[Problem] = []
    notes: list[str] = []
    lines = [line.rstrip("\r") for line in text.split("\n")]
    for number, line in enumerate(lines):
        if (head := _HEAD.fullmatch(line)) and head["code"] in Code.__members__:
            problem = _problem(head, lines[number + 1 : number + 4])
            if problem is not None:
                problems.append(problem)
        elif note := _NOTE.fullmatch(line):
            notes.append(note["note"])
    return Said(tuple(problems), tuple(notes))


def _problem(head: re.Match[str], following: list[str]) -> Problem | None:
    place = _WHERE.fullmatch(following[0]) if following else None
    why, fix = (*following[1 if place else 0 :], "", "")[:2]
    if not (why.startswith("  why: ") and fix.startswith("  fix: ")):
        return None
    return Problem(
        code=Code[head["code"]],
        level="error" if head["level"] == "error" else "warning",
        what=head["what"],
        where=Where(path=place["path"], line=int(place["line"]) if place["line"] else None, key=place["key"])
        if place
        else None,
        why=why.removeprefix("  why: "),
        fix=fix.removeprefix("  fix: "),
    )
