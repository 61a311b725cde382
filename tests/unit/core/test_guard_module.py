"""The module that the guard becomes: what it says of folders of installed packages and of drivers."""

from __future__ import annotations

import os
import pickle
import sys
import types
from typing import TYPE_CHECKING, Any

import pytest

from unit.core.test_guard import STUB, rendered

if TYPE_CHECKING:
    from pathlib import Path

VERSION_PY = "from typing import Optional\n__version__ = '2.9.0'\ndebug = False\ncuda: Optional[str] = {}\nhip = None\n"


def install(folder: Path, *names: str, **files: str) -> str:
    """Make the metadata of `torch-2.9.0+cu128` and the like; return the folder."""
    for name in names:
        info = folder / (name if name.endswith("-info") else f"{name}.dist-info")
        info.mkdir(parents=True)
        (info / ("METADATA" if info.name.endswith("dist-info") else "PKG-INFO")).write_text("Name: x\n")
    for path, text in files.items():
        (folder / path.replace("__", "/")).parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{path.replace('__', '/')}.py").write_text(text)
    return str(folder)


class Guard:
    """A guard that was imported, on a machine whose driver is `kernel` and whose driver library serves `library`."""

    def __init__(self, text: str, kernel: str | None = None, library: tuple[int, int] | None = None) -> None:
        self.module = types.ModuleType("cudapin_guard_in_a_test")
        exec(compile(text, "_cudapin.py", "exec"), self.module.__dict__)
        self.module.__dict__["_kernel_driver"] = lambda: kernel
        self.module.__dict__["_driver_library_cuda"] = lambda: library

    def says(self) -> str:
        """Return what is raised, "" for nothing."""
        try:
            self.module.check()
        except self.module.CudaMismatchError as error:
            return str(error)
        return ""


@pytest.fixture(autouse=True)
def path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    entries = [str(tmp_path / "site-packages")]
    monkeypatch.setattr(sys, "path", entries)
    for name in ("CUDAPIN_GUARD", "CUDAPIN_DRIVER_VERSION"):
        monkeypatch.delenv(name, raising=False)
    return entries


def found(tmp_path: Path, *names: str, cuda: tuple[str, ...] = ("12.8",), text: str | None = None, **files: str) -> str:
    """Return what the guard finds among installed packages: the end of its `why`."""
    install(tmp_path / "site-packages", *names, **files)
    said = Guard(rendered(cuda) if text is None else text).says()
    return said.partition(", found ")[2].partition("\n")[0]


