"""Every key of `[tool.cudapin]` with a right value, the defaults, and what overrides do."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest

from cudapin.core.config import Config, CudaBound, Variant, Waiver, for_environment
from cudapin.core.cuda import CudaVersion
from cudapin.core.spelling import spell_name
from cudapin.core.verdict import render_problems
from cudapin.errors import Code, ConfigError
from unit.support import LINUX, MACOS, config_of

TOP = "[tool.cudapin]\n"
CU128 = "[tool.cudapin.variants.cu128]\n"


def variant_of(text: str, name: str = "cu128") -> Variant:
    return config_of(text).variants[name]


def test_without_the_table_there_is_a_gate_and_nothing_else() -> None:
    assert config_of("") == config_of("[tool]\n") == config_of(TOP) == Config()
    assert (config_of("").has_lock_gate, config_of("").variants, config_of("").spelling) == (True, {}, "local")


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        ('default = "cu128"', "default", ("cu128",)),
        ('default = ["cu128"]', "default", ("cu128",)),
        ("", "default", ("cu128",)),
        ("default = []", "default", ("cu128",)),
        ('lock = "locks/{variant}.txt"', "lock", "locks/{variant}.txt"),
        ("lock = false", "lock", None),
        ("lock = false", "has_lock_gate", False),
        ("", "has_lock_gate", True),
        ('spelling = "none"', "spelling", "none"),
        ('name = "demo-{variant}"', "spelling", "none"),
        ('name = "demo-{variant}"\nspelling = "local"', "spelling", "local"),
        ('name = "demo-cu{major}"', "name", "demo-cu{major}"),
        ("spell-default = true", "spell_default", True),
        ('extras = "keep"', "extras", "keep"),
        ("", "extras", "fold"),
        (
            'cuda-bound = { Our_Kernels = "cu(?P<major>\\\\d\\\\d)" }',
            "cuda_bound",
            (CudaBound(name="our-kernels", pattern="cu(?P<major>\\d\\d)"),),
        ),
    ],
)
def test_a_key_of_the_table(text: str, key: str, expected: Any) -> None:
    assert getattr(config_of(f"{TOP}{text}\n{CU128}"), key) == expected


def test_cpu_is_the_default_where_it_is_declared() -> None:
    assert config_of(f"{CU128}[tool.cudapin.variants.cpu]\n").default == ("cpu",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('code = "CP305"\nreason = "x"', Waiver(code=Code.CP305, reason="x")),
        (
            'code = "CP301"\nreason = "x"\nvariant = "cu128"\npackage = "My_Pkg"\nuntil = 2027-01-31',
            Waiver(code=Code.CP301, reason="x", variant="cu128", package="my-pkg", until=dt.date(2027, 1, 31)),
        ),
        (
            'code = "CP301"\nreason = "x"\nuntil = "2027-01-31"',
            Waiver(code=Code.CP301, reason="x", until=dt.date(2027, 1, 31)),
        ),
    ],
)
def test_a_waiver(text: str, expected: Waiver) -> None:
    assert config_of(f"{CU128}[[tool.cudapin.allow]]\n{text}\n").allow == (expected,)


def test_a_waiver_names_a_declared_variant() -> None:
    text = f'{CU128}[[tool.cudapin.allow]]\ncode = "CP301"\nreason = "x"\nvariant = "cu12"\n'
    with pytest.raises(ConfigError) as caught:
        config_of(text)
    line = text.splitlines().index('variant = "cu12"') + 1
    assert render_problems(caught.value.problems) == (
        "error[CP104]: a waiver names the variant `cu12`, which is not declared\n"
        f"  --> pyproject.toml:{line} (tool.cudapin.allow.0.variant)\n"
        "  why: the declared variants are `cu128`\n"
        "  fix: use `cu128`; the names are `cu128`"
    )


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        ("", "cuda", (CudaVersion(major=12, minor=8),)),
        ('cuda = "12.6"', "cuda", (CudaVersion(major=12, minor=6),)),
        ('cuda = "12"', "cuda", (CudaVersion(major=12),)),
        ('cuda = ["12.8", "13"]', "cuda", (CudaVersion(major=12, minor=8), CudaVersion(major=13))),
        ("cuda = []", "cuda", ()),
        ("", "extra", None),
        ('extra = "My_Extra"', "extra", ("my-extra",)),
        ('extra = ["a", "b"]', "extra", ("a", "b")),
        ("extra = []", "extra", ()),
        ('group = "My_Group"', "group", ("my-group",)),
        ('lock = "pylock.cu128.toml"', "lock", "pylock.cu128.toml"),
        ('index = "https://index.example/cu128"', "index", "https://index.example/cu128"),
        ('dependencies = ["numpy >= 1"]', "dependencies", ("numpy>=1",)),
        ('build-requires = ["My_Torch", "my-torch"]', "build_requires", ("my-torch",)),
        ('pin = ["My_Torch"]', "pin", {"my-torch": "exact"}),
        ('pin = { torch = "minor", numpy = "minimum" }', "pin", {"torch": "minor", "numpy": "minimum"}),
        ('arch = ["8.0", "9.0a", "10.0f", "12.0+ptx"]', "arch", ("8.0", "9.0a", "10.0f", "12.0+ptx")),
        ('driver = "570.86.10"', "driver", "570.86.10"),
        ('platforms = "linux_x86_64"', "platforms", ("linux_x86_64",)),
        ('platforms = ["any"]', "platforms", ("any",)),
        ('requires-python = ">=3.10"', "requires_python", ">=3.10"),
        ("environments = [\"sys_platform == 'linux'\"]", "environments", ('sys_platform == "linux"',)),
    ],
)
def test_a_key_of_a_variant(text: str, key: str, expected: Any) -> None:
    assert getattr(variant_of(f"{CU128}{text}\n"), key) == expected


def test_names_for_all_variants_are_normalised_and_added_to_a_variants_own() -> None:
    text = f'{TOP}build-requires = ["Nvidia_CUDA.Runtime"]\npin = {{ Torch = "minor" }}\n{CU128}'
    variant = variant_of(f'{text}build-requires = ["torch", "nvidia-cuda-runtime"]\npin = {{ numpy = "exact" }}\n')
    assert variant.build_requires == ("nvidia-cuda-runtime", "torch")
    assert variant.pin == {"torch": "minor", "numpy": "exact"}
    assert variant_of(text).build_requires == ("nvidia-cuda-runtime",)


def test_a_variants_own_pin_goes_before_the_shared_one() -> None:
    assert variant_of(f'{TOP}pin = ["torch"]\n{CU128}pin = {{ torch = "minor" }}\n').pin == {"torch": "minor"}


@pytest.mark.parametrize("name", ["cpu", "cu128", "cu12", "cuda12x", "rocm6.4", "a.b.1"])
def test_names_that_a_variant_may_have(name: str) -> None:
    assert list(config_of(f'[tool.cudapin.variants."{name}"]\n').variants) == [name]


OVERRIDES = (
    CU128
    + """
