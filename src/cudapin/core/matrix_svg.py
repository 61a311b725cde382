"""A matrix of cells as a small picture: SVG 1.1 without script, font file or reference to anything outside."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from cudapin.core.matrix import main_packages, python_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cudapin.core.matrix import Matrix, MatrixCell

__all__ = ["render_svg"]

_ROW, _CELL, _MARGIN, _CHARACTER = 26, 46, 16, 6.9
"""Heights and widths in pixels; the last is what a letter of 12 pixels takes at most on average."""
_SPACE = "http://www.w3.org/2000/svg"
_FONT = ' font-family="DejaVu Sans, Verdana, sans-serif" font-size="12" fill="#1f2328"'
_COLOURS = {"here": "#1a7f37", "there": "#9ec7a8", "none": "#eceff2"}
_LEGEND = (("here", "runs on this machine"), ("there", "exists"), ("none", "does not exist"))
_SOURCE = "src"
"""The sign of a cell for which some package has to be compiled."""


def render_svg(matrix: Matrix) -> str:
    """Return the picture: a row for each variant and platform, a column for each Python."""
    pythons = sorted({cell.python for cell in matrix.cells}, key=python_key)
    rows: dict[tuple[str, str], dict[str, MatrixCell]] = {}
    for cell in matrix.cells:
        rows.setdefault((cell.variant or "-", cell.platform), {})[cell.python] = cell
    needs = {key: _needs(cells.values()) for key, cells in rows.items()}
    left = _MARGIN + _width(("variant", *(key[0] for key in rows)))
    grid = left + _width(("platform", *(key[1] for key in rows)))
    right = grid + _CELL * len(pythons) + 12
    width = int(max(right + _width(("needs, and what is locked", *needs.values())), 520)) + _MARGIN
    height = 2 * _MARGIN + _ROW * (len(rows) + 2)
    lines = [
        f'<svg xmlns="{_SPACE}" width="{width}" height="{height}" viewBox="0 0 {width} {height}"{_FONT}>',
        "<title>CUDA variants, Pythons and platforms</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        _text(_MARGIN, 0, "variant", bold=True),
        _text(left, 0, "platform", bold=True),
        *(_text(grid + _CELL * (n + 0.5), 0, name, bold=True, middle=True) for n, name in enumerate(pythons)),
        _text(right, 0, "needs, and what is locked", bold=True),
    ]
    for number, ((variant, platform), cells) in enumerate(rows.items(), start=1):
        lines += [_text(_MARGIN, number, variant), _text(left, number, platform)]
        for column, python in enumerate(pythons):
            lines.append(_square(grid + _CELL * column, number, cells.get(python)))
        lines.append(_text(right, number, needs[variant, platform]))
    lines += _legend(len(rows) + 1)
    return "\n".join([*lines, "</svg>"])


def _needs(cells: Iterable[MatrixCell]) -> str:
    """Return what cells that differ in their Python need and hold."""
    found = []
    for cell in cells:
        cuda = f"CUDA {', '.join(map(str, cell.cuda))}" if cell.cuda else "no CUDA"
        arch = f"compute capability {', '.join(cell.arch)}" if cell.arch else ""
        parts = [cuda, f"driver {cell.driver}" if cell.driver else "", arch, main_packages(cell)]
        found.append("; ".join(part for part in parts if part))
    return " / ".join(dict.fromkeys(found))


def _width(texts: Iterable[str]) -> float:
    return round(max(map(len, texts)) * _CHARACTER + 14, 1)


def _top(row: int) -> float:
    return _MARGIN + _ROW * row


def _text(x: float, row: int, text: str, *, bold: bool = False, middle: bool = False) -> str:
    style = (' font-weight="bold"' if bold else "") + (' text-anchor="middle"' if middle else "")
    return f'<text x="{x:g}" y="{_top(row) + 17:g}"{style}>{escape(text)}</text>'


def _square(x: float, row: int, cell: MatrixCell | None) -> str:
    kind = "none" if cell is None else "here" if cell.fits else "there"
    shape = f'x="{x + 2:g}" y="{_top(row) + 2:g}" width="{_CELL - 4}" height="{_ROW - 4}" rx="3"'
    box = f'<rect {shape} fill="{_COLOURS[kind]}"/>'
    if cell is None:
        return box
    colour = "#ffffff" if cell.fits else "#1f2328"
    sign = _SOURCE if cell.from_source else "✓"
    return f'{box}<text x="{x + _CELL / 2:g}" y="{_top(row) + 17:g}" text-anchor="middle" fill="{colour}">{sign}</text>'


def _legend(row: int) -> Iterable[str]:
    x = float(_MARGIN)
    for kind, text in _LEGEND:
        yield f'<rect x="{x:g}" y="{_top(row) + 8:g}" width="12" height="12" rx="3" fill="{_COLOURS[kind]}"/>'
        yield _text(x + 18, row, text)
        x += 18 + _width([text])
    yield _text(x, row, f"{_SOURCE}: compiles a package")
