"""This machine's driver and GPUs: from what stands in for them, NVML, the driver's files, or `nvidia-smi`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from cudapin.adapters.nvml import Reading, read_nvml
from cudapin.core.machine import Gpu, Machine, Sources
from cudapin.errors import Code, ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["read_machine"]

_DRIVER = "CUDAPIN_DRIVER_VERSION"
_GPU_ARCH = "CUDAPIN_GPU_ARCH"
_DRIVER_FORM = re.compile(r"\d{3}\.\d{1,3}(\.\d{1,3})?")
_CUDA_FORM = re.compile(r"\d{1,2}(\.\d{1,2}){0,2}")
_ARCH_FORM = re.compile(r"\d{1,2}\.\d")
_MODULE_FILE = "sys/module/nvidia/version"
_PROC_FILE = "proc/driver/nvidia/version"
# "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat …", and in the open kernel module
# "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.10  Release Build  (…)".
_PROC_FORM = re.compile(r"^NVRM version:.*?\s(\d{3}\.\d{1,3}(?:\.\d{1,3})?)(?=\s|$)", re.MULTILINE)


def read_machine(
    environ: Mapping[str, str],
    root: Path = Path("/"),
    ask_nvml: Callable[[], Reading] = read_nvml,
    ask_smi: Callable[[Mapping[str, str], Path], Reading] | None = None,
) -> Machine:
    """Return what could be read of the machine; what could not is in its `gaps`.

    `CUDAPIN_DRIVER_VERSION` and `CUDAPIN_GPU_ARCH` stand in for driver and GPUs, empty for none; NVML is asked for
    what they leave open, then the driver's files under `root`, then `nvidia-smi`. Raises ConfigError (CP108) for a
    value that is neither, both variables in one error.
    """
    problems = [*_driver_problems(environ.get(_DRIVER)), *_arch_problems(environ.get(_GPU_ARCH))]
    if problems:
        raise ConfigError(*problems)
    given = tuple(name for name in (_DRIVER, _GPU_ARCH) if name in environ)
    is_all_given = _DRIVER in environ and _GPU_ARCH in environ
    found = Machine(driver=None, gpus=()) if is_all_given else _read(environ, root, ask_nvml(), ask_smi or _ask_smi)
    return Machine(
        driver=(environ[_DRIVER].strip() or None) if _DRIVER in environ else found.driver,
        gpus=_stand_ins(environ[_GPU_ARCH]) if _GPU_ARCH in environ else found.gpus,
        gaps=found.gaps,
        sources=given + found.sources,
        cuda=None if _DRIVER in environ else found.cuda,
        read_from=Sources(
            driver=_DRIVER if _DRIVER in environ else found.read_from.driver,
            cuda=None if _DRIVER in environ else found.read_from.cuda,
            gpus=_GPU_ARCH if _GPU_ARCH in environ else found.read_from.gpus,
        ),
    )


def _ask_smi(environ: Mapping[str, str], root: Path) -> Reading:
    from cudapin.adapters.smi import read_smi

    return read_smi(environ, root)


def _read(
    environ: Mapping[str, str],
    root: Path,
    reading: Reading,
    ask_smi: Callable[[Mapping[str, str], Path], Reading],
) -> Machine:
    gaps = list(reading.gaps)
    nvml = "NVML" if reading.driver or reading.gpus else None
    driver = reading.driver if reading.driver and _DRIVER_FORM.fullmatch(reading.driver) else None
    source = nvml if driver else None
    if driver is None:
        driver, source = _driver_of_files(root, gaps)
    is_driver_open = driver is None and _DRIVER not in environ
    are_gpus_open = reading.driver is None and not reading.gpus and _GPU_ARCH not in environ
    smi = ask_smi(environ, root) if is_driver_open or are_gpus_open else Reading()
    gaps += smi.gaps
    if driver is None and smi.driver is not None and _DRIVER_FORM.fullmatch(smi.driver):
        driver, source = smi.driver, "nvidia-smi"
    read_from = Sources(
        driver=source,
        cuda="NVML" if reading.cuda else "nvidia-smi" if smi.cuda else None,
        gpus="NVML" if reading.gpus else "nvidia-smi" if smi.gpus else None,
    )
    told = (nvml, read_from.driver, read_from.cuda, read_from.gpus)
    return Machine(
        driver=driver,
        gpus=reading.gpus or smi.gpus,
        gaps=tuple(gaps),
        sources=tuple(dict.fromkeys(source for source in told if source)),
        cuda=reading.cuda or smi.cuda,
        read_from=read_from,
    )


def _driver_of_files(root: Path, gaps: list[str]) -> tuple[str | None, str | None]:
    """Return the loaded kernel module's version and the file that tells it."""
    for name, form in ((_MODULE_FILE, None), (_PROC_FILE, _PROC_FORM)):
        try:
            text = (root / name).read_text(encoding="utf-8", errors="replace").strip()
        except OSError as error:
            gaps.append(f"`/{name}`: {error.strerror or error}")
            continue
        match = _DRIVER_FORM.fullmatch(text) if form is None else form.search(text)
        if match is not None:
            return match[0] if form is None else match[1], f"/{name}"
        gaps.append(f"`/{name}` names no driver version: `{text.partition(chr(10))[0][:80]}`")
    return None, None


def _stand_ins(text: str) -> tuple[Gpu, ...]:
    return tuple(Gpu(name=f"GPU of {_GPU_ARCH}", arch=arch) for arch in _items(text))


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",")] if text.strip() else []


def _driver_problems(value: str | None) -> list[Problem]:
    text = (value or "").strip()
    if not text or _DRIVER_FORM.fullmatch(text):
        return []
    found = f"`{text}`, which looks like a CUDA version" if _CUDA_FORM.fullmatch(text) else f"`{text}`"
    return [_problem(_DRIVER, f"wanted a driver version such as `570.86.10`, found {found}", "570.86.10")]


def _arch_problems(value: str | None) -> list[Problem]:
    wrong = [item for item in _items(value or "") if not _ARCH_FORM.fullmatch(item)]
    if not wrong:
        return []
    found = ", ".join(f"`{item}`" for item in wrong)
    why = f"wanted compute capabilities such as `9.0`, separated by commas, or nothing for no GPU; found {found}"
    return [_problem(_GPU_ARCH, why, "9.0")]


def _problem(name: str, why: str, example: str) -> Problem:
    return Problem(
        code=Code.CP108,
        what=f"`{name}` has a value that means nothing",
        why=why,
        fix=f"export {name}={example}",
    )
