"""Which variant is built."""

from __future__ import annotations

import pytest

from cudapin.core.config import Variant
from cudapin.core.select import Choice, is_declared_for, select_variant
from unit.support import LINUX, MACOS, config_of, faults

TEXT = """
[tool.cudapin]
default = ["cu128", "cpu"]
[tool.cudapin.variants.cpu]
[tool.cudapin.variants.cu128]
environments = ["sys_platform == 'linux'"]
requires-python = ">=3.10,<3.14"
[[tool.cudapin.variants.cu128.overrides]]
when = "sys_platform == 'linux'"
arch = ["9.0"]
"""


ELSEWHERE = (
    "error[CP104]: variant `cu128` does not exist for this Python and platform\n"
    '  why: wanted `requires-python = <3.14,>=3.10` or `sys_platform == "linux"`, found Python 3.12.4 on darwin arm64\n'
    "  fix: build another variant here, or change where `cu128` exists"
)


def never(_: tuple[Variant, ...]) -> tuple[Variant, str]:
    raise AssertionError


def test_the_first_default_that_exists_for_the_target_is_taken() -> None:
    config = config_of(TEXT)
    here, there = select_variant(config, None, LINUX, never), select_variant(config, None, MACOS, never)
    assert here is not None
    assert (here.variant.name, here.variant.arch, here.why) == ("cu128", ("9.0",), "the default")
    assert there == Choice(variant=config.variants["cpu"], why="the default")


def test_where_no_default_exists_there_is_no_build() -> None:
    config = config_of(TEXT.replace('["cu128", "cpu"]', '"cu128"'))
    assert faults(lambda: select_variant(config, None, MACOS, never)) == ELSEWHERE


def test_the_variant_asked_for() -> None:
    config = config_of(TEXT)
    choice = select_variant(config, "cpu", LINUX, never, "-C variant")
    assert choice == Choice(variant=config.variants["cpu"], why="named by -C variant")


def test_auto_is_asked_for_what_exists_here_only() -> None:
    asked = []

    def auto(variants: tuple[Variant, ...]) -> tuple[Variant, str]:
        asked.append([variant.name for variant in variants])
        return variants[0], "because"

    config = config_of(TEXT)
    assert select_variant(config, "auto", MACOS, auto) == Choice(variant=config.variants["cpu"], why="because")
    select_variant(config, "auto", LINUX, auto)
    assert asked == [["cpu"], ["cpu", "cu128"]]


def test_a_project_without_variants_has_no_choice() -> None:
    assert select_variant(config_of(""), "cu128", LINUX, never) is None


def test_an_unknown_name() -> None:
    assert faults(lambda: select_variant(config_of(TEXT), "cu12", LINUX, never)) == (
        "error[CP104]: no variant `cu12` is declared\n"
        "  why: CUDAPIN_VARIANT asks for `cu12`; `[tool.cudapin.variants]` declares `cpu`, `cu128`\n"
        "  fix: use `cu128`; the names are `cpu`, `cu128`, `auto`"
    )


def test_a_variant_that_does_not_exist_here() -> None:
    assert faults(lambda: select_variant(config_of(TEXT), "cu128", MACOS, never)) == ELSEWHERE


@pytest.mark.parametrize(
    ("python", "markers", "expected"),
    [
        (None, (), True),
        (">=3.12", (), True),
        (">=3.13", (), False),
        (None, ("os_name == 'nt'",), False),
        (None, ("os_name == 'nt'", "os_name == 'posix'"), True),
        (">=3.13", ("os_name == 'posix'",), False),
    ],
)
def test_is_declared_for(python: str | None, markers: tuple[str, ...], *, expected: bool) -> None:
    variant = Variant(name="x", requires_python=python, environments=markers)
    assert is_declared_for(variant, LINUX) is expected


def test_a_prerelease_of_python_counts() -> None:
    environment = {**LINUX, "python_full_version": "3.14.0rc1"}
    assert is_declared_for(Variant(name="x", requires_python=">=3.10"), environment)