def test_the_whole_message(tmp_path: Path) -> None:
    install(tmp_path / "site-packages", "torch-2.9.0+cu130", "cupy_cuda13x-13.4.0", "nvidia_cuda_runtime-13.0.96")
    text = rendered(locked={"torch": "2.9.0+cu128"})
    assert Guard(text).says() == (
        "what is installed is of another CUDA than demo 1.2+cu128\n"
        "  why: wanted CUDA 12.8, found cupy-cuda13x 13.4.0 (CUDA 13), torch 2.9.0+cu130 (CUDA 13.0),"
        " nvidia-cuda-runtime 13.0.96 (CUDA 13.0)\n"
        "  fix: python -m pip uninstall -y cupy-cuda13x; python -m pip install --force-reinstall cupy-cuda12x;"
        ' python -m pip install "torch==2.9.0+cu128" --index-url https://download.pytorch.org/whl/cu128;'
        " python -m pip install nvidia-cuda-runtime-cu12"
    )


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("torch-2.9.0+cu128", ""),
        ("torch-2.9.0+cu126", ""),
        ("torch-2.9.0+cu130", "torch 2.9.0+cu130 (CUDA 13.0)"),
        ("torch-2.7.1+cu118", "torch 2.7.1+cu118 (CUDA 11.8)"),
        ("torch-2.9.0+cu130.gabc", "torch 2.9.0+cu130.gabc (CUDA 13.0)"),
        ("torch-2.9.0+cpu", "torch 2.9.0+cpu (no CUDA)"),
        ("torch-2.9.0+cpu.cxx11.abi", "torch 2.9.0+cpu.cxx11.abi (no CUDA)"),
        ("torch-2.9.0+rocm6.4", "torch 2.9.0+rocm6.4 (no CUDA)"),
        ("torch-2.9.0+xpu", "torch 2.9.0+xpu (no CUDA)"),
        ("torch-2.9.0", ""),
        ("torch-2.9.0+gitabc", ""),
        ("torch-2.9.0+cu", ""),
        ("torch-2.9.0+cute", ""),
        ("torch-2.9.0+cu1", ""),
        ("torch-2.9.0+cu37", ""),
        ("torch-2.9.0+cu99999", ""),
        ("Torch-2.9.0+CU130", "torch 2.9.0+CU130 (CUDA 13.0)"),
        ("torch-1.4.0+cu92", "torch 1.4.0+cu92 (CUDA 9.2)"),
        ("torch-0.1+cu65", "torch 0.1+cu65 (CUDA 6.5)"),
        ("torch-9.0+cu1310", "torch 9.0+cu1310 (CUDA 13.10)"),
        ("torch-9.0+ab130", ""),
        ("torchvision-0.24.0+cu130", "torchvision 0.24.0+cu130 (CUDA 13.0)"),
        ("torchaudio-2.9.0+cpu", "torchaudio 2.9.0+cpu (no CUDA)"),
        ("torchmetrics-1.0+cu130", ""),
        ("torch_geometric-2.0+cu130", ""),
        ("torch-2.5.1+cu118-py3.11.egg-info", "torch 2.5.1+cu118 (CUDA 11.8)"),
        ("cupy_cuda12x-13.4.0", ""),
        ("cupy_cuda13x-14.2.0", "cupy-cuda13x 14.2.0 (CUDA 13)"),
        ("cupy-cuda11x-13.6.0", "cupy-cuda11x 13.6.0 (CUDA 11)"),
        ("cupy_cuda118-12.0", "cupy-cuda118 12.0 (CUDA 11.8)"),
        ("cupy_cuda92-8.0", "cupy-cuda92 8.0 (CUDA 9.2)"),
        ("cupy-13.4.0", ""),
        ("cupy_rocm_5_0-13.4.0", ""),
        ("cupy_cuda13x_tests-1", ""),
        ("jax_cuda12_plugin-0.10.2", ""),
        ("jax_cuda13_plugin-0.10.2", "jax-cuda13-plugin 0.10.2 (CUDA 13)"),
        ("jax_cuda13_pjrt-0.10.2", "jax-cuda13-pjrt 0.10.2 (CUDA 13)"),
        ("jax-cuda11-plugin-0.4.25", "jax-cuda11-plugin 0.4.25 (CUDA 11)"),
        ("jax_cuda13_other-0.1", ""),
        ("jax-0.10.2", ""),
        ("nvidia_cuda_runtime_cu12-12.8.90", ""),
        ("nvidia_cuda_runtime_cu11-11.8.89", "nvidia-cuda-runtime-cu11 11.8.89 (CUDA 11)"),
        ("nvidia_cuda_runtime-13.0.96", "nvidia-cuda-runtime 13.0.96 (CUDA 13.0)"),
        ("nvidia_cublas_cu11-11.11.3.6", "nvidia-cublas-cu11 11.11.3.6 (CUDA 11)"),
        ("nvidia_cublas-13.1.0.3", ""),  # its first number is not always the CUDA major
        ("nvidia_cuda_runtime_cu13-0.0.1", ""),
        ("nvidia_nccl_cu11-2.21", ""),  # xgboost and others bring it, whatever else is there
        ("nvidia_cudnn_cu13-9.12.0.46", ""),
        ("nvidia_ml_py-13.615.71", ""),
    ],
)
def test_one_package(tmp_path: Path, name: str, answer: str) -> None:
    assert found(tmp_path, name) == answer


