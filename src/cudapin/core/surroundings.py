"""What lies between a program and the GPU: container, WSL, the driver's parts, the variables that hide devices."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cudapin.core.cuda import CudaVersion

__all__ = ["Cudnn", "Library", "Surroundings", "Toolkit", "shown_setting"]

_IDENTITY = re.compile(r"\b(GPU|MIG)-[0-9A-Fa-f][0-9A-Za-z-]*(/\d+/\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """A library of the driver, and the directory that holds it; None where no known directory does."""

    name: str
    directory: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the file system and the environment variables tell of where a program runs.

    `container` is `docker`, `kubernetes` and the like, with the evidence in `container_source`. `devices` are the
    GPU devices below `/dev`; `libraries` is empty where they are not looked for (Windows, macOS); `settings` are the
    variables that decide which GPUs a program sees.
    """

    system: str
    container: str | None = None
    container_source: str | None = None
    wsl_source: str | None = None
    devices: tuple[str, ...] = ()
    libraries: tuple[Library, ...] = ()
    has_module: bool = False
    settings: tuple[tuple[str, str], ...] = ()

    def setting(self, name: str) -> str | None:
        """Return the value of a variable, None where it is not set."""
        return dict(self.settings).get(name)

    def directory_of(self, library: str) -> str | None:
        """Return where a library of the driver lies."""
        return next((item.directory for item in self.libraries if item.name == library), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolkit:
    """A CUDA toolkit: its version (None where it does not tell), its place, what led to it, and whether it compiles."""

    version: CudaVersion | None
    path: str
    source: str
    has_nvcc: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cudnn:
    """A cuDNN outside of Python environments, and the file that tells its version."""

    version: str
    path: str


def shown_setting(value: str) -> str:
    """Return the value of a variable for a report: the identity of a GPU is nobody's business.

    >>> shown_setting("GPU-a230e637-c9e1-1b61-3830-a437b874d88d,1")
    'GPU-…,1'
    """
    return _IDENTITY.sub(r"\1-…", value)
