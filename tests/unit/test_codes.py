"""Every code of a problem has a test that names it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cudapin.errors import Code

UNTESTED: dict[str, str] = {
    "CP203": "raised by the uv judge, whose tests stand beside it",
    "CP207": "raised by the uv judge, whose tests stand beside it",
    "CP204": "raised by the uv judge, whose tests stand beside it",
}
TESTS = Path(__file__).parents[1]
SOURCES = "\n".join(
    path.read_text(encoding="utf-8") for path in sorted(TESTS.rglob("test_*.py")) if path != Path(__file__)
)
NAMED = set(re.findall(r"\bCP\d{3}\b", SOURCES))


@pytest.mark.parametrize("code", [code.name for code in Code])
def test_a_code_is_tested(code: str) -> None:
    assert code in NAMED or code in UNTESTED


def test_codes_are_three_digits_and_their_meanings_differ() -> None:
    assert all(re.fullmatch(r"CP[1-9]\d\d", code.name) for code in Code)
    assert len({code.value for code in Code}) == len(Code)


def test_the_exceptions_are_codes() -> None:
    assert set(UNTESTED) <= set(Code.__members__)
