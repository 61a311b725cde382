"""`cudapin build` with real tools: the bytes of single builds, side by side, and nothing left behind in any case."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from integration.workbench import Place, Wheel, copy_example, digests, write_files

if TYPE_CHECKING:
    from integration.workbench import Outcome, Workbench

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="the CUDA packages of the variants exist for Linux"),
]

CUDAPIN = (sys.executable, "-m", "cudapin", "build")
WITHOUT_UV = (
    sys.executable,
    "-c",
    "import sys; sys.modules['uv'] = None; from cudapin.__main__ import run; sys.exit(run())",
    "build",
)
PYPROJECT = """\
[build-system]
requires = ["hatchling", "cudapin"]
build-backend = "hatchling.build"

[project]
name = "demo"
version = "1.0"

[tool.cudapin]
lock = false
[tool.cudapin.variants.cpu]
[tool.cudapin.variants.cu126]
[tool.cudapin.variants.cu128]

[tool.hatch.build.hooks.custom]
[tool.hatch.build.hooks.cudapin]
"""
HOOK = """\
import json
import os
import subprocess
import sys
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Hook(BuildHookInterface):
    def initialize(self, version, build_data):
        variant = os.environ.get("CUDAPIN_VARIANT")
        if self.target_name != "wheel":
            return
        if seen := os.environ.get("DEMO_SEEN"):
            environ = {**os.environ, "prefix": sys.prefix, "pathed": any("poison" in item for item in sys.path)}
            Path(seen, f"{variant}.json").write_text(json.dumps(environ))
        if variant == os.environ.get("DEMO_FAILS"):
            print("error: no compiler at https://me:secret@index.example/cc")
            raise SystemExit(3)
        if pipe := os.environ.get("DEMO_PIPE"):
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
            with open(pipe, "w") as stream:
                print(os.getpid(), child.pid, file=stream)
            child.wait()
"""
FILES = {"pyproject.toml": PYPROJECT, "hatch_build.py": HOOK, "src/demo/__init__.py": ""}


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    return write_files(tmp_path / "demo", FILES)


def _build(workbench: Workbench, place: Place, project: Path, *arguments: str, **settings: str) -> Outcome:
    return workbench.run(place, *CUDAPIN, *arguments, cwd=project, **settings)


@pytest.fixture(scope="module")
def release(workbench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All variants of the example, and its sdist, in one go."""
    folder = tmp_path_factory.mktemp("release")
    project = copy_example("cudart-probe", folder / "project")
    place = Place(folder / "place")
    outcome = _build(workbench, place, project, "--all", "--sdist", "-j", "2", "-o", str(folder / "out"))
    assert outcome.code == 0, outcome.output
    assert place.left_over == []
    tree = {name for name in digests(project) if "__pycache__" not in name}  # hatchling loads the hook from there
    assert tree == digests(copy_example("cudart-probe", folder / "again")).keys()
    return folder / "out"


def test_everything_is_there(release: Path) -> None:
    names = sorted(path.name for path in release.iterdir())
    python = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    locals_ = ["+cu118", "+cu126", "+cu129", "+cu130", ""]
    assert names == [
        *(f"cudart_probe-1.0.0{local}-{python}-{python}-linux_{os.uname().machine}.whl" for local in locals_),
        "cudart_probe-1.0.0.tar.gz",
    ]
    assert [fault for name in names if name.endswith(".whl") for fault in Wheel(release / name).faults()] == []


@pytest.mark.parametrize(("frontend", "variant"), [("build", "cu126"), ("uv", "cpu")])
def test_wheels_are_those_of_single_builds(
    workbench: Workbench, place: Place, tmp_path: Path, release: Path, frontend: Any, variant: str
) -> None:
    project = copy_example("cudart-probe", tmp_path / "elsewhere" / "a-project")
    single = workbench.build(frontend, place, project, tmp_path / "out", variant).artefact
    assert digests(release)[single.name] == digests(single.parent)[single.name]


def test_the_sdist_is_that_of_a_single_build(workbench: Workbench, place: Place, tmp_path: Path, release: Path) -> None:
    project = copy_example("cudart-probe", tmp_path / "project")
    single = workbench.build("uv", place, project, tmp_path / "out", target="sdist").artefact
    assert digests(release)[single.name] == digests(single.parent)[single.name]


def test_one_wheel_from_the_tree_by_pip_is_the_same(
    workbench: Workbench, place: Place, tmp_path: Path, release: Path
) -> None:
    project = copy_example("cudart-probe", tmp_path / "project")
    outcome = workbench.run(place, *WITHOUT_UV, "--variant", "cu130", cwd=project, UV="no-such-program")
    assert outcome.code == 0, outcome.output
    ((name, sha256),) = digests(project / "dist").items()
    assert digests(release)[name] == sha256
    assert place.left_over == []


def test_one_fails_and_the_others_do_not(workbench: Workbench, place: Place, demo: Path) -> None:
    older = demo / "dist" / "demo-1.0+cu126-py2.py3-none-manylinux_2_17_x86_64.whl"
    write_files(demo, {f"dist/{older.name}": "older"})
    outcome = _build(workbench, place, demo, "--all", "--format", "json", DEMO_FAILS="cu126")
    assert outcome.code == 1, outcome.output
    document = json.loads(outcome.output[outcome.output.index("\n{\n") :])
    assert {row["name"]: row["outcome"] for row in document["variants"]} == {
        "cpu": "built",
        "cu126": "failed",
        "cu128": "built",
    }
    (problem,) = document["problems"]
    assert (problem["code"], problem["what"]) == ("CP603", "the wheel of `cu126` cannot be built from the sdist")
    assert "cu126 | error: no compiler at https://index.example/cc" in outcome.output
    assert "secret" not in outcome.output
    assert older.read_text(encoding="utf-8") == "older\n"[:-1]
    assert len(digests(demo / "dist")) == 3
    assert place.left_over == []


