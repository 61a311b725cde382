"""What `nvidia-smi` says of this machine: the last thing to ask, where neither NVML nor the driver's files tell."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from cudapin.adapters.nvml import Reading
from cudapin.adapters.process import output_of
from cudapin.core.cuda import CudaVersion
from cudapin.core.machine import Gpu, MigDevice

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["parse_answer", "parse_banner", "read_smi"]

_WSL = "usr/lib/wsl/lib/nvidia-smi"
_FIELDS = "name,compute_cap,memory.total,driver_version,mig.mode.current"
_QUERY = (f"--query-gpu={_FIELDS}", "--format=csv,noheader,nounits")
_TIMEOUT_S = 15
_ARCH = re.compile(r"\d{1,2}\.\d")
_NUMBER = re.compile(r"\d{1,9}")
# "Driver Version: 570.86.10 … CUDA Version: 12.8", and since driver 610 "KMD Version: … CUDA UMD Version: 13.3".
_BANNER_DRIVER = re.compile(r"(?:Driver|KMD) Version\s{0,60}:\s{0,4}(\d{3}\.\d{1,3}(?:\.\d{1,3})?)(?![\d.])")
_BANNER_CUDA = re.compile(r"CUDA (?:UMD )?Version\s{0,60}:\s{0,4}(\d{1,2})\.(\d{1,2})(?![\d.])")


def read_smi(environ: Mapping[str, str], root: Path = Path("/")) -> Reading:
    """Ask `nvidia-smi` of PATH, else the one that Windows lends to WSL. Never raises: what it does not say is a gap."""
    wsl = root / _WSL
    command = shutil.which("nvidia-smi", path=environ.get("PATH", "")) or (str(wsl) if wsl.is_file() else None)
    if command is None:
        return Reading(gaps=("`nvidia-smi` is not on PATH",))
    answer, failure = output_of((command, *_QUERY), environ, _TIMEOUT_S)
    found = parse_answer(answer) if failure is None else Reading()
    banner, banner_failure = output_of((command,), environ, _TIMEOUT_S)
    driver, cuda = parse_banner(banner)
    gaps = list(found.gaps)
    if failure is not None:
        gaps.append(f"`nvidia-smi`: {failure}")
    if banner_failure is not None and banner_failure != failure:
        gaps.append(f"`nvidia-smi`: {banner_failure}")
    return Reading(driver=found.driver or driver, cuda=cuda, gpus=found.gpus, gaps=tuple(gaps))


def parse_answer(text: str) -> Reading:
    """Read one line for each GPU: name, compute capability, memory in MiB, driver, MIG mode; `[N/A]` for unknown."""
    gpus: list[Gpu] = []
    gaps: list[str] = []
    driver = None
    try:
        rows = list(csv.reader(text.replace("\0", "").splitlines(), skipinitialspace=True, quoting=csv.QUOTE_NONE))
    except csv.Error as error:
        return Reading(gaps=(f"`nvidia-smi`: {error}",))
    for row in rows:
        cells = [cell.strip() for cell in row]
        if len(cells) < len(_FIELDS.split(",")):
            if any(cells):
                gaps.append(f"`nvidia-smi` answers `{', '.join(cells)[:80]}`")
            continue
        name, arch, memory, version, mig = cells[:5]
        driver = driver or version
        if not _ARCH.fullmatch(arch):
            gaps.append(f"`nvidia-smi` gives no compute capability of `{name[:80]}`")
            continue
        gpus.append(
            Gpu(
                name=name,
                arch=arch,
                memory_mib=int(memory) if _NUMBER.fullmatch(memory) else None,
                mig=_unnamed_parts(mig),
            )
        )
    return Reading(driver=driver, gpus=tuple(gpus), gaps=tuple(dict.fromkeys(gaps)))


def _unnamed_parts(mode: str) -> tuple[MigDevice, ...] | None:
    """This question does not name the parts of a divided GPU."""
    return (MigDevice(name="parts that `nvidia-smi` does not name here"),) if mode == "Enabled" else None


def parse_banner(text: str) -> tuple[str | None, CudaVersion | None]:
    """Return the driver and its CUDA as the head of the plain answer names them, under their old or new labels."""
    driver, cuda = _BANNER_DRIVER.search(text), _BANNER_CUDA.search(text)
    return (
        driver[1] if driver else None,
        CudaVersion(major=int(cuda[1]), minor=int(cuda[2])) if cuda else None,
    )
