"""Mangled and generated `uv.lock` files: no traceback, no verdict by spelling, time that grows as the text."""

from __future__ import annotations

import contextlib
import itertools
import time
from typing import Any

import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from cudapin.core.lock import LockVerdict, Pyproject, Request, Source, UvInputs
from cudapin.core.marker_truth import are_equivalent, is_possible
from cudapin.core.markers import conjunction, disjunction, negation, parse_marker
from cudapin.core.specifiers import is_admitted
from cudapin.errors import LockError
from cudapin.locks.uv.fresh import judge_uv
from cudapin.locks.uv.lock import parse_uv_lock
from unit.locks.uv_texts import LOCK, PYPROJECT
from unit.support import LINUX

pytestmark = pytest.mark.property
LIMITS = settings(max_examples=200, deadline=None)

HEADER, *PACKAGES = LOCK.split("\n[[package]]")
JUNK = [
    "",
    "\x00",
    '"',
    "'",
    "\\",
    "[",
    "]]",
    "{",
    "=",
    "\n",
    "\r",
    "\ufeff",
    "é",
    "<<<<<<< ours\n",
    '"""',
    "[[package]]\n",
    "cut = 0\n",
]


def judge(text: str, pyproject: str = PYPROJECT) -> LockVerdict:
    """Judge a lock against the project that goes with it; raise LockError where it cannot be read."""
    table = tomli.loads(pyproject)
    source = Source(path="pyproject.toml", text=pyproject)
    inputs = UvInputs(
        members=(Pyproject(source=source, table=table),),
        settings=table.get("tool", {}).get("uv", {}),
        settings_path="pyproject.toml",
    )
    return judge_uv(parse_uv_lock(Source(path="uv.lock", text=text)), inputs)


@LIMITS
@given(st.integers(0, len(LOCK)), st.integers(0, 40), st.sampled_from(JUNK))
def test_a_mangled_lock_is_judged_or_refused(at: int, length: int, junk: str) -> None:
    """Nothing but LockError, whatever is cut out and put in; and the shortcut for packages changes nothing."""
    text = LOCK[:at] + junk + LOCK[at + length :]
    with contextlib.suppress(LockError):
        lock = parse_uv_lock(Source(path="uv.lock", text=text))
        judge(text)
        lock.select(Request(environment=LINUX), "demo")


@LIMITS
@given(st.data())
def test_a_value_of_another_type_is_judged_or_refused(data: st.DataObject) -> None:
    """A number, a table or an array in the place of any value of the lock."""
    lines = LOCK.split("\n")
    number = data.draw(st.sampled_from([n for n, line in enumerate(lines) if " = " in line and "{" not in line]))
    value = data.draw(st.sampled_from(["1", "true", "[]", "{}", "[1]", "[[]]", '""', "1979-05-27", '{ a = "b" }']))
    lines[number] = f"{lines[number].partition(' = ')[0]} = {value}"
    with contextlib.suppress(LockError):
        judge("\n".join(lines))


@LIMITS
@given(st.permutations(PACKAGES), st.booleans(), st.booleans())
def test_order_and_spelling_of_a_lock_do_not_count(packages: list[str], has_comments: bool, is_windows: bool) -> None:  # noqa: FBT001
    """Every order of the packages, with comments, with the line ends of Windows."""
    text = "\n[[package]]".join([HEADER, *(package.rstrip("\n") + "\n" for package in packages)])
    text = text.replace('", hash', '" , hash') if has_comments else text
    text = "\n".join(f"{line} # x" if has_comments and line.endswith("]") else line for line in text.split("\n"))
    verdict = judge(text.replace("\n", "\r\n") if is_windows else text)
    assert (verdict.freshness, verdict.problems) == ("fresh", ())


def _seconds(text: str) -> float:
    start = time.perf_counter()
    with contextlib.suppress(LockError):
        judge(text)
    return time.perf_counter() - start


