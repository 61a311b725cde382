"""Markers are compared by meaning, within `requires-python`."""

from __future__ import annotations

import pytest

from cudapin.core.marker_truth import are_equivalent, is_possible
from cudapin.core.markers import FALSE, TRUE, MarkerError, assign_extras, negation, parse_marker, render_marker
from cudapin.core.python import ANY_PYTHON, parse_python_range

PYTHON_310 = parse_python_range(">=3.10") or ANY_PYTHON

SAME = [
    ("python_version >= '3.11'", "python_full_version >= '3.11'"),
    ("python_version > '3.10'", "python_full_version >= '3.11'"),
    ("python_version <= '3.11'", "python_full_version < '3.12'"),
    ("python_version == '3.11'", "python_full_version == '3.11.*'"),
    ("python_version ~= '3.11'", "python_version >= '3.11' and python_version < '4'"),
    ("python_version in '3.10 3.11'", "python_version >= '3.10' and python_version < '3.12'"),
    ("python_version >= '3.9' and os_name == 'nt'", "os_name == 'nt'"),
    ("python_version < '3.8'", "python_version < '3.7'"),
    ("platform_system == 'Linux'", "sys_platform == 'linux'"),
    ("platform_system == 'Windows'", "sys_platform == 'win32'"),
    ("os.name == 'nt'", '"nt" == os_name'),
    ("os_name != 'posix' and sys_platform == 'win32'", "sys_platform == 'win32'"),
    ("extra == 'A_b'", "extra == 'a-b'"),
    (
        "(os_name == 'a' or os_name == 'b') and extra == 'x'",
        "os_name == 'b' and extra == 'x' or os_name == 'a' and extra == 'x'",
    ),
]
DIFFERENT = [
    ("python_version >= '3.11'", "python_version >= '3.12'"),
    ("python_full_version > '3.11'", "python_full_version >= '3.11'"),
    ("os_name == 'nt' and sys_platform == 'win32'", "sys_platform == 'win32'"),
    ("'linux' in sys_platform", "sys_platform == 'linux'"),
    ("extra == 'a'", "extra == 'b'"),
    ("sys_platform == 'linux'", "sys_platform == 'linux' and platform_machine == 'x86_64'"),
]


@pytest.mark.parametrize(("left", "right"), SAME)
def test_markers_that_hold_in_the_same_environments_are_equivalent(left: str, right: str) -> None:
    """Spelling, order, and what `requires-python` implies make no difference."""
    assert are_equivalent(parse_marker(left), parse_marker(right), PYTHON_310)


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_markers_that_differ_somewhere_are_not_equivalent(left: str, right: str) -> None:
    """One environment that tells them apart is enough."""
    assert not are_equivalent(parse_marker(left), parse_marker(right), PYTHON_310)


def test_requires_python_is_what_makes_a_bound_trivial() -> None:
    """Without it, a lower bound means something."""
    left, right = parse_marker("python_version >= '3.9'"), TRUE
    assert are_equivalent(left, right, PYTHON_310)
    assert not are_equivalent(left, right)


@pytest.mark.parametrize("text", [left for left, _ in SAME + DIFFERENT])
def test_a_marker_and_its_negation_exclude_each_other(text: str) -> None:
    """Negating twice gives the same marker back, and rendering keeps the meaning."""
    marker = parse_marker(text)
    assert not are_equivalent(marker, negation(marker)) or not is_possible(marker)
    assert are_equivalent(negation(negation(marker)), marker)
    assert are_equivalent(parse_marker(render_marker(marker)), marker)


def test_extras_are_read_as_membership() -> None:
    """What is left after all extras are known is about the platform alone."""
    text = "(sys_platform == 'linux' and extra == 'extra-4-demo-cpu') or extra == 'group-4-demo-a'"
    marker = parse_marker(text)
    assert render_marker(assign_extras(marker, frozenset({"extra-4-demo-cpu"}))) == "sys_platform == 'linux'"
    assert assign_extras(marker, frozenset({"group-4-demo-a"})) == TRUE
    assert assign_extras(marker, frozenset()) == FALSE


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a comparison is missing at ``"),
        ("os_name", "a comparison is missing at `os_name`"),
        ("os_name == nt", "`os_name == nt` does not compare a variable with a text"),
        ("(os_name == 'nt'", "a `(` is not closed"),
        ("os_name == 'nt' )", "not a marker: `os_name == 'nt' )`"),
        ("colour == 'red'", "there is no marker variable `colour`"),
        ("os_name ~= 'nt'", "`os_name ~= 'nt'` has no meaning"),
        ("os_name == 'nt' ;", "not a marker: `os_name == 'nt' ;`"),
        ("(" * 5000, "the marker is nested too deeply"),
    ],
)
def test_what_is_no_marker_is_refused(text: str, message: str) -> None:
    """The error says what is wrong with it."""
    with pytest.raises(MarkerError) as caught:
        parse_marker(text)
    assert str(caught.value) == message


def test_too_many_environments_are_refused() -> None:
    """Rather than taking forever, the comparison says that it cannot be made."""
    marker = parse_marker(" or ".join(f"extra == 'e{n}'" for n in range(21)))
    with pytest.raises(MarkerError, match="tell 2097152 environments apart, too many to compare"):
        are_equivalent(marker, negation(marker))


@pytest.mark.parametrize(
    ("specifier", "span"),
    [
        (">=3.10", ">=3.10"),
        (">=3.10.0", ">=3.10"),
        ("==3.12.*", ">=3.12,<3.13"),
        ("~=3.10", ">=3.10,<4"),
        (">=3.10,!=3.11.*,<4", ">=3.10,<4"),
        (">3.10,<=3.12", ">3.10,<=3.12"),
        ("", "any"),
    ],
)
def test_python_ranges_are_outer_bounds(specifier: str, span: str) -> None:
    """Holes in the middle do not count, spelling does not count."""
    assert str(parse_python_range(specifier)) == span
