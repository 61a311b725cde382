"""What became of each cell of a test run: green must mean tested."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["NOT_RUN", "Outcomes"]

NOT_RUN = "not run"
_MANY = 3
"""From so many cells on that share an outcome, the summary has one line for all of them."""


@dataclass(slots=True, kw_only=True)
class Outcomes:
    """The outcomes of one run by cell, in the order of the run.

    An outcome is `passed`, `failed`, `skipped: why` or `not run`.
    """

    cells: Sequence[str]
    found: dict[str, str] = field(default_factory=dict)

    def add(self, cell: str, outcome: str) -> None:
        """Record what became of a cell; a failure is never overwritten by a later success."""
        if self.found.get(cell) != "failed":
            self.found[cell] = outcome

    def of(self, cell: str) -> str:
        """Return what became of a cell."""
        return self.found.get(cell, NOT_RUN)

    @property
    def ran(self) -> bool:
        """Whether any cell was tested at all."""
        return any(outcome in ("passed", "failed") for outcome in self.found.values())

    def table(self) -> str:
        """Return the summary that ends a run of several cells; those skipped for one reason share a line."""
        by_outcome: dict[str, list[str]] = {}
        for cell in self.cells:
            by_outcome.setdefault(self.of(cell), []).append(cell)
        grouped = {
            outcome
            for outcome, cells in by_outcome.items()
            if len(cells) >= _MANY and outcome not in ("passed", "failed")
        }
        single = [(cell, self.of(cell)) for cell in self.cells if self.of(cell) not in grouped]
        width = max((len(cell) for cell, _ in single), default=0)
        lines = [f"  {cell:<{width}}  {outcome}" for cell, outcome in single]
        for outcome in (outcome for outcome in by_outcome if outcome in grouped):
            cells = by_outcome[outcome]
            lines += [f"  {len(cells)} cells {outcome}", f"    {_together(cells)}"]
        counts = {"passed": 0, "failed": 0, "skipped": 0, NOT_RUN: 0}
        for cell in self.cells:
            counts[self.of(cell).partition(":")[0]] += 1
        total = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        return "\n".join([*lines, f"cudapin: {len(self.cells)} cells: {total}"])

    def entries(self, report: Path) -> dict[str, dict[str, Any]]:
        """Return what the report should say of each cell.

        A passed cell keeps the outcome that its tests wrote, which may know better (`skipped: no test ran`); one
        whose tests wrote none in this run is `no-gpu`.
        """
        try:
            known = json.loads(report.read_text(encoding="utf-8"))["cells"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            known = {}
        entries = {}
        for cell in self.cells:
            entry = known.get(cell) if isinstance(known, dict) else None
            entry = entry if isinstance(entry, dict) else {}
            outcome = self.of(cell)
            if outcome == "passed":
                written = entry.get("outcome", NOT_RUN)
                entries[cell] = {**entry, "outcome": "no-gpu" if written == NOT_RUN else written}
            else:  # what an earlier run wrote of this cell is not about this one
                entries[cell] = {**(entry if outcome == "failed" else {}), "outcome": outcome}
        return entries


def _together(cells: Sequence[str]) -> str:
    """Return names with what they begin with said once: `hatch-test.` and `py3.10-cpu`, `py3.11-cpu`."""
    place = cells[0].find(".") + 1
    prefix = cells[0][:place]
    if not place or not all(cell.startswith(prefix) for cell in cells):
        return ", ".join(cells)
    return f"{prefix}{{{', '.join(cell[place:] for cell in cells)}}}"
