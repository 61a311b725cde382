"""Where this program runs: bare, in a container or in WSL, and which parts of the driver are there."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cudapin.core.surroundings import Library, Surroundings

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["read_surroundings"]

_SETTINGS = (
    "CUDA_VISIBLE_DEVICES",
    "NVIDIA_VISIBLE_DEVICES",
    "NVIDIA_DRIVER_CAPABILITIES",
    "NVIDIA_DISABLE_REQUIRE",
)
_CONTAINER_FILES = (
    ("docker", ".dockerenv"),
    ("podman", "run/.containerenv"),
    ("apptainer", ".singularity.d"),
)
_CONTAINER_VARIABLES = (
    ("kubernetes", "KUBERNETES_SERVICE_HOST"),
    ("apptainer", "APPTAINER_CONTAINER"),
    ("apptainer", "SINGULARITY_CONTAINER"),
)
_CGROUP = re.compile(r"\b(kubepods|docker|libpod|lxc|containerd)\b")
_OF_CGROUP = {"kubepods": "kubernetes", "libpod": "podman"}
_DEVICE = re.compile(r"nvidia\d+|nvidiactl|nvidia-uvm|dxg|nvhost-gpu|nvmap")
_LIBRARIES = ("libcuda.so.1", "libnvidia-ml.so.1")
_DIRECTORIES = (
    "usr/lib/x86_64-linux-gnu",
    "usr/lib/aarch64-linux-gnu",
    "usr/lib64",
    "usr/lib",
    "lib64",
    "usr/lib/wsl/lib",
    "usr/local/nvidia/lib64",
    "usr/local/nvidia/lib",
    "usr/lib64/nvidia",
    "usr/lib/nvidia",
    "usr/lib/aarch64-linux-gnu/tegra",
    "run/opengl-driver/lib",
)
_MOST = 1 << 16


def read_surroundings(
    environ: Mapping[str, str], root: Path = Path("/"), system: str = sys.platform, machine: str = ""
) -> Surroundings:
    """Look at files under `root` and at variables; starts nothing, never raises."""
    container, source = _container(environ, root)
    is_linux = system.startswith("linux")
    return Surroundings(
        system=f"{system} {machine}".strip(),
        container=container,
        container_source=source,
        wsl_source=_wsl(root) if is_linux else None,
        devices=_devices(root) if is_linux else (),
        libraries=tuple(_find(name, environ, root) for name in _LIBRARIES) if is_linux else (),
        has_module=(root / "sys/module/nvidia").is_dir() or (root / "proc/driver/nvidia").is_dir(),
        settings=tuple((name, environ[name]) for name in _SETTINGS if name in environ),
    )


def _container(environ: Mapping[str, str], root: Path) -> tuple[str | None, str | None]:
    """Kubernetes first: its containers carry the marks of the runtime below it too."""
    for kind, name in _CONTAINER_VARIABLES:
        if environ.get(name):
            return kind, f"`{name}`"
    if _exists(root / "var/run/secrets/kubernetes.io"):
        return "kubernetes", "`/var/run/secrets/kubernetes.io`"
    for kind, place in _CONTAINER_FILES:
        if _exists(root / place):
            return kind, f"`/{place}`"
    if re.fullmatch(r"[a-z-]{2,30}", environ.get("container", "")):
        return environ["container"], "`container`"
    match = _CGROUP.search(_text(root / "proc/1/cgroup"))
    if match is not None:
        return _OF_CGROUP.get(match[1], match[1]), "`/proc/1/cgroup`"
    return None, None


def _wsl(root: Path) -> str | None:
    if _exists(root / "dev/dxg"):
        return "`/dev/dxg`"
    if "microsoft" in _text(root / "proc/sys/kernel/osrelease").lower():
        return "`/proc/sys/kernel/osrelease`"
    return None


def _devices(root: Path) -> tuple[str, ...]:
    try:
        names = os.listdir(root / "dev")  # noqa: PTH208 - a Path for each of hundreds of names
    except OSError:
        return ()
    return tuple(f"/dev/{name}" for name in sorted(names) if _DEVICE.fullmatch(name))


def _find(name: str, environ: Mapping[str, str], root: Path) -> Library:
    """Look where the driver's packages and container runtimes put the library, the user's own directories first."""
    own = [Path(item) for item in environ.get("LD_LIBRARY_PATH", "").split(":") if item.startswith("/")]
    for directory in (*own, *(root / item for item in _DIRECTORIES)):
        if _exists(directory / name):
            shown = f"/{directory.relative_to(root)}" if directory.is_relative_to(root) else str(directory)
            return Library(name=name, directory=shown)
    return Library(name=name, directory=None)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MOST).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""
