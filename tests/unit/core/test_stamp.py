"""What a variant changes in the metadata of its wheel."""

from __future__ import annotations

import pytest

from cudapin.core.config import Config, Variant
from cudapin.core.lock import Fork, LockedPackage, Selection
from cudapin.core.stamp import Metadata, default_platforms, is_unspelled, render_record, stamp_metadata
from unit.support import config_of

PROJECT = Metadata(
    name="demo",
    version="1.2.0",
    dependencies=("numpy>=1.24",),
    optional_dependencies={"cpu": ("torch>=2.9",), "cu128": ("torch>=2.9", "triton"), "dev": ("pytest",)},
    classifiers=("Framework :: Hatch",),
)
TEXT = "[tool.cudapin]\n{}\n[tool.cudapin.variants.cpu]\n{}\n[tool.cudapin.variants.cu128]\n{}\n"
CUDA = "Environment :: GPU :: NVIDIA CUDA :: 12"


def stamp(
    metadata: Metadata = PROJECT,
    *,
    top: str = "",
    own: str = "",
    cpu: str = "",
    name: str = "cu128",
    extra: tuple[str, ...] | None = None,
    selection: Selection | None = None,
) -> Metadata:
    config = config_of(TEXT.format(top, cpu, own))
    variant = config.variants[name]
    completed = Variant(
        **{field: getattr(variant, field) for field in Variant.__dataclass_fields__ if field != "extra"},
        extra=(name,) if extra is None else extra,
    )

    def once(value: Metadata) -> Metadata:
        return stamp_metadata(value, config, completed, selection, default="cpu", classifiers=(CUDA,))

    stamped = once(metadata)
    assert once(stamped) == stamped
    return stamped


def selected(*forks: tuple[str, str | None], name: str = "torch") -> Selection:
    return Selection(
        packages=(LockedPackage(name=name, version=forks[0][0]),),
        forks={name: tuple(Fork(version=version, marker=marker) for version, marker in forks)},
    )


def test_a_variant_is_spelled_and_its_extra_folded() -> None:
    assert stamp() == Metadata(
        name="demo",
        version="1.2.0+cu128",
        dependencies=("numpy>=1.24", "torch>=2.9", "triton"),
        optional_dependencies={"cu128": (), "dev": ("pytest",)},
        classifiers=("Framework :: Hatch", CUDA),
    )


def test_the_unspelled_default_keeps_version_name_and_extras() -> None:
    assert stamp(name="cpu", top='name = "demo-{variant}"') == Metadata(
        name="demo",
        version="1.2.0",
        dependencies=PROJECT.dependencies,
        optional_dependencies=PROJECT.optional_dependencies,
        classifiers=("Framework :: Hatch", CUDA),
    )


def test_the_default_may_be_spelled_too() -> None:
    stamped = stamp(name="cpu", top="spell-default = true")
    assert (stamped.version, stamped.dependencies) == ("1.2.0+cpu", ("numpy>=1.24", "torch>=2.9"))
    assert stamped.optional_dependencies == {"cpu": (), "dev": ("pytest",)}


def test_extras_may_be_kept() -> None:
    stamped = stamp(top='extras = "keep"')
    assert (stamped.dependencies, stamped.optional_dependencies) == (
        PROJECT.dependencies,
        PROJECT.optional_dependencies,
    )


def test_extras_are_found_by_their_normalised_names() -> None:
    metadata = Metadata(
        name="demo",
        version="1",
        dependencies=(),
        optional_dependencies={"Cu_12.8": ("torch",), "C.P.U": ("torch",), "Dev": ()},
        classifiers=(),
    )
    stamped = stamp(metadata, extra=("cu-12-8",), cpu='extra = "c-p-u"')
    assert (stamped.dependencies, dict(stamped.optional_dependencies)) == (("torch",), {"Cu_12.8": (), "Dev": ()})


def test_a_variant_of_a_group_has_no_extra_of_its_name() -> None:
    assert "cpu" in stamp(cpu='group = "cpu"').optional_dependencies


def test_dependencies_are_added_once() -> None:
    assert stamp(own='dependencies = ["cupy-cuda12x", "numpy>=1.24"]').dependencies == (
        "numpy>=1.24",
        "torch>=2.9",
        "triton",
        "cupy-cuda12x",
    )


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.2.0", "1.2.0+cu128"),
        ("1.2.0.dev3+gabc", "1.2.0.dev3+cu128.gabc"),
        ("1.2.0+local.1", "1.2.0+cu128.local.1"),
        ("1.2.0+cu128", "1.2.0+cu128"),
        ("1.2.0+cu128.gabc", "1.2.0+cu128.gabc"),
        ("1.2.0+cu1281", "1.2.0+cu128.cu1281"),
        ("1!2.0rc1", "1!2.0rc1+cu128"),
    ],
)
def test_versions(version: str, expected: str) -> None:
    metadata = Metadata(name="demo", version=version, dependencies=(), optional_dependencies={}, classifiers=())
    assert stamp(metadata).version == expected
    assert stamp(metadata, top='spelling = "none"').version == version


def test_names() -> None:
    stamped = stamp(top='name = "demo-cu{major}"')
    assert (stamped.name, stamped.version) == ("demo-cu12", "1.2.0")
    assert stamp(top='name = "demo-cu{major}"\nspelling = "local"').version == "1.2.0+cu128"