def test_a_refusal_of_the_build_itself(workbench: Workbench, place: Place, demo: Path) -> None:
    """What hooks do after cudapin has judged is seen in the build alone."""
    text = PYPROJECT.replace("[tool.hatch.build.hooks.cudapin]\n", "").replace(
        "[tool.hatch.build.hooks.custom]", "[tool.hatch.build.hooks.cudapin]\n[tool.hatch.build.hooks.custom]"
    )
    hook = HOOK.replace(
        'if self.target_name != "wheel":\n            return',
        'if self.target_name != "wheel":\n            return\n'
        '        if variant == "cu128":\n            build_data["tag"] = "py3-none-any"',
    )
    write_files(demo, {"pyproject.toml": text, "hatch_build.py": hook})
    outcome = _build(workbench, place, demo, "--all")
    assert outcome.code == 2, outcome.output
    assert "cu128  refused  CP111\n" in outcome.output
    assert outcome.says("""
        error[CP111]: another build hook changed the wheel tag after `cudapin` had judged the wheel
          why: `cudapin` must run last; the other hooks are `custom`
          fix: put `[tool.hatch.build.targets.wheel.hooks.cudapin]` after the tables of the other hooks
    """)
    assert sorted(Wheel(path).version for path in (demo / "dist").iterdir()) == ["1.0", "1.0+cu126"]
    assert place.left_over == []


def test_nothing_of_the_callers_environment_leaks(
    workbench: Workbench, place: Place, tmp_path: Path, demo: Path
) -> None:
    poison = write_files(tmp_path / "poison", {"hatchling/__init__.py": "raise SystemExit('poisoned')\n"})
    seen = tmp_path / "seen"
    seen.mkdir()
    settings = {"PYTHONPATH": str(poison), "VIRTUAL_ENV": str(poison), "HATCH_ENV_ACTIVE": "default"}
    outcome = _build(workbench, place, demo, "--all", DEMO_SEEN=str(seen), CUDAPIN_GUARD="warn", **settings)
    assert outcome.code == 0, outcome.output
    found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in seen.iterdir()}
    assert sorted(found) == ["cpu", "cu126", "cu128"]
    assert len({environ["prefix"] for environ in found.values()}) == 3  # the hook could change its environment
    for environ in found.values():
        assert environ["VIRTUAL_ENV"] == environ["prefix"]
        assert environ["CUDAPIN_GUARD"] == "warn"
        assert not environ["pathed"]
        assert "PYTHONPATH" not in environ
        assert "HATCH_ENV_ACTIVE" not in environ


def test_files_of_one_name_lie_in_a_folder_each(workbench: Workbench, place: Place, demo: Path) -> None:
    write_files(demo, {"pyproject.toml": PYPROJECT.replace("lock = false", 'lock = false\nspelling = "none"')})
    outcome = _build(workbench, place, demo, "--variant", "cu126", "--variant", "cu128")
    assert outcome.code == 0, outcome.output
    name = f"demo-1.0-py2.py3-none-manylinux_2_17_{os.uname().machine}.whl"
    assert sorted(digests(demo / "dist")) == [f"cu126/{name}", f"cu128/{name}"]
    assert [Wheel(demo / "dist" / one / name).record["variant"] for one in ("cu126", "cu128")] == ["cu126", "cu128"]


def test_labelled_wheels_lie_apart(workbench: Workbench, place: Place, demo: Path) -> None:
    outcome = _build(workbench, place, demo, "--variant", "cpu", "--variant", "cu126", "--label", "-q")
    assert outcome.code == 0, outcome.output
    linux = f"demo-1.0-py2.py3-none-manylinux_2_17_{os.uname().machine}-cu126.whl"
    assert sorted(digests(demo / "dist")) == [
        "variants/demo-1.0-py2.py3-none-any-null.whl",
        "variants/demo-1.0-py2.py3-none-any.whl",
        f"variants/{linux}",
        "variants/demo-1.0-variants.json",
    ]
    described = json.loads((demo / "dist" / "variants" / "demo-1.0-variants.json").read_text(encoding="utf-8"))
    assert sorted(described["variants"]) == ["cu126", "null"]
    single = place.folder / "single"
    options = ("-C", "variant=cu126", "-C", "variant-label=cu126")
    write_files(demo, {"pyproject.toml": PYPROJECT.replace("hatchling.build", "cudapin.build", 1)})
    made = workbench.build("uv", place, demo, single, options=options).artefact
    assert made.read_bytes() == (demo / "dist" / "variants" / linux).read_bytes()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing(
    workbench: Workbench, place: Place, tmp_path: Path, demo: Path, number: signal.Signals
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    environ = place.environment(**workbench.offline(), DEMO_PIPE=str(pipe))
    command = (*CUDAPIN, "--all", "-j", "1")
    with subprocess.Popen(command, cwd=demo, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        pids = [int(text) for text in pipe.read_text(encoding="utf-8").split()]  # waits until the hook has begun
        process.send_signal(number)
        output, errors = (stream.decode() for stream in process.communicate(timeout=60))
    assert process.returncode == 128 + number, errors
    assert output == "cpu    not run\ncu126  not run\ncu128  not run\n"
    assert errors.endswith("note: interrupted: what is not listed as built was not written\n")
    assert len(pids) == 2
    assert not [pid for pid in pids if _is_running(pid)]
    assert place.left_over == []
    assert not (demo / "dist").exists()


def _is_running(pid: int) -> bool:
    """Whether a process is there, and is more than an entry that nobody has collected yet."""
    with suppress(ProcessLookupError, FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] not in "ZX"
    return False