@pytest.mark.parametrize(
    ("cuda", "answer"), [("'12.8'", ""), ('"12"', ""), ("'13.0'", "13.0"), ("'13'  # x", "13"), ("None", "no CUDA")]
)
@pytest.mark.parametrize("form", [VERSION_PY, "cuda = {}\n", "cuda:str|None={}\n"])
def test_the_version_file_of_torch(tmp_path: Path, form: str, cuda: str, answer: str) -> None:
    answer = answer and f"torch 2.9.0 ({answer})".replace("(1", "(CUDA 1")
    assert found(tmp_path, "torch-2.9.0", torch__version=form.format(cuda)) == answer


@pytest.mark.parametrize(
    "cuda", ["", "''", "get_version()", "'1'*9", "'twelve'", "'130.1'", "'13.0", "'" + "9" * 5000 + "'", "'²'"]
)
def test_a_version_file_that_tells_nothing(tmp_path: Path, cuda: str) -> None:
    wanted = "torch 2.9.0 (CUDA 13.0)" if cuda == "'13.0" else ""
    assert found(tmp_path, "torch-2.9.0", torch__version=VERSION_PY.format(cuda)) == wanted


@pytest.mark.skipif(sys.platform != "linux", reason="the markers are those of Linux")
@pytest.mark.parametrize(
    ("requires", "answer"),
    [
        ("cuda-toolkit[cublas,cudart]==13.0.2", "CUDA 13.0"),
        ("cuda-toolkit[cublas,cudart]==13.0.2; platform_system == 'Linux'", "CUDA 13.0"),
        ("nvidia-cuda-runtime-cu11 (==11.8.89) ; platform_system == 'Linux'", "CUDA 11.8"),
        ("nvidia-cuda-runtime==13.*", "CUDA 13"),
        ("nvidia-cuda-runtime-cu11==11.8.89; platform_system == 'Windows'", ""),
        ("nvidia-cuda-runtime-cu11==11.8.89; platform_system == 'Linux' and platform_machine == 'm68k'", ""),
        ("nvidia-cuda-runtime-cu11==11.8.89; platform_system != 'Linux'", ""),
        ("nvidia-cuda-runtime-cu11==11.8.89; extra == 'linux'", ""),
        ("nvidia-cuda-runtime-cu11>=11.8.89", ""),
        ("nvidia-cuda-nvrtc-cu11==11.8.89", ""),
    ],
)
def test_what_torch_requires(tmp_path: Path, requires: str, answer: str) -> None:
    install(tmp_path / "site-packages", "torch-2.9.0")
    metadata = tmp_path / "site-packages" / "torch-2.9.0.dist-info" / "METADATA"
    metadata.write_text(f"Name: torch\nRequires-Dist: numpy\nRequires-Dist: {requires}\n\nRequires-Dist: none\n")
    assert found(tmp_path) == (answer and f"torch 2.9.0 ({answer})")
    metadata.write_text(f"Name: torch\n\nRequires-Dist: {requires}\n")
    assert Guard(rendered()).says() == ""


def test_runtimes_of_several_majors_lie_side_by_side(tmp_path: Path) -> None:
    assert found(tmp_path, "nvidia_cuda_runtime_cu12-12.8.90", "nvidia_cuda_runtime-13.0.96") == ""


def test_a_framework_that_fits_has_found_its_own_runtime(tmp_path: Path) -> None:
    assert found(tmp_path, "torch-2.7.0+cu128", "nvidia_cuda_runtime-13.0.96") == ""


def test_what_torch_says_is_not_said_of_its_companions(tmp_path: Path) -> None:
    said = found(tmp_path, "torch-2.9.0", "torchvision-0.24.0", torch__version=VERSION_PY.format("'13.0'"))
    assert said == "torch 2.9.0 (CUDA 13.0)"


