"""What a `gpu` marker asks for, which GPUs a test can see, and the reason where none will do."""

from __future__ import annotations

import os

import pytest

from cudapin.adapters.facts import read_facts
from cudapin.adapters.machine import read_machine
from cudapin.core.cuda import parse_cuda
from cudapin.core.gpu_needs import GpuNeeds, describe, parse_needs, visible_gpus, why_unfit
from cudapin.core.machine import Gpu, Machine, MigDevice

_H200 = Gpu(name="NVIDIA H200", arch="9.0", memory_mib=143771)
_T4 = Gpu(name="Tesla T4", arch="7.5", memory_mib=15360)
_FAKE = {"CUDAPIN_DRIVER_VERSION": "570.86.10", "CUDAPIN_GPU_ARCH": "9.0"}


def machine_with(
    *gpus: Gpu, driver: str | None = "570.86.10", cuda: str | None = "12.8", gaps: tuple[str, ...] = ()
) -> Machine:
    return Machine(driver=driver, gpus=gpus, gaps=gaps, sources=("NVML",), cuda=parse_cuda(cuda) if cuda else None)


def why(machine: Machine, environ: dict[str, str] | None = None, **marker: str | None) -> str:
    """Return why a test with this marker cannot run, "" where it can."""
    cuda = machine.cuda or (read_facts(os.environ).driver_cuda(machine.driver) if machine.driver else None)
    needs = parse_needs((), marker)
    return why_unfit(needs, visible_gpus(machine, environ or {}), machine, cuda) or ""


_FOUND = "GPU of CUDAPIN_GPU_ARCH (9.0, memory not known)"


@pytest.mark.parametrize(
    ("marker", "reason"),
    [
        ({}, ""),
        ({"min_cuda": "12"}, ""),
        ({"min_cuda": "12.8"}, ""),
        ({"min_cuda": "12.9"}, "needs a driver of CUDA 12.9 or later, and driver 570.86.10 is of CUDA 12.8"),
        ({"min_cuda": "13"}, "needs a driver of CUDA 13 or later, and driver 570.86.10 is of CUDA 12.8"),
        ({"min_cuda": "12.10"}, "needs a driver of CUDA 12.10 or later, and driver 570.86.10 is of CUDA 12.8"),
        ({"arch": "8.9"}, ""),
        ({"arch": "9.0"}, ""),
        ({"arch": "10.0"}, f"needs a GPU of compute capability 10.0 or later, and found {_FOUND}"),
        ({"min_memory": "1 MiB"}, f"needs a GPU with 1 MiB of memory, and found {_FOUND}"),
        ({"min_cuda": " 12.8 ", "arch": "9.0", "min_memory": None}, ""),
    ],
)
def test_a_stand_in_is_judged_by_the_facts(marker: dict[str, str | None], reason: str) -> None:
    assert why(read_machine(_FAKE), **marker) == reason


def test_the_driver_tells_its_cuda_itself() -> None:
    assert why(machine_with(_H200, cuda="12.9"), min_cuda="12.9") == ""


def test_a_driver_that_no_table_has_is_not_guessed() -> None:
    machine = read_machine({**_FAKE, "CUDAPIN_DRIVER_VERSION": "999.10"})
    reason = "needs a driver of CUDA 12.0 or later, and driver 999.10 is of a CUDA that is not known"
    assert why(machine, min_cuda="12.0") == reason
    assert why(machine) == ""


@pytest.mark.parametrize(
    ("memory", "fits"),
    [
        ("24 GB", True),
        ("24 GiB", False),
        ("24564 MiB", True),
        ("24565 MiB", False),
        ("25757MB", True),
        ("1.5GiB", True),
    ],
)
def test_memory_is_counted_in_the_unit_that_is_written(memory: str, fits: bool) -> None:  # noqa: FBT001
    machine = machine_with(Gpu(name="NVIDIA GeForce RTX 4090", arch="8.9", memory_mib=24564))
    reason = f"needs a GPU with {memory} of memory, and found NVIDIA GeForce RTX 4090 (8.9, 24564 MiB)"
    assert why(machine, min_memory=memory) == ("" if fits else reason)


def test_one_gpu_must_have_both() -> None:
    machine = machine_with(Gpu(name="old", arch="7.0", memory_mib=81920), Gpu(name="new", arch="9.0", memory_mib=8192))
    assert why(machine, arch="9.0", min_memory="8 GiB") == ""
    assert why(machine, arch="9.0", min_memory="16 GiB") == (
        "needs a GPU of compute capability 9.0 or later with 16 GiB of memory, "
        "and found old (7.0, 81920 MiB), new (9.0, 8192 MiB)"
    )


def test_a_gpu_without_driver_is_no_gpu() -> None:
    machine = read_machine({"CUDAPIN_DRIVER_VERSION": "", "CUDAPIN_GPU_ARCH": "9.0"})
    assert why(machine) == "needs a GPU with its driver, and no NVIDIA driver was found"


def test_what_could_not_be_read_is_told() -> None:
    machine = machine_with(driver=None, cuda=None, gaps=("NVML: the NVIDIA kernel module is not loaded",))
    assert why(machine) == "needs a GPU, and none was found (NVML: the NVIDIA kernel module is not loaded)"
    assert why(machine_with()) == "needs a GPU, and none was found"
    none = read_machine({"CUDAPIN_DRIVER_VERSION": "", "CUDAPIN_GPU_ARCH": ""})
    assert why(none) == "needs a GPU, and `CUDAPIN_GPU_ARCH` says that there is none"


