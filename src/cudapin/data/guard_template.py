# ruff: noqa: INP001, PTH110, PTH113, PTH118, PTH123, PTH208
# Not a part of cudapin: the text of the module that it writes into wheels, and of the stub for source trees. Standard
# library only, quick to import (no `re`, `pathlib` or `typing`), for Python 3.8 and newer.
"""Tells whether the CUDA packages and the driver that are installed fit the CUDA that this package was built for.

`check()` raises CudaMismatchError, an ImportError, where they do not. It imports none of them, starts no process,
needs no GPU and takes about a millisecond. What is not installed, or of a CUDA that cannot be told, is no mismatch,
nor is another minor of the same CUDA major, nor a machine without a driver.
`CUDAPIN_GUARD=off` switches it off, `warn` makes it a RuntimeWarning, `error` raises, as without the variable.
"""

from __future__ import annotations

import os
import sys

__all__ = ["ARCH", "CUDA", "DRIVER", "VARIANT", "CudaMismatchError", "check"]

# --- constants
VARIANT: str | None = None
CUDA: str | tuple[str, ...] | None = None
DRIVER: str | None = None
ARCH: tuple[str, ...] = ()
_PACKAGE = ""
_SYSTEM = ""
_DRIVER_CUDA = (0, 0)
_FIX: dict[str, str] = {}
# --- end of constants
# VARIANT is what this package was built as (None in a source tree), CUDA its CUDA (several where it carries several,
# None where it needs none), DRIVER the lowest driver, ARCH the compute capabilities that its binaries were declared
# for; _SYSTEM is where DRIVER holds, _DRIVER_CUDA the CUDA that it serves, _FIX a command for each kind of package.

_TORCH = ("torch", "torchaudio", "torchvision")
_VERSIONED = ("cuda_cupti", "cuda_nvrtc", "cuda_runtime")
_RUNTIMES = (*_VERSIONED, "cublas", "cufft", "curand", "cusolver", "cusparse", "nvjitlink")
_CPU = (0, -1)
_MOST_BYTES = 1 << 18


class CudaMismatchError(ImportError):
    """What is installed does not fit this package: what, why (wanted and found), and the fix."""

    def __init__(self, what: str, why: str, fix: str) -> None:
        super().__init__(f"{what}\n  why: {why}\n  fix: {fix}", name=__name__)
        self.what, self.why, self.fix = what, why, fix

    def __reduce__(self) -> tuple[type[CudaMismatchError], tuple[str, str, str]]:
        return type(self), (self.what, self.why, self.fix)


def check() -> None:
    """Raise CudaMismatchError where the installed CUDA packages, or the driver, do not fit this package."""
    mode = os.environ.get("CUDAPIN_GUARD") or "error"
    if mode == "off":
        return
    if mode not in ("warn", "error"):
        _warn(f"`CUDAPIN_GUARD` has a value that means nothing: wanted `off`, `warn` or `error`, found `{mode}`")
    try:
        error = _find_mismatch()
    except Exception:  # noqa: BLE001  # whatever is broken here, nothing is known to be of another CUDA
        return
    if error is not None and mode == "warn":
        _warn(str(error))
    elif error is not None:
        raise error


def _warn(text: str, depth: int = 3) -> None:
    import warnings

    warnings.warn(text, RuntimeWarning, stacklevel=depth)


def _find_mismatch() -> CudaMismatchError | None:
    if VARIANT is None:
        return _judge_each_other(_installed())
    if CUDA is None:
        return None
    wanted = [_version(text) or _CPU for text in ((CUDA,) if isinstance(CUDA, str) else CUDA)]
    return _judge_packages(_installed(), wanted) or _judge_driver()


# Verdicts. Majors count: libraries of one major serve each other (minor-version compatibility).


class _Package:
    """An installed package that tells its CUDA: (major, minor), -1 for no minor, (0, -1) for a build without CUDA."""

    def __init__(self, name: str, version: str, cuda: tuple[int, int]) -> None:
        self.name, self.version, self.cuda = name.replace("_", "-"), version, cuda
        self.kind = name.partition("_")[0]

    def __str__(self) -> str:
        cuda = f"CUDA {_text(self.cuda)}" if self.cuda[0] else "no CUDA"
        return f"{self.name} {self.version or '?'} ({cuda})"


def _judge_packages(found: list[_Package], wanted: list[tuple[int, int]]) -> CudaMismatchError | None:
    majors = [major for major, _ in wanted]
    wrong = []
    for package in found:
        is_other = package.cuda[0] not in majors if package.cuda[0] else len(majors) == 1
        if is_other and package.kind != "nvidia":
            wrong.append(package)
    if not any(package.cuda[0] in majors for package in found):
        # Runtimes of several majors lie side by side, and a framework that fits has its own.
        wrong += [package for package in found if package.kind == "nvidia"]
    if not wrong:
        return None
    removed = [package.name for package in wrong if package.kind in ("cupy", "jax")]
    fixes = [f"python -m pip uninstall -y {' '.join(removed)}"] if removed else []
    fixes += [_FIX[package.kind] for package in wrong if package.kind in _FIX]
    return CudaMismatchError(
        f"what is installed is of another CUDA than {_PACKAGE}",
        f"wanted CUDA {' or '.join(map(_text, wanted))}, found {', '.join(map(str, wrong))}",
        "; ".join(dict.fromkeys(fixes)) or "install builds for that CUDA",
    )