def test_a_command_is_said_once(tmp_path: Path) -> None:
    install(tmp_path / "site-packages", "jax_cuda13_plugin-1", "jax_cuda13_pjrt-1")
    assert (
        Guard(rendered())
        .says()
        .endswith(
            '  fix: python -m pip uninstall -y jax-cuda13-pjrt jax-cuda13-plugin; python -m pip install "jax[cuda12]"'
        )
    )


def test_a_wheel_of_several_cudas_takes_any_of_them(tmp_path: Path) -> None:
    assert found(tmp_path, "torch-2.9.0+cu130", cuda=("11", "13.0")) == ""
    assert found(tmp_path, "cupy_cuda12x-13.4.0", cuda=("11", "13.0")) == "cupy-cuda12x 13.4.0 (CUDA 12)"


def test_a_wheel_of_several_cudas_may_be_one_for_the_cpu_too(tmp_path: Path) -> None:
    assert found(tmp_path, "torch-2.9.0+cpu", cuda=("11", "13.0")) == ""


def test_a_wheel_without_cuda_is_always_fine(tmp_path: Path) -> None:
    text = rendered((), variant="cpu", driver=None)
    assert found(tmp_path, "torch-2.9.0+cu130", "cupy_cuda12x-13.4.0", text=text) == ""


def test_the_stub_compares_frameworks_with_each_other(tmp_path: Path) -> None:
    install(tmp_path / "site-packages", "torch-2.9.0+cu130", "nvidia_cuda_runtime_cu12-12.8.90", "jax_cuda13_pjrt-1")
    assert Guard(STUB).says() == ""
    install(tmp_path / "site-packages", "torchaudio-2.9.0+cpu", "cupy_cuda12x-13.4.0")
    assert Guard(STUB, "470.82.01", (11, 4)).says() == (
        "the installed CUDA packages are of different CUDA majors\n"
        "  why: wanted one major, found cupy-cuda12x 13.4.0 (CUDA 12), jax-cuda13-pjrt 1 (CUDA 13),"
        " torch 2.9.0+cu130 (CUDA 13.0)\n"
        "  fix: install builds of one CUDA major into this environment"
    )


# Where packages are looked for


def test_the_first_entry_of_the_path_counts(tmp_path: Path, path: list[str]) -> None:
    """As `import` sees it; a `cupy` of another name is shadowed, too, JAX's plugins are all loaded."""
    path[:] = [install(tmp_path / "a", "torch-2.9.0+cu128", "cupy_cuda12x-13")]
    path.append(install(tmp_path / "b", "torch-2.9.0+cu130", "cupy_cuda13x-13"))
    assert Guard(rendered()).says() == ""
    path.reverse()
    assert "cupy-cuda13x 13 (CUDA 13), torch 2.9.0+cu130 (CUDA 13.0)\n" in Guard(rendered()).says()
    path.append(install(tmp_path / "c", "jax_cuda13_plugin-1"))
    path.append(install(tmp_path / "d", "jax_cuda12_plugin-1"))
    assert "jax-cuda13-plugin 1 (CUDA 13)\n" in Guard(rendered()).says()


def test_what_two_versions_in_one_folder_tell(tmp_path: Path) -> None:
    """An interrupted update leaves both; where they disagree, nothing is known."""
    assert found(tmp_path, "torch-2.8.0+cu128", "torch-2.9.0+cu130") == ""
    assert found(tmp_path, "cupy_cuda13x-13.3", "cupy_cuda13x-13.4") == "cupy-cuda13x 13.4 (CUDA 13)"


def test_an_empty_folder_is_no_package(tmp_path: Path) -> None:
    (tmp_path / "site-packages" / "torch-2.9.0+cu130.dist-info").mkdir(parents=True)
    (tmp_path / "site-packages" / "~orch-2.9.0+cu130.dist-info").mkdir()
    assert Guard(rendered()).says() == ""
    (tmp_path / "site-packages" / "torch-2.9.0+cu118.egg-info").write_text("Name: torch\n")
    assert "torch 2.9.0+cu118 (CUDA 11.8)" in Guard(rendered()).says()


