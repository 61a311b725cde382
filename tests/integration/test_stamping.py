"""What a variant's wheel says of itself, for every way in which a project can say it; and what is never stamped."""

from __future__ import annotations

import json
import platform
import re
import shutil
import sys
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from integration.workbench import (
    UV_LOCK,
    UV_PYPROJECT,
    Place,
    Wheel,
    change_one_character,
    digests,
    make_wheel,
    requirements_lock,
    unpack,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from integration.workbench import Workbench

    Project = Callable[..., Path]
    Build = Callable[..., Wheel]

pytestmark = pytest.mark.integration

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the platform tag is that of Linux")
GIT = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
TAG = f"py3-none-manylinux_2_17_{platform.machine()}"

BUILD_SYSTEM = """\
[build-system]
requires = ["hatchling", "cudapin"]
build-backend = "hatchling.build"
"""
EXTRAS = """\
[project.optional-dependencies]
cpu = ["torch>=2.9"]
cu126 = ["torch>=2.9", "triton>=3 ; sys_platform == 'linux'"]
cu129 = ["torch>=2.9", "cupy-cuda12x"]
test = ["pytest"]
"""
HOOKS = """\
[tool.hatch.metadata.hooks.cudapin]
[tool.hatch.build.hooks.cudapin]
"""
TOOL = """\
[tool.cudapin]
lock = "locks/{variant}.txt"
[tool.cudapin.variants.cpu]
[tool.cudapin.variants.cu126]
[tool.cudapin.variants.cu129]
"""
STATIC = """\
[project]
name = "demo"
version = "1.2.0"
requires-python = ">=3.10"
dependencies = ["numpy>=1.24"]
"""
PYPROJECT = BUILD_SYSTEM + STATIC + EXTRAS + TOOL + HOOKS


def _lock(variant: str, *pins: str) -> str:
    command = f"uv pip compile pyproject.toml --extra {variant} --universal --generate-hashes -o locks/{variant}.txt"
    return requirements_lock(variant, *pins, command=command)


FILES = {
    "demo/__init__.py": '__version__ = "1.2.0"\n',
    "locks/cpu.txt": _lock("cpu", "numpy==2.3.1", "torch==2.9.0+cpu"),
    "locks/cu126.txt": _lock(
        "cu126",
        "numpy==2.2.6 ; python_full_version < '3.11'",
        "numpy==2.3.1 ; python_full_version >= '3.11'",
        "torch==2.9.0+cu126",
        "triton==3.5.0 ; sys_platform == 'linux'",
    ),
    "locks/cu129.txt": _lock("cu129", "numpy==2.3.1", "torch==2.9.0+cu129", "cupy-cuda12x==13.6.0"),
}
BASE_EXTRAS = ["cpu", "cu126", "cu129", "test"]
DEFAULT_REQUIRES = [
    "numpy>=1.24",
    "torch>=2.9; extra == 'cpu'",
    "torch>=2.9; extra == 'cu126'",
    "triton>=3; (sys_platform == 'linux') and extra == 'cu126'",
    "cupy-cuda12x; extra == 'cu129'",
    "torch>=2.9; extra == 'cu129'",
    "pytest; extra == 'test'",
]


def having(old: str, new: str, text: str = PYPROJECT) -> str:
    """Return the text with one place changed."""
    assert text.count(old) == 1, old
    return text.replace(old, new)


@pytest.fixture
def demo(make_project: Project) -> Project:
    """Write the project, with another `pyproject.toml` or further files."""

    def make(pyproject: str = PYPROJECT, folder: str = "project", **files: str) -> Path:
        more = {name.replace("__", "/", 1).replace("_py", ".py"): text for name, text in files.items()}
        return make_project(pyproject, {**FILES, **more}, folder)

    return make


@pytest.fixture
def build(workbench: Workbench, place: Place, tmp_path: Path) -> Build:
    """Build a project's wheel with uv, into a new folder, and check its RECORD."""
    count = 0

    def wheel(project: Path, variant: str | None = None, **settings: Any) -> Wheel:
        nonlocal count
        count += 1
        found = workbench.build("uv", place, project, tmp_path / f"out-{count}", variant, **settings).wheel
        assert found.faults() == []
        return found

    return wheel


@pytest.fixture(scope="module")
def backend(workbench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with hatchling and cudapin, to call the build backend in."""
    folder = tmp_path_factory.mktemp("backend")
    uv = (sys.executable, "-m", "uv")
    for command in (
        (*uv, "venv", "--python", sys.executable, folder / "venv"),
        (*uv, "pip", "install", "--python", folder / "venv", "hatchling", "cudapin", "hatch-vcs", "editables", "build"),
    ):
        done = workbench.run(Place(folder), *command)
        assert done.code == 0, done.output
    return folder / "venv" / "bin" / "python"


def _git(workbench: Workbench, place: Place, project: Path, commits: int) -> None:
    """Make the project a repository with the tag v1.1.0 and that many commits after it."""
    git = ("git", "-c", "user.name=demo", "-c", "user.email=demo@example.invalid", "-c", "commit.gpgsign=false")
    commands = [("init", "--quiet"), ("add", "."), ("commit", "--quiet", "-m", "first"), ("tag", "v1.1.0")]
    commands += [("commit", "--quiet", "--allow-empty", "-m", "next")] * commits
    for command in commands:
        done = workbench.run(place, *git, *command, cwd=project)
        assert done.code == 0, done.output


# Version and name


@LINUX
def test_static_metadata(demo: Project, build: Build) -> None:
    """The default wheel keeps name, version and extras; another variant's gets label, tag, extra and classifier."""
    project = demo()
    default, variant = build(project), build(project, "cu126")
    assert default.path.name == "demo-1.2.0-py3-none-any.whl"
    assert (default.is_purelib, default.tags) == (True, ["py3-none-any"])
    assert (default.requires, default.extras) == (DEFAULT_REQUIRES, BASE_EXTRAS)
    assert default.classifiers == []
    assert default.record["variant"] == "cpu"
    assert variant.path.name == f"demo-1.2.0+cu126-{TAG}.whl"
    assert (variant.is_purelib, variant.tags) == (False, [TAG])
    assert variant.requires == [
        "numpy>=1.24",
        "torch>=2.9",
        "triton>=3; sys_platform == 'linux'",
        "pytest; extra == 'test'",
    ]
    assert variant.extras == ["cu126", "test"]
    assert variant.classifiers == ["Environment :: GPU :: NVIDIA CUDA :: 12 :: 12.6"]
    assert variant.record["variant"] == "cu126"
    for wheel in (default, variant):
        assert wheel.metadata["Dynamic"] is None
        assert [name for name in wheel.members if not name.split("/")[0].endswith(".dist-info")] == ["demo/__init__.py"]


def test_naming_the_default_makes_no_difference(demo: Project, build: Build) -> None:
    """Its wheel is the same bytes whether it is asked for or not."""
    project = demo()
    assert build(project).sha256 == build(project, "cpu").sha256


REGEX = """\
[project]
name = "demo"
dynamic = ["version"]
requires-python = ">=3.10"
dependencies = ["numpy>=1.24"]
"""


@pytest.mark.parametrize("source", ['path = "demo/__init__.py"', 'source = "code"\npath = "demo/__init__.py"'])
def test_dynamic_version(demo: Project, build: Build, source: str) -> None:
    """A version that hatchling reads from a file is stamped like one that is written down."""
    pyproject = BUILD_SYSTEM + REGEX + EXTRAS + TOOL + HOOKS + f"[tool.hatch.version]\n{source}\n"
    static = build(demo(folder="static"), "cu126")
    dynamic = build(demo(pyproject), "cu126")
    assert dynamic.version == "1.2.0+cu126"
    assert dynamic.in_info("METADATA") == static.in_info("METADATA")
    assert build(demo(pyproject)).version == "1.2.0"


FROM_FILE = '[tool.hatch.version]\npath = "demo/__init__.py"\n'
VCS = (
    having('"cudapin"]', '"cudapin", "hatch-vcs"]', BUILD_SYSTEM)
    + REGEX
    + EXTRAS
    + TOOL
    + HOOKS
    + '[tool.hatch.version]\nsource = "vcs"\n'
)


@GIT
def test_version_of_a_repository(
    workbench: Workbench, demo: Project, build: Build, place: Place, tmp_path: Path
) -> None:
    """The label goes before the commit; the sdist is not stamped, and its wheel is the same bytes."""
    project = demo(VCS)
    _git(workbench, place, project, commits=3)
    wheel = build(project, "cu126")
    found = re.fullmatch(r"1\.1\.1\.dev3\+cu126\.(g[0-9a-f]+)", wheel.version)
    assert found, wheel.version
    assert build(project).version == f"1.1.1.dev3+{found[1]}"
    sdist = workbench.build("uv", place, project, tmp_path / "sdist", "cu126", target="sdist").artefact
    assert sdist.name == f"demo-1.1.1.dev3+{found[1]}.tar.gz"
    assert build(unpack(sdist, tmp_path / "unpacked"), "cu126").sha256 == wheel.sha256


def test_name_template(demo: Project, build: Build) -> None:
    """The files are those of the project's own name; the default keeps the name; the version is plain."""
    pyproject = having("[tool.cudapin]\n", '[tool.cudapin]\nname = "demo-cu{major}{minor}"\n')
    project = demo(pyproject)
    (project / "src").mkdir()
    (project / "demo").rename(project / "src" / "demo")
    wheel = build(project, "cu126")
    assert wheel.metadata["Name"] == "demo-cu126"
    assert wheel.path.name.startswith("demo_cu126-1.2.0-py3-none-")
    assert "demo/__init__.py" in wheel.members
    default = build(project)
    assert default.path.name == "demo-1.2.0-py3-none-any.whl"
    assert "demo/__init__.py" in default.members


def test_no_spelling(demo: Project, build: Build) -> None:
    """`spelling = "none"` leaves name and version; extras, tag and record are still the variant's."""
    wheel = build(demo(having("[tool.cudapin]\n", '[tool.cudapin]\nspelling = "none"\n')), "cu126")
    assert wheel.path.name.startswith("demo-1.2.0-py3-none-")
    assert not wheel.is_purelib
    assert wheel.extras == ["cu126", "test"]
    assert (wheel.record["variant"], wheel.record["spelling"]) == ("cu126", "none")


def test_spelled_default(demo: Project, build: Build) -> None:
    """`spell-default` treats the default like any other variant."""
    wheel = build(demo(having("[tool.cudapin]\n", "[tool.cudapin]\nspell-default = true\n")))
    assert wheel.path.name == "demo-1.2.0+cpu-py3-none-any.whl"
    assert wheel.extras == ["cpu", "test"]
    assert wheel.requires == ["numpy>=1.24", "torch>=2.9", "pytest; extra == 'test'"]


# Requirements, extras, classifiers


def test_kept_extras(demo: Project, build: Build) -> None:
    """`extras = "keep"` leaves them as the project has them."""
    wheel = build(demo(having("[tool.cudapin]\n", '[tool.cudapin]\nextras = "keep"\n')), "cu126")
    assert wheel.version == "1.2.0+cu126"
    assert (wheel.requires, wheel.extras) == (DEFAULT_REQUIRES, BASE_EXTRAS)


@pytest.mark.parametrize(
    ("pin", "torch", "numpy"),
    [
        ('["torch", "numpy"]', "torch==2.9.0", ("numpy==2.2.6", "numpy==2.3.1")),
        ('{ torch = "minor", numpy = "minor" }', "torch==2.9.*", ("numpy==2.2.*", "numpy==2.3.*")),
        ('{ torch = "minimum", numpy = "minimum" }', "torch>=2.9.0", ("numpy>=2.2.6", "numpy>=2.3.1")),
    ],
    ids=["exact", "minor", "minimum"],
)
def test_pins(demo: Project, build: Build, pin: str, torch: str, numpy: tuple[str, str]) -> None:
    """Pins take the public version, and a package locked twice keeps the markers of its forks."""
    wheel = build(demo(having("variants.cu126]\n", f"variants.cu126]\npin = {pin}\n")), "cu126")
    assert sorted(wheel.requires) == sorted(
        [
            f"{numpy[0]}; python_full_version < '3.11'",
            f"{numpy[1]}; python_full_version >= '3.11'",
            torch,
            "triton>=3; sys_platform == 'linux'",
            "pytest; extra == 'test'",
        ]
    )


def test_further_dependencies(demo: Project, build: Build) -> None:
    """`dependencies` of a variant are added to its wheel, and to no other."""
    project = demo(having("variants.cu126]\n", 'variants.cu126]\ndependencies = ["nvidia-nvtx-cu12>=12.6"]\n'))
    assert "nvidia-nvtx-cu12>=12.6" in build(project, "cu126").requires
    assert build(project).requires == DEFAULT_REQUIRES


DYNAMIC = """\
[project]
name = "demo"
version = "1.2.0"
requires-python = ">=3.10"
dynamic = ["dependencies", "optional-dependencies", "classifiers"]
"""
METADATA_HOOK = """\
from hatchling.metadata.plugin.interface import MetadataHookInterface


class Hook(MetadataHookInterface):
    def update(self, metadata):
        metadata["dependencies"] = ["numpy>=1.24"]
        metadata["classifiers"] = ["Private :: Do Not Upload", "Our :: Own"]
        metadata["optional-dependencies"] = {
            "cpu": ["torch>=2.9"],
            "cu126": ["torch>=2.9", "triton>=3 ; sys_platform == 'linux'"],
            "cu129": ["torch>=2.9", "cupy-cuda12x"],
            "test": ["pytest"],
        }

    def get_known_classifiers(self):
        return ["Our :: Own"]
"""
NO_LOCK = having('lock = "locks/{variant}.txt"', "lock = false", TOOL)
BOTH_HOOKS = '[tool.hatch.metadata.hooks.custom]\npath = "meta.py"\n' + HOOKS
DYNAMIC_PYPROJECT = (
    BUILD_SYSTEM
    + DYNAMIC
    + NO_LOCK.replace("variants.cu126]", 'variants.cu126]\nextra = "cu126"').replace(
        "variants.cu129]", 'variants.cu129]\nextra = "cu129"'
    )
    + BOTH_HOOKS
)


def test_dynamic_dependencies(demo: Project, build: Build) -> None:
    """Fields that another metadata hook fills in are stamped like static ones."""
    project = demo(DYNAMIC_PYPROJECT, meta_py=METADATA_HOOK)
    wheel = build(project, "cu126")
    assert wheel.version == "1.2.0+cu126"
    assert wheel.requires == [
        "numpy>=1.24",
        "torch>=2.9",
        "triton>=3; sys_platform == 'linux'",
        "pytest; extra == 'test'",
    ]
    assert wheel.extras == ["cu126", "test"]
    assert wheel.classifiers == [
        "Private :: Do Not Upload",
        "Environment :: GPU :: NVIDIA CUDA :: 12 :: 12.6",
        "Our :: Own",
    ]
    default = build(project)
    assert (default.requires, default.extras) == (DEFAULT_REQUIRES, BASE_EXTRAS)
    assert default.classifiers == ["Private :: Do Not Upload", "Our :: Own"]


def test_static_classifiers(demo: Project, build: Build) -> None:
    """The variant's classifier joins the project's own, once."""
    cuda = "Environment :: GPU :: NVIDIA CUDA :: 12 :: 12.6"
    project = demo(having('version = "1.2.0"\n', f'version = "1.2.0"\nclassifiers = ["Typing :: Typed", "{cuda}"]\n'))
    assert build(project, "cu126").classifiers == [cuda, "Typing :: Typed"]
    assert build(project).classifiers == [cuda, "Typing :: Typed"]
    assert build(project, "cu129").classifiers == ["Environment :: GPU :: NVIDIA CUDA :: 12", cuda, "Typing :: Typed"]


# What is not stamped


def test_sdist_is_not_stamped(workbench: Workbench, demo: Project, place: Place, tmp_path: Path) -> None:
    """Dynamic or static, whatever variant is selected."""
    dynamic = BUILD_SYSTEM + REGEX + EXTRAS + TOOL + HOOKS + FROM_FILE
    for kind, pyproject in (("static", PYPROJECT), ("dynamic", dynamic)):
        project = demo(pyproject, folder=kind)
        made = set()
        for variant in ("cpu", "cu126"):
            out = tmp_path / "out" / kind / variant
            sdist = workbench.build("uv", place, project, out, variant, target="sdist").artefact
            made.add(digests(out)["demo-1.2.0.tar.gz"])
            with tarfile.open(sdist) as archive:
                member = archive.extractfile("demo-1.2.0/PKG-INFO")
                assert member is not None
                text = member.read().decode()
            assert "\nVersion: 1.2.0\n" in text
            assert "Requires-Dist: torch>=2.9; extra == 'cu129'\n" in text
            assert "NVIDIA CUDA" not in text
        assert len(made) == 1


@pytest.mark.parametrize("version", ["static", "dynamic"])
def test_no_hooks_no_stamp(
    workbench: Workbench, demo: Project, build: Build, place: Place, tmp_path: Path, backend: Path, version: str
) -> None:
    """`HATCH_BUILD_NO_HOOKS` switches the metadata hook off too."""
    dynamic = BUILD_SYSTEM + REGEX + EXTRAS + TOOL + HOOKS + FROM_FILE
    project = demo(dynamic if version == "dynamic" else PYPROJECT)
    wheel = build(project, "cu126", HATCH_BUILD_NO_HOOKS="1")
    assert wheel.path.name == "demo-1.2.0-py3-none-any.whl"
    assert (wheel.requires, wheel.extras, wheel.classifiers) == (DEFAULT_REQUIRES, BASE_EXTRAS, [])
    assert not [name for name in wheel.members if "cudapin" in name]
    settings = {"CUDAPIN_VARIANT": "cu126", "HATCH_BUILD_NO_HOOKS": "1"}
    done = workbench.run(place, backend, "-c", PREPARE, tmp_path, cwd=project, **settings)  # type: ignore[arg-type]
    assert done.output.partition("<<<")[2] == wheel.in_info("METADATA").decode()


def test_switched_off(demo: Project, build: Build) -> None:
    """`CUDAPIN=off`: no gate, no stamp; the wheel's record says so."""
    project = demo(having('torch>=2.9", "triton', 'torch>=2.8,<2.9", "triton'))
    wheel = build(project, "cu126", CUDAPIN="off")
    assert wheel.path.name == "demo-1.2.0-py3-none-any.whl"
    assert wheel.classifiers == []
    assert wheel.extras == BASE_EXTRAS
    record = wheel.record
    assert (record["variant"], record["lock"], record["settings"]) == (None, None, {"CUDAPIN": "off"})


STALE_WARNING = """\
warning[CP201]: `locks/cu126.txt` does not pin what `project.optional-dependencies.cu126` asks for
  --> pyproject.toml:11 (project.optional-dependencies.cu126)
  why: wanted `torch>=3.9`, the lock has `2.9.0+cu126` at locks/cu126.txt:9
  fix: uv pip compile pyproject.toml --extra cu126 --universal --generate-hashes -o locks/cu126.txt
  note: an editable build is never refused; a wheel would be
"""


def test_editable_build_is_warned_about_not_refused(
    workbench: Workbench, demo: Project, place: Place, tmp_path: Path, backend: Path
) -> None:
    """uv builds editables while it locks: a stale lock must stay mendable. No stamp, so it feeds no lock."""
    project = demo()
    change_one_character(project / "pyproject.toml", 'cu126 = ["torch>=2.9"', 'cu126 = ["torch>=3.9"')
    out = tmp_path / "out"
    out.mkdir()
    code = "import sys, hatchling.build as b; print(b.build_editable(sys.argv[1]))"
    done = workbench.run(place, backend, "-c", code, out, cwd=project, CUDAPIN_VARIANT="cu126")
    assert done.code == 0, done.output
    assert done.says(STALE_WARNING), done.output
    (path,) = out.iterdir()
    wheel = Wheel(path)
    assert wheel.version == "1.2.0"
    old, new = "torch>=2.9; extra == 'cu126'", "torch>=3.9; extra == 'cu126'"
    assert wheel.requires == [new if item == old else item for item in DEFAULT_REQUIRES]
    assert (wheel.extras, wheel.classifiers) == (BASE_EXTRAS, [])
    assert not [name for name in wheel.members if name.endswith("cudapin.json")]
    home = tmp_path / "venv"
    uv = (sys.executable, "-m", "uv")
    for command in (
        (*uv, "venv", "--python", sys.executable, home),
        (*uv, "pip", "install", "--no-deps", "--python", home, "--editable", project),
    ):
        done = workbench.run(place, *command, CUDAPIN_VARIANT="cu126")
        assert done.code == 0, done.output
    code = "import demo; from importlib.metadata import version; print(version('demo'), demo.__file__)"
    done = workbench.run(place, home / "bin" / "python", "-c", code)
    assert done.output == f"1.2.0 {project / 'demo' / '__init__.py'}\n"


@pytest.mark.parametrize("kind", ["static", "version", "dependencies"])
def test_a_stamp_never_feeds_a_lock(
    workbench: Workbench, demo: Project, place: Place, tmp_path: Path, kind: str
) -> None:
    """uv asks the build backend while it locks; what it hears must not depend on the variant."""
    for name in ("numpy", "torch", "triton", "pytest", "cupy-cuda12x"):
        make_wheel(tmp_path / "links", name, "9.0")
    stocked = replace(workbench, more=(tmp_path / "links",))
    pyproject = {
        "static": BUILD_SYSTEM + STATIC + EXTRAS + NO_LOCK + HOOKS,
        "version": BUILD_SYSTEM + REGEX + EXTRAS + NO_LOCK + HOOKS + FROM_FILE,
        "dependencies": DYNAMIC_PYPROJECT,
    }[kind]
    texts = []
    for variant in ("cpu", "cu126"):
        project = demo(pyproject, folder=variant, meta_py=METADATA_HOOK)
        done = stocked.run(
            place, sys.executable, "-m", "uv", "lock", "--python", sys.executable, cwd=project, CUDAPIN_VARIANT=variant
        )
        assert done.code == 0, done.output
        texts.append((project / "uv.lock").read_text(encoding="utf-8"))
    assert texts[0] == texts[1]
    assert "extra == 'cu129'" in texts[0]


# Metadata alone

PREPARE = """\
import sys
from pathlib import Path

from pyproject_hooks import BuildBackendHookCaller

caller = BuildBackendHookCaller(".", "hatchling.build")
name = caller.prepare_metadata_for_build_wheel(sys.argv[1], _allow_fallback=False)
sys.stdout.reconfigure(encoding="utf-8")
print("<<<" + Path(sys.argv[1], name, "METADATA").read_text(encoding="utf-8"), end="")
"""


@GIT
@pytest.mark.parametrize("variant", ["cpu", "cu126"])
@pytest.mark.parametrize("kind", ["regex", "vcs", "dependencies", "name"])
def test_prepared_metadata_is_that_of_the_wheel(
    workbench: Workbench, demo: Project, place: Place, tmp_path: Path, backend: Path, kind: str, variant: str
) -> None:
    """Front ends ask for the metadata of a dynamic project first; the wheel that follows must agree."""
    regex = BUILD_SYSTEM + REGEX + EXTRAS + TOOL + HOOKS + FROM_FILE
    named = having("[tool.cudapin]\n", '[tool.cudapin]\nname = "demo-{variant}"\npin = ["torch"]\n', regex)
    pyproject = {"regex": regex, "vcs": VCS, "dependencies": DYNAMIC_PYPROJECT, "name": named}[kind]
    project = demo(pyproject, meta_py=METADATA_HOOK)
    if kind == "vcs":
        _git(workbench, place, project, commits=2)
    done = workbench.run(place, backend, "-c", PREPARE, tmp_path, cwd=project, CUDAPIN_VARIANT=variant)
    assert done.code == 0, done.output
    wheel = workbench.build(
        "uv",
        place,
        project,
        tmp_path / "out",
        variant,
        options=("--no-build-isolation",),
        python=backend,
    ).wheel
    assert done.output.partition("<<<")[2] == wheel.in_info("METADATA").decode()
    assert place.left_over == []


# Other hooks

SPY = """\
import json
import os
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Spy(BuildHookInterface):
    def initialize(self, version, build_data):
        Path(os.environ["SPY"]).write_text(json.dumps({"target": self.target_name, **os.environ}))
"""
ARCHED = having("variants.cu126]\n", 'variants.cu126]\narch = ["8.0", "9.0a", "12.0+ptx"]\n')
SEEN = ("CUDAPIN_VARIANT", "CUDAPIN_CUDA_VERSION", "TORCH_CUDA_ARCH_LIST", "CUDAARCHS", "CUDA_HOME")


def _spied(path: Path) -> dict[str, Any]:
    seen = json.loads(path.read_text(encoding="utf-8"))
    return {name: seen[name] for name in SEEN if name in seen}


@pytest.mark.parametrize("order", ["before", "after"])
def test_other_hooks_are_told_the_variant(demo: Project, build: Build, tmp_path: Path, order: str) -> None:
    """Also those that run before ours; what the user has set already stays."""
    ours, theirs = "[tool.hatch.build.hooks.cudapin]\n", '[tool.hatch.build.hooks.custom]\npath = "spy.py"\n'
    project = demo(having(ours, theirs + ours if order == "before" else ours + theirs, ARCHED), spy_py=SPY)
    spied = tmp_path / "spied.json"
    build(project, "cu126", SPY=str(spied))
    assert _spied(spied) == {
        "CUDAPIN_VARIANT": "cu126",
        "CUDAPIN_CUDA_VERSION": "12.6",
        "TORCH_CUDA_ARCH_LIST": "8.0;9.0a;12.0+PTX",
        "CUDAARCHS": "80-real;90a-real;120",
    }
    build(project, SPY=str(spied))
    assert _spied(spied) == {"CUDAPIN_VARIANT": "cpu", "CUDAPIN_CUDA_VERSION": ""}
    own = {"TORCH_CUDA_ARCH_LIST": "7.5", "CUDAARCHS": "75"}
    build(project, "cu126", SPY=str(spied), **own)
    assert _spied(spied) == {"CUDAPIN_VARIANT": "cu126", "CUDAPIN_CUDA_VERSION": "12.6", **own}


def test_other_hooks_of_an_sdist_are_told_nothing(
    workbench: Workbench, demo: Project, place: Place, tmp_path: Path
) -> None:
    """An sdist is nobody's variant: only what the user has set is seen."""
    ours = "[tool.hatch.build.hooks.cudapin]\n"
    project = demo(having(ours, '[tool.hatch.build.hooks.custom]\npath = "spy.py"\n' + ours, ARCHED), spy_py=SPY)
    spied = tmp_path / "spied.json"
    for frontend in ("uv", "hatch"):
        out = tmp_path / frontend
        done = workbench.build(frontend, place, project, out, target="sdist", SPY=str(spied))
        assert done.artefact.name == "demo-1.2.0.tar.gz"
        assert _spied(spied) == {}


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({}, {"CPPFLAGS"}),
        ({"CFLAGS": "-O1"}, {"CFLAGS", "CPPFLAGS"}),
        ({"CFLAGS": "-O1", "CXXFLAGS": "-O1"}, {"CFLAGS", "CXXFLAGS"}),
    ],
    ids=["none", "CFLAGS", "both"],
)
def test_flags_of_the_user_stay_first(
    demo: Project, build: Build, tmp_path: Path, own: dict[str, str], expected: set[str]
) -> None:
    """`-ffile-prefix-map` is appended where there are flags; where there are none, none are invented."""
    ours = "[tool.hatch.build.hooks.cudapin]\n"
    project = demo(having(ours, '[tool.hatch.build.hooks.custom]\npath = "spy.py"\n' + ours), spy_py=SPY)
    spied = tmp_path / "spied.json"
    build(project, "cu126", SPY=str(spied), **own)
    seen = json.loads(spied.read_text(encoding="utf-8"))
    assert {name for name in ("CFLAGS", "CXXFLAGS", "CPPFLAGS") if name in seen} == expected
    for name in expected:
        assert seen[name].startswith(own.get(name, "-ffile-prefix-map="))
        assert f"-ffile-prefix-map={project}=." in seen[name].split()


