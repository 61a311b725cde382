"""What `hatch test --all` says before it begins: how many cells, and about how much they download."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.environments.sizes import readable, recorded_sizes
from cudapin.errors import CudapinError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hatch.cli.application import Application

    from cudapin.environments.cell import Cell
    from cudapin.plugin.environment import CudapinEnvironment

__all__ = ["announce"]


def announce(app: Application, names: Sequence[str]) -> str:
    """Return one line: the number of cells, of those still to be made, and the size of all files that they take."""
    sizes: dict[str, int | None] = {}
    made = 0
    for name in names:
        environment: CudapinEnvironment = app.project.get_environment(name)
        if not hasattr(environment, "cell_to_make"):
            continue
        cell = environment.cell_to_make()
        if cell is not None:
            made += 1
            sizes.update(_files_of(cell))
    known = [size for size in sizes.values() if size is not None]
    text = f"cudapin: {len(names)} cells, {made} to be made"
    if not made:
        return text
    if not known:
        return f"{text}; the lock file does not say how much they download"
    at_least = "at least " if len(known) < len(sizes) else ""
    return f"{text}; they take {at_least}{readable(sum(known))} of locked files, less what is cached"


def _files_of(cell: Cell) -> Iterable[tuple[str, int | None]]:
    """Yield the file that each package of a cell is installed from, by its hash, with its size."""
    from cudapin.core.export import best_file

    try:
        path = cell.gate.lock_path(cell.variant)
        sizes = recorded_sizes(cell.gate.lock(path).source.text) if path else {}
        for package in cell.selection.packages:
            file = best_file(package, cell.gate.target)
            digest = file.hashes.get("sha256") if file else None
            if digest:
                yield digest, sizes.get(digest)
    except CudapinError:
        return  # the cell itself says why
