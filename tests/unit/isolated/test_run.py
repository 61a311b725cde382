"""The order of things in one run, with programs that only pretend: what is built from what, shared, kept, reported."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import tarfile
import time
import zipfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cudapin.adapters.children import Children, Done, StoppedError
from cudapin.core.verdict import render_problem
from cudapin.errors import Code, Problem, Refusal
from cudapin.isolated import run as module
from cudapin.isolated.backend import Backend, StepError
from cudapin.isolated.environment import Environment, Maker
from cudapin.isolated.plan import BuildSystem, Order, Plan
from cudapin.isolated.run import run_plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cudapin.isolated.results import Result, Results

STALE = Problem(code=Code.CP201, what="stale", why="a", fix="b")
WARNING = Problem(code=Code.CP207, what="outside", why="a", fix="b", level="warning")
WRONG = Problem(code=Code.CP406, what="another CUDA", why="a", fix="b")


@dataclass
class Fake:
    """What pretended programs answer, and what was asked of them."""

    needs: dict[str | None, tuple[str, ...]] = field(default_factory=dict)
    fails: dict[str | None, str] = field(default_factory=dict)
    says: str = ""
    records: dict[str, str] = field(default_factory=dict)
    install_code: int = 0
    carries: tuple[str, ...] = ()
    filled: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    built: list[tuple[str | None, str, str]] = field(default_factory=list)
    heard: list[tuple[str, str]] = field(default_factory=list)
    events: list[str] = field(default_factory=list)

    def step(self, name: str, what: str) -> None:
        self.events.append(f"{name}: {what}")

    def end(self, name: str, result: Result) -> None:
        self.events.append(f"{name}: {result.outcome}")

    def hear(self, name: str, text: str, *, is_failure: bool) -> None:
        if is_failure:
            self.heard.append((name, text))

    def ran(self, command: Sequence[str]) -> Done:
        self.filled.append((Path(command[4]).name, tuple(Path(command[-1]).read_text(encoding="utf-8").split())))
        return Done(self.install_code, "resolved https://me:secret@index.example/simple\nno such package")

    def requires(self, backend: Backend, kind: str) -> tuple[str, ...]:
        return self.needs.get(backend.variables.get("CUDAPIN_VARIANT") if kind == "wheel" else "sdist", ())

    def build(self, backend: Backend, kind: str, directory: Path) -> Path:
        variant = backend.variables.get("CUDAPIN_VARIANT")
        self.built.append((variant or kind, Path(backend.environment.python).name, backend.source.parent.name))
        if (variant or kind) in self.fails:
            raise StepError(f"`build_{kind}`", 1, self.fails[variant or kind])
        backend.hear(self.says)
        if kind == "sdist":
            with tarfile.open(directory / "demo-1.tar.gz", "w:gz") as archive:
                for name in ("pyproject.toml", *self.carries):
                    archive.addfile(tarfile.TarInfo(f"demo-1/{name}"))
            return directory / "demo-1.tar.gz"
        path = directory / f"demo-1+{variant}-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as wheel:
            record = json.dumps({"variant": self.records.get(str(variant), variant)})
            wheel.writestr("demo-1.dist-info/extra_metadata/cudapin.json", record)
        return path


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    found = Fake()
    monkeypatch.setattr(module, "find_uv", lambda _: "/bin/uv")
    monkeypatch.setattr(Maker, "make", lambda self, folder: Environment(python=folder.name, environ={}))
    monkeypatch.setattr(Children, "run", lambda self, command, cwd, environ, log: found.ran(command))
    monkeypatch.setattr(Backend, "requires", lambda *given: found.requires(*given))  # noqa: PLW0108 - a method would not get it
    monkeypatch.setattr(Backend, "build", lambda *given: found.build(*given))  # noqa: PLW0108
    return found


def plan(root: Path, *variants: str | None, refused: dict[str, Problem] | None = None, **more: Any) -> Plan:
    orders = (
        Order(variant=name, refused=((refused or {})[name],) if name in (refused or {}) else ()) for name in variants
    )
    system = BuildSystem(requires=("hatchling", "cudapin"), backend="hatchling.build")
    return Plan(root=root, system=system, orders=tuple(orders), **{"wants_sdist": False, **more})


def go(fake: Fake, wanted: Plan, folder: Path, jobs: int = 1) -> Results:
    return run_plan(wanted, {}, folder / "dist", jobs, fake)


def outcomes(results: Results) -> dict[str, str]:
    return {name: result.outcome for name, result in results.wheels.items()}


def written(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder / "dist").as_posix() for path in (folder / "dist").rglob("*"))


@pytest.fixture(autouse=True)
def nothing_left(clean_environment: Path) -> Any:
    yield
    assert list(clean_environment.iterdir()) == []


def test_one_wheel_from_the_tree_in_one_environment(fake: Fake, tmp_path: Path) -> None:
    fake.needs = {"cu126": ("cuda==1",)}
    results = go(fake, plan(tmp_path, "cu126"), tmp_path)
    assert outcomes(results) == {"cu126": "built"}
    assert fake.filled == [("base", ("hatchling", "cudapin")), ("base", ("cuda==1",))]
    assert fake.built == [("cu126", "base", tmp_path.parent.name)]
    assert (written(tmp_path), results.sdist) == (["demo-1+cu126-py3-none-any.whl"], None)
    assert fake.events == [
        "cu126: making the build environment",
        "cu126: filling the build environment",
        "cu126: asking what it needs",
        "cu126: filling the build environment",
        "cu126: building",
        "cu126: built",
    ]


def test_several_from_one_sdist_each_in_its_own_environment(fake: Fake, tmp_path: Path) -> None:
    fake.needs = {"sdist": ("more",), "cu126": ("cuda==1",), "cu128": ("cuda==1",)}
    results = go(fake, plan(tmp_path, "cpu", "cu126", "cu128"), tmp_path, jobs=3)
    assert set(outcomes(results).values()) == {"built"}
    assert sorted(fake.filled) == [
        ("base", ("hatchling", "cudapin")),
        ("base", ("more",)),
        ("of-cpu", ("hatchling", "cudapin")),
        ("of-cu126", ("hatchling", "cudapin", "cuda==1")),
        ("of-cu128", ("hatchling", "cudapin", "cuda==1")),
    ]
    assert fake.built[0] == ("sdist", "base", tmp_path.parent.name)
    assert sorted(fake.built[1:]) == [(name, f"of-{name}", name) for name in ("cpu", "cu126", "cu128")]
    assert not [name for name in written(tmp_path) if name.endswith(".tar.gz")]


def test_what_is_plain_shares_environments(fake: Fake, tmp_path: Path) -> None:
    fake.needs = {"cu126": ("cuda==1",), "cu128": ("cuda==1",), "cu130": ("cuda==2",)}
    results = go(fake, plan(tmp_path, "a", "b", "cu126", "cu128", "cu130", is_plain=True), tmp_path, jobs=4)
    assert set(outcomes(results).values()) == {"built"}
    assert len(fake.filled) == 3
    used = {name: python for name, python, _ in fake.built}
    assert (used["a"], used["b"]) == ("base", "base")
    assert used["cu126"] == used["cu128"] != used["cu130"]


def test_an_environment_that_several_wait_for_fails_for_all(fake: Fake, tmp_path: Path) -> None:
    fake.needs = {"cu126": ("cuda==1",), "cu128": ("cuda==1",)}
    wanted = plan(tmp_path, "cu126", "cu128", is_plain=True)
    ran = fake.ran

    def fail_later(command: Sequence[str]) -> Done:
        done = ran(command)
        return done if len(fake.filled) == 1 else done._replace(code=2)

    fake.ran = fail_later  # type: ignore[method-assign]
    results = go(fake, wanted, tmp_path, jobs=2)
    assert outcomes(results) == {"cu126": "failed", "cu128": "failed"}
    assert len(fake.filled) == 2


def test_an_sdist_that_is_asked_for(fake: Fake, tmp_path: Path) -> None:
    results = go(fake, plan(tmp_path, "cpu", wants_sdist=True), tmp_path)
    assert results.sdist is not None
    assert (results.sdist.outcome, results.sdist.path) == ("built", tmp_path / "dist" / "demo-1.tar.gz")
    assert written(tmp_path) == ["demo-1+cpu-py3-none-any.whl", "demo-1.tar.gz"]


def test_what_is_refused_already_makes_no_environment(fake: Fake, tmp_path: Path) -> None:
    results = go(fake, plan(tmp_path, "cpu", "cu126", refused={"cpu": STALE, "cu126": STALE}), tmp_path)
    assert outcomes(results) == {"cpu": "refused", "cu126": "refused"}
    assert (fake.filled, fake.events) == ([], ["cpu: refused", "cu126: refused"])


def test_without_the_sdist_that_is_asked_for_nothing_is_built(fake: Fake, tmp_path: Path) -> None:
    wanted = plan(tmp_path, "cpu", "cu126", refused={"cpu": STALE}, wants_sdist=True, sdist_refused=(STALE,))
    results = go(fake, wanted, tmp_path)
    assert results.sdist is not None
    assert (results.sdist.outcome, outcomes(results)) == ("refused", {"cpu": "refused", "cu126": "not run"})
    assert fake.filled == []


def test_where_there_can_be_no_sdist_wheels_come_from_the_tree(fake: Fake, tmp_path: Path) -> None:
    wanted = plan(tmp_path, "cpu", "cu126", "cu128", refused={"cpu": STALE}, sdist_refused=(STALE,))
    results = go(fake, wanted, tmp_path, jobs=8)
    assert outcomes(results) == {"cpu": "refused", "cu126": "built", "cu128": "built"}
    assert fake.built == [(name, f"of-{name}", tmp_path.parent.name) for name in ("cu126", "cu128")]


def test_a_refusal_of_the_build_is_told_and_others_go_on(fake: Fake, tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "demo-1+cu126-py3-none-any.whl").write_text("older")
    fake.fails = {"cu126": f"building\n{render_problem(WARNING)}\n{render_problem(WRONG)}\n"}
    results = go(fake, plan(tmp_path, "cu126", "cpu"), tmp_path)
    assert outcomes(results) == {"cu126": "refused", "cpu": "built"}
    assert (results.wheels["cu126"].problems, fake.heard) == ((WRONG,), [])
    assert (tmp_path / "dist" / "demo-1+cu126-py3-none-any.whl").read_text() == "older"


def test_a_failure_is_shown_without_credentials(fake: Fake, tmp_path: Path) -> None:
    fake.fails = {"cpu": "compiling\nerror: https://me:secret@index.example/a\n\n"}
    (problem,) = go(fake, plan(tmp_path, "cpu"), tmp_path).wheels["cpu"].problems
    assert render_problem(problem) == (
        "error[CP603]: the wheel of `cpu` cannot be built\n"
        "  why: `build_wheel` failed with exit code 1; it said: error: https://index.example/a\n"
        "  fix: mend what its output says"
    )
    assert fake.heard == [("cpu", "compiling\nerror: https://index.example/a\n\n")]


def test_an_environment_that_cannot_be_filled(fake: Fake, tmp_path: Path) -> None:
    fake.install_code = 2
    results = go(fake, plan(tmp_path, "cpu", "cu126"), tmp_path)
    assert outcomes(results) == {"cpu": "failed", "cu126": "failed"}
    assert results.wheels["cpu"] == results.wheels["cu126"]
    assert render_problem(results.wheels["cpu"].problems[0]) == (
        "error[CP603]: the sdist cannot be built\n"
        "  why: `uv pip install`, which should fill the build environment, failed with exit code 2; it said: "
        "no such package\n"
        "  fix: make sure that your indexes answer and have what `[build-system].requires` and the lock file name"
    )


def test_a_wheel_of_another_variant_is_not_delivered(fake: Fake, tmp_path: Path) -> None:
    fake.records = {"cu126": "cpu"}
    (problem,) = go(fake, plan(tmp_path, "cu126"), tmp_path).wheels["cu126"].problems
    assert render_problem(replace(problem, variant=None)) == (
        "error[CP603]: the build of variant `cu126` made another wheel\n"
        "  why: wanted a record of `cu126`, found that of `cpu`\n"
        "  fix: add `[tool.hatch.build.hooks.cudapin]`, and let `[build-system].requires` have this cudapin"
    )
    assert not (tmp_path / "dist").exists()


def test_warnings_and_notes_of_good_builds_are_told(fake: Fake, tmp_path: Path) -> None:
    fake.says = f"{render_problem(WARNING)}\ncudapin: CUDAPIN_ALLOW=CP305\n"
    results = go(fake, plan(tmp_path, "cpu", "cu126", wants_sdist=True), tmp_path)
    assert results.notes == ("CUDAPIN_ALLOW=CP305",)
    assert [result.problems for result in results.wheels.values()] == [(WARNING,), (WARNING,)]


def test_an_error_of_our_own(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unpack(*_: object) -> Path:
        raise ZeroDivisionError

    monkeypatch.setattr(module, "unpack_sdist", unpack)
    results = go(fake, plan(tmp_path, "cpu", "cu126"), tmp_path)
    assert [problem.code for problem in results.wheels["cpu"].problems] == [Code.CP900]
    assert "ZeroDivisionError" in fake.heard[0][1]


def test_a_full_disk(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unpack(*_: object) -> Path:
        raise OSError(28, "No space left on device", "/tmp/source/cpu")

    monkeypatch.setattr(module, "unpack_sdist", unpack)
    results = go(fake, plan(tmp_path, "cpu", wants_sdist=True), tmp_path)
    assert ([render_problem(problem) for problem in results.wheels["cpu"].problems], fake.heard) == (
        [
            "error[CP603]: the wheel of `cpu` cannot be built\n"
            "  why: found: No space left on device: `/tmp/source/cpu`\n"
            "  fix: make room for temporary files, or set TMPDIR to a folder that has some"
        ],
        [],
    )


def test_no_temporary_folder(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr("tempfile.gettempdir", nowhere)
    with pytest.raises(Refusal, match="CP603"):
        go(fake, plan(tmp_path, "cpu"), tmp_path)


def test_an_sdist_that_carries_the_wheels_before_it(fake: Fake, tmp_path: Path) -> None:
    fake.carries = ("dist/demo-0.9.whl",)
    results = go(fake, plan(tmp_path, "cpu", wants_sdist=True), tmp_path)
    assert results.sdist is not None
    assert [render_problem(problem) for problem in results.sdist.problems] == [
        "warning[CP106]: the sdist carries what lies in the output folder `dist`\n"
        "  why: the folder is in the project and nothing leaves it out, so `dist/demo-0.9.whl` was packed\n"
        "  fix: let git ignore the folder, use `dist`, or name one outside of the project with `-o DIR`"
    ]


def test_a_stopped_run_says_what_was_not_run(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> Path:
        raise StoppedError

    monkeypatch.setattr(module, "unpack_sdist", stopped)
    assert outcomes(go(fake, plan(tmp_path, "cpu", "cu126"), tmp_path)) == {"cpu": "not run", "cu126": "not run"}


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_interrupted_run(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(children: Children, *_: object) -> Done:
        signal.raise_signal(signal.SIGTERM)
        while not children.is_stopped:
            time.sleep(0.001)
        raise StoppedError

    monkeypatch.setattr(Children, "run", interrupted)
    results = go(fake, plan(tmp_path, "cpu", wants_sdist=True), tmp_path)
    assert (results.signal, outcomes(results)) == (signal.SIGTERM, {"cpu": "not run"})


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_signal_while_a_finished_run_is_tidied_up(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tidy = shutil.rmtree

    def disturbed(folder: Path, **more: Any) -> None:
        signal.raise_signal(signal.SIGHUP)
        tidy(folder, **more)

    monkeypatch.setattr(shutil, "rmtree", disturbed)
    results = go(fake, plan(tmp_path, "cpu"), tmp_path)
    assert (results.signal, outcomes(results)) == (None, {"cpu": "built"})


@pytest.fixture
def labels(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """A plan of labelled wheels; what is judged together is kept as events."""

    def write_json(folder: Path) -> tuple[Path, ...]:
        names = sorted(path.name for path in folder.iterdir())
        fake.events.append(f"judged {', '.join(names)}")
        if "demo-1+bad-py3-none-any.whl" in names:
            raise Refusal(WRONG)
        (folder / "demo-1-variants.json").write_text("{}")
        return (folder / "demo-1-variants.json",)

    monkeypatch.setattr("cudapin.release.label.write_variants_json", write_json)
    found = plan(tmp_path, "cpu", "cu126", is_labelled=True)
    cpu, cu126 = found.orders
    return replace(found, orders=(replace(cpu, is_plain_default=True), replace(cu126, label="cu126")))


def test_labelled_wheels_lie_apart_with_what_an_index_needs(fake: Fake, labels: Plan, tmp_path: Path) -> None:
    there = tmp_path / "dist" / "variants"
    there.mkdir(parents=True)
    (there / "demo-1+cu118-py3-none-any.whl").write_text("older")
    (there / "other-1-py3-none-any.whl").write_text("another project")
    results = go(fake, labels, tmp_path)
    assert outcomes(results) == {"cpu (plain)": "built", "cu126": "built"}
    assert fake.events[-1] == (
        "judged demo-1+cpu-py3-none-any.whl, demo-1+cu118-py3-none-any.whl, demo-1+cu126-py3-none-any.whl"
    )
    assert results.described == (there / "demo-1-variants.json",)
    assert results.wheels["cu126"].path == there / "demo-1+cu126-py3-none-any.whl"
    assert len(written(tmp_path)) == 6
    assert {name for name, _, _ in fake.built} == {"sdist", "cpu", "cu126"}


def test_labelled_wheels_that_contradict_each_other_are_not_put_there(fake: Fake, labels: Plan, tmp_path: Path) -> None:
    cpu, cu126 = labels.orders
    results = go(fake, replace(labels, orders=(cpu, replace(cu126, variant="bad", label="bad"))), tmp_path)
    assert outcomes(results) == {"cpu (plain)": "refused", "bad": "refused"}
    assert results.wheels["bad"].problems == (WRONG,)
    assert not (tmp_path / "dist").exists()


def test_labelled_wheels_of_which_none_is_built(fake: Fake, labels: Plan, tmp_path: Path) -> None:
    fake.fails = {"cpu": "error: a", "cu126": "error: b"}
    results = go(fake, labels, tmp_path)
    assert outcomes(results) == {"cpu (plain)": "failed", "cu126": "failed"}
    assert results.wheels["cu126"].problems[0].what == "the wheel of `cu126` cannot be built from the sdist"
    assert fake.events[-1] == "cu126: failed"


def test_labelled_wheels_for_which_there_is_no_room(fake: Fake, labels: Plan, tmp_path: Path) -> None:
    (tmp_path / "dist" / "variants" / "demo-1+cu126-py3-none-any.whl").mkdir(parents=True)
    results = go(fake, labels, tmp_path)
    assert outcomes(results) == {"cpu (plain)": "failed", "cu126": "failed"}
    assert results.wheels["cu126"].problems[0].what == "`demo-1+cu126-py3-none-any.whl` cannot be written"
    assert written(tmp_path) == ["variants", "variants/demo-1+cu126-py3-none-any.whl"]
