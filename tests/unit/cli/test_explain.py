"""`cudapin explain` as text and JSON, anywhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cudapin.adapters.explain import read_explanations
from cudapin.cli.main import main
from cudapin.core.explain import list_codes, render_explanation
from cudapin.errors import Code

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_it_prints_the_text_of_a_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "cp205"]) == 0
    assert capsys.readouterr() == (render_explanation(Code.CP205, read_explanations()[Code.CP205]) + "\n", "")


def test_it_needs_no_project(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["explain"]) == 0
    assert capsys.readouterr() == (list_codes() + "\n", "")


def test_it_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "CP301", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "schema": 1,
        "command": "explain",
        "ok": True,
        "problems": [],
        "code": "CP301",
        "meaning": Code.CP301.value,
        "text": render_explanation(Code.CP301, read_explanations()[Code.CP301]),
    }


def test_the_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"]
    assert {"code": "CP201", "meaning": "the lock file is stale"} in found["codes"]


def test_a_wrong_code_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "CP2O1"]) == 2
    assert capsys.readouterr().err.endswith("  fix: cudapin explain CP201\n")
