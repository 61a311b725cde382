"""Compiles `cudart_probe._probe` with setuptools, against the CUDA that the environment names.

cudapin sets `CUDAPIN_CUDA_VERSION` (empty for the CPU variant) and `CUDA_HOME` before this hook runs.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ProbeBuildHook(BuildHookInterface[BuilderConfig]):
    """Adds the compiled extension to the wheel; leaves nothing in the source tree."""

    _folder: Path | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile in a temporary folder and hand the file to hatchling."""
        if self.target_name != "wheel":
            return
        if os.environ.get("CUDAPIN_CUDA_VERSION") and not os.environ.get("CUDA_HOME"):
            self.app.abort(
                "cudart-probe: CUDA_HOME is not set, since the build environment does not hold what the lock names; "
                f"without build isolation first: pip install -r locks/{os.environ['CUDAPIN_VARIANT']}.txt"
            )
        self._folder = Path(tempfile.mkdtemp(prefix="cudart-probe-"))
        atexit.register(shutil.rmtree, self._folder, ignore_errors=True)  # hatchling skips finalize() after a failure
        library = _compile(Path(self.root), self._folder)
        include = "force_include_editable" if version == "editable" else "force_include"
        build_data[include][str(library)] = f"cudart_probe/{library.name}"
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove the temporary folder."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _compile(root: Path, folder: Path) -> Path:
    """Compile the extension in `folder` and return the shared library."""
    # Here and not above: hatchling loads this file before the build requirements are installed.
    from setuptools import Distribution, Extension

    extension = Extension(
        "cudart_probe._probe",
        # From the working directory, which is the project root in every front end: such paths are
        # the same on every machine, and compilers write them into debug information.
        sources=[os.path.relpath(root / "csrc" / "probe.c")],
        **_cuda_options(),
    )
    command = Distribution({"name": "cudart-probe", "ext_modules": [extension]}).get_command_obj("build_ext")
    command.build_lib = str(folder / "lib")
    command.build_temp = str(folder / "temp")
    command.ensure_finalized()
    command.run()
    return Path(command.get_ext_fullpath(extension.name))


def _cuda_options() -> dict[str, Any]:
    """Return what compiler and linker need for CUDA; nothing for the CPU variant."""
    cuda = os.environ.get("CUDAPIN_CUDA_VERSION")
    if not cuda:
        return {}
    home = Path(os.environ["CUDA_HOME"])
    # NVIDIA's wheels have `libcudart.so.12` alone, which `-lcudart` would not find: link by file name.
    runtime = min(path for lib in ("lib", "lib64") for path in home.joinpath(lib).glob("libcudart.so*"))
    # Where the wheel that the finished wheel requires keeps its libraries, from site-packages/cudart_probe/.
    major = int(cuda.partition(".")[0])
    installed = "cuda_runtime" if major < 13 else f"cu{major}"  # noqa: PLR2004
    return {
        "define_macros": [("CUDART_PROBE_WITH_CUDA", "1")],
        "include_dirs": [str(home / "include")],
        "library_dirs": [str(runtime.parent)],
        "libraries": ["dl"],
        "extra_link_args": [
            f"-l:{runtime.name}",
            "-Wl,--enable-new-dtags",
            f"-Wl,-rpath,$ORIGIN/../nvidia/{installed}/lib",
        ],
    }
