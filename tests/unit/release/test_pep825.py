"""The JSON of labelled wheels and of indexes: written in one form, and read as strictly as the strictest tool does."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from cudapin.core.cuda import parse_cuda
from cudapin.release.gpu_properties import GpuProperties
from cudapin.release.pep825 import Described, describe, find_conflict, merge, parse_described, properties_of, render

CU126 = properties_of(
    [parse_cuda("12.6")], GpuProperties(lower_bound=parse_cuda("12.0"), sm_arch=("90_real", "100_real"))
)
ONE, NULL = describe("cu126", CU126), describe("null", {})


def table() -> Any:
    return json.loads(render(ONE))


def test_the_properties_of_a_variant() -> None:
    assert CU126 == {
        "nvidia": {"cuda_version_lower_bound": ("12.0",), "sm_arch": ("100_real", "90_real")},
        "priority": {"cuda_major": ("12",), "cuda_minor": ("6",)},
    }


def test_a_major_without_minor_and_a_wheel_of_several_cudas() -> None:
    bound = GpuProperties(lower_bound=parse_cuda("12.0"))
    assert properties_of([parse_cuda("12")], bound) == {
        "nvidia": {"cuda_version_lower_bound": ("12.0",)},
        "priority": {"cuda_major": ("12",)},
    }
    several = properties_of([parse_cuda("12.6"), parse_cuda("13.0")], bound)
    assert several["priority"] == {"cuda_major": ("13",), "cuda_minor": ("0",)}


def test_the_form() -> None:
    """Every key that released tools ask for, and none that they do not know."""
    found = table()
    assert [*found] == ["$schema", "default-priorities", "providers", "variants"]
    assert found["$schema"] == "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json"
    assert found["default-priorities"] == {"namespace": ["priority", "nvidia"]}
    assert found["providers"]["nvidia"] == {
        "plugin-api": "nvidia_variant_provider.plugin:NvidiaVariantPlugin",
        "requires": ["nvidia-variant-provider>=0.0.1,<1.0.0"],
    }
    priority = found["providers"]["priority"]
    assert priority["feature-order"] == ["cuda_major", "cuda_minor"] == [*priority["static-properties"]]
    assert priority["static-properties"]["cuda_major"] == [str(number) for number in range(29, 10, -1)]
    assert priority["static-properties"]["cuda_minor"] == [str(number) for number in range(29, -1, -1)]
    assert found["variants"]["cu126"]["nvidia"]["sm_arch"] == ["100_real", "90_real"]


@pytest.mark.parametrize("described", [ONE, NULL, merge([ONE, NULL])])
def test_a_round_trip(described: Described) -> None:
    assert parse_described(render(described)) == replace(
        described, providers=json.loads(json.dumps(described.providers))
    )
    assert render(parse_described(render(described))) == render(described)


def test_the_order_of_wheels_changes_no_byte() -> None:
    assert render(merge([ONE, NULL])) == render(merge([NULL, ONE]))
    assert [*merge([ONE, NULL]).variants] == ["cu126", "null"]


def test_the_longer_list_of_namespaces_is_that_of_both() -> None:
    providers = {**ONE.providers, "other": {"builtin": "other"}}
    longer = replace(NULL, namespaces=(*NULL.namespaces, "other"), providers=providers)
    assert find_conflict(ONE, longer) is None
    assert find_conflict(longer, ONE) is None
    assert merge([ONE, longer]).namespaces == ("priority", "nvidia", "other")
    assert merge([ONE, longer]).providers == providers


@pytest.mark.parametrize(
    ("changes", "conflict"),
    [
        ({}, None),
        ({"schema": "x"}, f"the schema `{ONE.schema}` and `x`"),
        (
            {"namespaces": ("nvidia", "priority")},
            "the order of namespaces priority, nvidia and nvidia, priority",
        ),
        (
            {"providers": {**ONE.providers, "nvidia": {"requires": ["nvidia-variant-provider"]}}},
            "different providers of namespace `nvidia`",
        ),
    ],
)
def test_conflicts(changes: dict[str, Any], conflict: str | None) -> None:
    assert find_conflict(ONE, replace(NULL, **changes)) == conflict


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["x"], 1, "wanted the keys $schema, default-priorities, providers, variants, found $schema, default-priori"),
        (["$schema"], 1, "wanted a schema and at least one label"),
        (["variants"], {}, "wanted a schema and at least one label"),
        (["variants"], [], "`variants`: wanted a JSON object"),
        (["variants", "CU126"], {"nvidia": {"a": ["1"]}}, "wanted a schema and at least one label"),
        (["variants", "cpu"], {}, "wanted no properties for `null` and some for any other label, found `cpu`"),
        (["variants", "null"], {"nvidia": {"a": ["1"]}}, "wanted no properties for `null` and some for any other"),
        (
            ["variants", "cu126", "amd"],
            {"a": ["1"]},
            "`variants.cu126` uses namespace `amd`, which has no place in the",
        ),
        (["variants", "cu126", "nvidia"], {}, "`variants.cu126.nvidia` is empty"),
        (["variants", "cu126", "nvidia", "A"], ["1"], "`variants.cu126.nvidia.A`: wanted sorted values, found 1"),
        (
            ["variants", "cu126", "nvidia", "a"],
            ["2", "1"],
            "`variants.cu126.nvidia.a`: wanted sorted values, found 2, 1",
        ),
        (["variants", "cu126", "nvidia", "a"], ["1", "1"], "`variants.cu126.nvidia.a`: wanted a list of different na"),
        (
            ["variants", "cu126", "nvidia", "a"],
            [],
            "`variants.cu126.nvidia.a`: wanted a list of different names, found",
        ),
        (
            ["variants", "cu126", "nvidia", "a"],
            ["-"],
            "`variants.cu126.nvidia.a`: wanted a list of different names, fou",
        ),
        (["default-priorities", "feature"], {}, "wanted one provider for each namespace, found nvidia, priority"),
        (["default-priorities", "namespace"], "x", "`default-priorities.namespace`: wanted a list of different names"),
        (["providers"], {}, "wanted one provider for each namespace, found none"),
    ],
)
def test_another_form(path: list[str], value: Any, message: str) -> None:
    found = table()
    inner = found
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(ValueError, match=r"wanted|place|empty") as caught:
        parse_described(json.dumps(found))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("text", ["", "[]", "1", "{", "null"])
def test_what_is_no_json_object(text: str) -> None:
    with pytest.raises(ValueError, match=r"wanted a JSON object|Expecting"):
        parse_described(text)
