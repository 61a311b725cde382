"""Reading the machine: the variables that stand in for it, NVML, the driver's files; and the facts file."""

from __future__ import annotations

import hashlib
import os
import sys
import warnings
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from cudapin.adapters.facts import facts_digest, read_facts
from cudapin.adapters.machine import read_machine
from cudapin.adapters.nvml import Reading, read_nvml
from cudapin.core.cuda import CudaVersion
from cudapin.core.machine import Gpu, Machine, MigDevice, Sources
from cudapin.errors import Code, ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOPPER = Gpu(name="NVIDIA H200", arch="9.0", memory_mib=143771)
NO_NVML = Reading(gaps=("NVML: no NVIDIA driver library on this machine",))
PROPRIETARY = (
    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\nGCC version: 12\n"
)
OPEN = (
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.10  Release Build  (dvs@host)  Mon\nGCC: 12.2.0\n"
)


class NVMLError(Exception):
    """The class that every NVML error is a kind of."""


def nvml_error(name: str) -> Exception:
    error: Exception = type(name, (NVMLError,), {})("said NVML")
    return error


class FakeNvml(ModuleType):
    """A module `pynvml` whose functions return, or raise, what is given; counts how often it was shut down."""

    def __init__(self, *, encode: bool = False, **answers: object) -> None:
        super().__init__("pynvml")
        name: str | bytes = b"NVIDIA H200" if encode else "NVIDIA H200"
        driver: str | bytes = b"570.86.10" if encode else "570.86.10"
        self.shutdowns = 0
        self.answers: dict[str, object] = {
            "nvmlInit": None,
            "nvmlSystemGetDriverVersion": driver,
            "nvmlSystemGetCudaDriverVersion": 12080,
            "nvmlDeviceGetCount": 1,
            "nvmlDeviceGetHandleByIndex": object(),
            "nvmlDeviceGetCudaComputeCapability": (9, 0),
            "nvmlDeviceGetName": name,
            "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=143771 * 2**20),
        } | answers

    def __getattr__(self, name: str) -> Any:
        if name not in self.answers:
            raise AttributeError(name)

        def call(*_: object) -> object:
            answer = self.answers[name]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    def nvmlShutdown(self) -> None:  # noqa: N802 - NVML's name
        self.shutdowns += 1


@pytest.fixture
def without_pynvml() -> Iterator[None]:
    """Forget the module `pynvml` before and after the test."""
    saved = sys.modules.pop("pynvml", None)
    yield
    sys.modules.pop("pynvml", None)
    if saved is not None:
        sys.modules["pynvml"] = saved


@pytest.mark.parametrize("encode", [False, True])
def test_nvml_answers_in_text_or_in_bytes(*, encode: bool) -> None:
    nvml = FakeNvml(encode=encode)
    assert read_nvml(lambda: nvml) == Reading(
        driver="570.86.10", cuda=CudaVersion(major=12, minor=8), gpus=(HOPPER,), gaps=()
    )
    assert nvml.shutdowns == 1


@pytest.mark.parametrize(
    ("error", "gap"),
    [
        ("NVMLError_LibraryNotFound", "NVML: no NVIDIA driver library on this machine"),
        ("NVMLError_DriverNotLoaded", "NVML: the NVIDIA kernel module is not loaded"),
        (
            "NVMLError_LibRmVersionMismatch",
            "NVML: the driver library and the loaded kernel module differ; reboot after a driver update",
        ),
        ("NVMLError_FunctionNotFound", "NVML: the driver is too old for what was asked"),
        ("NVMLError_NoPermission", "NVML: no permission to ask the driver"),
        ("NVMLError_Unknown", "NVML: NVMLError_Unknown: said NVML"),
    ],
)
def test_why_nvml_does_not_start(error: str, gap: str) -> None:
    nvml = FakeNvml(nvmlInit=nvml_error(error))
    assert read_nvml(lambda: nvml) == Reading(gaps=(gap,))
    assert nvml.shutdowns == 0


def test_one_lost_gpu_does_not_hide_the_rest() -> None:
    lost = nvml_error("NVMLError_GpuIsLost")
    nvml = FakeNvml(nvmlDeviceGetCount=2, nvmlDeviceGetCudaComputeCapability=lost)
    assert read_nvml(lambda: nvml) == Reading(
        driver="570.86.10", cuda=CudaVersion(major=12, minor=8), gaps=("NVML: NVMLError_GpuIsLost: said NVML",)
    )
    assert nvml.shutdowns == 1