def test_strange_entries_of_the_path_are_left_out(tmp_path: Path, path: list[str]) -> None:
    (tmp_path / "app.zip").write_bytes(b"PK\3\4")
    strange: list[Any] = ["a\0b", "\udcff", str(tmp_path / "app.zip"), str(tmp_path / "none"), tmp_path, None, 3, b"x"]
    path[:] = [*strange, *[str(tmp_path / "none")] * 3, install(tmp_path / "a", "torch-2.9.0+cu130")]
    assert "torch 2.9.0+cu130" in Guard(rendered()).says()
    path[:] = strange
    assert Guard(rendered()).says() == ""


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="needs a folder that cannot be read")
def test_an_unreadable_folder_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "site-packages").mkdir(mode=0)
    assert Guard(rendered()).says() == ""


@pytest.mark.skipif(sys.platform == "win32", reason="needs named pipes")
def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    install(tmp_path / "site-packages", "torch-2.9.0")
    (tmp_path / "site-packages" / "torch").mkdir()
    os.mkfifo(tmp_path / "site-packages" / "torch" / "version.py")
    assert Guard(rendered()).says() == ""


def test_the_working_directory_counts_where_the_path_says_so(
    tmp_path: Path, path: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(install(tmp_path / "here", "torch-2.9.0+cu130"))
    assert Guard(rendered()).says() == ""
    path.append("")
    assert "torch 2.9.0+cu130" in Guard(rendered()).says()


# The driver

TOO_OLD = (
    "the NVIDIA driver is too old for demo 1.2+cu128\n"
    "  why: wanted 525.60.13 or newer, found {}\n"
    "  fix: install an NVIDIA driver that is not older than 525.60.13"
)


@pytest.mark.skipif(sys.platform != "linux", reason="the driver's floor is that of Linux")
@pytest.mark.parametrize(
    ("kernel", "library", "answer"),
    [
        (None, None, ""),
        (None, (11, 4), ""),
        ("525.60.13", None, ""),
        ("580.65.06", (13, 0), ""),
        ("525.60.14", None, ""),
        ("525.61", None, ""),
        ("470.82.01", (11, 4), "470.82.01 for CUDA 11.4"),
        ("525.60.12", (12, 0), "525.60.12 for CUDA 12.0"),
        ("470.82.01", (12, 8), ""),  # forward compatibility: the container brings a newer driver library
        ("470.82.01", None, ""),  # a container without the driver library: no GPU is meant to be used
    ],
)
def test_the_driver(kernel: str | None, library: tuple[int, int] | None, answer: str) -> None:
    assert Guard(rendered(), kernel, library).says() == (answer and TOO_OLD.format(answer))


@pytest.mark.skipif(sys.platform != "linux", reason="the driver's floor is that of Linux")
@pytest.mark.parametrize(
    ("value", "answer"),
    [("", ""), ("535.104.05", ""), (" 525.60.13 ", ""), ("470.82.01", "470.82.01")],
)
def test_a_driver_that_stands_in(monkeypatch: pytest.MonkeyPatch, value: str, answer: str) -> None:
    monkeypatch.setenv("CUDAPIN_DRIVER_VERSION", value)
    assert Guard(rendered(), "1.0", (1, 0)).says() == (answer and TOO_OLD.format(answer))


@pytest.mark.skipif(sys.platform != "linux", reason="the driver's floor is that of Linux")
@pytest.mark.parametrize("value", ["new", "12.8", "525", "0", "525.", "1.2.3"])
def test_a_driver_that_means_nothing(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Nor does the version of a CUDA, which would make every driver too old."""
    monkeypatch.setenv("CUDAPIN_DRIVER_VERSION", value)
    with pytest.warns(RuntimeWarning) as caught:
        assert Guard(rendered(), "1.0", (1, 0)).says() == ""
    assert str(caught[0].message) == (
        "`CUDAPIN_DRIVER_VERSION` has a value that means nothing:"
        f" wanted a driver version such as `570.86.10`, or nothing for none, found `{value}`"
    )
    assert caught[0].filename == __file__


def test_a_driver_is_judged_only_where_its_floor_holds() -> None:
    assert Guard(rendered(system="other"), "470.82.01", (11, 4)).says() == ""
    assert Guard(rendered(driver=None), "470.82.01", (11, 4)).says() == ""


@pytest.mark.parametrize(
    ("files", "answer"),
    [
        ({"/sys/module/nvidia/version": "535.104.05\n"}, "535.104.05"),
        (
            {"/proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19\n"},
            "535.104.05",
        ),
        (
            {
                "/proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.10"
                "  Release Build  (x@y)  Fri 2024 12:30:11\nGCC version: gcc version 12.3.0 (x 123.4.5)\n"
            },
            "570.86.10",
        ),
        ({"/proc/driver/nvidia/version": "NVRM version: none\nGCC version: 123.4\n"}, None),
        ({"/proc/driver/nvidia/version": "NVRM version: 2024 535104 1234.5\n"}, None),
        ({"/sys/module/nvidia/version": "\ufffd\0\n"}, None),
        ({}, None),
    ],
)
def test_where_the_driver_is_read(files: dict[str, str], answer: str | None) -> None:
    module: Any = types.ModuleType("guard")
    exec(compile(rendered(), "guard.py", "exec"), module.__dict__)
    module.__dict__["_read"] = lambda name: files.get(name, "")
    assert module._kernel_driver() == answer


def test_asking_for_a_driver_library_fails_for_nobody() -> None:
    module: Any = types.ModuleType("guard")
    exec(compile(rendered(), "guard.py", "exec"), module.__dict__)
    served = module._driver_library_cuda()
    assert served is None or served >= (10, 0)


# How it is said


def test_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDAPIN_GUARD", "off")
    assert found(tmp_path, "torch-2.9.0+cu130") == ""


@pytest.mark.parametrize("value", ["", "error"])
def test_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CUDAPIN_GUARD", value)
    assert found(tmp_path, "torch-2.9.0+cu130") == "torch 2.9.0+cu130 (CUDA 13.0)"


def test_warn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = Guard(rendered())
    install(tmp_path / "site-packages", "torch-2.9.0+cu130")
    wanted = said.says()
    monkeypatch.setenv("CUDAPIN_GUARD", "warn")
    with pytest.warns(RuntimeWarning) as caught:
        assert said.says() == ""
    assert [(str(item.message), item.filename) for item in caught] == [(wanted, __file__)]


def test_another_value_says_so_and_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDAPIN_GUARD", "Off")
    with pytest.warns(RuntimeWarning) as caught:
        assert found(tmp_path, "torch-2.9.0+cu130") == "torch 2.9.0+cu130 (CUDA 13.0)"
    assert [(str(item.message), item.filename) for item in caught] == [
        (
            "`CUDAPIN_GUARD` has a value that means nothing: wanted `off`, `warn` or `error`, found `Off`",
            __file__,
        )
    ]


def test_the_error_has_its_parts_and_can_be_sent_to_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "site-packages", "jax_cuda13_plugin-1")
    guard = Guard(rendered())
    monkeypatch.setitem(sys.modules, "cudapin_guard_in_a_test", guard.module)
    with pytest.raises(ImportError) as caught:
        guard.module.check()
    error: Any = caught.value
    assert (error.what, error.why, error.fix) == (
        "what is installed is of another CUDA than demo 1.2+cu128",
        "wanted CUDA 12.8, found jax-cuda13-plugin 1 (CUDA 13)",
        'python -m pip uninstall -y jax-cuda13-plugin; python -m pip install "jax[cuda12]"',
    )
    assert error.name == "cudapin_guard_in_a_test"
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.fix) == (str(error), error.fix)


def test_what_is_broken_is_no_mismatch() -> None:
    guard = Guard(rendered())

    def fail() -> None:
        raise RecursionError

    guard.module.__dict__["_installed"] = fail
    assert guard.says() == ""
