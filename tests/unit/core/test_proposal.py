"""Which variants a project's extras, groups and indexes name, and which are only said to be possible."""

from __future__ import annotations

from typing import Any

import pytest
import tomli

from cudapin.adapters.facts import read_facts
from cudapin.core.proposal import Proposed, find_variants, missing_cache_keys, suggest_pins

FACTS = read_facts({})


def found(text: str) -> tuple[list[str], tuple[str, ...]]:
    result = find_variants(tomli.loads(text), FACTS)
    return [f"{item.kind} {item.name} {item.cuda or ''}".rstrip() for item in result.variants], result.notes


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("cpu = []\ncu128 = []\ncu126 = []\ntest = []", ["extra cpu", "extra cu128", "extra cu126"]),
        ('cuda12x = []\n"Cuda12.8" = []\ncu13 = []', ["extra cuda12x", "extra cuda12.8", "extra cu13"]),
        ("cpu = []\ntest = []", []),
        ("cuda37 = []\ncu = []\ncudnn = []", []),
    ],
)
def test_names_of_extras(text: str, names: list[str]) -> None:
    assert found(f"[project.optional-dependencies]\n{text}") == (names, ())


def test_groups_and_what_is_both() -> None:
    text = "[project.optional-dependencies]\ncu128 = []\n[dependency-groups]\ncu128 = []\ncu126 = []\n"
    assert found(text) == (
        ["extra cu128", "group cu126"],
        ("`cu128` is an extra and a group: the extra selects the variant",),
    )
    assert found("[tool.poetry.extras]\ncu128 = []\n[tool.poetry.group.cu126]\n") == (
        ["extra cu128", "group cu126"],
        (),
    )


def test_what_is_for_no_cuda_or_vague_is_said() -> None:
    text = '[project.optional-dependencies]\ncu128 = []\n"rocm6.4" = []\ngpu = []\nxpu = []\n'
    assert found(text) == (
        ["extra cu128"],
        (
            "the extra `rocm6.4` is for no CUDA: it is not proposed as a variant",
            "the extra `gpu` may be a variant, but nothing tells its CUDA: if it is one, declare it with its `cuda`",
            "the extra `xpu` is for no CUDA: it is not proposed as a variant",
        ),
    )


UV = """\
[project.optional-dependencies]
cpu = ["torch"]
gpu = ["torch"]
[tool.uv]
conflicts = [[{ extra = "cpu" }, { extra = "gpu" }, { extra = "tpu" }], [{ extra = "a" }, { extra = "b" }]]
[tool.uv.sources]
torch = [{ index = "x", extra = "gpu" }, { index = "c", extra = "cpu" }, { index = "none", extra = "gpu" }]
other = { index = "y", extra = "gpu" }
more = { git = "https://git.example/a" }
[[tool.uv.index]]
name = "x"
url = "https://index.example/whl/cu128"
[[tool.uv.index]]
name = "y"
url = "https://index.example/whl/cu128"
[[tool.uv.index]]
name = "c"
url = "https://index.example/whl/cpu"
"""


def test_an_index_tells_the_cuda_where_a_name_does_not() -> None:
    assert found(UV) == (
        ["extra cpu", "extra gpu 12.8"],
        ("`[tool.uv] conflicts` keeps `tpu` apart from the variants: declare it if it is one",),
    )
    assert found(UV.replace("whl/cu128", "whl/cu126", 1)) == (
        [],
        (
            "the extra `gpu` may be a variant, but its indexes are for CUDA 12.6 and 12.8: if it is one, declare it "
            "with its `cuda`",
        ),
    )


@pytest.mark.parametrize("text", ["", "tool = 1", "[tool.uv]\nindex = 1\nconflicts = 1\nsources.a = 1", "project = 1"])
def test_any_table_will_do(text: str) -> None:
    assert found(text) == ([], ())


@pytest.mark.parametrize(
    ("text", "pins"),
    [
        ('optional-dependencies.cu128 = ["torch>=2"]', ["torch"]),
        ("optional-dependencies.CU128 = [\"torch [opt] ; python_version > '3'\"]", ["torch"]),
        ('dependencies = ["torch"]', ["torch"]),
        ('optional-dependencies.test = ["torch"]', []),
        ('optional-dependencies.cu128 = ["torchvision", "torch-geometric"]\ndependencies = ["numpy"]', []),
        ("dependencies = 1", []),
    ],
)
def test_torch_is_pinned_where_wheels_require_it(text: str, pins: list[str]) -> None:
    table: dict[str, Any] = {"project": tomli.loads(text)}
    assert suggest_pins(table, [Proposed(name="cu128", kind="extra"), Proposed(name="test", kind="group")]) == pins


ENV = {"env": "CUDAPIN_VARIANT"}
OWN = {"file": "pyproject.toml"}


@pytest.mark.parametrize(
    ("listed", "missing"),
    [
        (None, [OWN, {"dir": "src"}, {"file": "uv.lock"}, ENV]),
        ([], [OWN, {"file": "uv.lock"}, ENV]),
        (["pyproject.toml", {"file": "*.lock"}, {"git": True}], [ENV]),
        ([OWN, {"file": "uv.lock"}, ENV], []),
        ([ENV, 1], [OWN, {"file": "uv.lock"}]),
    ],
)
def test_the_cache_keys_of_uv(listed: object, missing: list[Any]) -> None:
    assert missing_cache_keys(listed, ["uv.lock"]) == missing
