"""The summary and the report of a run over many cells."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from support import A, B, faults

from cudapin.core.lock import LockedPackage, Selection
from cudapin.environments.outcomes import Outcomes
from cudapin.environments.tools import reconcile
from cudapin.errors import Refusal

if TYPE_CHECKING:
    from pathlib import Path


def test_cells_skipped_for_one_reason_share_a_line() -> None:
    cells = [f"hatch-test.py3.{minor}-{name}" for minor in (11, 12) for name in ("cpu", "cu118", "cu126")]
    outcomes = Outcomes(cells=cells)
    for cell in cells:
        outcomes.add(cell, "passed" if cell.endswith("cpu") else "skipped: there is no GPU")
    outcomes.add(cells[0], "failed")
    outcomes.add(cells[0], "passed")
    assert outcomes.table() == (
        "  hatch-test.py3.11-cpu  failed\n"
        "  hatch-test.py3.12-cpu  passed\n"
        "  4 cells skipped: there is no GPU\n"
        "    hatch-test.{py3.11-cu118, py3.11-cu126, py3.12-cu118, py3.12-cu126}\n"
        "cudapin: 6 cells: 1 passed, 1 failed, 4 skipped"
    )
    assert outcomes.ran
    assert not Outcomes(cells=cells, found={cells[0]: "skipped: why"}).ran


def test_the_report_keeps_what_tests_wrote_only_of_cells_that_they_ran_in(tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    cells = {name: {"outcome": "gpu", "driver": "570"} for name in ("passed", "skipped", "failed")}
    report.write_text(json.dumps({"schema": 1, "cells": cells}))
    found = {"passed": "passed", "skipped": "skipped: why", "failed": "failed", "early": "passed"}
    outcomes = Outcomes(cells=[*found, "late"], found=found)
    assert outcomes.entries(report) == {
        "passed": {"outcome": "gpu", "driver": "570"},
        "skipped": {"outcome": "skipped: why"},
        "failed": {"outcome": "failed", "driver": "570"},
        "early": {"outcome": "no-gpu"},
        "late": {"outcome": "not run"},
    }
    report.write_text("[]")
    assert outcomes.entries(report)["passed"] == {"outcome": "no-gpu"}


SELECTION = Selection(
    packages=(LockedPackage(name="pytest", version="8.4.1"), LockedPackage(name="rich", version="14.0"))
)


def test_own_dependencies_that_the_lock_has_come_from_it() -> None:
    own = [Requirement(text) for text in ("pytest~=9.0", "rich", "Tool>=1", "rich[jupyter]>=13")]
    assert reconcile(own, SELECTION, ("pytest~=9.0",)) == ("Tool>=1", "rich[jupyter]>=13")
    assert faults(lambda: reconcile(own, SELECTION, ()), Refusal) == (
        "error[CP601]: the environment's own dependency `pytest~=9.0` contradicts the lock file\n"
        "  why: wanted `~=9.0`, the lock has `pytest==8.4.1`\n"
        "  fix: let the environment's dependencies allow 8.4.1, or lock another version"
    )


def test_sizes_are_read_where_a_lock_records_them() -> None:
    from cudapin.environments.sizes import readable, recorded_sizes

    text = (
        f'wheels = [\n  {{ url = "u", hash = "sha256:{A}", size = 12, upload-time = "t" }},\n]\n'
        f'wheels = [{{ name = "n", size = 34, hashes = {{ sha256 = "{B}" }} }}, {{ hash = "sha256:{"c" * 64}" }}]\n'
    )
    assert recorded_sizes(text) == {A: 12, B: 34}
    assert [readable(size) for size in (7, 1500, 2_500_000_000)] == ["7 B", "2 kB", "2.5 GB"]
