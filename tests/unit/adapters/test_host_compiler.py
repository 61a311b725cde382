"""The compiler that nvcc is given: only what is certain to be too new is said."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from cudapin.adapters.facts import read_facts
from cudapin.adapters.host_compiler import find_host_compilers
from cudapin.core.cuda import parse_cuda
from cudapin.core.judge_host import HostCompiler, judge_host
from unit.support import write

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the limits of the table are those of Linux")

FACTS = read_facts({})
OLD = HostCompiler(kind="gcc", major=13, source="`CC`")
NEW = HostCompiler(kind="gcc", major=15, source="`gcc` on PATH")


def tool(folder: Path, name: str, *macros: str) -> None:
    text = "\n".join(f"echo '#define {macro}'" for macro in macros)
    write(folder, {name: f"#!/bin/sh\n{text}\n"})
    (folder / name).chmod(0o755)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tool(tmp_path, "gcc", "__GNUC__ 15", "__GNUC_MINOR__ 2")
    tool(tmp_path, "gcc-13", "__GNUC__ 13")
    tool(tmp_path, "clang", "__GNUC__ 4", "__clang_major__ 19")
    tool(tmp_path, "nvc++", "__GNUC__ 13", "__NVCOMPILER 1")
    tool(tmp_path, "silent")
    return tmp_path


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ["GCC 15 (`gcc` on PATH)"]),
        ({"NVCC_CCBIN": "gcc-13", "CC": "clang"}, ["GCC 13 (`NVCC_CCBIN`)"]),
        ({"CC": "ccache gcc-13 -m64"}, ["GCC 13 (`CC`)", "GCC 15 (`gcc` on PATH)"]),
        ({"CUDAHOSTCXX": "clang"}, ["Clang 19 (`CUDAHOSTCXX`)", "GCC 15 (`gcc` on PATH)"]),
        ({"CXX": "nvc++"}, []),
        ({"CXX": "silent"}, []),
        ({"CXX": "absent"}, []),
        ({"CC": "unclosed 'quote"}, []),
        ({"NVCC_PREPEND_FLAGS": "-ccbin clang"}, []),
        ({"CUDAFLAGS": "--compiler-bindir=/opt/gcc"}, []),
        ({"NVCC_APPEND_FLAGS": "-O3"}, ["GCC 15 (`gcc` on PATH)"]),
        ({"PATH": "/nowhere"}, []),
    ],
)
def test_what_nvcc_may_be_given(folder: Path, settings: dict[str, str], expected: list[str]) -> None:
    found = find_host_compilers({"PATH": f"{folder}:/bin:/usr/bin", **settings})
    assert [f"{one} ({one.source})" for one in found] == expected


def test_a_directory_stands_for_the_gcc_in_it(folder: Path) -> None:
    (found,) = find_host_compilers({"PATH": "/bin", "NVCC_CCBIN": str(folder)})
    assert found == HostCompiler(kind="gcc", major=15, source="`NVCC_CCBIN`")


@pytest.mark.parametrize(
    ("compilers", "toolkit", "is_said"),
    [
        ((NEW,), "12.8", True),
        ((NEW,), "13.0", False),
        ((NEW,), "14.0", False),  # not in the table
        ((), "12.8", False),
        ((OLD, NEW), "12.8", False),  # the build may well hand on the one of `CC`
        ((HostCompiler(kind="clang", major=20, source="`CC`"), NEW), "12.8", True),
        ((HostCompiler(kind="icc", major=20, source="`CC`"),), "12.8", False),
    ],
)
def test_only_where_no_compiler_is_taken(compilers: tuple[HostCompiler, ...], toolkit: str, *, is_said: bool) -> None:
    assert bool(judge_host(compilers, parse_cuda(toolkit), FACTS)) is is_said
