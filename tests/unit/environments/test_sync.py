"""What a sync removes and installs, as the commands say it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support import write

from cudapin.environments.installed_files import note_files
from cudapin.environments.installer import Call, Installer
from cudapin.environments.state import State, installed, read_state, write_state
from cudapin.environments.sync import Wanted, sync

if TYPE_CHECKING:
    from pathlib import Path

SITE = "lib/python3.12/site-packages"


@pytest.fixture(autouse=True)
def _no_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the copy of the pytest plugin, which takes longer than all else."""
    monkeypatch.setattr("cudapin.environments.sync.bring_plugin", lambda _: None)


def _environment(root: Path) -> Path:
    """Return an environment with pip and a tool of the environment's own, filled by an earlier run."""
    files = {f"{SITE}/{name}-1.dist-info/RECORD": f"{name}.py,,\n" for name in ("pip", "tool")}
    write(root, {**files, f"{SITE}/pip.py": "", f"{SITE}/tool.py": ""})
    packages = installed(root)
    write_state(root, State(identity="i", locked={}, sources="s", own="old", packages=packages, memo={}))
    note_files(root)
    return root


def _commands(root: Path, own_digest: str) -> list[str]:
    done: list[str] = []

    def run(call: Call, purpose: str, remedy: str) -> None:
        assert purpose
        assert remedy
        words = [word for word in call.command if not word.startswith("/")]
        done.append(" ".join(words))

    wanted = Wanted(
        identity="i",
        steps=(),
        constraints="",
        root=None,
        sources=lambda: "s",
        own=["tool"],
        own_digest=own_digest,
    )
    sync(root, wanted, lambda scratch: Installer(python="python", scratch=scratch), run, done.append)
    return done


def test_pip_itself_is_never_removed(tmp_path: Path) -> None:
    root = _environment(tmp_path)
    (root / SITE / "pip.py").write_text("changed", encoding="utf-8")
    assert _commands(root, "new") == [
        "python -m pip uninstall --yes tool",
        "python -m pip install --disable-pip-version-check --constraint tool",
    ]
    found = read_state(root)
    assert found is not None
    assert found.own == "new"


def test_a_tool_that_was_edited_is_removed_before_it_is_installed(tmp_path: Path) -> None:
    root = _environment(tmp_path)
    (root / SITE / "tool.py").write_text("changed", encoding="utf-8")
    assert _commands(root, "old")[0] == "python -m pip uninstall --yes tool"


def test_nothing_is_done_where_nothing_has_changed(tmp_path: Path) -> None:
    assert _commands(_environment(tmp_path), "old") == []
