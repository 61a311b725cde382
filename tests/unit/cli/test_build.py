"""`cudapin build`: arguments, what is said before anything is made, progress, table and JSON."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cudapin.cli import build as module
from cudapin.cli.build_progress import Progress, is_display
from cudapin.cli.main import main
from cudapin.errors import Code, Problem
from cudapin.isolated.results import Result, Results
from unit.cli.test_cli import Run
from unit.support import COMPILE, PROJECT, STALE_CPU, STALE_TEXT, VARIANTS, locked, write

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cudapin.isolated.plan import Plan

WRONG = Problem(code=Code.CP406, what="another CUDA", why="wanted 12.6, found 13.0", fix="mend it")


class Fake:
    """Stands in for the run: every wheel ends as it is told to."""

    def __init__(self) -> None:
        self.ends: dict[str, Result] = {}
        self.signal: int | None = None
        self.calls: list[tuple[Plan, Path, int]] = []

    def __call__(self, plan: Plan, _: Mapping[str, str], output: Path, jobs: int, progress: Progress) -> Results:
        self.calls.append((plan, output, jobs))
        wheels = {}
        for order in plan.orders:
            name = order.name
            progress.step(name, "building")
            usual = Result(outcome="built", path=output / order.folder / f"demo-{name}.whl", sha256="ab")
            refused = Result(outcome="refused", problems=order.refused) if order.refused else None
            wheels[name] = refused or self.ends.get(name, usual)
            progress.end(name, wheels[name])
        sdist = Result(outcome="built", path=output / "demo-1.2.tar.gz", sha256="cd") if plan.wants_sdist else None
        return Results(wheels=wheels, sdist=sdist, notes=(), signal=self.signal)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    found = Fake()
    monkeypatch.setattr(module, "run_plan", found)
    return found


@pytest.fixture
def run(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    assert fake.calls == []
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CUDAPIN_VARIANT", raising=False)

    def call(*arguments: str, files: dict[str, str | bytes] | None = None) -> Run:
        write(tmp_path, files or {})
        code = main(("build", *arguments))
        captured = capsys.readouterr()
        return Run(code, captured.out, captured.err)

    return call


def test_every_variant(run: Any, fake: Fake, tmp_path: Path) -> None:
    found = run("--all", "--sdist", "-o", "out", "-j", "3", files=VARIANTS)
    assert (found.code, found.out) == (
        0,
        "sdist  built  out/demo-1.2.tar.gz\ncpu    built  out/demo-cpu.whl\ncu128  built  out/demo-cu128.whl\n",
    )
    ((plan, output, jobs),) = fake.calls
    assert ([order.variant for order in plan.orders], output, jobs) == (["cpu", "cu128"], tmp_path / "out", 3)


def test_progress_goes_to_standard_error(run: Any) -> None:
    found = run(files=VARIANTS)
    assert found.out == "cpu  built  dist/demo-cpu.whl\n"
    lines = found.err.splitlines()
    assert lines[0] == "cpu: building"
    assert lines[1].startswith("cpu: built (")
    assert lines[1].endswith(" s) demo-cpu.whl")
    assert run("-q").err == ""


def test_the_output_is_that_of_the_project(run: Any, fake: Fake, tmp_path: Path, monkeypatch: Any) -> None:
    write(tmp_path, {**VARIANTS, "below/x": ""})
    monkeypatch.chdir(tmp_path / "below")
    assert run().out == f"cpu  built  {tmp_path / 'dist' / 'demo-cpu.whl'}\n"
    assert fake.calls[0][1] == tmp_path / "dist"


def test_a_refusal_before_anything_is_made(run: Any) -> None:
    found = run("--all", files=STALE_CPU)
    assert (found.code, found.out) == (1, "cpu    refused  CP201\ncu128  built    dist/demo-cu128.whl\n")
    assert found.err.endswith(f"{STALE_TEXT}\n")
    assert "cpu: refused CP201" in found.err


def test_as_json(run: Any, fake: Fake) -> None:
    fake.ends["cu128"] = Result(outcome="refused", problems=(WRONG,))
    found = run("--all", "--format", "json", files=VARIANTS)
    problem = {
        "code": "CP406",
        "level": "error",
        "what": "another CUDA",
        "where": None,
        "why": "wanted 12.6, found 13.0",
        "fix": "mend it",
    }
    assert found.code == 1
    assert json.loads(found.out) == {
        "schema": 1,
        "command": "build",
        "ok": False,
        "problems": [problem],
        "variants": [
            {"name": "cpu", "outcome": "built", "wheel": "dist/demo-cpu.whl", "sha256": "ab", "problems": []},
            {"name": "cu128", "outcome": "refused", "wheel": None, "sha256": None, "problems": [problem]},
        ],
        "sdist": None,
    }
    sdist = run("--sdist", "--format", "json").json["sdist"]
    assert sdist == {"outcome": "built", "path": "dist/demo-1.2.tar.gz", "sha256": "cd", "problems": []}


def test_an_interrupted_run_exits_as_shells_call_it(run: Any, fake: Fake) -> None:
    fake.ends["cu128"] = Result(outcome="not run")
    fake.signal = 15
    found = run("--all", "-j", "1", files=VARIANTS)
    assert (found.code, found.out) == (143, "cpu    built    dist/demo-cpu.whl\ncu128  not run\n")
    assert found.err.endswith("note: interrupted: what is not listed as built was not written\n")


def test_what_was_not_run_is_not_fine(run: Any, fake: Fake) -> None:
    fake.ends["cpu"] = Result(outcome="not run")
    assert run(files=VARIANTS).code == 1


def test_configuration_is_said_once_and_first(run: Any, fake: Fake) -> None:
    text = PROJECT.replace("[tool.hatch.build.hooks.cudapin]", "")
    found = run("--all", files={**VARIANTS, "pyproject.toml": text})
    assert (found.code, found.out, fake.calls) == (2, "", [])
    assert found.err == (
        "error[CP106]: variants are declared, and the build hook `cudapin` is not\n"
        "  --> pyproject.toml:14 (tool.cudapin)\n"
        "  why: without `[tool.hatch.build.hooks.cudapin]` every build is a plain one\n"
        "  fix: add `[tool.hatch.build.hooks.cudapin]`, after the tables of other build hooks\n"
    )


@pytest.mark.parametrize("jobs", ["0", "-1", "x", "²", ""])
def test_jobs(run: Any, jobs: str) -> None:
    found = run(f"-j{jobs}" if jobs else "--jobs=", files=VARIANTS)
    assert (found.code, found.err) == (
        2,
        f"error[CP112]: `-j` is no number of builds\n  why: wanted 1 or more, found `{jobs}`\n  fix: use `-j 2`\n",
    )


def test_usual_jobs(run: Any, fake: Fake) -> None:
    run(files=VARIANTS)
    run(files={"kernels/a.cu": ""})
    assert fake.calls[0][2] >= 1
    assert fake.calls[1][2] == 1


def test_the_missing_extra(run: Any, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    from cudapin.isolated import environment

    monkeypatch.setattr(environment, "_NEEDED", ("no_such_module",))
    found = run(files=VARIANTS)
    assert (found.code, fake.calls) == (2, [])
    assert found.err.startswith("error[CP116]: `cudapin build` needs the extra `build` of cudapin\n")


def test_notes(run: Any) -> None:
    text = PROJECT.replace('arch = ["9.0"]', "requires-python = '<3'")
    assert run("--all", files={**VARIANTS, "pyproject.toml": text}).err.endswith(
        "note: variant `cu128` does not exist for this Python and platform\n"
    )


def test_why_wheels_are_built_one_after_another(run: Any) -> None:
    text = PROJECT.replace("[tool.hatch", "[tool.cudapin.variants.cu126]\nextra = 'cu128'\n\n[tool.hatch")
    lock = locked(COMPILE.format("cu128"), "numpy==2.0", "torch==2.9.0+cu126")
    found = run("--all", files={**STALE_CPU, "pyproject.toml": text, "locks/cu126.txt": lock})
    assert found.out.split() == [
        *("cpu", "refused", "CP201"),
        *("cu128", "built", "dist/demo-cu128.whl"),
        *("cu126", "built", "dist/demo-cu126.whl"),
    ]
    note = "note: built one after another from the tree, since there can be no sdist (CP201)\n"
    assert found.err.endswith(note)


def test_off_builds_a_plain_wheel(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDAPIN", "off")
    assert run(files=STALE_CPU).out == "wheel  built  dist/demo-wheel.whl\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_file_in_the_place_of_the_folder(run: Any, fake: Fake) -> None:
    for name in ("out", "out/below"):
        found = run("-o", name, files={**VARIANTS, "out": "a file"})
        assert (found.code, found.err) == (
            2,
            f"error[CP112]: nothing can be written to `{name}`\n"
            "  why: wanted a folder, new or not, and `out` is a file\n"
            "  fix: name a folder with `-o DIR`\n",
        )
    assert fake.calls == []


def test_no_standard_error(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    assert run("--variant", "cpu", files=VARIANTS).code == 0


def test_a_standard_error_that_takes_nothing() -> None:
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(28, "No space left on device")

    progress = Progress(Full(), ["cpu"], display=True)
    progress.step("cpu", "building")
    progress.hear("cpu", "error", is_failure=True)
    progress.end("cpu", Result(outcome="built"))


def test_a_display_needs_a_terminal() -> None:
    assert is_display(Terminal(), {"TERM": "xterm"})
    assert not is_display(Terminal(), {"TERM": "dumb"})
    assert not is_display(Terminal(), {})
    assert not is_display(io.StringIO(), {"TERM": "xterm"})


BUILT = Result(outcome="built", path=Path("dist/a.whl"))


def test_a_display_is_drawn_over() -> None:
    stream = Terminal()
    progress = Progress(stream, ["cpu", "cu126"], display=True)
    progress.step("cpu", "building")
    progress.end("cu126", Result(outcome="refused", problems=(WRONG,)))
    assert stream.getvalue() == (
        "cpu    building\ncu126  waiting\n\033[2F\033[Jcpu    building\ncu126  refused CP406\n"
    )


def test_colours() -> None:
    stream = Terminal()
    progress = Progress(stream, ["cpu"], display=True, colour=True)
    progress.step("cpu", "building")
    progress.end("cpu", Result(outcome="not run"))
    assert stream.getvalue() == "cpu  building\n\033[1F\033[J\033[33mcpu  not run\033[0m\n"


def test_a_long_line_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "12")
    monkeypatch.setenv("LINES", "2")
    stream = Terminal()
    Progress(stream, ["cpu", "cu126"], display=True).step("cpu", "building")
    assert stream.getvalue() == "cpu    buil\n"


def test_what_a_failed_program_said_stays_above() -> None:
    stream = Terminal()
    progress = Progress(stream, ["cpu"], display=True)
    progress.step("cpu", "building")
    progress.hear("cpu", "fine\n", is_failure=False)
    progress.hear("cpu", "\n", is_failure=True)
    progress.hear("cpu", "one\ttwo\n\033[2Jthree\n", is_failure=True)
    assert stream.getvalue() == ("cpu  building\n\033[1F\033[Jcpu | one\ttwo\ncpu | \\x1b[2Jthree\ncpu  building\n")


def test_verbose_shows_everything_and_quiet_only_failures() -> None:
    stream = io.StringIO()
    Progress(stream, ["cpu"], verbose=True).hear("cpu", "fine\n", is_failure=False)
    progress = Progress(stream, ["cpu"], quiet=True)
    progress.step("cpu", "building")
    progress.hear("cpu", "fine\n", is_failure=False)
    progress.hear("cpu", "wrong\n", is_failure=True)
    progress.end("cpu", BUILT)
    assert stream.getvalue() == "cpu | fine\ncpu | wrong\n"
