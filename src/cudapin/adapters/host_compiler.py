"""The compiler that nvcc hands the host's part of a kernel to."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from typing import TYPE_CHECKING

from cudapin.adapters.process import output_of
from cudapin.core.judge_host import HostCompiler

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["find_host_compilers"]

_FLAGS = ("NVCC_PREPEND_FLAGS", "NVCC_APPEND_FLAGS", "CUDAFLAGS")
_DECIDING = re.compile(r"(?:^|\s)--?(?:ccbin|compiler-bindir|allow-unsupported-compiler)\b")
"""Options that name the host compiler, or lift nvcc's limit."""
_VARIABLES = ("CUDAHOSTCXX", "CC", "CXX")
"""What build systems hand on to nvcc: CMake the first one, PyTorch's the second."""
_DEFAULT = "gcc"
_TIMEOUT_S = 10


def find_host_compilers(environ: Mapping[str, str]) -> tuple[HostCompiler, ...]:
    """Return the compilers that nvcc may be given: those that variables name, and the `gcc` on PATH.

    `NVCC_CCBIN` decides alone. Empty where options decide that are read by nvcc only, where a compiler gives no answer
    (whether it is the one that is used cannot be told), and on Windows.
    """
    if sys.platform == "win32" or any(_DECIDING.search(environ.get(name, "")) for name in _FLAGS):
        return ()
    named = ("NVCC_CCBIN",) if environ.get("NVCC_CCBIN") else tuple(name for name in _VARIABLES if environ.get(name))
    commands = {_command(environ[name]): f"`{name}`" for name in named}
    if "NVCC_CCBIN" not in named:
        commands.setdefault(_DEFAULT, f"`{_DEFAULT}` on PATH")
    found = [_ask(command, source, environ) for command, source in commands.items()]
    return () if None in found else tuple(one for one in found if one is not None)


def _command(value: str) -> str:
    """Return the program of a value such as `ccache gcc-13 -m64`; that of a directory is its `gcc`."""
    if os.path.isdir(value):  # noqa: PTH112 - the value may be no path at all
        return os.path.join(value, _DEFAULT)  # noqa: PTH118
    try:
        words = shlex.split(value)
    except ValueError:
        return value
    words = [word for word in words if os.path.basename(word) not in ("ccache", "sccache", "distcc")]  # noqa: PTH119
    return words[0] if words else value


def _ask(command: str, source: str, environ: Mapping[str, str]) -> HostCompiler | None:
    """Let a compiler tell the macros that nvcc's headers look at."""
    try:
        executable = shutil.which(command, path=environ.get("PATH", ""))
    except ValueError:
        return None
    if executable is None:
        return None
    output, failure = output_of((executable, "-dM", "-E", "-x", "c++", os.devnull), environ, _TIMEOUT_S)
    if failure is not None:
        return None
    macros = dict(re.findall(r"^#define (__\w+) (\d{1,4})$", output, re.MULTILINE))
    if {"__INTEL_COMPILER", "__NVCOMPILER", "__PGIC__", "__apple_build_version__"} & macros.keys():
        return None
    for kind, macro in (("clang", "__clang_major__"), ("gcc", "__GNUC__")):
        if macro in macros:
            return HostCompiler(kind=kind, major=int(macros[macro]), source=source)
    return None
