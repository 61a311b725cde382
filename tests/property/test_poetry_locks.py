"""Whatever a `poetry.lock` says, reading and judging it ends in a verdict or an error of ours."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cudapin.core.lock import Request, Source
from cudapin.errors import LockError
from cudapin.locks.poetry.constraint import allows, parse_constraint
from cudapin.locks.poetry.fresh import judge_poetry
from cudapin.locks.poetry.lock import parse_poetry_lock
from unit.support import LINUX, pyproject_of

pytestmark = pytest.mark.property

VALUES = st.sampled_from(
    [
        '"alpha"',
        '"1.0"',
        '">=1 || ^2"',
        "true",
        "1",
        "[]",
        '["main", "gpu"]',
        "{}",
        "{gpu = \"extra == 'gpu'\"}",
        "[{}]",
    ]
)
KEYS = (
    "name",
    "version",
    "optional",
    "python-versions",
    "groups",
    "markers",
    "files",
    "extras",
    "dependencies",
    "source",
)
WHOLE = {
    "name": '"alpha"',
    "version": '"1.0"',
    "optional": "false",
    "python-versions": '">=3.8"',
    "groups": '["main"]',
    "files": "[]",
}
PACKAGES = st.lists(
    st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=3).map(lambda keys: WHOLE | keys), max_size=4
)


@settings(max_examples=200, deadline=None)
@given(packages=PACKAGES, version=st.sampled_from(["1.1", "2.0", "2.1", "9"]), requirement=st.text(max_size=20))
def test_every_lock_is_judged_or_refused(packages: list[dict[str, str]], version: str, requirement: str) -> None:
    """No value of any type at any key leads to anything else."""
    text = "".join("[[package]]\n" + "".join(f"{k} = {v}\n" for k, v in table.items()) for table in packages)
    text += f'{"" if packages else "package = []"}\n[metadata]\nlock-version = "{version}"\n'
    quoted = "".join(character for character in requirement if character.isprintable() and character not in "\"'\\")
    project = pyproject_of(f'[project]\ndependencies = ["alpha", "{quoted}"]\n')
    try:
        lock = parse_poetry_lock(Source(path="poetry.lock", text=text), project)
        lock.select(Request(extras=frozenset({"gpu"}), environment=LINUX))
    except LockError:
        return
    assert judge_poetry(lock, project, (), LINUX).freshness == "stale"


@given(st.text(alphabet="^~=<>!*x|., 0123456789ab+", max_size=30))
def test_every_constraint_is_read_or_left_out(text: str) -> None:
    """A constraint admits a version, refuses it, or is left out."""
    assert (allows(text, "1.0") is None) == (parse_constraint(text) is None)