@pytest.mark.parametrize(
    ("value", "left"),
    [
        *[("", 0), ("-1", 0), ("2", 0), ("x", 0), ("1,1", 0), ("01,1", 0), ("\u00b2", 0), ("9" * 5000, 0)],
        *[("1", 1), ("1,7,0", 1), (" 1 , 0 ", 2), ("0" * 5000, 1), ("0,NoDevFiles", 1)],
        *[("GPU-8932f937", 1), ("GPU-8932f937,MIG-1", 2)],
    ],
)
def test_a_gpu_hidden_from_cuda_is_none(value: str, left: int) -> None:
    reason = f"needs a GPU, and that leaves 0 of 2 GPUs by `CUDA_VISIBLE_DEVICES={value}`"
    assert why(machine_with(_H200, _H200), {"CUDA_VISIBLE_DEVICES": value}) == ("" if left else reason)
    assert len(visible_gpus(machine_with(_H200, _H200), {"CUDA_VISIBLE_DEVICES": value}).gpus) == left


def test_stand_ins_are_seen_and_a_machine_without_gpus_hides_none() -> None:
    hidden = {"CUDA_VISIBLE_DEVICES": ""}
    assert why(read_machine(_FAKE), hidden) == ""
    assert why(machine_with(), hidden) == "needs a GPU, and none was found"


def test_unequal_gpus_that_numbers_do_not_tell_apart_must_all_fit() -> None:
    machine, visible, order = (
        machine_with(_T4, _H200),
        {"CUDA_VISIBLE_DEVICES": "1"},
        {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"},
    )
    assert why(machine, visible, arch="7.5") == ""
    assert why(machine, visible, arch="8.0") == (
        "needs a GPU of compute capability 8.0 or later, and found Tesla T4 (7.5, 15360 MiB), "
        "NVIDIA H200 (9.0, 143771 MiB) (1 of 2 GPUs by `CUDA_VISIBLE_DEVICES=1`, which does not tell them apart "
        "without `CUDA_DEVICE_ORDER=PCI_BUS_ID`)"
    )
    assert why(machine, {**visible, **order}, arch="8.0") == ""
    assert why(machine, {"CUDA_VISIBLE_DEVICES": "0", **order}, arch="8.0") == (
        "needs a GPU of compute capability 8.0 or later, and found Tesla T4 (7.5, 15360 MiB) "
        "(1 of 2 GPUs by `CUDA_VISIBLE_DEVICES=0`)"
    )


def test_the_memory_of_a_slice_is_not_that_of_its_gpu() -> None:
    sliced = {"CUDA_VISIBLE_DEVICES": "MIG-c7384736"}
    assert why(machine_with(_H200), sliced) == ""
    assert why(machine_with(_H200), sliced, min_memory="1 GiB") == (
        "needs a GPU with 1 GiB of memory, and found NVIDIA H200 (9.0, memory not known) "
        "(1 of 1 GPUs by `CUDA_VISIBLE_DEVICES=MIG-c7384736`)"
    )


def test_a_divided_gpu_has_the_memory_of_its_smallest_part() -> None:
    """CUDA gives a program one part, and only an identifier tells which."""
    parts = (MigDevice(name="MIG 3g.71gb", memory_mib=71680), MigDevice(name="MIG 1g.18gb", memory_mib=16384))
    machine = machine_with(Gpu(name="NVIDIA H200", arch="9.0", memory_mib=143771, mig=parts))
    found = "NVIDIA H200 (9.0, 16384 MiB in the smallest of its MIG parts)"
    for environ in ({}, {"CUDA_VISIBLE_DEVICES": "MIG-c7384736"}):
        assert why(machine, environ, min_memory="16 GiB") == ""
        assert why(machine, environ, min_memory="17 GiB").startswith(
            f"needs a GPU with 17 GiB of memory, and found {found}"
        )
    unknown = machine_with(Gpu(name="A", arch="8.0", memory_mib=81920, mig=(*parts, MigDevice(name="MIG 1g"))))
    assert why(unknown, min_memory="1 MiB") == (
        "needs a GPU with 1 MiB of memory, and found A (8.0, memory not known in the smallest of its MIG parts)"
    )


def test_equal_gpus_are_described_together() -> None:
    visible = visible_gpus(machine_with(_H200, _T4, _H200), {})
    assert describe(visible) == "2 x NVIDIA H200 (9.0, 143771 MiB), Tesla T4 (7.5, 15360 MiB)"
    assert describe(visible_gpus(machine_with(), {})) == "no GPU"


@pytest.mark.parametrize(
    ("args", "kwargs", "found"),
    [
        (("9.0",), {}, "'9.0'"),
        ((), {"min_cuda": 12.6}, "min_cuda=12.6"),
        ((), {"min_cuda": "12.8.1"}, "min_cuda='12.8.1'"),
        ((), {"arch": 9}, "arch=9"),
        ((), {"arch": "9"}, "arch='9'"),
        ((), {"arch": "9.0a"}, "arch='9.0a'"),
        ((), {"min_memory": "8"}, "min_memory='8'"),
        ((), {"min_memory": "8 gb"}, "min_memory='8 gb'"),
        ((1,), {"min_memmory": "8 GB", "min_cuda": "x"}, "1, min_memmory='8 GB', min_cuda='x'"),
    ],
)
def test_a_marker_that_means_nothing_is_refused(
    args: tuple[object, ...], kwargs: dict[str, object], found: str
) -> None:
    with pytest.raises(ValueError, match="gpu") as caught:
        parse_needs(args, kwargs)
    assert str(caught.value) == f'`gpu` takes min_cuda="12.6", arch="9.0" and min_memory="8 GiB", found {found}'


def test_a_bare_marker_asks_for_nothing_but_a_gpu() -> None:
    assert parse_needs((), {}) == GpuNeeds()
