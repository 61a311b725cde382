"""Each refusal as two projects that differ in one character: one builds, the other is refused and leaves nothing."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import pytest

from integration.workbench import (
    FRONTENDS,
    REFUSED,
    UV_LOCK,
    UV_PYPROJECT,
    change_one_character,
    digests,
    is_one_character,
    make_wheel,
    requirements_lock,
    unpack,
    write_files,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from integration.workbench import FrontendName, Outcome, Place, Workbench

pytestmark = pytest.mark.integration

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the variant's packages exist for Linux")

# uv refuses a wheel whose name has another version than its package; the name of an sdist it does not look at.
SDIST_LOCK = (
    UV_LOCK.replace("wheels = [\n    {", "sdist = {")
    .replace("size = 1 },\n]", "size = 1 }")
    .replace("-py3-none-any.whl", ".tar.gz")
)
PYPROJECT = """\
[build-system]
requires = ["hatchling", "cudapin"]
build-backend = "hatchling.build"

[project]
name = "demo"
version = "1.0"
requires-python = ">=3.10"

[dependency-groups]
cpu = ["torch==2.9.*"]
cu126 = ["torch==2.9.*"]

[tool.cudapin]
lock = "locks/{variant}.txt"

[tool.cudapin.variants.cpu]
[tool.cudapin.variants.cu126]

