"""The CUDA toolkits and cuDNN of this machine, outside of Python environments."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from cudapin.adapters.process import output_of
from cudapin.core.cuda import CudaVersion, parse_cuda
from cudapin.core.surroundings import Cudnn, Toolkit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["find_cudnn", "find_toolkits", "toolkit_version"]

_DEFAULT = "usr/local/cuda"
_HEADERS = (("cuda.h", "CUDA_VERSION"), ("cuda_runtime_api.h", "CUDART_VERSION"))
_CUDNN_HEADERS = ("cudnn_version.h", "cudnn.h")
_CUDNN_PLACES = ("usr/include", "usr/include/x86_64-linux-gnu", "usr/include/aarch64-linux-gnu", "usr/local/include")
_RELEASE = re.compile(r"\brelease (\d{1,2}\.\d{1,2})\b")
_MOST = 1 << 21
_TIMEOUT_S = 10


def find_toolkits(environ: Mapping[str, str], root: Path = Path("/")) -> tuple[Toolkit, ...]:
    """Return the toolkits that variables name, the one of the `nvcc` on PATH, and `/usr/local/cuda`; each once.

    The first is what a build would take. A compiler is started only where no file tells its version.
    """
    found: dict[str, Toolkit] = {}
    for source, compiler, directory in _candidates(environ, root):
        place = directory if directory is not None else compiler
        if place is None:
            continue
        version = None if directory is None else toolkit_version(directory)
        if version is None and compiler is not None:
            version = _of_compiler(compiler, environ)
        key = os.path.realpath(place)
        if key not in found:
            found[key] = Toolkit(
                version=version,
                path=str(place),
                source=source,
                has_nvcc=compiler is not None and os.access(compiler, os.X_OK),
            )
    return tuple(found.values())


def _candidates(environ: Mapping[str, str], root: Path) -> Iterator[tuple[str, Path | None, Path | None]]:
    """Yield what names a toolkit, its compiler, and its directory; a wrapper of a compiler lies in none."""
    for name in ("CUDACXX", "CUDA_HOME", "CUDA_PATH"):
        value = environ.get(name, "")
        if not value or "\0" in value:
            continue
        if name == "CUDACXX":
            compiler = _which(value, environ)
            yield f"`{name}`", compiler or Path(value), None if compiler is None else _root_of(compiler)
        else:
            yield f"`{name}`", _which(str(Path(value, "bin", "nvcc")), environ), Path(value)
    compiler = _which("nvcc", environ)
    if compiler is not None:
        yield "`nvcc` on PATH", compiler, _root_of(compiler)
    default = root / _DEFAULT
    if default.is_dir():
        yield f"`/{_DEFAULT}`", _which(str(default / "bin" / "nvcc"), environ), default


def _which(command: str, environ: Mapping[str, str]) -> Path | None:
    found = shutil.which(command, path=environ.get("PATH", ""))
    return None if found is None else Path(found)


def _root_of(compiler: Path) -> Path | None:
    """Return the toolkit that holds a compiler: a wrapper script in `/usr/local/bin` names none."""
    directory = Path(os.path.realpath(compiler)).parent.parent
    is_toolkit = any((directory / "include" / header).is_file() for header, _ in _HEADERS)
    return directory if is_toolkit or (directory / "version.json").is_file() else None


def toolkit_version(directory: Path) -> CudaVersion | None:
    """Return the CUDA of a toolkit from its `version.json`, else from the macros of its headers."""
    try:
        document = json.loads(_text(directory / "version.json") or "null")
        return parse_cuda(".".join(str(document["cuda"]["version"]).split(".")[:2]))
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    for header, macro in _HEADERS:
        found = re.search(rf"#\s*define\s+{macro}\s+(\d{{4,6}})\b", _text(directory / "include" / header))
        if found is not None:
            return CudaVersion(major=int(found[1]) // 1000, minor=int(found[1]) % 1000 // 10)
    return None


def _of_compiler(compiler: Path, environ: Mapping[str, str]) -> CudaVersion | None:
    output, failure = output_of((str(compiler), "--version"), environ, _TIMEOUT_S)
    found = _RELEASE.search(output) if failure is None else None
    return None if found is None else parse_cuda(found[1])


def find_cudnn(toolkits: Iterable[Toolkit], root: Path = Path("/")) -> Cudnn | None:
    """Return the cuDNN whose header lies in a toolkit or in a usual place."""
    places = [Path(toolkit.path, "include") for toolkit in toolkits] + [root / place for place in _CUDNN_PLACES]
    for path in (place / header for place in places for header in _CUDNN_HEADERS):
        numbers = re.findall(r"#\s*define\s+CUDNN_(MAJOR|MINOR|PATCHLEVEL)\s+(\d{1,4})\b", _text(path))
        parts = dict(numbers)
        if {"MAJOR", "MINOR"} <= parts.keys():
            told = [parts[key] for key in ("MAJOR", "MINOR", "PATCHLEVEL") if key in parts]
            return Cudnn(version=".".join(told), path=str(path))
    return None


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            return file.read(_MOST).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""
