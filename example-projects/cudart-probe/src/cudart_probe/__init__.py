"""Says which CUDA it was compiled for and which CUDA it runs on."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from pkgutil import extend_path

# In an editable install the compiled module lies in site-packages, away from this file.
__path__ = extend_path(__path__, __name__)

from cudart_probe._probe import driver_version, headers_version, runtime_library, runtime_version

__all__ = ["driver_version", "headers_version", "info", "runtime_library", "runtime_version"]


def info() -> dict[str, str | None]:
    """Return the installed version and what CUDA answers, as text; None where it has no answer.

    Without a driver `driver` is None, and `runtime` too under CUDA 11, whose runtime then refuses to answer.
    """
    library = runtime_library()
    return {
        "version": version("cudart-probe"),
        "headers": _as_text(headers_version()),
        "runtime": _as_text(runtime_version()),
        "library": Path(library).name if library else None,
        "driver": _as_text(driver_version()),
    }


def _as_text(number: int | None) -> str | None:
    """Spell CUDA's own number, 12060, as people do: 12.6."""
    return f"{number // 1000}.{number % 1000 // 10}" if number else None
