"""Generated `pdm.lock` files: order and form do not matter, and no text is too strange for an answer."""

# ruff: noqa: PT017

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from cudapin.core.lock import LockVerdict, Pyproject, Request, Source
from cudapin.errors import LockError
from cudapin.locks.pdm.fresh import judge_pdm
from cudapin.locks.pdm.lock import parse_pdm_lock
from unit.locks.pdm_texts import LOCK, PROJECT, hashed
from unit.support import LINUX, pyproject_of

pytestmark = pytest.mark.property
LIMITS = settings(max_examples=200, deadline=None)

WORKSPACE = PROJECT + '[tool.pdm.workspace]\nmembers = ["libs/one"]\n'
INPUTS = PROJECT + "[tool.pdm.resolution]\nlock_inputs = true\n"
STALE = PROJECT.replace("numpy>=2", "numpy>=3")
PROJECTS = (PROJECT, STALE, WORKSPACE, INPUTS)
TEXTS = (hashed(LOCK, PROJECT), LOCK, LOCK.replace('["inherit_metadata"]', "[]"))


def judge(text: str, project: Pyproject) -> LockVerdict | None:
    """Judge and select; None where the lock cannot be read. Anything but a LockError is a bug."""
    try:
        lock = parse_pdm_lock(Source(path="pdm.lock", text=text), project)
    except LockError as error:
        assert all(problem.code.name in ("CP205", "CP206") for problem in error.problems)
        return None
    try:
        lock.select(Request(extras=frozenset({"cu128"}), environment=LINUX))
    except LockError as error:
        assert error.problems
    return judge_pdm(lock, project, (), lambda path: None, LINUX)


def inline(value: Any) -> str:
    """Return a value as TOML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return json.dumps(value)


@LIMITS
@given(st.data(), st.sampled_from(TEXTS[:2]), st.sampled_from(PROJECTS))
def test_order_and_form_do_not_matter(data: st.DataObject, text: str, project: str) -> None:
    """Packages and keys in another order, written in another style, with comments."""
    table = tomli.loads(text)
    packages = data.draw(st.permutations(table["package"]))
    metadata = data.draw(st.permutations(list(table["metadata"].items())))
    lines = ["# comment", "[metadata]", *(f"{key} = {inline(value)}" for key, value in metadata)]
    for package in packages:
        lines += ["", "[[package]] # one"] if data.draw(st.booleans()) else ["[[package]]"]
        for key, value in data.draw(st.permutations(list(package.items()))):
            lines.append(f"{key}{data.draw(st.sampled_from(['=', ' = ', '  =  ']))}{inline(value)}")
    glue = data.draw(st.sampled_from(["\n", "\r\n", "\n\n"]))
    ours = judge(glue.join(lines), pyproject_of(project))
    theirs = judge(text, pyproject_of(project))
    assert ours is not None
    assert theirs is not None
    assert ours.freshness == theirs.freshness
    strip = re.compile(r":\d+")
    assert sorted(strip.sub("", problem.why) for problem in ours.problems) == sorted(
        strip.sub("", problem.why) for problem in theirs.problems
    )


@LIMITS
@given(st.data(), st.sampled_from(TEXTS), st.sampled_from(PROJECTS))
def test_a_mangled_lock_gives_an_answer(data: st.DataObject, text: str, project: str) -> None:
    """A piece is cut out, doubled, or replaced by other text."""
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 60)))
        middle = data.draw(
            st.sampled_from(["", text[start:end] * 2, "1", "[", '"', "\0", "{}", "[]", "'x'", "=", "nan"])
        )
        text = text[:start] + middle + text[end:]
    judge(text, pyproject_of(project))


VALUES = st.recursive(
    st.none().map(lambda _: 1) | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", "url", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)


def _places(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, item in items for place in [(*prefix, key), *_places(item, (*prefix, key))]]


@LIMITS
@given(st.data(), st.sampled_from(TEXTS), st.sampled_from(PROJECTS))
def test_values_of_any_type_give_an_answer(data: st.DataObject, text: str, project: str) -> None:
    """In the lock and in `pyproject.toml`."""
    lock, table = tomli.loads(text), tomli.loads(project)
    target = data.draw(st.sampled_from([lock, table]))
    place = data.draw(st.sampled_from(_places(target)))
    parent = target
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = data.draw(VALUES)
    lines = [f"{key} = {inline(value)}" for key, value in lock.items()]
    judge("\n".join(lines), Pyproject(source=Source(path="pyproject.toml", text=project), table=table))
