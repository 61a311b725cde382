"""`build-backend = "cudapin.build"` under real front ends: the same bytes as with hatchling's own, `-C`, metadata."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from integration.workbench import (
    FRONTENDS,
    REFUSED,
    UV_LOCK,
    UV_PYPROJECT,
    Place,
    Wheel,
    digests,
    make_wheel,
    requirements_lock,
    unpack,
    write_files,
)

if TYPE_CHECKING:
    from pathlib import Path

    from integration.workbench import FrontendName, Outcome, Workbench

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="the variant's packages exist for Linux"),
]

HATCHLINGS = """\
[build-system]
requires = ["hatchling", "cudapin"]
build-backend = "hatchling.build"

[project]
name = "demo"
dynamic = ["version"]
requires-python = ">=3.10"

[dependency-groups]
cpu = ["torch==2.9.*"]
cu126 = ["torch==2.9.*"]

[tool.cudapin]
lock = "locks/{variant}.txt"
pin = ["torch"]

[tool.cudapin.variants.cpu]
[tool.cudapin.variants.cu126]

[tool.hatch.version]
path = "demo/__init__.py"
[tool.hatch.metadata.hooks.cudapin]
[tool.hatch.build.hooks.cudapin]
"""
OWN = HATCHLINGS.replace("hatchling.build", "cudapin.build")
FILES = {
    "demo/__init__.py": '__version__ = "1.0"\n',
    "locks/cpu.txt": requirements_lock("cpu", "torch==2.9.0+cpu"),
    "locks/cu126.txt": requirements_lock("cu126", "torch==2.9.0+cu126"),
}
CU126 = ("-C", "variant=cu126")
UNISOLATED = {"build": ("--no-isolation",), "pip": ("--no-build-isolation",)}
WITH_SETTINGS: tuple[FrontendName, ...] = ("build", "uv", "pip")
STALE = """
    error[CP201]: `locks/cu126.txt` does not pin what `dependency-groups.cu126` asks for
      --> pyproject.toml:12 (dependency-groups.cu126)
      why: wanted `torch==2.8.*`, the lock has `2.9.0+cu126` at locks/cu126.txt:3
      fix: uv pip compile pyproject.toml --group cu126 --universal --generate-hashes -o locks/cu126.txt
    """
METADATA_HOOK = """\
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface


class FromFile(MetadataHookInterface):
    def update(self, metadata):
        metadata["dependencies"] = Path(self.root, "requirements.in").read_text().split()
"""


def project_at(folder: Path, pyproject: str = OWN) -> Path:
    return write_files(folder, {"pyproject.toml": pyproject, "dist/.gitignore": "*", **FILES})


@pytest.fixture(scope="module")
def python(workbench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with what builds need: an environment for each of them is tested elsewhere."""
    home = tmp_path_factory.mktemp("environment") / "venv"
    uv, wanted = (sys.executable, "-m", "uv"), ("hatchling", "cudapin", "editables", "build", "pip")
    for command in (
        (*uv, "venv", "--python", sys.executable, home),
        (*uv, "pip", "install", "--python", home, *wanted),
    ):
        done = workbench.run(Place(home.parent), *command)
        assert done.code == 0, done.output
    return home / "bin" / "python"


def build(frontend: FrontendName, python: Path, workbench: Workbench, *where: Any, **how: Any) -> Outcome:
    """Build as `workbench.build` does, build and pip in the environment of `python`."""
    if frontend not in UNISOLATED:
        return workbench.build(frontend, *where, **how)
    how["options"] = (*UNISOLATED[frontend], *how.get("options", ()))
    return workbench.build(frontend, *where, **how, python=python)


