"""Every code has a long form, which says what a user needs, and nothing has one that is no code."""

from __future__ import annotations

import re

import pytest

from cudapin.adapters.explain import read_explanations
from cudapin.core.explain import Explanation, find_code, list_codes, parse_explanations, render_explanation
from cudapin.core.waivers import is_waivable
from cudapin.errors import Code
from unit.support import faults


def test_every_code_has_a_text_and_every_text_a_code() -> None:
    assert set(read_explanations()) == set(Code)


@pytest.mark.parametrize("code", list(Code), ids=lambda code: code.name)
def test_a_text_is_whole_sentences(code: Code) -> None:
    found = read_explanations()[code]
    for part in (found.means, found.arises, found.mend):
        assert len(part) > 20
        assert part.endswith(".")
        assert part.count("`") % 2 == 0


def test_no_text_offers_a_waiver_that_would_not_count() -> None:
    offered = {code for code, found in read_explanations().items() if found.is_waivable}
    assert {code for code in offered if not is_waivable(code)} == set()


def test_the_codes_that_a_text_names_exist() -> None:
    texts = " ".join(f"{one.means} {one.arises} {one.mend}" for one in read_explanations().values())
    assert set(re.findall(r"\bCP\d+\b", texts)) <= set(Code.__members__)


def test_a_text_without_a_code_is_an_error_of_ours() -> None:
    with pytest.raises(KeyError, match="CP199"):
        parse_explanations({"CP199": {"means": "a", "arises": "b", "mend": "c"}})


def test_the_text_is_wrapped_and_says_how_to_accept_it() -> None:
    explanation = Explanation(means="It means " + "much " * 30 + "more.", arises="So.", mend="Do.", is_waivable=True)
    assert render_explanation(Code.CP201, explanation) == (
        "CP201: the lock file is stale\n"
        "\n"
        "It means much much much much much much much much much much much much much much much much much much\n"
        "much much much much much much much much much much much much more.\n"
        "\n"
        "How it arises: So.\n"
        "\n"
        "How to mend it: Do.\n"
        "\n"
        'To accept it: add `[[tool.cudapin.allow]]` with `code = "CP201"` and a `reason`, or run once with\n'
        "`CUDAPIN_ALLOW=CP201`. Each use is printed, and recorded in the wheel that is built."
    )


def test_what_cannot_be_accepted_offers_no_way() -> None:
    explanation = Explanation(means="A.", arises="B.", mend="C.")
    assert render_explanation(Code.CP205, explanation).splitlines()[2:] == [
        "A.",
        "",
        "How it arises: B.",
        "",
        "How to mend it: C.",
    ]


@pytest.mark.parametrize("asked", ["CP201", "cp201", " C p 201 ", "201"])
def test_a_code_is_found_in_any_case(asked: str) -> None:
    assert find_code(asked) is Code.CP201


@pytest.mark.parametrize(
    ("asked", "fix"),
    [
        ("CP20", "cudapin explain CP201"),
        ("CP399", "cudapin explain CP309"),
        ("209x", "cudapin explain"),
        ("x", "cudapin explain"),
    ],
)
def test_a_wrong_code_names_the_nearest(asked: str, fix: str) -> None:
    assert faults(lambda: find_code(asked)) == (
        f"error[CP112]: there is no code `{asked}`\n"
        "  why: wanted a code as messages show it, such as `CP201`; `cudapin explain` alone lists them all\n"
        f"  fix: {fix}"
    )


def test_the_list_has_a_line_for_each_code() -> None:
    lines = list_codes().splitlines()
    assert len(lines) == len(Code)
    assert lines == sorted(lines)
    assert lines[0] == "CP101  `pyproject.toml` cannot be read"