def _judge_each_other(found: list[_Package]) -> CudaMismatchError | None:
    heads = [package for package in found if package.kind != "nvidia" and package.cuda[0]]
    if len({package.cuda[0] for package in heads}) <= 1:
        return None
    return CudaMismatchError(
        "the installed CUDA packages are of different CUDA majors",
        f"wanted one major, found {', '.join(map(str, heads))}",
        "install builds of one CUDA major into this environment",
    )


def _judge_driver() -> CudaMismatchError | None:
    if DRIVER is None or sys.platform != _SYSTEM:
        return None
    stand_in = os.environ.get("CUDAPIN_DRIVER_VERSION")
    driver = _kernel_driver() if stand_in is None else stand_in.strip()
    numbers = driver.split(".") if driver else []
    is_driver = len(numbers) > 1 and len(numbers[0]) == len("570") and all(part.isdecimal() for part in numbers)
    if driver and not is_driver:
        wanted = "a driver version such as `570.86.10`, or nothing for none"
        _warn(f"`CUDAPIN_DRIVER_VERSION` has a value that means nothing: wanted {wanted}, found `{driver}`", 5)
        return None
    if driver and _parts(driver) >= _parts(DRIVER):
        return None
    if stand_in is None:
        is_hidden = driver is None and (sys.platform == "win32" or os.path.exists("/dev/dxg"))
        served = _driver_library_cuda() if driver or is_hidden else None
        # A container may bring the driver library of a newer branch, or none: then no GPU is meant to be used.
        is_newer = (
            served is not None and served >= _DRIVER_CUDA and (driver or "").split(".")[0] != DRIVER.split(".")[0]
        )
        if served is None or is_newer:
            return None
        driver = f"{driver or 'a driver'} for CUDA {_text(served)}"
    if not driver:
        return None
    return CudaMismatchError(
        f"the NVIDIA driver is too old for {_PACKAGE}",
        f"wanted {DRIVER} or newer, found {driver}",
        f"install an NVIDIA driver that is not older than {DRIVER}",
    )


# What is installed, from names of folders: what `importlib.metadata` would read takes several times as long.


def _installed() -> list[_Package]:
    """Return what tells its CUDA; where several entries of `sys.path` have a package, the first one counts."""
    found: list[_Package] = []
    seen: set[str] = set()
    for folder in dict.fromkeys(path for path in list(sys.path) if isinstance(path, str)):
        here = _candidates(folder or os.curdir)
        for name in sorted(here):
            key = "cupy" if name.startswith("cupy_") else name
            if key not in seen:
                found += _told(folder or os.curdir, name, here[name])
        seen.update("cupy" if name.startswith("cupy_") else name for name in here)
    return found


def _candidates(folder: str) -> dict[str, list[tuple[str, str]]]:
    """Return (version, folder of its metadata) by name, names written as in `nvidia_cuda_runtime_cu12`."""
    try:
        entries = os.listdir(folder)
    except (OSError, ValueError):
        return {}
    result: dict[str, list[tuple[str, str]]] = {}
    for entry in entries:
        if entry[-5:] != "-info" or entry[:4].lower() not in ("cupy", "jax_", "jax-", "nvid", "torc"):
            continue
        stem, _, kind = entry.rpartition(".")
        if kind == "dist-info":
            name, _, version = stem.rpartition("-")
        else:  # `torch-2.5.1-py3.11.egg-info`
            name, _, version = stem.partition("-")
            version = version.partition("-")[0]
        name = name.lower().replace("-", "_").replace(".", "_")
        if name and (name.partition("_")[2] or name in _TORCH) and _has_metadata(os.path.join(folder, entry)):
            result.setdefault(name, []).append((version, entry))
    return result


def _has_metadata(path: str) -> bool:
    """Tell whether metadata is there, or only a folder that an interrupted installer left."""
    return any(os.path.isfile(os.path.join(path, name)) for name in ("METADATA", "PKG-INFO")) or os.path.isfile(path)


def _told(folder: str, name: str, candidates: list[tuple[str, str]]) -> list[_Package]:
    told = [(version, _cuda(folder, name, version, entry)) for version, entry in sorted(candidates)]
    if len({cuda for _, cuda in told}) != 1:
        return []  # two versions of one package, and no telling which one is left of another
    version, cuda = told[-1]
    return [] if cuda is None else [_Package(name, version, cuda)]


