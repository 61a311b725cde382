"""The gate of a project, opened once for all environments of a hatch command."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cudapin.gate import Gate

__all__ = ["gate_of_this_command"]

_gates: dict[str, Gate] = {}


def gate_of_this_command(root: Path, environ: Mapping[str, str]) -> Gate:
    """Return the gate of the project at `root`; every question that it asks of the file system is noted.

    Raises ConfigError for a broken configuration.
    """
    from cudapin.adapters.files import start_noting
    from cudapin.gate import open_gate

    key = str(root)
    if key not in _gates:
        start_noting()
        _gates[key] = open_gate(root, environ)
    return _gates[key]
