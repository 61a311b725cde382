"""The targets of a `pdm.lock`: for which Pythons and platforms it was made.

Written against `EnvSpec.compare` of dep-logic, which pdm asks before it installs: without a target that fits it
refuses. Versions of the system library do not count: pdm only warns there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["fits_target", "platform_of_target"]

_ALIASES = {
    "linux": ("linux", "x86-64"),
    "alpine": ("linux", "x86-64"),
    "windows": ("win32", "x86-64"),
    "macos": ("darwin", "arm64"),
}
_SYSTEMS = {"manylinux": "linux", "musllinux": "linux", "macos": "darwin", "windows": "win32"}
_PLATFORM = re.compile(r"([a-z]+)(?:_\d+_\d+)?_([a-z]\w*)")
_MACHINES = {"x86_64": "x86-64", "amd64": "x86-64", "aarch64": "arm64", "i386": "x86", "i686": "x86"}


def fits_target(target: Mapping[str, Any], environment: Mapping[str, str]) -> bool:
    """Tell whether a target is for an environment; what the environment does not say counts as fitting."""
    python, name = environment.get("python_full_version"), environment.get("implementation_name")
    if python is not None and not _holds(target.get("requires_python", ""), python):
        return False
    implementation = target.get("implementation")
    if implementation and name and implementation != name:
        return False
    if not target.get("platform") or (found := platform_of_target(target["platform"])) is None:
        return True
    system, machine = found
    own_machine = environment.get("platform_machine", "").lower()
    is_system = environment.get("sys_platform") in (None, system)
    return is_system and (not own_machine or _MACHINES.get(own_machine, own_machine) == machine)


def platform_of_target(text: str) -> tuple[str, str] | None:
    """Return `sys_platform` and the machine of a target's platform, None for one that is not known.

    >>> platform_of_target("manylinux_2_17_x86_64")
    ('linux', 'x86-64')
    """
    if text in _ALIASES:
        return _ALIASES[text]
    match = _PLATFORM.fullmatch(text)
    if match is None or match[1] not in _SYSTEMS:
        return None
    return _SYSTEMS[match[1]], _MACHINES.get(match[2], match[2])


def _holds(requires_python: str, python: str) -> bool:
    """Judge a specifier, several of them joined by `||`; one that cannot be read excludes nothing."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion, Version

    try:
        release = Version(python).base_version
        return any(SpecifierSet(part).contains(release, prereleases=True) for part in requires_python.split("||"))
    except (InvalidSpecifier, InvalidVersion):
        return True
