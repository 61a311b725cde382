"""Hooks of a backend, called as pyproject-hooks does, by a process that only pretends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cudapin.adapters.children import Done
from cudapin.isolated.backend import Backend, StepError
from cudapin.isolated.environment import Environment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Process:
    """Answers a hook with what it is told to, and keeps what it was asked."""

    def __init__(self, answer: Mapping[str, Any], code: int = 0) -> None:
        self.answer = answer
        self.code = code
        self.asked: list[tuple[str, Mapping[str, Any], Path, Mapping[str, str]]] = []

    def __call__(self, command: Sequence[str], cwd: Path, environ: Mapping[str, str]) -> Done:
        hook, folder = command[-2:]
        given = json.loads(Path(folder, "input.json").read_text(encoding="utf-8"))
        self.asked.append((hook, given["kwargs"], cwd, environ))
        Path(folder, "output.json").write_text(json.dumps(self.answer), encoding="utf-8")
        return Done(self.code, "it said")


def _backend(root: Path, process: Process, heard: list[str], **settings: str) -> Backend:
    return Backend(
        name="hatchling.build",
        path=None,
        source=root,
        environment=Environment(python="/e/python", environ={"PATH": "/e", "CUDAPIN_VARIANT": "cpu"}),
        variables={"CUDAPIN_VARIANT": "cu126"},
        settings=settings,
        run=process,
        hear=heard.append,
    )


def test_what_is_required(tmp_path: Path) -> None:
    heard: list[str] = []
    process = Process({"return_val": ["b", "a", "b"]})
    assert _backend(tmp_path, process, heard).requires("wheel") == ("b", "a")
    ((hook, given, cwd, environ),) = process.asked
    assert (hook, given, cwd, heard) == (
        "get_requires_for_build_wheel",
        {"config_settings": None},
        tmp_path,
        ["it said"],
    )
    assert environ["_PYPROJECT_HOOKS_BUILD_BACKEND"] == "hatchling.build"
    assert (environ["PATH"], environ["CUDAPIN_VARIANT"]) == ("/e", "cu126")


def test_what_is_built(tmp_path: Path) -> None:
    process = Process({"return_val": "a-1.tar.gz"})
    assert (
        _backend(tmp_path, process, [], variant="cu126").build("sdist", tmp_path / "out")
        == tmp_path / "out" / "a-1.tar.gz"
    )
    ((hook, given, _, _),) = process.asked
    assert hook == "build_sdist"
    assert given == {"sdist_directory": str(tmp_path / "out"), "config_settings": {"variant": "cu126"}}


@pytest.mark.parametrize(
    ("answer", "code", "text"),
    [
        ({}, 3, "it said"),
        ({"no_backend": True, "traceback": "No module named 'hatchling'", "backend_error": ""}, 0, "No module named"),
        ({"unsupported": True, "traceback": "no sdist here"}, 0, "no sdist here"),
        ({"hook_missing": True, "missing_hook_name": "build_wheel"}, 0, "the backend has no `build_wheel`"),
    ],
)
def test_what_fails(tmp_path: Path, answer: dict[str, Any], code: int, text: str) -> None:
    heard: list[str] = []
    with pytest.raises(StepError, match="`build_wheel` exited with") as caught:
        _backend(tmp_path, Process(answer, code), heard).build("wheel", tmp_path)
    assert caught.value.code == (code or 1)
    assert text in caught.value.text