@pytest.fixture(scope="module")
def usual(workbench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> dict[str | None, str]:
    """The digest of each wheel that hatchling's own backend builds; that of the sdist under `sdist`."""
    folder = tmp_path_factory.mktemp("usual")
    project, place = project_at(folder / "project", HATCHLINGS), Place(folder / "place")
    made: dict[str | None, str] = {
        variant: workbench.build("uv", place, project, folder / f"out-{variant}", variant).wheel.sha256
        for variant in (None, "cu126")
    }
    return made


@pytest.mark.parametrize("frontend", FRONTENDS)
def test_both_backends_build_the_same_bytes(
    frontend: FrontendName,
    workbench: Workbench,
    place: Place,
    tmp_path: Path,
    python: Path,
    usual: dict[str | None, str],
) -> None:
    """The default, and one named by the variable; an older wheel beside it stays."""
    project = project_at(tmp_path / "project")
    for variant in (None, "cu126"):
        made = build(frontend, python, workbench, place, project, tmp_path / "out", variant)
        assert made.wheel.sha256 == usual[variant]
    assert place.left_over == []


@pytest.mark.parametrize("frontend", WITH_SETTINGS)
def test_named_by_a_setting(
    frontend: FrontendName,
    workbench: Workbench,
    place: Place,
    tmp_path: Path,
    python: Path,
    usual: dict[str | None, str],
) -> None:
    """It goes before the variable; a wrong name and a misspelt setting are refused, and nothing is left."""
    project = project_at(tmp_path / "project")
    out = tmp_path / "out"
    named = build(frontend, python, workbench, place, project, out, "cpu", options=CU126)
    assert named.wheel.sha256 == usual["cu126"]
    wrong = build(frontend, python, workbench, place, project, out, options=("-C", "variant=cu129"))
    assert wrong.says(
        """
        error[CP104]: no variant `cu129` is declared
          why: `-C variant` asks for `cu129`; `[tool.cudapin.variants]` declares `cpu`, `cu126`
          fix: use `cu126`; the names are `cpu`, `cu126`, `auto`
        """
    ), wrong.output
    misspelt = build(frontend, python, workbench, place, project, out, "cpu", options=("-C", "varaint=cu126"))
    assert misspelt.says(
        """
        error[CP112]: there is no config setting `varaint`
          why: `cudapin.build` has the settings `variant`, `variant-label`, and hatchling has none
          fix: use `variant`
        """
    ), misspelt.output
    for refused in (wrong, misspelt):
        assert (refused.code, refused.artefacts) == (REFUSED[frontend], ())
        assert "Traceback" not in refused.output
    assert place.left_over == []


def test_the_sdist_is_the_same_whatever_is_named(
    workbench: Workbench, place: Place, tmp_path: Path, python: Path
) -> None:
    """And holds what that of hatchling's backend holds, but for the one word in `pyproject.toml`."""
    project = project_at(tmp_path / "project")
    ways: tuple[tuple[FrontendName, str | None, tuple[str, ...]], ...] = (
        ("build", None, ()),
        ("build", None, CU126),
        ("uv", None, CU126),
        ("uv", "cu126", ()),
    )
    made = set()
    for number, (frontend, variant, options) in enumerate(ways):
        out = tmp_path / f"{number}"
        build(frontend, python, workbench, place, project, out, variant, target="sdist", options=options)
        made.add(digests(out)["demo-1.0.tar.gz"])
    assert len(made) == 1
    other = project_at(tmp_path / "other", HATCHLINGS)
    theirs = workbench.build("uv", place, other, tmp_path / "theirs", target="sdist").artefact
    mine = unpack(tmp_path / "0" / "demo-1.0.tar.gz", tmp_path / "unpacked")
    files = digests(unpack(theirs, tmp_path / "their-files"))
    files["pyproject.toml"] = digests(project)["pyproject.toml"]
    assert digests(mine) == files
    from_sdist = workbench.build("uv", place, mine, tmp_path / "from-sdist", options=CU126)
    from_tree = workbench.build("uv", place, project, tmp_path / "from-tree", options=CU126)
    assert from_sdist.wheel.sha256 == from_tree.wheel.sha256


@pytest.mark.parametrize("frontend", WITH_SETTINGS)
def test_a_stale_lock_refuses_the_wheel(
    frontend: FrontendName, workbench: Workbench, place: Place, tmp_path: Path, python: Path
) -> None:
    project = project_at(tmp_path / "project", OWN.replace('cu126 = ["torch==2.9.*"]', 'cu126 = ["torch==2.8.*"]'))
    refused = build(frontend, python, workbench, place, project, tmp_path / "out", options=CU126)
    assert refused.says(STALE), refused.output
    assert (refused.code, refused.artefacts) == (REFUSED[frontend], ())
    assert "Traceback" not in refused.output
    assert place.left_over == []


@pytest.mark.parametrize("frontend", ["build", "uv"])
def test_a_labelled_wheel(
    frontend: FrontendName, workbench: Workbench, place: Place, tmp_path: Path, python: Path
) -> None:
    """Front ends that take such a file name make it in one go (pip looks for names without a label)."""
    project = project_at(tmp_path / "project")
    options = (*CU126, "-C", "variant-label=cuda12.6")
    made = build(frontend, python, workbench, place, project, tmp_path / "out", options=options).artefact
    assert made.name.startswith("demo-1.0-py3-none-manylinux_2_17_")
    assert made.name.endswith("-cuda12.6.whl")
    wheel = Wheel(made)
    assert wheel.version == "1.0"
    assert (wheel.record["variant"], wheel.record["spelling"]) == ("cu126", "none")
    assert b'"cuda12.6"' in wheel.in_info("variant.json")


# Metadata alone


def test_a_stale_lock_can_be_mended(workbench: Workbench, place: Place, tmp_path: Path) -> None:
    """Dependencies are dynamic, so that uv and pip ask the backend for them; no `CUDAPIN=off` is needed."""
    links = tmp_path / "links"
    for version in ("2.3.1", "2.4.0"):
        make_wheel(links, "iniconfig", version)
    stocked = type(workbench)(workbench.wheelhouse, workbench.uv_cache, (links,))
    pyproject = UV_PYPROJECT.replace('dependencies = ["iniconfig>=2.0"]', 'dynamic = ["dependencies"]')
    index = pyproject.index("[[tool.uv.index]]")
    pyproject = pyproject[:index] + "[tool.hatch.metadata.hooks.custom]\n" + pyproject[pyproject.index("[tool.hatch") :]
    files = {"demo/__init__.py": "", "hatch_build.py": METADATA_HOOK, "requirements.in": "iniconfig>=2.4\n"}
    project = write_files(tmp_path / "project", {"pyproject.toml": pyproject, "uv.lock": UV_LOCK, **files})
    uv = (sys.executable, "-m", "uv")
    python = ("--python", sys.executable)
    compiled = (*uv, "pip", "compile", *python, "pyproject.toml")
    refused = stocked.run(place, *compiled, cwd=project)
    assert refused.code == 2, refused.output  # by hatchling's backend: then this test has lost its reason
    own = pyproject.replace("hatchling.build", "cudapin.build")
    (project / "pyproject.toml").write_text(own, encoding="utf-8")
    refused = stocked.build("uv", place, project, tmp_path / "out")
    assert "error[CP206]: `uv.lock` cannot be judged" in refused.output
    assert refused.code == 2
    for command in (compiled, (*uv, "lock", *python), _pip_metadata(project)):
        done = stocked.run(place, *command, cwd=project)
        assert done.code == 0, done.output
        assert "iniconfig" in done.output or "Resolved" in done.output
    assert 'specifier = ">=2.4"' in (project / "uv.lock").read_text(encoding="utf-8")
    made = stocked.build("uv", place, project, tmp_path / "out", CUDAPIN_ALLOW="CP206")
    assert made.wheel.requires == ["iniconfig>=2.4"]


def _pip_metadata(project: Path) -> tuple[str | Path, ...]:
    return (sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", project)


def test_pip_installs_what_it_was_told(workbench: Workbench, place: Place, tmp_path: Path) -> None:
    """pip asks for metadata, then builds: both are of the named variant, or it would not go on."""
    project = project_at(tmp_path / "project")
    make_wheel(tmp_path / "links", "torch", "2.9.0")
    stocked = type(workbench)(workbench.wheelhouse, workbench.uv_cache, (tmp_path / "links",))
    target = tmp_path / "target"
    command = (sys.executable, "-m", "pip", "install", "--target", target, *CU126, project)
    done = stocked.run(place, *command)
    assert done.code == 0, done.output
    assert "Successfully installed demo-1.0+cu126 torch-2.9.0" in done.output


# hatch's own commands, which hatch does in another way for every backend but hatchling's


def _hatch(workbench: Workbench, place: Place, project: Path, *arguments: str, **settings: str) -> Outcome:
    return workbench.run(place, sys.executable, "-m", "hatch", *arguments, cwd=project, **settings)


COLLECTOR = "[tool.hatch.env.collectors.cudapin]\n"


@pytest.mark.parametrize("pyproject", [OWN, OWN + COLLECTOR], ids=["plain", "with the collector"])
def test_commands_of_hatch(pyproject: str, workbench: Workbench, place: Place, tmp_path: Path) -> None:
    """They show the project and not a wheel, whatever variant is named."""
    project = project_at(tmp_path / "project", pyproject)
    named = {"CUDAPIN_VARIANT": "cu126"}
    version = _hatch(workbench, place, project, "version", **named)
    assert (version.code, version.output.splitlines()[-1]) == (0, "1.0"), version.output
    shown = _hatch(workbench, place, project, "project", "metadata", "version", **named)
    assert (shown.code, shown.output.splitlines()[-1]) == (0, "1.0"), shown.output
    for command in (("dep", "show", "requirements"), ("dep", "hash"), ("env", "show"), ("status",)):
        done = _hatch(workbench, place, project, *command)
        assert done.code == 0, done.output
        assert "Traceback" not in done.output


def test_with_the_collector_hatch_takes_it_for_hatchling(workbench: Workbench, place: Place, tmp_path: Path) -> None:
    """Options of `hatch build`, other targets and `hatch clean`, which hatch has for hatchling alone."""
    project = project_at(tmp_path / "project", OWN + COLLECTOR)
    done = _hatch(workbench, place, project, "build", "-t", "wheel", "--hooks-only")
    assert done.code == 0, done.output
    assert list((project / "dist").glob("*.whl")) == []
    done = _hatch(workbench, place, project, "build", "-t", "wheel")
    assert len(list((project / "dist").glob("*.whl"))) == 1, done.output
    done = _hatch(workbench, place, project, "clean", "-t", "wheel")
    assert done.code == 0, done.output
    assert list((project / "dist").glob("*.whl")) == []


def test_importing_it_imports_next_to_nothing() -> None:
    """Front ends import it in a process of its own for each hook."""
    code = (
        "import sys; before = set(sys.modules); import cudapin.build;"
        "new = set(sys.modules) - before;"
        "print(*sorted(name for name in new if name.startswith(('cudapin', 'hatch', 'tom', 'packaging'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["cudapin", "cudapin.build", "hatchling", "hatchling.build"]
