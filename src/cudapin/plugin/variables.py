"""What the build tells other hooks, compilers and build systems through environment variables."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cudapin.core.config import Variant

__all__ = [
    "export_flags",
    "export_request",
    "export_toolkit",
    "export_variant",
    "is_read_by_hatch",
    "requested_variant",
    "user_environ",
    "withdraw",
]

_ours: dict[str, tuple[str | None, str]] = {}
"""For each variable that was set here: what the user had in it, and what it was set to."""

_TOOLKIT = ("CUDA_HOME", "CUDA_PATH", "CUDAToolkit_ROOT")


def requested_variant() -> str | None:
    """Return the variant that the user asks for, not the one that an earlier hook wrote down."""
    return user_environ().get("CUDAPIN_VARIANT") or None


def user_environ() -> Mapping[str, str]:
    """Return the environment as the user made it, without what was set here."""
    environ = dict(os.environ)
    for name, (before, after) in _ours.items():
        if environ.get(name) == after:
            if before is None:
                del environ[name]
            else:
                environ[name] = before
    return environ


def is_read_by_hatch() -> bool:
    """Tell whether metadata are for hatch, for a command that shows the project and not a wheel (`hatch version`)."""
    return os.environ.get("HATCH_ENV_ACTIVE") == "hatch-build" and "PIP_BUILD_TRACKER" not in os.environ


def withdraw() -> None:
    """Give the user's values back to all variables that were set here, for an earlier project or variant."""
    for name, (before, after) in _ours.items():
        if os.environ.get(name) == after:
            if before is None:
                del os.environ[name]
            else:
                os.environ[name] = before
    _ours.clear()


def export_request(name: str) -> None:
    """Set `CUDAPIN_VARIANT` to what a config setting names, for what runs before the variant is known."""
    _set("CUDAPIN_VARIANT", name)


def export_variant(variant: Variant) -> None:
    """Set `CUDAPIN_VARIANT` and `CUDAPIN_CUDA_VERSION`, and the architectures where the variant declares some."""
    _set("CUDAPIN_VARIANT", variant.name)
    _set("CUDAPIN_CUDA_VERSION", str(variant.cuda[0]) if len(variant.cuda) == 1 else "")
    if variant.arch:
        _set_default("TORCH_CUDA_ARCH_LIST", ";".join(arch.replace("+ptx", "+PTX") for arch in variant.arch))
        _set_default("CUDAARCHS", ";".join(_cmake_architectures(variant.arch)))


def export_toolkit(root: Path) -> None:
    """Point the usual variables at a toolkit, where the user named none."""
    if any(user_environ().get(name) for name in (*_TOOLKIT, "CUDACXX")):
        return  # half a toolkit of the user's and half of ours would be neither
    for name in _TOOLKIT:
        _set_default(name, str(root))
    compiler = root / "bin" / "nvcc"
    if compiler.is_file():
        _set_default("CUDACXX", str(compiler))


def export_flags(root: Path, toolkit: Path | None) -> None:
    """Make compilers forget directories: the project, the build environment and the toolkit.

    The options go where the user has some already, else into `CPPFLAGS`: a `CFLAGS` of our own would replace the
    optimisation that a build system takes from Python's.
    """
    if sys.platform == "win32":
        return
    places = {**_environment_places(), str(root): "."}
    if toolkit is not None:
        places[str(toolkit)] = "cuda"
    inner_last = sorted(places, key=len)  # of the options that match a file the last one counts
    options = shlex.join(f"-ffile-prefix-map={path}={places[path]}" for path in inner_last)
    environ = user_environ()
    names = [name for name in ("CFLAGS", "CXXFLAGS") if environ.get(name)]
    for name in names if len(names) == 2 else [*names, "CPPFLAGS"]:  # noqa: PLR2004
        _set(name, f"{environ.get(name, '')} {options}".strip())


def _environment_places() -> dict[str, str]:
    """Name what differs between build environments, so that all front ends build the same bytes.

    Most make a virtual environment. pip installs build requirements in a temporary folder and only puts that on
    `sys.path`; its interpreter may be one that is in no virtual environment. That one is never renamed: its headers
    are those that a virtual environment uses, too.
    """
    temporary = Path(tempfile.gettempdir()).resolve()
    places = {}
    for path in map(Path, sys.path):
        if path.name not in ("site-packages", "dist-packages"):
            continue
        places[str(path)] = "site-packages"
        above = path.parents[2:]  # as in `lib/python3.14/site-packages`
        if above and temporary in path.resolve().parents:
            places[str(above[0])] = "build-environment"
    places[sys.prefix] = "build-environment"
    places.pop(sys.base_prefix, None)
    return places


def _set(name: str, value: str) -> None:
    before = user_environ().get(name)
    _ours[name] = (before, value)
    os.environ[name] = value


def _set_default(name: str, value: str) -> None:
    if not user_environ().get(name):
        _set(name, value)


def _cmake_architectures(arch: tuple[str, ...]) -> list[str]:
    """Write compute capabilities as CMake does: `9.0` is `90-real`, `12.0+ptx` is `120`."""
    return [
        capability.removesuffix("+ptx").replace(".", "") + ("" if capability.endswith("+ptx") else "-real")
        for capability in arch
    ]
