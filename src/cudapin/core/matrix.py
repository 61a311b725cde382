"""The cells of a project (variant, Python, platform) as values, as a table for people, and as a matrix for CI."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cudapin.core.cuda import CudaVersion

__all__ = [
    "PYTHONS",
    "Absent",
    "Matrix",
    "MatrixCell",
    "MatrixFormat",
    "cell_object",
    "main_packages",
    "python_key",
    "render_github",
    "render_json",
    "render_table",
]

MatrixFormat = Literal["table", "json", "github", "svg"]
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14", "3.15")
"""The Pythons that are asked about where a lock's wheels are for any; those of wheel tags are asked about, too."""

_RUNNERS = {
    "linux_x86_64": "ubuntu-latest",
    "linux_aarch64": "ubuntu-24.04-arm",
    "win_amd64": "windows-latest",
    "win_arm64": "windows-11-arm",
    "macosx_arm64": "macos-latest",
    "macosx_x86_64": "macos-15-intel",
}
"""GitHub's own runners, by platform; GitHub Actions documentation, "GitHub-hosted runners reference", 2026-11-22."""
_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixCell:
    """One cell that exists: what its variant locks there, what it needs, and whether this machine runs it.

    `variant` is None in a project without variants, `driver` the lowest one, None where no CUDA is used or it is not
    known. `packages` are the CUDA-bound ones, frameworks first; `from_source` have to be compiled there.
    """

    variant: str | None
    python: str
    platform: str
    cuda: tuple[CudaVersion, ...] = ()
    driver: str | None = None
    arch: tuple[str, ...] = ()
    packages: Mapping[str, str | None] = field(default_factory=dict)
    toolkit_parts: frozenset[str] = frozenset()
    from_source: tuple[str, ...] = ()
    fits: bool = False
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """A variant that has no cell on a platform at all, and why, for one of its Pythons."""

    variant: str | None
    platform: str
    python: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """All cells, in the order of variants, platforms and Pythons, and what has none."""

    cells: tuple[MatrixCell, ...]
    absent: tuple[Absent, ...] = ()
    unproven: tuple[str, ...] = ()
    """Lock files that name no files, so that only the packages' own metadata knows for what there are wheels."""


def python_key(python: str) -> tuple[int, ...]:
    """Order Pythons such as `3.9` and `3.10`."""
    return tuple(int(number) for number in python.split("."))


def cell_object(cell: MatrixCell) -> dict[str, Any]:
    """Return the JSON form of a cell."""
    return {
        "variant": cell.variant,
        "python": cell.python,
        "platform": cell.platform,
        "os": _RUNNERS.get(cell.platform),
        "cuda": ",".join(map(str, cell.cuda)) or None,
        "driver": cell.driver,
        "arch": [*cell.arch],
        "packages": dict(cell.packages),
        "from_source": [*cell.from_source],
        "fits": cell.fits,
        "reasons": [*cell.reasons],
    }


def render_json(matrix: Matrix) -> str:
    """Return a JSON list of all cells."""
    return json.dumps([cell_object(cell) for cell in matrix.cells], indent=1)


def render_github(matrix: Matrix) -> str:
    """Return one line: the value of `strategy.matrix` for `fromJSON`, every value a text.

    A platform for which GitHub has no runner of its own has its own name as `os`.
    """
    include = [
        {
            "variant": cell.variant or "",
            "python": cell.python,
            "platform": cell.platform,
            "os": _RUNNERS.get(cell.platform, cell.platform),
            "cuda": ",".join(map(str, cell.cuda)),
        }
        for cell in matrix.cells
    ]
    return json.dumps({"include": include}, separators=(",", ":"))


def main_packages(cell: MatrixCell) -> str:
    """Return the locked packages to show: the frameworks, or where there are none the first of NVIDIA's."""
    names = [name for name in cell.packages if name not in cell.toolkit_parts] or [*cell.packages]
    shown = ", ".join(f"{name} {cell.packages[name] or ''}".rstrip() for name in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def render_table(matrix: Matrix) -> str:
    """Return a table with a row for what differs in nothing but the Python."""
    rows: list[tuple[str, ...]] = [("variant", "platform", "CUDA", "driver", "arch", "here", "Python", "locked")]
    groups: dict[tuple[str, ...], list[str]] = {}
    for cell in matrix.cells:
        source = f"; compiles {', '.join(cell.from_source)}" if cell.from_source else ""
        row = (
            cell.variant or "-",
            cell.platform,
            " ".join(map(str, cell.cuda)) or "-",
            cell.driver or "-",
            " ".join(cell.arch) or "-",
            "yes" if cell.fits else "no",
            (main_packages(cell) or "-") + source,
        )
        groups.setdefault(row, []).append(cell.python)
    rows += [(*row[:-1], " ".join(pythons), row[-1]) for row, pythons in groups.items()]
    return "\n".join(_aligned(rows)) if groups else "no cell"


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip()
