"""Remembers what was found about a project, for as long as nothing changes that could change it.

A check of a lock file reads and compares much; a command that changes nothing should not wait for it. Files are
compared by their content, since a time can be set back.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cudapin import __version__
from cudapin.adapters.files import noted, still_hold

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["circumstances", "read_memo", "recall", "remember", "write_memo"]


def circumstances(environ: Mapping[str, str], *more: object) -> str:
    """Return a digest of all but files that a finding depends on: variables, this Python, the day, and `more`.

    The day counts because waivers end; the folder of this package, because it may be a checkout.
    """
    variables = sorted((name, value) for name, value in environ.items() if name.startswith("CUDAPIN"))
    today = time.strftime("%Y-%m-%d", time.gmtime())
    package = Path(__file__).parents[1]
    parts = [__version__, str(package), sys.version, sys.platform, _machine(), today, variables, *more]
    return hashlib.sha256(json.dumps(parts, default=str, sort_keys=True).encode()).hexdigest()


def _machine() -> str:
    # `platform.machine()` says the same, and loading it takes as long as all else here.
    return os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "")


def remember(key: str, **found: Any) -> dict[str, Any]:  # noqa: ANN401 (whatever JSON can hold)
    """Return findings with what they rest on: the circumstances, and every question asked of the file system."""
    return {"key": key, "files": noted(), "found": found}


def recall(memo: object, key: str) -> dict[str, Any] | None:
    """Return remembered findings where nothing that they rest on has changed, else None."""
    if not isinstance(memo, dict) or memo.get("key") != key:
        return None
    files, found = memo.get("files"), memo.get("found")
    if not isinstance(files, dict) or not isinstance(found, dict) or not files:
        return None
    return found if still_hold(files) else None


def read_memo(path: str) -> object:
    """Return what a file of ours holds; None where there is none, or it is broken."""
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123
            return json.load(file)
    except (OSError, ValueError, RecursionError):
        return None


def write_memo(path: str, memo: object) -> None:
    """Write a file in one step; where that is not possible, the next run finds out again."""
    temporary = f"{path}.{os.getpid()}"
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(temporary).write_text(json.dumps(memo), encoding="utf-8")
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
