"""Compiles `saxpy_kernel._saxpy` with the `nvcc` of the locked wheels, for the architectures of the variant.

cudapin sets `CUDACXX`, `CUDA_HOME` and `CUDAARCHS` before this hook runs.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class SaxpyBuildHook(BuildHookInterface[BuilderConfig]):
    """Adds the compiled kernel to the wheel; leaves nothing in the source tree."""

    _folder: Path | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile in a temporary folder and hand the file to hatchling."""
        if self.target_name != "wheel":
            return
        if not os.environ.get("CUDACXX") or not os.environ.get("CUDA_HOME"):
            self.app.abort(
                "saxpy-kernel: CUDACXX and CUDA_HOME are not set, since the build environment does not hold what the "
                "lock names; without build isolation first: "
                f"pip install -r requirements/{os.environ.get('CUDAPIN_VARIANT', 'cu130')}.txt"
            )
        self._folder = Path(tempfile.mkdtemp(prefix="saxpy-kernel-"))
        atexit.register(shutil.rmtree, self._folder, ignore_errors=True)  # hatchling skips finalize() after a failure
        library = self._folder / f"_saxpy{sysconfig.get_config_var('EXT_SUFFIX')}"
        done = subprocess.run(_command(library), cwd=self.root, check=False)
        if done.returncode != 0:
            self.app.abort("saxpy-kernel: nvcc failed; what it says stands above")
        include = "force_include_editable" if version == "editable" else "force_include"
        build_data[include][str(library)] = f"saxpy_kernel/{library.name}"
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove the temporary folder."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _command(library: Path) -> list[str]:
    """Return the call of nvcc that compiles and links the extension."""
    home = Path(os.environ["CUDA_HOME"])
    # NVIDIA's wheels have `libcudart.so.13` alone, which `-lcudart` would not find: link by file name.
    runtime = min(home.joinpath("lib").glob("libcudart.so*"))
    return [
        os.environ["CUDACXX"],
        *("-shared", "-std=c++17", "-O3", "-Xcompiler=-fPIC,-fvisibility=hidden"),
        # The same sources give the same bytes: nvcc would take random names, and those of its temporary files.
        *("-frandom-seed=saxpy", "-Xlinker=--strip-all"),
        *(f"-gencode={option}" for option in _architectures()),
        *("-I", sysconfig.get_path("include")),
        *("-cudart=none", "-L", str(runtime.parent), f"-Xlinker=-l:{runtime.name}"),
        # Where the wheel that the finished wheel requires keeps its library, from site-packages/saxpy_kernel/.
        "-Xlinker=--enable-new-dtags,-rpath,$ORIGIN/../nvidia/cu13/lib",
        *("-o", str(library), "csrc/saxpy.cu"),
    ]


def _architectures() -> list[str]:
    """Turn `CUDAARCHS`, which is CMake's (`80-real;90`), into what nvcc takes; without `-real`, PTX goes along."""
    options = []
    for one in filter(None, os.environ.get("CUDAARCHS", "").split(";")):
        number, _, kind = one.partition("-")
        code = {"real": f"sm_{number}", "virtual": f"compute_{number}"}.get(kind, f"[sm_{number},compute_{number}]")
        options.append(f"arch=compute_{number},code={code}")
    return options
