"""Whatever a TOML text looks like: an addition means what was meant, and takes no character away, or is refused."""

from __future__ import annotations

import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from cudapin.core.toml_draft import Draft, Unwritable

pytestmark = pytest.mark.property

_LINES = st.sampled_from(
    [
        "[a]", "[a.b]", "[ a . b ] # c", "[[x]]", "[x.b]", "[a.b.c]", "[tool]", "# [a]", "", "  ",
        "b = []", "b = ['1']", "b = [ '1', # ]", "  '2',", "]", "  # '3'", "b = ['1',", "'2']", "l = [{ b = ['x'] }]",
        'k = """', "'''", '"""',
        "a.b = ['1']", "b.c = 1", "a = { b = [] }", '"a".b.d = 2', "b = [[], ['1']]", "k = 1\r",
        "b = ['#', \"]\"]", "é = 'ü'",
    ]
)  # fmt: skip
_TEXTS = st.lists(_LINES, max_size=9).map("\n".join)


def _is_contained(old: str, new: str) -> bool:
    rest = iter(new)
    return all(character in rest for character in old)


def _check(old: str, change: str) -> None:
    try:
        before = tomli.loads(old)
    except tomli.TOMLDecodeError:
        with pytest.raises(Unwritable):
            Draft(old)
        return
    draft = Draft(old)
    try:
        if change == "list":
            draft.extend_list("a", "b", values=["new", {"k": "v"}])
        elif change == "key":
            draft.add_keys("a", "b", values={"new": ["v"]})
        else:
            draft.add_table("a", "b", "new")
        text = draft.text
    except Unwritable:
        return
    assert _is_contained(old, text)
    after = tomli.loads(text)
    if change == "list":
        assert after["a"]["b"][-2:] == ["new", {"k": "v"}]
        del after["a"]["b"][-2:]
    else:
        assert after["a"]["b"].pop("new") == (["v"] if change == "key" else {})
        if "b" not in before.get("a", {}):
            del after["a"]["b"]
        if "a" not in before:
            del after["a"]
    assert after == before


@settings(max_examples=500)
@given(_TEXTS, st.sampled_from(["list", "key", "table"]))
def test_an_addition_is_an_addition(text: str, change: str) -> None:
    _check(text, change)


@settings(max_examples=300)
@given(_TEXTS)
def test_a_list_that_is_one_can_be_extended(text: str) -> None:
    """Nothing that stands above or below it in the file keeps a plain list of a plain table from being extended."""
    whole = f"{text}\n[plain]\nlist = ['1', # one\n  '2']\n"
    try:
        tomli.loads(whole)
    except tomli.TOMLDecodeError:
        return
    draft = Draft(whole)
    draft.extend_list("plain", "list", values=["3"])
    assert tomli.loads(draft.text)["plain"]["list"] == ["1", "2", "3"]
