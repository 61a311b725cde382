"""Why a machine's driver or GPU cannot be read although there is one, and what else hides a GPU from programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.core.machine import MISMATCH, NO_LIBRARY, NOT_LOADED
from cudapin.core.surroundings import shown_setting
from cudapin.errors import Code, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cudapin.core.machine import Machine
    from cudapin.core.surroundings import Surroundings

__all__ = ["hints", "judge_machine"]

_CUDA, _NVML = "libcuda.so.1", "libnvidia-ml.so.1"
_START = "start the container with `--gpus all` and `-e NVIDIA_DRIVER_CAPABILITIES=compute,utility`"
_NO_GPU = ("", "void", "none")
_ALL = "all"


def judge_machine(machine: Machine, around: Surroundings) -> tuple[Problem, ...]:
    """Return a warning where parts of a driver are here and it cannot be read; no GPU at all is a normal answer."""
    if machine.read_from.driver == "CUDAPIN_DRIVER_VERSION" and machine.read_from.gpus == "CUDAPIN_GPU_ARCH":
        return ()
    if _is_given_none(around):
        return ()
    found = _of_driver(machine, around) or _of_gpus(machine, around)
    if found is None:
        return ()
    what, why, fix = found
    return (Problem(code=Code.CP501, level="warning", what=what, why=why, fix=fix),)


def _of_driver(machine: Machine, around: Surroundings) -> tuple[str, str, str] | None:
    """Return what, why and fix where the driver's parts do not go together."""
    is_unread = machine.driver is None or not machine.gpus
    if MISMATCH in machine.gaps:
        why = "wanted one version of both, and NVML says that they differ, as after a driver update"
        return "the driver's library and its kernel module differ", why, "reboot, or reload the kernel module"
    if around.wsl_source is not None and is_unread and NO_LIBRARY in machine.gaps:
        return _of_wsl(around)
    if not is_unread or not around.libraries:
        return None
    library = around.directory_of(_NVML)
    devices = [device for device in around.devices if device.startswith("/dev/nvidia")]
    if devices and library is None and NO_LIBRARY in machine.gaps:
        what = "the GPU's device is here, and the driver's library is not"
        fix = _START if around.container else "install the libraries of the loaded driver, of the same version"
        return what, f"found `{devices[0]}`, and `{_NVML}` in none of the usual directories", fix
    if library is not None and (NOT_LOADED in machine.gaps or not (devices or around.has_module)):
        what = "the driver's library is here, and the GPU is not"
        why = f"found `{library}/{_NVML}`, and {'no GPU device' if not devices else 'the kernel module is not loaded'}"
        return what, why, _START if around.container else "sudo modprobe nvidia"
    return None


def _of_wsl(around: Surroundings) -> tuple[str, str, str]:
    what = "WSL shows no GPU to this system"
    if "/dev/dxg" not in around.devices:
        return what, "there is no `/dev/dxg`: this is WSL 1, or an old WSL 2", "wsl --update, run in Windows"
    directory = around.directory_of(_CUDA)
    if directory is None:
        why = "found `/dev/dxg`, and no `/usr/lib/wsl/lib/libcuda.so.1`, which the driver of Windows brings"
        return what, why, "install NVIDIA's driver in Windows, none here, then run `wsl --shutdown` there"
    why = f"found `{directory}/{_CUDA}`, and NVML does not find `{_NVML}`"
    return what, why, "export LD_LIBRARY_PATH=/usr/lib/wsl/lib"


def _of_gpus(machine: Machine, around: Surroundings) -> tuple[str, str, str] | None:
    """A driver that runs, whose GPUs nobody names."""
    is_asked = machine.read_from.gpus != "CUDAPIN_GPU_ARCH" and machine.read_from.driver != "CUDAPIN_DRIVER_VERSION"
    if machine.driver is None or machine.gpus or not is_asked or not machine.gaps:
        return None
    what = f"driver {machine.driver} is loaded, and its GPUs cannot be read"
    return what, "; ".join(machine.gaps), _START if around.container else "nvidia-smi, which says what is amiss"


def _is_given_none(around: Surroundings) -> bool:
    """Whether somebody asked for a container without a GPU."""
    value = around.setting("NVIDIA_VISIBLE_DEVICES")
    return value is not None and value.strip() in _NO_GPU and not around.devices


def hints(machine: Machine, around: Surroundings) -> Iterable[str]:
    """Yield what is no fault and still explains why a program sees no GPU, or fewer."""
    given_by = (machine.read_from.driver, machine.read_from.gpus)
    stand_ins = [f"`{name}`" for name in given_by if name in ("CUDAPIN_DRIVER_VERSION", "CUDAPIN_GPU_ARCH")]
    if stand_ins:
        yield f"{' and '.join(stand_ins)} stand{'' if len(stand_ins) > 1 else 's'} in for what this machine has"
    visible = around.setting("CUDA_VISIBLE_DEVICES")
    if visible is not None and visible.strip() in ("", "-1"):
        yield f"`CUDA_VISIBLE_DEVICES={visible}` hides every GPU from CUDA programs"
    elif visible is not None:
        yield f"CUDA programs see only `CUDA_VISIBLE_DEVICES={shown_setting(visible)}`, NVML all GPUs"
    given = around.setting("NVIDIA_VISIBLE_DEVICES")
    if given is not None and given.strip() in _NO_GPU and (around.container or not around.devices):
        yield f"`NVIDIA_VISIBLE_DEVICES={given}` asks the container runtime for no GPU"
    elif around.container and not around.devices and machine.driver is None:
        started = f"this {around.container} container was started without a GPU"
        despite = f"whatever `NVIDIA_VISIBLE_DEVICES={shown_setting(given or '')}` asks for: the option is `--gpus all`"
        yield f"{started}, {despite}" if given else started
    kinds = around.setting("NVIDIA_DRIVER_CAPABILITIES")
    if kinds is not None and around.container:
        asked = {item.strip() for item in kinds.split(",")}
        lacking = [kind for kind in ("compute", "utility") if kind not in asked and _ALL not in asked]
        if lacking:
            yield f"`NVIDIA_DRIVER_CAPABILITIES={kinds}` leaves out {' and '.join(f'`{kind}`' for kind in lacking)}"
    for gpu in machine.gpus:
        if gpu.mig is not None and not gpu.mig:
            yield f"{gpu.name} is in MIG mode and has no part: no CUDA program can use it"