@pytest.mark.parametrize(
    ("pin", "version", "expected"),
    [
        ("exact", "2.9.0+cu128", "==2.9.0"),
        ("minor", "2.9.0+cu128", "==2.9.*"),
        ("minimum", "2.9.0+cu128", ">=2.9.0"),
        ("exact", "1!2.9rc1", "==1!2.9rc1"),
        ("minor", "1!2.9.3", "==1!2.9.*"),
        ("minor", "3", "==3.0.*"),
    ],
)
def test_pins_name_the_public_version(pin: str, version: str, expected: str) -> None:
    stamped = stamp(own=f'pin = {{ torch = "{pin}" }}', selection=selected((version, None)))
    assert stamped.dependencies == ("numpy>=1.24", f"torch{expected}", "triton")


def test_a_pin_that_no_requirement_asks_for_is_added() -> None:
    stamped = stamp(own='pin = ["jax"]', selection=selected(("0.7.0", None), name="jax"))
    assert stamped.dependencies == ("numpy>=1.24", "torch>=2.9", "triton", "jax==0.7.0")


def test_a_pin_of_what_is_not_selected_changes_nothing() -> None:
    assert stamp(own='pin = ["jax"]', selection=Selection(packages=())).dependencies == stamp().dependencies


def test_a_pin_keeps_extras_and_markers_and_leaves_addresses() -> None:
    metadata = Metadata(
        name="demo",
        version="1",
        dependencies=("Torch[opt]>=2; os_name == 'posix'", "torch @ https://index.example/t.whl"),
        optional_dependencies={},
        classifiers=(),
    )
    stamped = stamp(metadata, own='pin = ["torch"]', selection=selected(("2.9.0", None)))
    assert stamped.dependencies == (
        'Torch[opt]==2.9.0; os_name == "posix"',
        "torch @ https://index.example/t.whl",
    )


LINUX, DARWIN = "sys_platform == 'linux'", "sys_platform == 'darwin'"


def test_forks_keep_their_markers() -> None:
    selection = selected(("2.9.0+cu128", LINUX), ("2.8.0", f"{DARWIN} or os_name == 'nt'"))
    assert stamp(own='pin = ["torch"]', selection=selection).dependencies == (
        "numpy>=1.24",
        'torch==2.9.0; sys_platform == "linux"',
        'torch==2.8.0; sys_platform == "darwin" or os_name == "nt"',
        "triton",
    )


def test_forks_of_a_requirement_with_a_marker() -> None:
    metadata = Metadata(
        name="demo",
        version="1",
        dependencies=("torch; os_name == 'x' or os_name == 'y'",),
        optional_dependencies={},
        classifiers=(),
    )
    selection = selected(("2.9.0", LINUX), ("2.8.0", DARWIN))
    assert stamp(metadata, own='pin = ["torch"]', selection=selection).dependencies == (
        'torch==2.9.0; (os_name == "x" or os_name == "y") and sys_platform == "linux"',
        'torch==2.8.0; (os_name == "x" or os_name == "y") and sys_platform == "darwin"',
    )


def test_one_fork_leaves_a_requirements_own_marker() -> None:
    metadata = Metadata(
        name="demo", version="1", dependencies=(f"torch; {LINUX}",), optional_dependencies={}, classifiers=()
    )
    stamped = stamp(metadata, own='pin = ["torch"]', selection=selected(("2.9.0", LINUX)))
    assert stamped.dependencies == ('torch==2.9.0; sys_platform == "linux"',)


def test_the_default_pins_within_its_extra() -> None:
    stamped = stamp(name="cpu", cpu='pin = ["torch"]', selection=selected(("2.9.0+cpu", None)))
    assert stamped.dependencies == ("numpy>=1.24",)
    assert stamped.optional_dependencies["cpu"] == ("torch==2.9.0",)
    assert stamped.optional_dependencies["cu128"] == ("torch>=2.9", "triton")


def test_is_unspelled() -> None:
    variant = Variant(name="cpu")
    assert is_unspelled(Config(), variant, "cpu")
    assert not is_unspelled(Config(), variant, "cu128")
    assert not is_unspelled(Config(spell_default=True), variant, "cpu")


@pytest.mark.parametrize(
    ("text", "platform", "machine", "expected"),
    [
        ("", "linux", "x86_64", ("manylinux_2_17_x86_64",)),
        ("", "linux", "aarch64", ("manylinux_2_17_aarch64",)),
        ("", "win32", "AMD64", ("win_amd64",)),
        ("", "win32", "ARM64", ("win_arm64",)),
        ("", "darwin", "arm64", None),
        ("cuda = []", "darwin", "arm64", ("any",)),
        ('platforms = ["any"]', "linux", "x86_64", ("any",)),
        ('platforms = ["linux_x86_64", "linux_aarch64"]', "darwin", "arm64", ("linux_x86_64", "linux_aarch64")),
    ],
)
def test_default_platforms(text: str, platform: str, machine: str, expected: tuple[str, ...] | None) -> None:
    variant = config_of(f"[tool.cudapin.variants.cu128]\n{text}\n").variants["cu128"]
    assert default_platforms(variant, platform, machine) == expected


def test_equal_records_give_equal_bytes() -> None:
    assert render_record({"b": 1, "a": None}) == render_record({"a": None, "b": 1}) == '{\n "a": null,\n "b": 1\n}\n'
