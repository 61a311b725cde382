"""Targets: the environment and the wheel tags of another Python and platform, held against `packaging`'s own."""

from __future__ import annotations

import platform
import sys

import pytest

from cudapin.adapters.interpreter import running_target
from cudapin.core.lock import LockedFile
from cudapin.core.target import PLATFORMS, Target, other_target, platform_name

RUNNING = running_target()
HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"


def _usable(target: Target, *names: str) -> list[str]:
    return [name for name in names if target.is_usable(LockedFile(name=name, url=None, hashes={}))]


def test_nothing_named_is_the_running_one() -> None:
    assert other_target(RUNNING, None, None) is RUNNING


@pytest.mark.skipif(
    sys.platform != "linux" or platform.libc_ver()[0] != "glibc" or sys.implementation.name != "cpython",
    reason="compares with the tags of a CPython on glibc",
)
def test_tags_of_this_machine_by_name_are_those_of_packaging() -> None:
    libc = platform.libc_ver()[1].replace(".", "_")
    named = other_target(RUNNING, HERE, f"manylinux_{libc}_{platform.machine()}")
    assert named.tags == RUNNING.tags


def test_another_python_keeps_the_platform() -> None:
    target = other_target(RUNNING, "3.9", None)
    assert target.environment["python_full_version"] == "3.9.0"
    assert target.environment["python_version"] == "3.9"
    assert target.environment["sys_platform"] == sys.platform
    assert {tag.platform for tag in target.tags} == {tag.platform for tag in RUNNING.tags}
    assert str(target.tags[0]).startswith("cp39-cp39-")


def test_a_patch_release() -> None:
    environment = other_target(RUNNING, "3.12.4", None).environment
    assert (environment["python_version"], environment["python_full_version"]) == ("3.12", "3.12.4")


NAMES = (
    "a-1-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "a-1-cp312-cp312-manylinux_2_28_x86_64.whl",
    "a-1-cp38-abi3-manylinux_2_28_aarch64.whl",
    "a-1-cp312-cp312-musllinux_1_2_x86_64.whl",
    "a-1-cp312-cp312-win_amd64.whl",
    "a-1-cp312-cp312-macosx_11_0_arm64.whl",
    "a-1-cp312-cp312-macosx_15_0_arm64.whl",
    "a-1-cp312-cp312t-manylinux_2_28_x86_64.whl",
    "a-1-cp311-cp311-manylinux_2_28_x86_64.whl",
    "a-1-py3-none-any.whl",
    "a-1.tar.gz",
    "odd.whl",
)
ALWAYS = {"a-1-py3-none-any.whl", "a-1.tar.gz", "odd.whl"}


@pytest.mark.parametrize(
    ("tag", "machine", "system", "wheels"),
    [
        ("linux_x86_64", "x86_64", "linux", {0, 1}),
        ("manylinux_2_20_x86_64", "x86_64", "linux", {0}),
        ("manylinux2014_x86_64", "x86_64", "linux", {0}),
        ("linux_aarch64", "aarch64", "linux", {2}),
        ("musllinux_1_2_x86_64", "x86_64", "linux", {3}),
        ("musllinux_1_1_x86_64", "x86_64", "linux", set()),
        ("win_amd64", "AMD64", "win32", {4}),
        ("win_arm64", "ARM64", "win32", set()),
        ("macosx_arm64", "arm64", "darwin", {5, 6}),
        ("macosx_14_0_arm64", "arm64", "darwin", {5}),
    ],
)
def test_another_platform(tag: str, machine: str, system: str, wheels: set[int]) -> None:
    target = other_target(RUNNING, "3.12", tag)
    assert (target.environment["platform_machine"], target.environment["sys_platform"]) == (machine, system)
    assert set(_usable(target, *NAMES)) == ALWAYS | {NAMES[number] for number in wheels}


@pytest.mark.parametrize(
    ("python", "tag", "message"),
    [
        ("3", None, "wanted `3.12` or the like, found `3`"),
        ("cp312", None, "wanted `3.12` or the like, found `cp312`"),
        (None, "linux", "wanted `linux_x86_64` or the like, found `linux`"),
        (None, "manylinux_2_x86_64", "wanted `linux_x86_64` or the like, found `manylinux_2_x86_64`"),
    ],
)
def test_what_is_neither(python: str | None, tag: str | None, message: str) -> None:
    with pytest.raises(ValueError, match="wanted") as caught:
        other_target(RUNNING, python, tag)
    assert str(caught.value) == message


@pytest.mark.parametrize("name", [*PLATFORMS, "win_arm64", "win32", "macosx_x86_64", "linux_ppc64le"])
def test_the_plain_name_of_a_platform_leads_back_to_it(name: str) -> None:
    assert platform_name(other_target(RUNNING, None, name).environment) == name


def test_names_of_platforms_that_are_more_than_one_glibc() -> None:
    assert platform_name(other_target(RUNNING, None, "manylinux_2_28_x86_64").environment) == "linux_x86_64"
    assert platform_name({"sys_platform": "win32", "platform_machine": "IA64"}) == "win_ia64"
