"""A kernel compiled by the `nvcc` of the locked wheels: what is built, recorded and refused.

One variant downloads some 105 MB, from the index that the user's own pip is configured for; `CUDAPIN_LARGE=1` builds
the other one, too.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from integration.workbench import ROOT, Place, Workbench, copy_example

if TYPE_CHECKING:
    from pathlib import Path

    from integration.workbench import Wheel

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="NVIDIA publishes the wheels of the example for Linux"),
    pytest.mark.skipif(not shutil.which("g++"), reason="nvcc needs g++"),
]

LARGE = bool(os.environ.get("CUDAPIN_LARGE"))
VARIANTS = ("cu130", "cu132") if LARGE else ("cu130",)
ARCH = {
    "cu130": ["sm_75", "sm_80", "sm_90", "compute_90"],
    "cu132": ["sm_80", "sm_90", "sm_100", "sm_120", "compute_120"],
}
LABEL = {"cu130": "", "cu132": "+cu132"}
CUOBJDUMP = "nvidia-cuda-cuobjdump==13.5.37"


def must_run(*command: str | Path) -> str:
    """Return what a command prints; it must succeed."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def bench(workbench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """The front ends, with the toolkits that the example locks."""
    folder = tmp_path_factory.mktemp("toolkits")
    download = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest")
    for variant in VARIANTS:
        lock = ROOT / "example-projects" / "saxpy-kernel" / "requirements" / f"{variant}.txt"
        must_run(*download, folder, "--requirement", lock)
    return replace(workbench, more=(folder,))


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def wheel(bench: Workbench, variant: str, tmp_path_factory: pytest.TempPathFactory) -> Wheel:
    folder = tmp_path_factory.mktemp(variant)
    project = copy_example("saxpy-kernel", folder / "project")
    return bench.build("uv", Place(folder / "place"), project, folder / "out", variant).wheel


@pytest.fixture(scope="module")
def cuobjdump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cuobjdump")
    must_run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder, CUOBJDUMP)
    return folder / "nvidia" / "cu13" / "bin" / "cuobjdump"


def test_the_record_tells_what_compiled_it_and_for_what(wheel: Wheel, variant: str) -> None:
    assert wheel.faults() == []
    assert wheel.version == f"1.0.0{LABEL[variant]}"
    runtime = next(pin for pin in wheel.metadata.get_all("Requires-Dist", ()) if "runtime" in pin)
    assert runtime.startswith(f"nvidia-cuda-runtime=={variant[2:4]}.{variant[4]}.")
    build = wheel.record["build"]
    assert build["nvcc"] == f"{variant[2:4]}.{variant[4]}"
    assert build["cc"]
    assert set(build["requires"]) == {f"nvidia-{name}" for name in ("cuda-cccl", "cuda-crt", "cuda-nvcc", "nvvm")} | {
        "nvidia-cuda-runtime"
    }
    (binary,) = wheel.record["binaries"]
    assert (binary["needed"][0], binary["arch"]) == ("libcudart.so.13", ARCH[variant])


def test_the_audit_agrees(bench: Workbench, place: Place, wheel: Wheel, variant: str) -> None:
    done = bench.run(place, sys.executable, "-m", "cudapin", "audit", "--format", "json", wheel.path)
    (row,) = json.loads(done.output)["wheels"]
    assert (row["verdict"], row["variant"], row["problems"]) == ("ok", variant, [])
    assert row["binaries"][0]["arch"] == ARCH[variant]


def test_cuobjdump_lists_the_same(wheel: Wheel, cuobjdump: Path, tmp_path: Path) -> None:
    (binary,) = wheel.record["binaries"]
    file = tmp_path / "module.so"
    file.write_bytes(wheel.members[binary["path"]])
    listed = Counter(re.findall(r"\.(sm_\w+)\.cubin$", must_run(cuobjdump, "--list-elf", file), re.MULTILINE))
    ptx = re.findall(r"\.sm_(\w+)\.ptx$", must_run(cuobjdump, "--list-ptx", file), re.MULTILINE)
    assert listed + Counter(f"compute_{one}" for one in ptx) == Counter(binary["arch"])


def test_it_loads_without_a_gpu_and_says_so(
    bench: Workbench, place: Place, wheel: Wheel, variant: str, tmp_path: Path
) -> None:
    environment = tmp_path / "environment"
    uv = (sys.executable, "-m", "uv")
    assert bench.run(place, *uv, "venv", "--quiet", "--python", sys.executable, environment).code == 0
    done = bench.run(place, *uv, "pip", "install", "--quiet", "--python", environment, wheel.path)
    assert done.code == 0, done.output
    done = bench.run(place, environment / "bin" / "python", "-m", "saxpy_kernel", CUDA_VISIBLE_DEVICES="")
    assert done.code == 0, done.output
    first, second = done.output.splitlines()
    assert first == f"compiled with CUDA {variant[2:4]}.{variant[4]}, GPUs: 0"
    assert re.match(r"saxpy did not run: cudaError(NoDevice|InsufficientDriver): ", second), second


def test_another_folder_gives_the_same_bytes(
    bench: Workbench, place: Place, wheel: Wheel, variant: str, tmp_path: Path
) -> None:
    project = copy_example("saxpy-kernel", tmp_path / "another-place" / "with-a-longer-name", umask=0o077)
    again = bench.build("uv", place, project, tmp_path / "out", variant).wheel
    assert again.path.read_bytes() == wheel.path.read_bytes()


@pytest.mark.skipif(not LARGE, reason="CUDAPIN_LARGE")
def test_a_toolkit_of_another_minor_is_warned_of_and_recorded(bench: Workbench, place: Place, tmp_path: Path) -> None:
    toolkit = tmp_path / "toolkit"
    wheels = [wheel for wheel in bench.more[0].glob("*.whl") if "-13.2." in wheel.name]
    must_run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", toolkit, *wheels)
    root = toolkit / "nvidia" / "cu13"
    project = copy_example("saxpy-kernel", tmp_path / "project")
    settings = {"CUDA_HOME": str(root), "CUDACXX": str(root / "bin" / "nvcc")}
    done = bench.build("uv", place, project, tmp_path / "out", "cu130", **settings)
    assert done.wheel.record["build"]["nvcc"] == "13.2"
    (binary,) = done.wheel.record["binaries"]
    assert done.says(
        f"""\
        warning[CP405]: the toolkit that `CUDA_HOME` names is CUDA 13.2
          why: wanted CUDA 13.0 for variant `cu130`, found CUDA 13.2 in `{root}`
          fix: point `CUDA_HOME` at a toolkit of CUDA 13.0, or unset it
        warning[CP419]: `{binary["path"]}` has PTX of CUDA 13.2 or newer
          --> {binary["path"]}
          why: wanted CUDA 13.0 (variant `cu130`), found PTX of ISA 9.2, which a driver of CUDA 13.0 does not compile
          fix: compile it with the nvcc of CUDA 13.0, or declare CUDA 13.2
        """
    ), done.output


def test_a_wheel_for_other_architectures_is_refused(bench: Workbench, place: Place, tmp_path: Path) -> None:
    project = copy_example("saxpy-kernel", tmp_path / "project")
    done = bench.build("uv", place, project, tmp_path / "out", "cu130", CUDAARCHS="80-real;86")
    assert done.code == 2, done.output
    assert done.artefacts == ()
    name = re.search(r"saxpy_kernel/_saxpy\.[\w.-]+\.so", done.output)
    assert name is not None, done.output
    assert done.says(
        f"""\
        error[CP408]: `{name[0]}` lacks `sm_75`, `sm_90`, `compute_90`
          --> {name[0]}
          why: wanted `7.5`, `8.0`, `9.0+ptx` (variant `cu130`), found `sm_80`, `sm_86`, `compute_86`
          fix: compile for what is declared (`TORCH_CUDA_ARCH_LIST`, `CUDAARCHS` or `-gencode`), or change `arch`
        """
    ), done.output
    assert not [left for left in place.left_over if left.startswith(("cudapin", "saxpy"))]