# An unpacked sdist inside something else


@pytest.mark.parametrize("frontend", ["build", "pip"])
def test_nothing_above_an_unpacked_sdist_is_read(
    workbench: Workbench, make_project: Project, place: Place, tmp_path: Path, frontend: Any
) -> None:
    """It lies in the folder of another project, whose files are broken; a tree at that place is judged by them."""
    project = make_project(UV_PYPROJECT, {"uv.lock": UV_LOCK, "demo/__init__.py": ""})
    wheel = workbench.build("uv", place, project, tmp_path / "tree").wheel
    sdist = workbench.build("uv", place, project, tmp_path / "sdist", target="sdist").artefact
    outer = tmp_path / "outer"
    inner = unpack(sdist, outer / "vendored")
    shutil.copytree(project, outer / "vendored" / "tree")
    for name in ("pyproject.toml", "uv.toml", "uv.lock", "hatch.toml", "pylock.toml", "requirements.txt"):
        for folder in (outer, outer / "vendored"):
            (folder / name).write_text("[tool.uv.workspace\n<<<<<<< broken", encoding="utf-8")
    again = workbench.build(frontend, place, inner, tmp_path / "inner").wheel
    assert again.sha256 == wheel.sha256
    (inner / "cudapin.seal.json").unlink()  # as in an sdist of an older project: it is judged like a tree
    unsealed = workbench.build(frontend, place, inner, tmp_path / "unsealed").wheel
    assert unsealed.sha256 == wheel.sha256
    refused = workbench.build(frontend, place, outer / "vendored" / "tree", tmp_path / "none")
    assert refused.code == 1
    assert "error[CP101]: `../pyproject.toml` is not valid TOML" in refused.output
