"""Which files hatchling puts into a wheel, and where: asked before it does so."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cudapin.core.binary_format import is_compiled
from cudapin.core.wheel_name import DATA

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["any_binary", "compiled_files", "files_of_wheel", "wheel_has_binaries"]


def files_of_wheel(config: Any, build_data: dict[str, Any]) -> dict[str, Path]:  # noqa: ANN401
    """Return the files that go into the wheel, by their paths in it, whatever the hooks before said.

    `DATA` stands for the folder of data files and scripts.
    """
    builder = config.builder
    with config.set_build_data(build_data):
        files = {file.distribution_path: Path(file.path) for file in builder.recurse_included_files()}
        for kind, folder in (("shared_data", "data"), ("shared_scripts", "scripts")):
            added = {str(Path(builder.root, key)): to for key, to in (build_data.get(kind) or {}).items()}
            for file in builder.recurse_explicit_files({**getattr(config, kind, {}), **added}):
                files[f"{DATA}/{folder}/{file.distribution_path}"] = Path(file.path)
    return {name.replace(os.sep, "/"): path for name, path in files.items()}


def compiled_files(files: Mapping[str, Path]) -> dict[str, Path]:
    """Return the compiled ones among files, by their first bytes; what cannot be opened is left to the build."""
    found = {}
    for name, path in files.items():
        with suppress(OSError), path.open("rb", buffering=0) as stream:
            if is_compiled(stream.read(8)):
                found[name] = path
    return found


def any_binary(names: Iterable[str]) -> bool:
    """Tell whether one of the names is that of a compiled file."""
    return any(name.endswith((".so", ".pyd", ".dylib", ".dll")) or ".so." in name.rpartition("/")[2] for name in names)


def wheel_has_binaries(path: Path) -> bool:
    """Tell whether a finished wheel holds compiled files, by their names."""
    from zipfile import ZipFile

    if not path.is_file():
        return False
    with ZipFile(path) as wheel:
        return any_binary(wheel.namelist())