def _cuda(folder: str, name: str, version: str, entry: str) -> tuple[int, int] | None:
    """Return the CUDA that a distribution tells, None where it tells none."""
    kind, _, rest = name.partition("_")
    if name in _TORCH:
        told = _of_label(version.partition("+")[2].lower())
        if told is None and name == "torch":
            told = _of_torch_version(_read(os.path.join(folder, "torch", "version.py")))
            told = told or _of_requirements(_read(os.path.join(folder, entry, "METADATA")))
        return told
    if kind == "cupy" and rest[:4] == "cuda":
        return _of_digits(rest[4:].rstrip("x"))
    if kind == "jax" and rest[:4] == "cuda" and rest.partition("_")[2] in ("pjrt", "plugin"):
        return _of_digits(rest[4:].partition("_")[0])
    if kind == "nvidia" and version[:2] != "0.":  # 0.0.1 holds the place of a name that is not used
        part, _, digits = rest.rpartition("_cu")
        if part in _RUNTIMES:
            return _of_digits(digits)
        return _version(version) if rest in _VERSIONED else None
    return None


def _of_label(label: str) -> tuple[int, int] | None:
    if label[:3] == "cpu" or label[:4] == "rocm" or label[:3] == "xpu":
        return _CPU
    if label[:2] != "cu":
        return None
    digits = label[2:7]
    while digits and not digits.isdecimal():
        digits = digits[:-1]
    return _of_digits(digits)


def _of_digits(digits: str) -> tuple[int, int] | None:
    """Read the digits of `cuNNN`: 128 is 12.8, 12 is 12, 92 is 9.2."""
    if not digits.isdecimal() or len(digits) not in (2, 3, 4):
        return None
    if digits[0] in "6789" and not digits[2:]:
        return int(digits[0]), int(digits[1])
    return (int(digits[:2]), int(digits[2:] or -1)) if digits[0] in "12" else None


def _version(text: str) -> tuple[int, int] | None:
    """Return the first two numbers of a version of a toolkit."""
    major, _, rest = text.partition(".")
    minor = rest.partition(".")[0]
    if not major.isdecimal() or len(major) > len("13") or len(minor) > len("13"):
        return None
    return int(major), int(minor) if minor.isdecimal() else -1


def _of_torch_version(text: str) -> tuple[int, int] | None:
    """Read `cuda: Optional[str] = '12.8'`; a build without CUDA says None."""
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and name.partition(":")[0].rstrip() == "cuda":
            value = value.partition("#")[0].strip()
            return _CPU if value == "None" else _version(value.strip("'\""))
    return None


def _of_requirements(text: str) -> tuple[int, int] | None:
    """Read the toolkit's version from what a torch requires: the metapackage, or the runtime."""
    for line in text.splitlines():
        if not line:
            break
        field, _, value = line.partition(":")
        requirement, _, marker = value.partition(";")
        name, equals, version = requirement.replace(" ", "").replace("(", "").rstrip(")").partition("==")
        name = name.partition("[")[0].lower()
        is_toolkit = name in ("cuda-toolkit", "nvidia-cuda-runtime") or name[:22] == "nvidia-cuda-runtime-cu"
        if field.lower() == "requires-dist" and equals and is_toolkit and _holds(marker.lower()):
            return _version(version)
    return None


def _holds(marker: str) -> bool:
    """Tell whether a marker surely holds here: none, or one that names Linux and this machine and nothing else."""
    if not marker.strip():
        return True
    if sys.platform != "linux" or "linux" not in marker:
        return False
    is_plain = not any(word in marker for word in ("!=", "extra", "not in", " or ", "python"))
    return is_plain and ("machine" not in marker or os.uname().machine.lower() in marker)


def _read(path: str) -> str:
    try:
        if not os.path.isfile(path):
            return ""
        with open(path, "rb") as file:
            return file.read(_MOST_BYTES).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""


def _text(cuda: tuple[int, int]) -> str:
    return f"{cuda[0]}" if cuda[1] < 0 else f"{cuda[0]}.{cuda[1]}"


# The driver.


def _kernel_driver() -> str | None:
    """Return the version of the loaded kernel module, None where there is none or it cannot be told."""
    words = _read("/sys/module/nvidia/version").split()
    if not words:
        words = _read("/proc/driver/nvidia/version").partition("\n")[0].split()
    for word in words:
        if word[:3].isdecimal() and word[3:4] == "." and word.replace(".", "").isdecimal():
            return word
    return None


def _parts(driver: str) -> list[int]:
    return [int(part) for part in driver.split(".") if part]


def _driver_library_cuda() -> tuple[int, int] | None:
    """Return the CUDA that the driver library serves, which needs no GPU; None where there is no such library."""
    try:
        import ctypes

        if sys.platform == "win32":
            library: ctypes.CDLL = ctypes.WinDLL("nvcuda.dll", winmode=0x800)  # from the system's folder only
        else:
            library = ctypes.CDLL("libcuda.so.1")
        number = ctypes.c_int()
        if library.cuDriverGetVersion(ctypes.byref(number)) != 0 or not number.value:
            return None
    except (ImportError, OSError, AttributeError):
        return None
    return number.value // 1000, number.value % 1000 // 10
