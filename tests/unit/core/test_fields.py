"""Typed getters over a TOML table."""

from __future__ import annotations

import pytest

from cudapin.core.fields import Fields, name_list, nearest
from cudapin.core.lock import Source
from cudapin.errors import Code, Problem, Where, sort_problems


def test_name_list() -> None:
    assert (name_list([]), name_list(["a"]), name_list(["a", "b"])) == ("none", "`a`", "`a`, `b`")


@pytest.mark.parametrize(
    ("wrong", "names", "expected"),
    [
        ("cu12", ["cpu", "cu126"], "use `cu126`; the names are `cpu`, `cu126`"),
        ("zzz", ["cpu"], "the names are `cpu`"),
        ("zzz", [], "the names are none"),
        ("zzz", list("abcdefghi"), "remove it"),
        ("name9", [f"name{number}" for number in range(10)], "use `name9`"),
    ],
)
def test_nearest(wrong: str, names: list[str], expected: str) -> None:
    assert nearest(wrong, names) == expected


def test_absent_keys_are_no_faults() -> None:
    problems: list[Problem] = []
    fields = Fields({}, Source(path="pyproject.toml", text=""), ("tool", "x"), problems)
    assert (fields.text("a"), fields.texts("a"), fields.flag("a"), fields.choice("a", ("b",))) == (
        None,
        None,
        False,
        None,
    )
    assert (fields.children("a"), fields.child("a").table, problems) == ([], {}, [])


def test_a_place_that_is_not_in_the_text_has_no_line() -> None:
    fields = Fields({}, Source(path="pyproject.toml", text=""), ("tool", "x"), [])
    assert fields.where("y") == Where(path="pyproject.toml", line=None, key="tool.x.y")
    assert str(fields.where("y")) == "pyproject.toml (tool.x.y)"
    assert str(Where(path="uv.lock", line=3)) == "uv.lock:3"


def test_problems_are_sorted_by_place_and_told_once() -> None:
    def problem(path: str | None, line: int | None, code: Code) -> Problem:
        where = None if path is None else Where(path=path, line=line)
        return Problem(code=code, what="x", why="y", fix="z", where=where)

    expected = (
        problem(None, None, Code.CP301),
        problem("a", None, Code.CP102),
        problem("a", 2, Code.CP101),
        problem("a", 2, Code.CP102),
        problem("b", 1, Code.CP101),
    )
    assert sort_problems([*reversed(expected), *expected]) == expected
