"""The matrix that the collector makes, and what it says of a request that no cell can meet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support import PROJECT, VARIANTS, A, faults, write

from cudapin.environments.cells import pythons_by_variant, why_not
from cudapin.errors import ConfigError, Refusal
from cudapin.gate import open_gate
from cudapin.plugin.request import check_axes, check_request

if TYPE_CHECKING:
    from pathlib import Path

    from cudapin.gate import Gate

FOUND: dict[str, Any] = {
    "variants": ["cpu", "cu128"],
    "matrix": [{"python": ["3.12", "3.11"], "cuda": ["cpu"]}, {"python": ["3.12"], "cuda": ["cu128"]}],
}


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    project = PROJECT.replace('version = "1.2"', 'version = "1.2"\nrequires-python = ">=3.11"')
    return open_gate(write(tmp_path, {**VARIANTS, "pyproject.toml": project}), {})


def test_a_variant_has_the_pythons_that_the_project_allows(gate: Gate) -> None:
    assert pythons_by_variant(gate, ["3.13", "3.12", "3.10"]) == {"cpu": ("3.13", "3.12"), "cu128": ("3.13", "3.12")}


def test_why_a_variant_is_not_on_a_python(gate: Gate) -> None:
    assert why_not(gate, "cpu", "3.10") == "the project's `requires-python` is `>=3.11`"
    assert why_not(gate, "cpu", "3.12") is None
    assert why_not(gate, "none", "3.12") == "variant `none` is not declared for it"
    assert why_not(gate, "cpu", "2") == "wanted `3.12` or the like, found `2`"


def test_a_name_that_is_not_declared_is_refused_with_those_that_are(gate: Gate) -> None:
    text = faults(lambda: check_request({"excluded_variable_specs": ("cuda=cu182,cpu",)}, FOUND, lambda: gate))
    assert text.startswith("error[CP104]: ")
    assert "`cuda=cu182,cpu`" in text
    assert "`cu128`" in text
    assert ConfigError.exit_code == 2


def test_a_python_without_a_cell_is_refused_with_the_reason(gate: Gate) -> None:
    options = {"python": "3.10", "test_all": False, "included_variable_specs": ("cuda=cu128",)}
    assert faults(lambda: check_request(options, FOUND, lambda: gate), Refusal) == (
        "error[CP602]: no cell of variant `cu128` can exist on Python 3.10\n"
        "  why: the project's `requires-python` is `>=3.11`\n"
        "  fix: name one of the Pythons of the matrix: 3.11, 3.12"
    )


@pytest.mark.parametrize(
    "options",
    [
        {"python": "3.12", "test_all": False},
        {"python": "pypy3.10", "test_all": False},
        {"python": "3.13", "test_all": False},  # it may exist, hatch itself says that the matrix has it not
        {"included_variable_specs": ("cuda=cpu", "mode=fast"), "test_all": False},
        {},
    ],
)
def test_other_requests_are_left_to_hatch(gate: Gate, options: dict[str, Any]) -> None:
    check_request(options, FOUND, lambda: gate)


def test_a_misspelt_axis_is_refused_with_those_that_there_are() -> None:
    options = {"test_all": False, "included_variable_specs": ("py=3.12", "cda=cu128")}
    assert faults(lambda: check_axes(options, FOUND["matrix"]), Refusal) == (
        "error[CP602]: no cell has an axis `cda`\n"
        "  why: `cda=cu128` asks for it; the axes are `py`, `python`, `cuda`\n"
        "  fix: use `cuda`; the names are `py`, `python`, `cuda`"
    )
    check_axes({**options, "included_variable_specs": ("cuda=cu128", "py=3.12")}, FOUND["matrix"])
    check_axes({"included_variable_specs": ("cda=cu128",)}, "no list")


def test_wheels_cut_the_pythons_of_a_variant(tmp_path: Path) -> None:
    wheel = f'[[packages]]\nname = "torch"\nversion = "2.9.0+cu128"\n[[packages.wheels]]\nname = "torch-2.9.0+cu128-cp312-cp312-linux_x86_64.whl"\nurl = "https://index.example/t.whl"\nhashes = {{ sha256 = "{A}" }}\n'  # noqa: E501
    project = (
        '[project]\nname = "demo"\nversion = "1"\ndependencies = ["torch"]\n'
        '[tool.cudapin]\nlock = "pylock.toml"\n[tool.cudapin.variants.cu128]\n'
    )
    files = {"pyproject.toml": project, "pylock.toml": f'lock-version = "1.0"\ncreated-by = "x"\n{wheel}'}
    gate = open_gate(write(tmp_path, files), {})
    if gate.environment["sys_platform"] == "linux" and gate.environment["platform_machine"] == "x86_64":
        assert pythons_by_variant(gate, ["3.13", "3.12"]) == {"cu128": ("3.12",)}
        assert why_not(gate, "cu128", "3.13") == "`torch` is locked without a wheel for it"


def test_a_variant_whose_wheels_are_for_another_platform_has_no_cell(tmp_path: Path) -> None:
    from cudapin.environments.cell import Cell
    from unit.support import PROJECT, VARIANTS

    text = PROJECT.replace('arch = ["9.0"]', 'platforms = ["win_arm64"]')
    gate = open_gate(write(tmp_path, {**VARIANTS, "pyproject.toml": text}), {})
    why = "the wheels of variant `cu128` are for `win_arm64`"
    assert pythons_by_variant(gate, ["3.12"]) == {"cpu": ("3.12",)}
    assert why_not(gate, "cu128", "3.12") == why
    assert Cell(gate, "cu128", "3.12").why_impossible() == why