def test_a_gpu_without_name_and_memory_is_still_a_gpu() -> None:
    not_supported = nvml_error("NVMLError_NotSupported")
    nvml = FakeNvml(nvmlDeviceGetName=not_supported, nvmlDeviceGetMemoryInfo=not_supported)
    reading = read_nvml(lambda: nvml)
    assert reading.gpus == (Gpu(name="GPU 0", arch="9.0", memory_mib=None),)
    assert reading.gaps == ("NVML: NVMLError_NotSupported: said NVML",)


def test_the_parts_of_a_divided_gpu() -> None:
    """The second and third place for a part hold none; a GPU without the mode, and one where it is off, have none."""
    places = iter([object(), nvml_error("NVMLError_NotFound"), nvml_error("NVMLError_NotFound")])

    class Divided(FakeNvml):
        def nvmlDeviceGetMigDeviceHandleByIndex(self, _: object, __: int) -> object:  # noqa: N802 - NVML's name
            part = next(places)
            if isinstance(part, Exception):
                raise part
            return part

    nvml = Divided(nvmlDeviceGetMigMode=[1, 1], nvmlDeviceGetMaxMigDeviceCount=3)
    (gpu,) = read_nvml(lambda: nvml).gpus
    assert gpu.mig == (MigDevice(name="NVIDIA H200", memory_mib=143771),)
    off = FakeNvml(
        nvmlDeviceGetMigMode=[0, 1], nvmlDeviceGetMaxMigDeviceCount=3, nvmlDeviceGetMigDeviceHandleByIndex=object()
    )
    assert read_nvml(lambda: off).gpus == (HOPPER,)
    empty = FakeNvml(nvmlDeviceGetMigMode=[1, 1], nvmlDeviceGetMaxMigDeviceCount=0)
    assert [gpu.mig for gpu in read_nvml(lambda: empty).gpus] == [()]
    refused = FakeNvml(nvmlDeviceGetMigMode=nvml_error("NVMLError_NotSupported"))
    assert read_nvml(lambda: refused) == Reading(
        driver="570.86.10", cuda=CudaVersion(major=12, minor=8), gpus=(HOPPER,), gaps=()
    )


def test_each_part_says_what_it_was_read_from(tmp_path: Path) -> None:
    reading = Reading(driver="570.86.10", cuda=CudaVersion(major=12, minor=8), gpus=(HOPPER,))
    found = read_machine({}, tmp_path, lambda: reading)
    assert found.read_from == Sources(driver="NVML", cuda="NVML", gpus="NVML")
    found = read_machine({"CUDAPIN_DRIVER_VERSION": "535.54.03"}, tmp_path, lambda: reading)
    assert found.read_from == Sources(driver="CUDAPIN_DRIVER_VERSION", cuda=None, gpus="NVML")
    found = read_machine({"CUDAPIN_GPU_ARCH": ""}, tmp_path, lambda: reading)
    assert found.read_from == Sources(driver="NVML", cuda="NVML", gpus="CUDAPIN_GPU_ARCH")


def test_a_module_that_lacks_a_function_leaves_a_gap() -> None:
    nvml = FakeNvml()
    del nvml.answers["nvmlSystemGetCudaDriverVersion"]
    assert read_nvml(lambda: nvml) == Reading(
        driver="570.86.10", gpus=(HOPPER,), gaps=("NVML: AttributeError: nvmlSystemGetCudaDriverVersion",)
    )


def test_answers_that_are_none() -> None:
    """Other projects' tests put mocks under that name."""
    lost = nvml_error("NVMLError_GpuIsLost")
    odd = FakeNvml(
        nvmlSystemGetDriverVersion=object(),
        nvmlSystemGetCudaDriverVersion=2**70,
        nvmlDeviceGetCount=2**70,
        nvmlDeviceGetHandleByIndex=lost,
    )
    found = read_nvml(lambda: odd)
    assert (found.driver, found.cuda, found.gpus) == (None, None, ())
    assert found.gaps == (
        "NVML: TypeError: wanted a text, found object",
        f"NVML: ValueError: {2**70} is no version of CUDA",
        "NVML: NVMLError_GpuIsLost: said NVML",
    )
    one = read_nvml(lambda: FakeNvml(nvmlDeviceGetCudaComputeCapability=["9", "x"]))
    assert one.gpus == ()


def test_an_error_at_shutdown_is_no_news() -> None:
    unknown = nvml_error("NVMLError_Unknown")

    class Stubborn(FakeNvml):
        def nvmlShutdown(self) -> None:  # noqa: N802 - NVML's name
            raise unknown

    assert read_nvml(Stubborn) == Reading(driver="570.86.10", cuda=CudaVersion(major=12, minor=8), gpus=(HOPPER,))


