"""The CUDA toolkit that a build would use: what the environment names, and what is on the path."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from cudapin.adapters.buildenv import is_joined, nvcc_version
from cudapin.adapters.host_compiler import find_host_compilers
from cudapin.adapters.machine_toolkits import toolkit_version
from cudapin.core.cuda import parse_cuda
from cudapin.core.judge_cuda import variant_cuda_text
from cudapin.core.judge_host import judge_host
from cudapin.errors import Code, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cudapin.core.config import Variant
    from cudapin.core.cuda import CudaVersion
    from cudapin.core.facts import Facts

__all__ = ["find_nvcc", "judge_toolchain", "ships_kernels"]

_ROOTS = ("CUDA_HOME", "CUDA_PATH")
_NOT_OURS = ("build", "dist", "node_modules")


def judge_toolchain(
    variant: Variant, *, user: Mapping[str, str], effective: Mapping[str, str], root: Path, facts: Facts
) -> tuple[Problem, ...]:
    """Compare the toolkits that variables name, and an `nvcc` that `.cu` files would use, with the variant.

    Another major is an error where a variable names the toolkit; another minor, or an `nvcc` on PATH, a warning, and
    so is a host compiler that the nvcc does not take. `user` is the environment as the user made it, `effective` the
    one that compilers got: in that, a toolkit of the locked packages may bring an `nvcc`, and the one on PATH is not
    used; and another build hook may have pointed a variable elsewhere.
    """
    if not variant.cuda:
        return ()
    problems = []
    named = _changed_since(user, effective)
    for name, version in _named_toolkits(named):
        if version is None:
            problems.append(_unread(named, variant, name))
        elif not any(version.major == cuda.major for cuda in variant.cuda):
            problems.append(_wrong(named, variant, name, version, major=True))
        elif not any(version.matches(cuda) for cuda in variant.cuda):
            problems.append(_wrong(named, variant, name, version, major=False))
    if ships_kernels(root):
        compiler, is_on_path = _find_compiler(effective)
        version = _parsed(nvcc_version(compiler, effective))
        if is_on_path and version is not None and not any(version.matches(cuda) for cuda in variant.cuda):
            problems.append(_on_path(effective, variant, version))
        if version is not None:
            problems += judge_host(find_host_compilers(effective), version, facts, variant.name)
    return tuple(problems)


def find_nvcc(effective: Mapping[str, str], root: Path) -> dict[str, str | None]:
    """Return the release of the `nvcc` that variables name to compilers, for the record; null where they name none.

    One that is only on PATH counts where the project ships kernels, and is marked: that a build calls it is likely,
    and cannot be told.
    """
    compiler, is_on_path = _find_compiler(effective)
    if not is_on_path:
        return {"nvcc": nvcc_version(compiler, effective)}
    version = nvcc_version(compiler, effective) if ships_kernels(root) else None
    return {"nvcc": None} if version is None else {"nvcc": version, "nvcc_from": "PATH"}


def _find_compiler(effective: Mapping[str, str]) -> tuple[str, bool]:
    """Return the nvcc that variables name, else the one on PATH, and whether it is that."""
    if compiler := effective.get("CUDACXX"):
        return compiler, False
    for name in _ROOTS:
        if toolkit := effective.get(name):
            compiler = str(Path(toolkit) / "bin" / "nvcc")
            if shutil.which(compiler) is not None:  # a toolkit of wheels may be headers and libraries only
                return compiler, False
    return "nvcc", True


def _changed_since(user: Mapping[str, str], effective: Mapping[str, str]) -> dict[str, str]:
    """Return the user's environment with the toolkits that another hook named, and without our own."""
    found = dict(user)
    for name in (*_ROOTS, "CUDACXX"):
        value = effective.get(name)
        if value and value != user.get(name) and not is_joined(Path(value)):
            found[name] = value
    return found


def _named_toolkits(environ: Mapping[str, str]) -> list[tuple[str, CudaVersion | None]]:
    found: list[tuple[str, CudaVersion | None]] = []
    for name in _ROOTS:
        if toolkit := environ.get(name):
            version = toolkit_version(Path(toolkit))
            found.append((name, version or _parsed(nvcc_version(str(Path(toolkit) / "bin" / "nvcc"), environ))))
    if compiler := environ.get("CUDACXX"):
        found.append(("CUDACXX", _parsed(nvcc_version(compiler, environ))))
    return found


def _parsed(text: str | None) -> CudaVersion | None:
    try:
        return parse_cuda(text) if text else None
    except ValueError:
        return None


def ships_kernels(root: Path) -> bool:
    """Whether a project has `.cu` files, outside of what other tools put below it."""
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
        what=f"the toolkit that `{name}` names is CUDA {version}",
        why=f"wanted {variant_cuda_text(variant)} for variant `{variant.name}`, found CUDA {version} in "
        f"`{environ[name]}`",
        fix=f"point `{name}` at a toolkit of {variant_cuda_text(variant)}, or unset it",
        variant=variant.name,
    )


def _on_path(environ: Mapping[str, str], variant: Variant, version: CudaVersion) -> Problem:
    return Problem(
        code=Code.CP405,
        level="warning",
        what=f"the `nvcc` on PATH is of CUDA {version}",
        why=f"wanted {variant_cuda_text(variant)} for variant `{variant.name}`, found CUDA {version} "
        f"({shutil.which('nvcc', path=environ.get('PATH'))}), and the project has `.cu` files",
        fix=f"point `CUDA_HOME` at a toolkit of {variant_cuda_text(variant)}, or lock `nvidia-cuda-nvcc` and name it "
        "in `build-requires`",
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
