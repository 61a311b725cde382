"""The CUDA toolkit that a build would use: what the environment names, and what is on the path."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from cudapin.adapters.buildenv import nvcc_version, read_toolkit_version
from cudapin.core.cuda import parse_cuda
from cudapin.core.judge_cuda import variant_cuda_text
from cudapin.errors import Code, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cudapin.core.config import Variant
    from cudapin.core.cuda import CudaVersion

__all__ = ["find_nvcc", "judge_toolchain"]

_ROOTS = ("CUDA_HOME", "CUDA_PATH")
_NOT_OURS = ("build", "dist", "node_modules")


def judge_toolchain(
    variant: Variant, *, user: Mapping[str, str], effective: Mapping[str, str], root: Path
) -> tuple[Problem, ...]:
    """Compare the toolkits that variables name, and an `nvcc` that `.cu` files would use, with the variant.

    Another major is an error where a variable names the toolkit; another minor, or an `nvcc` on PATH, a warning.
    `user` is the environment as the user made it, `effective` the one that compilers get: in that, a toolkit of the
    locked packages may bring an `nvcc`, and the one on PATH is not used.
    """
    if not variant.cuda:
        return ()
    problems = []
    for name, version in _named_toolkits(user):
        if version is None:
            problems.append(_unread(user, variant, name))
        elif not any(version.major == cuda.major for cuda in variant.cuda):
            problems.append(_wrong(user, variant, name, version, major=True))
        elif not any(version.matches(cuda) for cuda in variant.cuda):
            problems.append(_wrong(user, variant, name, version, major=False))
    is_named = any(user.get(name) for name in _ROOTS) or effective.get("CUDACXX")
    if not is_named and _ships_kernels(root):
        version = _parsed(nvcc_version("nvcc", effective))
        if version is not None and not any(version.matches(cuda) for cuda in variant.cuda):
            problems.append(_wrong(effective, variant, "PATH", version, major=False))
    return tuple(problems)


def find_nvcc(effective: Mapping[str, str]) -> str | None:
    """Return the release of the `nvcc` that variables name to compilers, as `major.minor`; None where they name none.

    One that is only on PATH does not count: whether a build calls it cannot be told.
    """
    if compiler := effective.get("CUDACXX"):
        return nvcc_version(compiler, effective)
    for name in _ROOTS:
        if toolkit := effective.get(name):
            return nvcc_version(str(Path(toolkit) / "bin" / "nvcc"), effective)
    return None


def _named_toolkits(environ: Mapping[str, str]) -> list[tuple[str, CudaVersion | None]]:
    found: list[tuple[str, CudaVersion | None]] = []
    for name in _ROOTS:
        if toolkit := environ.get(name):
            text = read_toolkit_version(Path(toolkit)) or nvcc_version(str(Path(toolkit) / "bin" / "nvcc"), environ)
            found.append((name, _parsed(text)))
    if compiler := environ.get("CUDACXX"):
        found.append(("CUDACXX", _parsed(nvcc_version(compiler, environ))))
    return found


def _parsed(text: str | None) -> CudaVersion | None:
    try:
        return parse_cuda(text) if text else None
    except ValueError:
        return None


def _ships_kernels(root: Path) -> bool:
    for folder, directories, files in os.walk(root):
        directories[:] = [
            name
            for name in directories
            if not name.startswith(".") and name not in _NOT_OURS and not Path(folder, name, "pyvenv.cfg").is_file()
        ]
        if any(name.endswith(".cu") for name in files):
            return True
    return False


def _wrong(environ: Mapping[str, str], variant: Variant, name: str, version: CudaVersion, *, major: bool) -> Problem:
    return Problem(
        code=Code.CP404 if major else Code.CP405,
        level="error" if major else "warning",
        what=f"the toolkit that `{name}` names is CUDA {version}"
        if name != "PATH"
        else f"the `nvcc` on PATH is of CUDA {version}",
        why=f"wanted {variant_cuda_text(variant)} for variant `{variant.name}`, found CUDA {version}"
        + (
            f" in `{environ[name]}`"
            if name in environ and name != "PATH"
            else f" ({shutil.which('nvcc', path=environ.get('PATH'))})"
        ),
        fix=f"point `{name}` at a toolkit of {variant_cuda_text(variant)}, or unset it",
        variant=variant.name,
    )


def _unread(environ: Mapping[str, str], variant: Variant, name: str) -> Problem:
    return Problem(
        code=Code.CP405,
        level="warning",
        what=f"of which CUDA the toolkit is that `{name}` names cannot be told",
        why=f"`{environ[name]}` has no `version.json`, no CUDA headers and no `nvcc` that answers",
        fix=f"point `{name}` at a toolkit of {variant_cuda_text(variant)}, or unset it",
        variant=variant.name,
    )
