"""Additions to a TOML text: exactly what was meant, and every other character as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import tomli

from cudapin.core.locate import find_definition
from cudapin.core.toml_draft import Draft, Unwritable

if TYPE_CHECKING:
    from collections.abc import Callable


def _is_insertion(old: str, new: str) -> bool:
    """Whether the new text is the old one with something put in."""
    rest = iter(new)
    return all(character in rest for character in old)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[a]\nb = []\n", '[a]\nb = ["x"]\n'),
        ("[a]\nb = [ ] # why\n", '[a]\nb = ["x" ] # why\n'),
        ('[a]\nb = ["1"]\n', '[a]\nb = ["1", "x"]\n'),
        ('[a]\nb = [ "1", ]\n', '[a]\nb = [ "1", "x" ]\n'),
        ("a.b = [\"]\", '#'] # ]\n", 'a.b = ["]", \'#\', "x"] # ]\n'),
        ('[a]\nb = [\n    "1",\n    "2", # two\n]\n', '[a]\nb = [\n    "1",\n    "2", # two\n    "x",\n]\n'),
        ('[a]\nb = [\n\t"1", # one\n\t"2" # two\n]\n', '[a]\nb = [\n\t"1", # one\n\t"2", # two\n\t"x"\n]\n'),
        ('[a]\nb = [\n  "1",\n  # "2",\n]', '[a]\nb = [\n  "1",\n  # "2",\n  "x",\n]'),
        ("[a]\nb = [\n  # none\n]\n", '[a]\nb = ["x"\n  # none\n]\n'),
        ('[a]\nb = ["1",\n  "2"]\n', '[a]\nb = ["1",\n  "2", "x"]\n'),
        ('[a]\r\nb = [\r\n  "1",\r\n]\r\n', '[a]\r\nb = [\r\n  "1",\r\n  "x",\r\n]\r\n'),
        ('[a]\n"b" = [{ c = ["1"] }]\n', '[a]\n"b" = [{ c = ["1"] }, "x"]\n'),
        ('[a]\nb = ["""\n]\n"""]\n', '[a]\nb = ["""\n]\n""", "x"]\n'),
    ],
)
def test_a_value_at_the_end_of_a_list(old: str, new: str) -> None:
    draft = Draft(old)
    draft.extend_list("a", "b", values=["x"])
    assert draft.text == new
    assert _is_insertion(old, new)


def test_two_values_of_a_list_that_is_laid_out_in_lines() -> None:
    draft = Draft('a = [\n  "1",\n]\n')
    draft.extend_list("a", values=[{"file": "b"}, "c"])
    assert draft.text == 'a = [\n  "1",\n  { file = "b" },\n  "c",\n]\n'


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", '[a.b]\nk = "v"\n'),
        ("x = 1", 'x = 1\n\n[a.b]\nk = "v"\n'),
        ("[a.b] # here\nz = 1\n", '[a.b] # here\nk = "v"\nz = 1\n'),
        ("[a.b]", '[a.b]\nk = "v"'),
        ("[ a . b ]\r\nz = 1\r\n", '[ a . b ]\r\nk = "v"\r\nz = 1\r\n'),
        ("[a.b.c]\nz = 1\n", '[a.b.c]\nz = 1\n\n[a.b]\nk = "v"\n'),
        ('x = """\n[a.b]\n"""\n', 'x = """\n[a.b]\n"""\n\n[a.b]\nk = "v"\n'),
        ("[[a.c]]\nb.z = 1\n", '[[a.c]]\nb.z = 1\n\n[a.b]\nk = "v"\n'),
    ],
)
def test_a_key_of_a_table(old: str, new: str) -> None:
    draft = Draft(old)
    draft.add_keys("a", "b", values={"k": "v"})
    assert draft.text == new
    assert tomli.loads(new)["a"]["b"]["k"] == "v"


def test_tables_at_the_end_and_how_they_are_laid_out() -> None:
    draft = Draft("[a]\n")
    assert not draft.is_changed
    draft.add_table("b", values={"k": ["v", 'w"'], "t": {"u": "x"}})
    for name in ("c", "d"):
        draft.add_table(name)
    draft.add_table("e", "12.8", values={"k": "v"})
    assert draft.text == '[a]\n\n[b]\nk = ["v", "w\\""]\nt = { u = "x" }\n\n[c]\n[d]\n\n[e."12.8"]\nk = "v"\n'
    assert draft.is_changed


@pytest.mark.parametrize(
    ("old", "change"),
    [
        ("a = { b = {} }\n", lambda draft: draft.add_keys("a", "b", values={"k": "v"})),
        ("[a]\nb.z = 1\n", lambda draft: draft.add_keys("a", "b", values={"k": "v"})),
        ("[a]\nb = 1\n", lambda draft: draft.add_table("a", "b")),
        ("[a]\nb = 1\n", lambda draft: draft.extend_list("a", "b", values=["x"])),
        ("a = { b = [] }\n", lambda draft: draft.extend_list("a", "b", values=["x"])),
        ("[[a]]\n", lambda draft: draft.add_table("a", "b")),
    ],
)
def test_what_cannot_be_added_is_not(old: str, change: Callable[[Draft], None]) -> None:
    draft = Draft(old)

    def result() -> str:
        change(draft)
        return draft.text

    with pytest.raises(Unwritable):
        result()


def test_what_is_no_toml_is_no_draft() -> None:
    with pytest.raises(Unwritable, match="Expected newline"):
        Draft("a = 1\rb = 2\r")


def test_where_a_definition_begins() -> None:
    text = 'top = 1\n[a]\nb.c = [\n  "[x]",\n]\n[[x]]\na.d = 1\n'
    assert find_definition(text, "top") == 0
    assert find_definition(text, "a") == 8
    assert find_definition(text, "a", "b", "c") == 12
    assert find_definition(text, "a", "b") is None
    assert find_definition(text, "x") is None
