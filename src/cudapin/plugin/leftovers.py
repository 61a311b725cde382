"""Files that do not outlive a build: what the hook writes for hatchling, and wheels that a late refusal puts back."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

__all__ = ["Leftovers"]


class Leftovers:
    """The temporary files of one build; `remove` takes them away, and so does the end of the process."""

    def __init__(self) -> None:
        """Begin with none."""
        self._temporary: list[Path] = []
        self._kept: list[tuple[Path, Path]] = []

    def write(self, name: str, text: str) -> str:
        """Write a file of that name in a folder of its own and return its path."""
        path = self._folder() / name
        path.write_text(text, encoding="utf-8", newline="\n")
        return str(path)

    def keep_older(self, directory: Path, prefix: str) -> None:
        """Keep a second name for each wheel of the project `prefix` in `directory`, which the build could replace."""
        if not directory.is_dir():
            return
        older = [path for path in directory.glob("*.whl") if path.name.startswith(f"{prefix}-")]
        if older:
            kept = self._folder(directory)
            for path in older:
                try:
                    os.link(path, kept / path.name)
                except OSError:
                    shutil.copy2(path, kept / path.name)
                self._kept.append((path, kept / path.name))

    def take_back(self, artifact: Path) -> None:
        """Remove a refused wheel; one of the same name from before is put back."""
        artifact.unlink(missing_ok=True)
        for path, kept in self._kept:
            if path == artifact:
                kept.replace(path)

    def remove(self) -> None:
        """Remove every temporary file; safe to repeat."""
        for directory in self._temporary:
            shutil.rmtree(directory, ignore_errors=True)
        self._temporary.clear()

    def _folder(self, beside: Path | None = None) -> Path:
        folder = Path(tempfile.mkdtemp(prefix=".cudapin-" if beside else "cudapin-", dir=beside))
        self._temporary.append(folder)
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return folder