GROWING = {
    "packages": lambda n: LOCK + "".join(PACKAGES[1].join(["\n[[package]]", ""]) for _ in range(n)),
    "brackets": lambda n: LOCK + "x = " + "[" * (n * 100),
    "tables": lambda n: LOCK + "x = " + "{ a = " * (n * 30),
    "text": lambda n: LOCK + 'x = "' + "a" * (n * 400),
    "canonical lines": lambda n: LOCK + "wheels = [\n" + '    { url = "a", hash = "b" },\n' * (n * 20),
    "edges": lambda n: LOCK + "dependencies = [\n" + '    { name = "a", marker = "b" },\n' * (n * 20) + "]]",
    "nul": lambda n: LOCK + "\x00" * (n * 400),
    "spaces": lambda n: LOCK + " " * (n * 400),
    "lines": lambda n: LOCK + "\n" * (n * 400),
    "headers": lambda n: LOCK + "\n[[package]]\n" * (n * 30),
}


@pytest.mark.parametrize("kind", GROWING)
def test_the_time_grows_as_the_text(kind: str) -> None:
    """Eight times the text takes no more than about eight times as long; generous, since machines are busy."""
    grow = GROWING[kind]
    small = min(_seconds(grow(400)) for _ in range(3))
    large = min(_seconds(grow(3200)) for _ in range(2))
    assert large < 30 * small + 0.2


def test_fifty_megabytes_are_refused_in_seconds() -> None:
    """What is no lock at all is not read for longer than it takes to see that."""
    assert _seconds("x" * 50_000_000) < 20
    assert _seconds(LOCK + "\x00" * 50_000_000) < 20


VERSIONS = st.sampled_from(["1", "1.0", "1.0.1", "2.9.1", "2.10", "0", "2.9.1+cu128", "2.9.0.post1", "2.10+rocm7.1"])
CLAUSES = st.builds(
    lambda op, version, tail: f"{op}{version}{tail}",
    st.sampled_from([">=", "<=", "<", ">", "==", "!=", "~="]),
    VERSIONS,
    st.sampled_from(["", "", ".*", ".post1", "+cu128"]),
)


@settings(max_examples=2000, deadline=None)
@given(VERSIONS, st.lists(CLAUSES, min_size=1, max_size=3))
def test_plain_specifiers_admit_what_packaging_says(version: str, clauses: list[str]) -> None:
    """The shortcut for plain numbers is exact."""
    specifier = ",".join(clauses)
    try:
        wanted = SpecifierSet(specifier).contains(version, prereleases=True)
    except ValueError:
        return
    assert is_admitted(version, specifier) == wanted


CLAUSE_TEXTS = [
    *(f"python_full_version {op} '{v}'" for op, v in itertools.product((">=", "<"), ("3.9", "3.11", "3.12.4"))),
    "python_version == '3.11'",
    "sys_platform == 'linux'",
    "sys_platform != 'win32'",
    "os_name == 'nt'",
    "platform_machine == 'x86_64'",
    "extra == 'a'",
    "extra != 'b'",
]
MARKERS: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from(CLAUSE_TEXTS).map(parse_marker),
    lambda inner: st.one_of(st.builds(conjunction, inner, inner), st.builds(disjunction, inner, inner)),
    max_leaves=5,
)


@LIMITS
@given(MARKERS, MARKERS)
def test_markers_obey_the_laws_of_logic(left: Any, right: Any) -> None:
    """De Morgan, commutation, and that equivalent ones exclude each other's negation."""
    assert are_equivalent(negation(conjunction(left, right)), disjunction(negation(right), negation(left)))
    assert are_equivalent(conjunction(left, right), conjunction(right, left))
    differ = disjunction(conjunction(left, negation(right)), conjunction(right, negation(left)))
    assert are_equivalent(left, right) == (not is_possible(differ))


def test_a_placeholder_of_the_shortcut_is_not_taken_for_one() -> None:
    """What stands in the lock itself is read by the TOML parser."""
    with pytest.raises(LockError):
        judge(LOCK + "\n[[package]]\ncut = 0\n")
    assert judge(LOCK.replace("[[package]]", "[[package]]\ncut = 0", 1)).freshness == "fresh"