[tool.hatch.build.hooks.cudapin]
"""
LOCK_CU126 = requirements_lock(
    "cu126",
    "nvidia-cublas-cu12==12.6.4.1 # via torch",
    "nvidia-cudnn-cu12==9.10.2.21 # via torch",
    "torch==2.9.0+cu126",
)
LOCK_CPU = requirements_lock("cpu", "torch==2.9.0+cpu")
RUNTIME = "nvidia-cuda-runtime-cu12==12.6.77"
COMPILING_HOOK = """\
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompilingHook(BuildHookInterface):
    def initialize(self, version, build_data):
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
"""


@dataclass(frozen=True)
class Pair:
    """A project that builds, one change that has it refused, and the whole message.

    The change is in a file (path, old, new) or a variable; `{project}` is the project's folder.
    """

    name: str
    message: str
    change: tuple[str, str, str] | None = None
    variable: tuple[str, str, str] | None = None
    pyproject: str = PYPROJECT
    files: Mapping[str, str] = field(default_factory=dict)
    variant: str | None = "cu126"
    settings: Mapping[str, str] = field(default_factory=dict)
    exit_code: int = 1
    """What hatch exits with: it hands on what the build exited with."""

    def write(self, folder: Path) -> Path:
        """Write the project that builds."""
        files = {
            "pyproject.toml": self.pyproject,
            "demo/__init__.py": "",
            "dist/.gitignore": "*",  # uv would add it
            "locks/cpu.txt": LOCK_CPU,
            "locks/cu126.txt": LOCK_CU126,
            **self.files,
        }
        return write_files(folder / "project", files)

    def spoil(self, project: Path) -> None:
        """Make the one change, if it is in a file."""
        if self.change is not None:
            path, old, new = self.change
            change_one_character(project / path, old, new)

    def environment(self, project: Path, *, spoilt: bool) -> dict[str, str]:
        """Return the variables of a build before or after the change; `{project}` in one is its folder."""
        settings = {"PYTHONDONTWRITEBYTECODE": "1", **self.settings}
        if self.variant is not None:
            settings["CUDAPIN_VARIANT"] = self.variant
        if self.variable is not None:
            name, old, new = self.variable
            assert is_one_character(old, new)
            settings[name] = new if spoilt else old
        return {name: value.replace("{project}", str(project)) for name, value in settings.items()}


def having(old: str, new: str, text: str = PYPROJECT) -> str:
    """Return the text with one place changed, for a project that needs more than the usual one."""
    assert text.count(old) == 1, old
    return text.replace(old, new)


def check_pair(
    pair: Pair,
    frontend: FrontendName,
    workbench: Workbench,
    place: Place,
    folder: Path,
    options: tuple[str, ...] = (),
    python: str | Path = sys.executable,
) -> Outcome:
    """Build both projects of a pair into one folder: the first succeeds; the second is refused, and leaves no trace."""
    project = pair.write(folder)

    def build(*, spoilt: bool, epoch: str) -> Outcome:
        settings: dict[str, Any] = {**pair.environment(project, spoilt=spoilt), "SOURCE_DATE_EPOCH": epoch}
        return workbench.build(frontend, place, project, project / "dist", options=options, python=python, **settings)

    good = build(spoilt=False, epoch="1700000000")
    assert good.artefact.is_file(), good.output  # the same name lies there already when the other one is refused
    pair.spoil(project)
    before = digests(project)
    bad = build(spoilt=True, epoch="1600000000")
    assert bad.says(pair.message.replace("{project}", str(project))), bad.output
    assert bad.code == (pair.exit_code if frontend == "hatch" else REFUSED[frontend]), bad.output
    assert "Traceback" not in bad.output
    assert digests(project) == before
    assert sorted(path.name for path in (project / "dist").iterdir()) == [".gitignore", good.artefact.name]
    assert place.left_over == []
    return bad


STALE = Pair(
    "stale lock",
    change=("pyproject.toml", 'cu126 = ["torch==2.9.*"]', 'cu126 = ["torch==2.8.*"]'),
    message="""
        error[CP201]: `locks/cu126.txt` does not pin what `dependency-groups.cu126` asks for
          --> pyproject.toml:12 (dependency-groups.cu126)
          why: wanted `torch==2.8.*`, the lock has `2.9.0+cu126` at locks/cu126.txt:9
          fix: uv pip compile pyproject.toml --group cu126 --universal --generate-hashes -o locks/cu126.txt
        """,
)
OTHER_CUDA = Pair(
    "a build for another CUDA minor",
    change=("locks/cu126.txt", "torch==2.9.0+cu126 ", "torch==2.9.0+cu129 "),
    message="""
        error[CP301]: `torch` of variant `cu126` is a build for CUDA 12.9
          --> locks/cu126.txt:9 (torch)
          why: wanted CUDA 12.6, the lock has `torch 2.9.0+cu129` (the local version label `+cu129`)
          fix: uv pip compile --torch-backend cu126 pyproject.toml --group cu126 --universal…
        """,
)
TYPO = Pair(
    "unknown key",
    pyproject=having("[tool.cudapin]\n", '[tool.cudapin]\nspelling = "local"\n'),
    change=("pyproject.toml", "spelling", "speling"),
    exit_code=2,
    message="""
        error[CP102]: `tool.cudapin` has no key `speling`
          --> pyproject.toml:15 (tool.cudapin.speling)
          why: the keys of `tool.cudapin` are `default`, `lock`, …
          fix: use `spelling`
        """,
)
LATE = Pair(
    "a hook after ours changes the tag",
    variant="cpu",
    pyproject=PYPROJECT + '[tool.hatch.build.targets.wheel.hooks.custom]\npath = "late.py"\n',
    files={
        "late.py": """\
            from hatchling.builders.hooks.plugin.interface import BuildHookInterface


            class LateHook(BuildHookInterface):
                def initialize(self, version, build_data):
                    if version == "standart":
                        build_data["tag"] = "py3-none-any"
            """
    },
    change=("late.py", "standart", "standard"),
    message="""
        error[CP111]: another build hook changed the wheel tag after `cudapin` had judged the wheel
          why: `cudapin` must run last; the other hooks are `custom`
          fix: put `[tool.hatch.build.targets.wheel.hooks.cudapin]` after the tables of the other hooks
        """,
)

PAIRS = [
    Pair(
        "stale uv.lock",
        variant=None,
        pyproject=UV_PYPROJECT,
        files={"uv.lock": UV_LOCK},
        change=("pyproject.toml", "iniconfig>=2.0", "iniconfig>=2.1"),
        message="""
            error[CP201]: `uv.lock` is stale: the requirements on `iniconfig` have changed
              --> pyproject.toml:9 (project.dependencies)
              why: wanted `iniconfig>=2.1`, the lock has `iniconfig>=2.0`
              fix: uv lock
            """,
    ),
    Pair(
        "uv.lock stale by the version alone",
        variant=None,
        pyproject=UV_PYPROJECT,
        files={"uv.lock": UV_LOCK},
        change=("pyproject.toml", 'version = "1.0"', 'version = "1.1"'),
        message="""
            error[CP203]: `uv.lock` is stale: the version of `demo` has changed
              --> uv.lock:5 (package.version)
              why: wanted `1.1`, the lock has `1.0`
              fix: uv lock
            """,
    ),
    Pair(
        "a locked version that does not satisfy",
        variant=None,
        pyproject=UV_PYPROJECT,
        files={"uv.lock": SDIST_LOCK},
        change=("uv.lock", 'version = "2.3.1"', 'version = "1.3.1"'),
        message="""
            error[CP204]: `uv.lock` is stale: the locked version of `iniconfig` does not satisfy its requirement
              --> pyproject.toml:9 (project.dependencies)
              why: wanted `iniconfig>=2.0`, the lock has `1.3.1`
              fix: uv lock
            """,
    ),
    Pair(
        "an unreadable uv.lock",
        variant=None,
        pyproject=UV_PYPROJECT,
        files={"uv.lock": UV_LOCK},
        change=("uv.lock", "requires-dist = [{", "requires-dist = [[{"),
        message="""
            error[CP205]: `uv.lock` is not valid TOML
              --> uv.lock:16
              why: unclosed array
              fix: restore `uv.lock` from version control, or `rm uv.lock && uv lock`
            """,
    ),
    Pair(
        "missing lock",
        change=("pyproject.toml", "locks/{variant}.txt", "lock/{variant}.txt"),
        message="""
            error[CP202]: there is no lock file `lock/cu126.txt`
              --> lock/cu126.txt
              why: wanted a lock file to build from, found none
              fix: uv pip compile pyproject.toml --group cu126 --universal --generate-hashes -o lock/cu126.txt
            """,
    ),
    Pair(
        "a line that is no pin",
        change=("locks/cu126.txt", "torch==2.9.0+cu126 ", "torch=2.9.0+cu126 "),
        message="""
            error[CP205]: `locks/cu126.txt` holds a line that is not a locked requirement
              --> locks/cu126.txt:9
              why: this is no PEP 508 requirement: `torch=2.9.0+cu126 --hash=sha256:3bb42410d153dab04c005b78c...`
              fix: make `locks/cu126.txt` anew with `pip-compile --generate-hashes` or `uv pip compile --generate-has…
            """,
    ),
    Pair(
        "dynamic dependencies",
        pyproject=having('[project]\nname = "demo"\n', '[project]\nname = "demo"\n#dynamic = ["dependencies"]\n'),
        files={"locks/cu126.txt": LOCK_CU126},
        change=("pyproject.toml", "#dynamic", "dynamic"),
        message="""
            error[CP206]: whether `locks/cu126.txt` is fresh cannot be told
              --> locks/cu126.txt:1
              why: `project.dependencies` is dynamic, so what it holds is not in any file
              fix: CUDAPIN=off uv pip compile pyproject.toml --group cu126 --universal --generate-ha…
            """,
    ),
    Pair(
        "several faults at once",
        pyproject=having(
            "[tool.cudapin]\n",
            '[tool.cudapin]\ndefault = "cu126"\nextras = "fold"\n',
            having("variants.cpu]", "variants.cu118]"),
        ),
        change=("pyproject.toml", "variants.cu126]", "variant.cu126]"),
        message="""
            error[CP104]: the default variant `cu126` is not declared
              --> pyproject.toml:15 (tool.cudapin.default)
              why: the declared variants are `cu118`
              fix: use `cu118`; the names are `cu118`
            error[CP102]: `tool.cudapin` has no key `variant`
              --> pyproject.toml:20 (tool.cudapin.variant)
              why: the keys of `tool.cudapin` are `default`, `lock`, …
              fix: use `variants`
            """,
    ),
    Pair(
        "unknown variant",
        variant=None,
        variable=("CUDAPIN_VARIANT", "cu126", "cu127"),
        message="""
            error[CP104]: no variant `cu127` is declared
              why: CUDAPIN_VARIANT asks for `cu127`; `[tool.cudapin.variants]` declares `cpu`, `cu126`
              fix: use `cu126`; the names are `cpu`, `cu126`, `auto`
            """,
    ),
    Pair(
        "no default",
        variant=None,
        pyproject=having(
            "variants.cpu]", "variants.cu118]", having("[tool.cudapin]\n", '[tool.cudapin]\ndefault = "cu126"\n')
        ),
        change=("pyproject.toml", "default", "#default"),
        message="""
            error[CP105]: no default variant is named
              --> pyproject.toml:14 (tool.cudapin)
              why: there is no variant `cpu`, and there are several: `cu118`, `cu126`
              fix: add `default = "…"` to `[tool.cudapin]`
            """,
    ),
    Pair(
        "a variable that means nothing",
        variable=("CUDAPIN", "off", "of"),
        message="""
            error[CP108]: `CUDAPIN` has a value that means nothing
              why: wanted `off` or nothing, found `of`
              fix: unset CUDAPIN, or set it to `off`
            """,
    ),
    Pair(
        "two variants of one name",
        pyproject=having("[tool.cudapin]\n", '[tool.cudapin]\nname = "demo-cu{major}"\n')
        + '[tool.cudapin.variants.cu130]\ngroup = "cu126"\ncuda = "13.0"\n',
        change=("pyproject.toml", 'cuda = "13.0"', 'cuda = "12.0"'),
        message="""
            error[CP106]: variants `cu126` and `cu130` would both be named `demo-cu12`
              --> pyproject.toml:15 (tool.cudapin.name)
              why: two variants of one name could not be told apart
              fix: use `{variant}` in `name`
            """,
    ),
    Pair(
        "a pin that no variant selects",
        pyproject=having("[tool.cudapin]\n", '[tool.cudapin]\npin = ["torch"]\n'),
        change=("pyproject.toml", '"torch"]', '"torsh"]'),
        message="""
            error[CP107]: `pin` names `torsh`, which no variant selects from its lock
              --> pyproject.toml:15 (tool.cudapin.pin)
              why: wanted a package of the lock, found none called `torsh`
              fix: use `torch`; the names are `nvidia-cublas-cu12`, `nvidia-cudnn-cu12`, `torch`
            """,
    ),
    Pair(
        "a waiver that has expired",
        pyproject=having('cu126 = ["torch==2.9.*"]', 'cu126 = ["torch==2.8.*"]')
        + '[[tool.cudapin.allow]]\ncode = "CP201"\nreason = "2.8 is in testing"\nuntil = 2999-12-31\n',
        change=("pyproject.toml", "2999", "1999"),
        message="""
            error[CP201]: `locks/cu126.txt` does not pin what `dependency-groups.cu126` asks for
              --> pyproject.toml:12 (dependency-groups.cu126)
              why: wanted `torch==2.8.*`, the lock has `2.9.0+cu126` at locks/cu126.txt:9
              fix: uv pip compile pyproject.toml --group cu126 --universal --generate-hashes -o locks/cu126.txt
            error[CP109]: the waiver for CP201 has expired
              --> pyproject.toml:24 (tool.cudapin.allow.0.until)
              why: it was given until 1999-12-31
              fix: mend what it waived, or give it a new date
            """,
    ),
    Pair(
        "an unknown group",
        pyproject=having("variants.cu126]\n", 'variants.cu126]\ngroup = "cu126"\n'),
        change=("pyproject.toml", 'group = "cu126"', 'group = "cu125"'),
        message="""
            error[CP113]: variant `cu126` is selected by the group `cu125`, which the project does not have
              --> pyproject.toml:19 (tool.cudapin.variants.cu126.group)
              why: the project's groups are `cpu`, `cu126`
              fix: use `cu126`; the names are `cpu`, `cu126`
            """,
    ),
    Pair(
        "several locks",
        variant=None,
        pyproject=UV_PYPROJECT,
        files={
            "uv.lock": UV_LOCK,
            "requirements.txt": requirements_lock("demo", "iniconfig==2.3.1", command="uv export -o requirements.txt"),
        },
        change=("requirements.txt", "uv export -o", "uv xport -o"),
        message="""
            error[CP114]: several lock files compete, and none is named
              --> pyproject.toml (tool.cudapin.lock)
              why: found `uv.lock`, `requirements.txt`
              fix: add `lock = "uv.lock"` to `[tool.cudapin]`
            """,
    ),
    Pair(
        "a runtime of another CUDA minor",
        pyproject=having('cu126 = ["torch==2.9.*"]', 'cu126 = ["torch==2.9.*", "nvidia-cuda-runtime-cu12"]'),
        files={"locks/cu126.txt": requirements_lock("cu126", RUNTIME, "torch==2.9.0+cu126")},
        change=("locks/cu126.txt", f"{RUNTIME} ", "nvidia-cuda-runtime-cu12==12.9.77 "),
        message="""
            error[CP301]: `nvidia-cuda-runtime-cu12` of variant `cu126` is a build for CUDA 12.9
              --> locks/cu126.txt:3 (nvidia-cuda-runtime-cu12)
              why: wanted CUDA 12.6, the lock has `nvidia-cuda-runtime-cu12 12.9.77` (`cu12` in the name…
              fix: correct the requirement or the index of `nvidia-cuda-runtime-cu12` for `cu126`, then lock again
            """,
    ),
    Pair(
        "mixed majors in one closure",
        change=("locks/cu126.txt", "nvidia-cudnn-cu12==", "nvidia-cudnn-cu13=="),
        message="""
            error[CP301]: `nvidia-cudnn-cu13` of variant `cu126` is a build for CUDA 13
              --> locks/cu126.txt:6 (nvidia-cudnn-cu13)
              why: wanted CUDA 12.6, the lock has `nvidia-cudnn-cu13 9.10.2.21` (`cu13` in the name)…
              fix: correct the requirement or the index of `nvidia-cudnn-cu13` for `cu126`, then lock again
            error[CP302]: `torch` of variant `cu126` requires several CUDA majors
              --> locks/cu126.txt:9 (torch)
              why: wanted one CUDA major in its closure, found CUDA 12: `nvidia-cublas-cu12`, `torch`; CUDA 13: …
              fix: constrain the packages of the other major, then lock again (`locks/cu126.txt`)
            """,
    ),
    Pair(
        "a CPU build in a CUDA variant",
        pyproject=having("variants.cu126]\n", 'variants.cu126]\nlock = "locks/x.txt"\n'),
        files={
            "locks/x.txt": requirements_lock("cu126", "torch==2.9.0+cu126"),
            "locks/y.txt": requirements_lock("cu126", "torch==2.9.0+cpu"),
        },
        change=("pyproject.toml", "locks/x.txt", "locks/y.txt"),
        message="""
            error[CP303]: `torch` of variant `cu126` is a build without CUDA
              --> locks/y.txt:3 (torch)
              why: wanted CUDA 12.6, the lock has `torch 2.9.0+cpu` (the local version label `+cpu`)
              fix: uv pip compile --torch-backend cu126 pyproject.toml --group cu126 --universal…
            """,
    ),
    Pair(
        "a CUDA build in a variant without CUDA",
        variant="cpu",
        pyproject=having("variants.cpu]\n", 'variants.cpu]\nlock = "locks/x.txt"\n'),
        files={
            "locks/x.txt": requirements_lock("cpu", "torch==2.9.0+cpu"),
            "locks/y.txt": requirements_lock("cpu", "torch==2.9.0+cu126"),
        },
        change=("pyproject.toml", "locks/x.txt", "locks/y.txt"),
        message="""
            error[CP304]: `torch` of variant `cpu` is a build for CUDA 12.6
              --> locks/y.txt:3 (torch)
              why: wanted no CUDA, the lock has `torch 2.9.0+cu126` (the local version label `+cu126`)
              fix: uv pip compile --torch-backend cpu pyproject.toml --group cpu --universal…
            """,
    ),
    Pair(
        "a package without hash",
        files={"locks/cu126.txt": requirements_lock("cu126", "torch==2.9.0+cu126")},
        change=("locks/cu126.txt", "    --hash", "   # --hash"),
        message="""
            error[CP306]: `torch` of variant `cu126` is locked without a hash
              --> locks/cu126.txt:3 (torch)
              why: wanted a hash for every file that could be installed, found no hash at all
              fix: lock from an index that publishes hashes, or with `--generate-hashes`
            """,
    ),
    Pair(
        "a toolkit of another major",
        pyproject=having("hooks.cudapin]", "hooks.custom]\n[tool.hatch.build.hooks.cudapin]"),
        files={
            "hatch_build.py": COMPILING_HOOK,
            "toolkit/version.json": '{"cuda": {"name": "CUDA SDK", "version": "12.6.20240801"}}\n',
        },
        settings={"CUDA_HOME": "{project}/toolkit"},
        change=("toolkit/version.json", "12.6.2", "13.6.2"),
        message="""
            error[CP404]: the toolkit that `CUDA_HOME` names is CUDA 13.6
              why: wanted CUDA 12.6 for variant `cu126`, found CUDA 13.6 in `{project}/toolkit`
              fix: point `CUDA_HOME` at a toolkit of CUDA 12.6, or unset it
            """,
    ),
]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_one_character_decides(pair: Pair, workbench: Workbench, place: Place, tmp_path: Path) -> None:
    """In uv, the fastest of the front ends."""
    check_pair(pair, "uv", workbench, place, tmp_path)


@pytest.mark.parametrize("frontend", FRONTENDS)
@pytest.mark.parametrize("pair", [STALE, OTHER_CUDA, TYPO, LATE], ids=lambda pair: pair.name)
def test_every_front_end_refuses(
    pair: Pair, frontend: FrontendName, workbench: Workbench, place: Place, tmp_path: Path
) -> None:
    """A stale lock, a wrong CUDA, a wrong configuration, and one that is seen only when the wheel is finished."""
    check_pair(pair, frontend, workbench, place, tmp_path)


# In environments that are not made for the build: what is installed there decides.

FAKE = "nvidia-cuda-runtime-cu12==12.6.99"
HEADER = "nvidia/cuda_runtime/include/cuda_runtime_api.h"
SITE = f"../venv/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
UNISOLATED: dict[FrontendName, tuple[str, ...]] = {
    "build": ("--no-isolation", "--skip-dependency-check"),
    "uv": ("--no-build-isolation",),
    "pip": ("--no-build-isolation",),
}
BUILD_REQUIRES = having("[tool.cudapin]\n", '[tool.cudapin]\nbuild-requires = ["nvidia-cuda-runtime-cu12"]\n')
ENVIRONMENT_PAIRS = [
    Pair(
        "another version is installed",
        pyproject=BUILD_REQUIRES,
        files={"locks/cu126.txt": requirements_lock("cu126", f"{FAKE} # via torch", "torch==2.9.0+cu126")},
        change=("locks/cu126.txt", FAKE + " ", "nvidia-cuda-runtime-cu12==12.6.98 "),
        message="""
            error[CP401]: the build environment does not hold the locked `nvidia-cuda-runtime-cu12 12.6.98`
              --> locks/cu126.txt:3 (nvidia-cuda-runtime-cu12)
              why: the lock pins `nvidia-cuda-runtime-cu12 12.6.98`, found `nvidia-cuda-runtime-cu12 12.6.99`
              fix: build in a fresh isolated environment (without `--no-isolation` or `--no-build-isolation`)
        """,
    ),
    Pair(
        "an installed header was changed",
        pyproject=BUILD_REQUIRES,
        files={"locks/cu126.txt": requirements_lock("cu126", f"{FAKE} # via torch", "torch==2.9.0+cu126")},
        change=(f"{SITE}/{HEADER}", "12060", "12080"),
        message="""
            error[CP402]: the installed `nvidia-cuda-runtime-cu12 12.6.99` is not the locked one
              --> locks/cu126.txt:3 (nvidia-cuda-runtime-cu12)
              why: its file `nvidia/cuda_runtime/include/cuda_runtime_api.h` is not as its RECORD says
              fix: build in a fresh isolated environment (without `--no-isolation` or `--no-build-isolation`)
        """,
    ),
    Pair(
        "a CUDA package that the variant does not select",
        pyproject=having("hooks.cudapin]", "hooks.custom]\n[tool.hatch.build.hooks.cudapin]"),
        files={
            "hatch_build.py": COMPILING_HOOK,
            "locks/cu126.txt": requirements_lock(
                "cu126", f"{FAKE} ; sys_platform == 'linux' # via torch", "torch==2.9.0+cu126"
            ),
        },
        change=("locks/cu126.txt", "'linux'", "'linus'"),
        message="""
            error[CP403]: the build environment holds `nvidia-cuda-runtime-cu12`, which variant `cu126` does not select
              why: a compiled wheel could take its headers or libraries; found `nvidia-cuda-runtime-cu12 12.6.99` (…
              fix: build in a fresh isolated environment (without `--no-isolation` or `--no-build-isolation`)
        """,
    ),
]


@pytest.fixture
def bench(workbench: Workbench, tmp_path: Path, place: Place) -> Path:
    """The Python of an environment with hatchling, cudapin, and a CUDA runtime that is only a header."""
    header = "#define CUDART_VERSION 12060\n"
    name, _, version = FAKE.partition("==")
    make_wheel(tmp_path / "links", name, version, {HEADER: header})
    stocked = replace(workbench, more=(tmp_path / "links",))
    home = tmp_path / "venv"
    uv = (sys.executable, "-m", "uv")
    for command in (
        (*uv, "venv", "--python", sys.executable, home),
        # Copies, since links would share a changed header with the cache.
        (*uv, "pip", "install", "--link-mode", "copy", "--python", home, "hatchling", "cudapin", "build", "pip", FAKE),
    ):
        done = stocked.run(place, *command)
        assert done.code == 0, done.output
    return home / "bin" / "python"


@LINUX
@pytest.mark.parametrize("frontend", UNISOLATED)
@pytest.mark.parametrize("pair", ENVIRONMENT_PAIRS, ids=lambda pair: pair.name)
def test_build_environment_decides(
    pair: Pair, frontend: FrontendName, workbench: Workbench, place: Place, tmp_path: Path, bench: Path
) -> None:
    """Without isolation, where nobody has installed what the lock names (or somebody has touched it)."""
    check_pair(pair, frontend, workbench, place, tmp_path, UNISOLATED[frontend], bench)


# An sdist is refused for its lock too, and judged again where it is unpacked.


@pytest.mark.parametrize("frontend", ["build", "uv", "hatch"])
@pytest.mark.parametrize("target", ["sdist", "both"])
def test_no_sdist_with_a_stale_lock(
    target: Literal["sdist", "both"], frontend: FrontendName, workbench: Workbench, place: Place, tmp_path: Path
) -> None:
    """Neither alone nor as the first half of a build that was asked for everything."""
    project = STALE.write(tmp_path)
    out = project / "dist"
    good = workbench.build(frontend, place, project, out, target="sdist")
    assert good.artefact.name == "demo-1.0.tar.gz"
    STALE.spoil(project)
    before = digests(project)
    bad = workbench.build(frontend, place, project, out, target=target, SOURCE_DATE_EPOCH="1600000000")
    assert bad.says(STALE.message), bad.output
    assert bad.code == REFUSED[frontend]
    assert "Traceback" not in bad.output
    assert digests(project) == before
    assert place.left_over == []


@pytest.mark.parametrize("frontend", FRONTENDS)
def test_unpacked_sdist_is_judged_again(
    frontend: FrontendName, workbench: Workbench, place: Place, tmp_path: Path
) -> None:
    """Whoever changes a lock in it by one character gets the same refusal as in the tree."""
    tree = OTHER_CUDA.write(tmp_path)
    sdist = workbench.build("uv", place, tree, tmp_path / "sdist", target="sdist").artefact
    project = unpack(sdist, tmp_path / "unpacked")
    out = tmp_path / "out"
    good = workbench.build(frontend, place, project, out, "cu126")
    assert good.wheel.version == "1.0+cu126"
    OTHER_CUDA.spoil(project)
    before, wheels = digests(project), digests(out)
    bad = workbench.build(frontend, place, project, out, "cu126", SOURCE_DATE_EPOCH="1600000000")
    assert bad.says(OTHER_CUDA.message), bad.output
    assert bad.code == REFUSED[frontend]
    assert (digests(project), digests(out)) == (before, wheels)
    assert place.left_over == []


def test_sdist_stays_when_its_wheel_is_refused(workbench: Workbench, place: Place, tmp_path: Path) -> None:
    """What a front end has finished before is right, so it is left alone."""
    project = LATE.write(tmp_path)
    LATE.spoil(project)
    done = workbench.build("hatch", place, project, project / "dist", target="both", PYTHONDONTWRITEBYTECODE="1")
    assert done.says(LATE.message), done.output
    assert done.code == 1
    assert [path.name for path in done.artefacts] == ["demo-1.0.tar.gz"]
    assert place.left_over == []


@pytest.mark.parametrize("frontend", FRONTENDS)
def test_a_waiver_lets_it_through_and_says_so(
    frontend: FrontendName, workbench: Workbench, place: Place, tmp_path: Path
) -> None:
    """`CUDAPIN_ALLOW` is printed and recorded; a waiver for something else waives nothing."""
    project = STALE.write(tmp_path)
    STALE.spoil(project)
    refused = workbench.build(frontend, place, project, tmp_path / "out", "cu126", CUDAPIN_ALLOW="CP203")
    assert refused.says(STALE.message), refused.output
    assert refused.artefacts == ()
    done = workbench.build(frontend, place, project, tmp_path / "out", "cu126", CUDAPIN_ALLOW="CP201")
    record = done.wheel.record
    assert record["waived"] == [{"code": "CP201", "reason": "CUDAPIN_ALLOW"}]
    assert record["settings"] == {"CUDAPIN_ALLOW": "CP201"}
    assert record["lock"]["verdict"] == "stale"
    if frontend in ("build", "hatch"):  # pip and uv show what a backend prints only when it fails
        assert "waived CP201" in done.output
