"""The README's first command does what it says."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from integration.workbench import ROOT, Place, Workbench

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration


def test_the_demo(workbench: Workbench, place: Place, tmp_path: Path) -> None:
    done = workbench.run(place, sys.executable, ROOT / "example-projects" / "demo.py", cwd=tmp_path)
    assert done.code == 0, done.output
    for variant in ("cpu", "cu118", "cu126", "cu129", "cu130"):
        assert f"\n{variant} " in done.output, done.output
    assert "error[CP201]" in done.output
    assert place.left_over == []
