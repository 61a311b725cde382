"""The Python and platform that a question is about: this machine's, or another one named on the command line."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from packaging.tags import Tag

    from cudapin.core.lock import LockedFile

__all__ = ["PLATFORMS", "Target", "other_target", "platform_name"]

PLATFORMS = ("linux_x86_64", "linux_aarch64", "win_amd64", "macosx_arm64")
"""The platform tags that messages name as examples."""

_PYTHON = re.compile(r"3\.\d{1,2}(\.\d{1,2})?")
_PLATFORM = re.compile(
    r"(?:(?P<libc>many|musl)?(?P<system>linux|macosx)(?P<release>\d{0,4}|_\d{1,2}_\d{1,2})_(?P<machine>[a-z]\w+))"
    r"|win_amd64|win_arm64|win32"
)
_MARKERS = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
    "macosx": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
    "win": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
}
_WINDOWS_MACHINES = {"win_amd64": "AMD64", "win_arm64": "ARM64", "win32": "x86"}
# PEP 600: the older names of manylinux tags, by the minor of the glibc that they stand for.
_OLD_MANYLINUX = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_MANYLINUX_MINOR = {"1": 5, "2010": 12, "2014": 17}
_NEWEST_MINOR = 99


class Target:
    """The PEP 508 environment of a Python on a platform, and which wheels it can install."""

    def __init__(self, environment: Mapping[str, str], tags: Callable[[], Iterable[Tag]]) -> None:
        """Take the environment and what gives the wheel tags, which are rarely asked for."""
        self.environment = environment
        self._make_tags = tags

    @cached_property
    def tags(self) -> tuple[Tag, ...]:
        """The wheel tags that it can install, best first."""
        return tuple(self._make_tags())

    @cached_property
    def _tag_set(self) -> frozenset[Tag]:
        return frozenset(self.tags)

    def is_usable(self, file: LockedFile) -> bool:
        """Whether the target could install the file; a file whose name says nothing could be any."""
        if not file.name.endswith(".whl"):
            return True
        from packaging.utils import InvalidWheelFilename, parse_wheel_filename

        try:
            return not self._tag_set.isdisjoint(parse_wheel_filename(file.name)[3])
        except InvalidWheelFilename:
            return True


def other_target(running: Target, python: str | None, platform: str | None) -> Target:
    """Return the target of another Python (`3.12`), of another platform (a wheel platform tag), or of both.

    `linux_x86_64` stands for any glibc, `manylinux_2_28_x86_64` for that one and newer wheels left out. What is not
    named is taken from `running`. Raises ValueError, with what was wanted, for what is neither.
    """
    if python is None and platform is None:
        return running
    environment = {**running.environment, **_of_python(python), **_of_platform(platform)}

    def tags() -> Iterable[Tag]:
        from packaging.tags import compatible_tags, cpython_tags

        numbers = tuple(int(part) for part in environment["python_version"].split("."))
        interpreter = f"cp{''.join(map(str, numbers))}"
        platforms = list(_platform_tags(platform)) if platform else _platforms_of(running)
        yield from cpython_tags(numbers, [interpreter], platforms)
        yield from compatible_tags(numbers, interpreter, platforms)

    return Target(environment, tags)


def platform_name(environment: Mapping[str, str]) -> str:
    """Return the plain platform tag of an environment: `linux_x86_64`, `macosx_arm64`, `win_amd64`."""
    machine = environment["platform_machine"]
    if environment["sys_platform"] == "win32":
        names = {known: name for name, known in _WINDOWS_MACHINES.items()}
        return names.get(machine, f"win_{machine.lower()}")
    return f"{'macosx' if environment['sys_platform'] == 'darwin' else 'linux'}_{machine}"


def _platforms_of(target: Target) -> list[str]:
    return list(dict.fromkeys(tag.platform for tag in target.tags if tag.platform != "any"))


def _of_python(python: str | None) -> Mapping[str, str]:
    if python is None:
        return {}
    if not _PYTHON.fullmatch(python):
        message = f"wanted `3.12` or the like, found `{python}`"
        raise ValueError(message)
    full = python if python.count(".") > 1 else f"{python}.0"
    return {
        "python_version": ".".join(full.split(".")[:2]),
        "python_full_version": full,
        "implementation_version": full,
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }


def _of_platform(platform: str | None) -> Mapping[str, str]:
    if platform is None:
        return {}
    match = _PLATFORM.fullmatch(platform)
    if match is None:
        message = f"wanted `linux_x86_64` or the like, found `{platform}`"
        raise ValueError(message)
    machine = match["machine"] or _WINDOWS_MACHINES[platform]
    return {
        **_MARKERS[match["system"] or "win"],
        "platform_machine": machine,
        "platform_release": "",
        "platform_version": "",
    }


def _platform_tags(platform: str) -> Iterable[str]:
    """Return the platform tags of wheels that a platform can install, best first (PEP 600, PEP 656, macOS rules)."""
    match = _PLATFORM.fullmatch(platform)
    if match is None or match["system"] is None:
        return [platform]
    release, machine = match["release"].strip("_"), match["machine"]
    if match["system"] == "macosx":
        from packaging.tags import mac_platforms

        numbers = [int(part) for part in release.split("_")] if "_" in release else [_NEWEST_MINOR, 0]
        return mac_platforms((numbers[0], numbers[1]), machine)
    if match["libc"] == "musl":
        minor = int(release.split("_")[1]) if "_" in release else _NEWEST_MINOR
        return [f"linux_{machine}", *(f"musllinux_1_{number}_{machine}" for number in range(minor, -1, -1))]
    minor = int(release.split("_")[1]) if "_" in release else _MANYLINUX_MINOR.get(release, _NEWEST_MINOR)
    return [f"linux_{machine}", *_manylinux_tags(minor, machine)]


def _manylinux_tags(newest: int, machine: str) -> Iterable[str]:
    for minor in range(newest, 4, -1):
        yield f"manylinux_2_{minor}_{machine}"
        if minor in _OLD_MANYLINUX:
            yield f"{_OLD_MANYLINUX[minor]}_{machine}"
