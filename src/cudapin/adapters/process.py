"""Asks other programs, with a limit on time and output; whatever they do is an answer, never an error of ours."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["output_of"]

_MOST = 1 << 20
_SHOWN = 160


def output_of(command: Sequence[str], environ: Mapping[str, str], timeout_s: float) -> tuple[str, str | None]:
    """Return what a program printed, and why it gave no usable answer (None where it did)."""
    try:
        done = subprocess.run(  # noqa: S603 - a program that the user named, or of the driver
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
            env={**environ, "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired:
        return "", f"no answer within {timeout_s:g} s"
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return "", str(getattr(error, "strerror", None) or error)
    text = done.stdout[:_MOST].decode("utf-8", "replace")
    if done.returncode == 0:
        return text, None
    said = done.stderr[:_MOST].decode("utf-8", "replace").strip() or text.strip()
    last = said.splitlines()[-1].strip()[:_SHOWN] if said else ""
    return text, f"exit {done.returncode}{f': {last}' if last else ''}"