arch = ["8.0"]
pin = ["numpy"]
build-requires = ["setuptools"]
[[tool.cudapin.variants.cu128.overrides]]
when = "sys_platform == 'darwin'"
arch = ["9.0"]
cuda = "12.6"
pin = ["torch"]
build-requires = ["torch"]
[[tool.cudapin.variants.cu128.overrides]]
when = "platform_machine == 'arm64'"
arch = ["10.0"]
"""
)


def test_overrides_apply_in_order_where_their_marker_holds() -> None:
    variant = variant_of(OVERRIDES)
    here, there = for_environment(variant, LINUX), for_environment(variant, MACOS)
    assert (here.arch, here.cuda, here.overrides) == (("8.0",), (CudaVersion(major=12, minor=8),), ())
    assert (there.arch, there.cuda, there.overrides) == (("10.0",), (CudaVersion(major=12, minor=6),), ())
    assert there.build_requires == ("setuptools", "torch")
    assert there.pin == {"numpy": "exact", "torch": "exact"}


@pytest.mark.parametrize(
    ("template", "cuda", "expected"),
    [
        ("demo-{variant}", (CudaVersion(major=12, minor=8),), "demo-cu128"),
        ("demo-cu{major}-{minor}", (CudaVersion(major=12, minor=8),), "demo-cu12-8"),
        ("demo-cu{major}", (CudaVersion(major=12),), "demo-cu12"),
        ("demo-cu{minor}", (CudaVersion(major=12),), None),
        ("demo-cu{major}", (), None),
        ("demo-cu{major}", (CudaVersion(major=12), CudaVersion(major=13)), None),
        ("demo-{variant.name}", (), None),
        ("demo-{variant:>9}", (), None),
    ],
)
def test_spell_name(template: str, cuda: tuple[CudaVersion, ...], expected: str | None) -> None:
    assert spell_name(template, Variant(name="cu128", cuda=cuda)) == expected


def test_the_default_may_share_a_name_that_it_does_not_get() -> None:
    config_of(f'{TOP}name = "demo-cu{{major}}"\ndefault = "cu126"\n{CU128}[tool.cudapin.variants.cu126]\n')


def test_every_key_that_is_read_is_an_allowed_one() -> None:
    from cudapin.core import config

    attributes = set(Variant.__dataclass_fields__) - {"name", "overrides"}
    assert {key.replace("-", "_") for key in config._VARIANT_KEYS} == attributes
    assert all(re.fullmatch(r"[a-z-]+", key) for key in (*config._TABLE_KEYS, *config._VARIANT_KEYS))


@pytest.mark.parametrize(
    "tag", ["any", "manylinux_2_28_x86_64", "win_amd64", "win32", "macosx_11_0_arm64", "linux_aarch64"]
)
def test_platform_tags(tag: str) -> None:
    assert config_of(f'{CU128}platforms = ["{tag}"]\n').variants["cu128"].platforms == (tag,)


@pytest.mark.parametrize(
    "tags", ['["linux"]', '["manylinux_2_17"]', '["x86_64"]', '["a b-c"]', '["any", "win32"]', "[]"]
)
def test_what_is_no_platform_tag(tags: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config_of(f"{CU128}platforms = {tags}\n")
    assert [problem.code for problem in caught.value.problems] == [Code.CP103]


def test_labels_that_a_version_cannot_tell_apart() -> None:
    with pytest.raises(ConfigError) as caught:
        config_of('[tool.cudapin]\ndefault = "7"\n[tool.cudapin.variants.007]\n[tool.cudapin.variants.7]\n')
    assert render_problems(caught.value.problems) == (
        "error[CP106]: variants `007` and `7` would both be spelled `+7`\n"
        "  --> pyproject.toml:4 (tool.cudapin.variants.7)\n"
        "  why: a local version writes numbers without zeros in front (PEP 440)\n"
        "  fix: rename `7`"
    )


def test_a_placeholder_in_the_lock_of_a_variant() -> None:
    with pytest.raises(ConfigError) as caught:
        config_of(f'{CU128}lock = "{{foo}}.txt"\n')
    assert render_problems(caught.value.problems).startswith(
        "error[CP103]: `tool.cudapin.variants.cu128.lock` has a placeholder that means nothing\n"
    )