def test_a_module_of_that_name_that_is_not_nvml() -> None:
    assert read_nvml(lambda: ModuleType("pynvml")) == Reading(
        gaps=("NVML: AttributeError: module 'pynvml' has no attribute 'nvmlInit'",)
    )


def test_no_module_of_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    (gap,) = read_nvml().gaps
    assert gap.startswith("NVML: `pynvml` of nvidia-ml-py cannot be imported (")


@pytest.mark.parametrize(
    ("text", "gap"),
    [
        (
            "import warnings\nwarnings.warn('deprecated', FutureWarning)\n",
            "NVML: AttributeError: module 'pynvml' has no attribute 'nvmlInit'",
        ),
        ("raise RuntimeError('broken')\n", "NVML: RuntimeError: broken"),
    ],
    ids=["warns", "fails"],
)
@pytest.mark.usefixtures("without_pynvml")
def test_a_module_that_warns_or_fails_on_import(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, gap: str
) -> None:
    """The distribution `pynvml` 13 warns on every import; others may be broken."""
    (tmp_path / "pynvml.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_nvml().gaps == (gap,)


def test_the_machine_is_what_nvml_says(tmp_path: Path) -> None:
    reading = Reading(driver="570.86.10", cuda=CudaVersion(major=12, minor=8), gpus=(HOPPER,))
    assert read_machine({}, tmp_path, lambda: reading) == Machine(
        driver="570.86.10", gpus=(HOPPER,), sources=("NVML",), cuda=CudaVersion(major=12, minor=8)
    )


@pytest.mark.parametrize(
    ("name", "text", "driver"),
    [
        ("sys/module/nvidia/version", "570.86.10\n", "570.86.10"),
        ("proc/driver/nvidia/version", PROPRIETARY, "535.104.05"),
        ("proc/driver/nvidia/version", OPEN, "570.86.10"),
    ],
    ids=["module", "proprietary", "open"],
)
def test_without_nvml_the_drivers_files_tell_the_driver(tmp_path: Path, name: str, text: str, driver: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text(text)
    found = read_machine({}, tmp_path, lambda: NO_NVML)
    assert (found.driver, found.gpus, found.sources) == (driver, (), (f"/{name}",))
    assert found.gaps[0] == NO_NVML.gaps[0]


def test_a_driver_that_nvml_does_not_name_is_looked_up(tmp_path: Path) -> None:
    (tmp_path / "sys/module/nvidia").mkdir(parents=True)
    (tmp_path / "sys/module/nvidia/version").write_text("570.86.10\n")
    found = read_machine({}, tmp_path, lambda: Reading(gpus=(HOPPER,)))
    assert found == Machine(driver="570.86.10", gpus=(HOPPER,), sources=("NVML", "/sys/module/nvidia/version"))


def test_what_cannot_be_read_is_a_gap(tmp_path: Path) -> None:
    (tmp_path / "proc/driver/nvidia").mkdir(parents=True)
    (tmp_path / "proc/driver/nvidia/version").write_text("no version here\nsecond line")
    assert read_machine({}, tmp_path, lambda: NO_NVML) == Machine(
        driver=None,
        gpus=(),
        gaps=(
            "NVML: no NVIDIA driver library on this machine",
            "`/sys/module/nvidia/version`: No such file or directory",
            "`/proc/driver/nvidia/version` names no driver version: `no version here`",
            "`nvidia-smi` is not on PATH",
        ),
    )


def refuse() -> Reading:
    pytest.fail("NVML must not be asked")


def test_both_variables_together_ask_nobody(tmp_path: Path) -> None:
    environ = {"CUDAPIN_DRIVER_VERSION": "570.86.10", "CUDAPIN_GPU_ARCH": "9.0, 12.0"}
    assert read_machine(environ, tmp_path, refuse) == Machine(
        driver="570.86.10",
        gpus=(Gpu(name="GPU of CUDAPIN_GPU_ARCH", arch="9.0"), Gpu(name="GPU of CUDAPIN_GPU_ARCH", arch="12.0")),
        sources=("CUDAPIN_DRIVER_VERSION", "CUDAPIN_GPU_ARCH"),
    )


def test_empty_variables_stand_for_no_driver_and_no_gpu(tmp_path: Path) -> None:
    found = read_machine({"CUDAPIN_DRIVER_VERSION": "", "CUDAPIN_GPU_ARCH": ""}, tmp_path, refuse)
    assert (found.driver, found.gpus, found.gaps) == (None, (), ())


def test_one_variable_leaves_the_other_to_the_machine(tmp_path: Path) -> None:
    reading = Reading(driver="570.86.10", cuda=CudaVersion(major=12, minor=8), gpus=(HOPPER,))
    by_arch = read_machine({"CUDAPIN_GPU_ARCH": "8.0"}, tmp_path, lambda: reading)
    assert (by_arch.driver, [gpu.arch for gpu in by_arch.gpus]) == ("570.86.10", ["8.0"])
    by_driver = read_machine({"CUDAPIN_DRIVER_VERSION": "535.54.03"}, tmp_path, lambda: reading)
    assert by_driver == Machine(driver="535.54.03", gpus=(HOPPER,), sources=("CUDAPIN_DRIVER_VERSION", "NVML"))


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("12.8", "`12.8`, which looks like a CUDA version"),
        ("13", "`13`, which looks like a CUDA version"),
        ("12.8.1", "`12.8.1`, which looks like a CUDA version"),
        ("570", "`570`"),
        ("newest", "`newest`"),
        ("570.86.10.1", "`570.86.10.1`"),
    ],
)
def test_a_driver_version_that_is_none(tmp_path: Path, value: str, found: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_machine({"CUDAPIN_DRIVER_VERSION": value}, tmp_path, refuse)
    (problem,) = caught.value.problems
    assert problem.code is Code.CP108
    assert problem.what == "`CUDAPIN_DRIVER_VERSION` has a value that means nothing"
    assert problem.why == f"wanted a driver version such as `570.86.10`, found {found}"
    assert problem.fix == "export CUDAPIN_DRIVER_VERSION=570.86.10"


def test_every_wrong_variable_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_machine({"CUDAPIN_DRIVER_VERSION": "12.8", "CUDAPIN_GPU_ARCH": "9.0,sm_90,"}, tmp_path, refuse)
    driver, arch = caught.value.problems
    assert driver.what == "`CUDAPIN_DRIVER_VERSION` has a value that means nothing"
    assert arch.why == (
        "wanted compute capabilities such as `9.0`, separated by commas, or nothing for no GPU; found `sm_90`, ``"
    )


def test_facts_are_read_once() -> None:
    assert read_facts({}) is read_facts({"CUDAPIN_FACTS": ""})
    assert facts_digest({}) is None


def test_foreign_facts_are_merged_and_have_a_digest(tmp_path: Path) -> None:
    text = '[[torch-default]]\ndate = 2099-01-01\n[torch-default.rows]\n"2.99" = { linux = "13.4" }\n'
    file = tmp_path / "facts.toml"
    file.write_text(text)
    environ = {"CUDAPIN_FACTS": str(file)}
    assert read_facts(environ).torch_default_cuda("2.99.1", "linux") == CudaVersion(major=13, minor=4)
    assert read_facts({}).torch_default_cuda("2.99.1", "linux") is None
    assert facts_digest(environ) == hashlib.sha256(text.encode()).hexdigest()
    file.write_text(text.replace("13.4", "13.5"))
    assert read_facts(environ).torch_default_cuda("2.99.1", "linux") == CudaVersion(major=13, minor=5)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "wanted a readable file, found `{path}`: No such file or directory"),
        (b"package = 1", "wanted tables of the form of cudapin's own, found in `{path}`: `package` is not a list"),
        (b"= 1", "wanted tables of the form of cudapin's own, found in `{path}`: "),
        (b"\xff", "wanted tables of the form of cudapin's own, found in `{path}`: "),
    ],
    ids=["absent", "form", "toml", "encoding"],
)
def test_a_facts_file_of_no_use(tmp_path: Path, content: bytes | None, why: str) -> None:
    file = tmp_path / "facts.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_facts({"CUDAPIN_FACTS": str(file)})
    (problem,) = caught.value.problems
    assert problem.code is Code.CP108
    assert problem.what == "`CUDAPIN_FACTS` names a file that cannot be used"
    assert problem.why.startswith(why.format(path=file))
    assert problem.fix == "unset CUDAPIN_FACTS"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
def test_facts_that_never_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "facts")
    with pytest.raises(ConfigError) as caught:
        read_facts({"CUDAPIN_FACTS": str(tmp_path / "facts")})
    assert caught.value.problems[0].why == f"wanted a file, found a device, a pipe or a socket in `{tmp_path}/facts`"


def test_the_real_module_has_every_function_that_is_asked() -> None:
    nvml = pytest.importorskip("pynvml")
    of_mig = ("nvmlDeviceGetMigMode", "nvmlDeviceGetMaxMigDeviceCount", "nvmlDeviceGetMigDeviceHandleByIndex")
    assert [name for name in (*FakeNvml().answers, *of_mig) if not callable(getattr(nvml, name, None))] == []
    assert callable(nvml.nvmlShutdown)
