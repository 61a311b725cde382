"""One variant's wheel is the same bytes whoever builds it, wherever, from tree or sdist; so is the project's sdist."""

from __future__ import annotations

import json
import os
import platform
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import pytest

from integration.workbench import FRONTENDS, Place, copy_example, digests, unpack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from integration.workbench import FrontendName, Outcome, Wheel, Workbench

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="NVIDIA publishes the wheels of the example for Linux"),
]

PYTHON = f"cp{sys.version_info[0]}{sys.version_info[1]}"
LINUX = "linux_" + platform.machine()


@dataclass(frozen=True)
class Expected:
    """What the wheel of one variant must say."""

    version: str
    cuda: str | None
    driver: str | None = None
    library: str | None = None
    requires: tuple[str, ...] = ()
    locked: tuple[str, ...] = ()
    classifier: str | None = None


VARIANTS = {
    "cpu": Expected("1.0.0", None),
    "cu118": Expected(
        "1.0.0+cu118",
        "11.8",
        "450.80.02",
        "libcudart.so.11.0",
        ("nvidia-cuda-runtime-cu11==11.8.89",),
        ("nvidia-cuda-nvcc-cu11==11.8.89", "nvidia-cuda-runtime-cu11==11.8.89"),
        "11.8",
    ),
    "cu126": Expected(
        "1.0.0+cu126",
        "12.6",
        "525.60.13",
        "libcudart.so.12",
        ("nvidia-cuda-runtime-cu12==12.6.77",),
        ("nvidia-cuda-nvcc-cu12==12.6.85", "nvidia-cuda-runtime-cu12==12.6.77"),
        "12 :: 12.6",
    ),
    "cu129": Expected(
        "1.0.0+cu129",
        "12.9",
        "525.60.13",
        "libcudart.so.12",
        ("nvidia-cuda-runtime-cu12==12.9.79",),
        ("nvidia-cuda-nvcc-cu12==12.9.86", "nvidia-cuda-runtime-cu12==12.9.79"),
        "12",  # there is no classifier for 12.9
    ),
    "cu130": Expected(
        "1.0.0+cu130",
        "13.0",
        "580.65.06",
        "libcudart.so.13",
        ("nvidia-cuda-runtime==13.0.96",),
        ("nvidia-cuda-crt==13.0.88", "nvidia-cuda-runtime==13.0.96"),
        "13",
    ),
}


@dataclass(frozen=True)
class Circumstances:
    """What must not matter: where the project and the home lie, the umask, the locale."""

    checkout: str
    home: str
    umask: int
    settings: tuple[tuple[str, str], ...]


CIRCUMSTANCES = (
    Circumstances("c", "h", 0o022, (("LC_ALL", "C"), ("LANG", "C"))),
    Circumstances("a-checkout/in-a-deeper-place/with-a-longer-name", "h", 0o077, (("LC_ALL", "C.UTF-8"),)),
    Circumstances("c", "a-home-with-a-longer-name", 0o077, (("LC_ALL", "de_DE.UTF-8"), ("LANGUAGE", "de"))),
    Circumstances("a-checkout/in-a-deeper-place/with-a-longer-name", "b", 0o022, (("LANG", "C"), ("TZ", "Asia/Tokyo"))),
)


@pytest.fixture(scope="module")
def sdist(workbench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist of the example."""
    folder = tmp_path_factory.mktemp("sdist")
    project = copy_example("cudart-probe", folder / "project")
    return workbench.build("uv", Place(folder / "place"), project, folder / "out", target="sdist").artefact


def _jobs(workbench: Workbench, folder: Path, variant: str, sdist: Path) -> dict[str, Callable[[], Outcome]]:
    """Return a build for each front end from tree and from sdist, each in other circumstances."""

    def job(number: int, frontend: FrontendName, source: str) -> Callable[[], Outcome]:
        found = CIRCUMSTANCES[number % len(CIRCUMSTANCES)]

        def build() -> Outcome:
            own = folder / f"{source}-{frontend}-{number}"
            place = Place(own / found.home)
            if source == "tree":
                project = copy_example("cudart-probe", own / found.checkout, found.umask)
            elif frontend in ("build", "pip"):
                project = sdist
            else:  # uv builds the wheel of a spelled variant from an sdist file, and then calls it an error
                project = unpack(sdist, own / found.checkout)
            settings: dict[str, Any] = dict(found.settings)
            return workbench.build(frontend, place, project, own / "out", variant, umask=found.umask, **settings)

        return build

    jobs = {f"tree, {name}": job(number, name, "tree") for number, name in enumerate(FRONTENDS)}
    jobs |= {f"sdist, {name}": job(number + 5, name, "sdist") for number, name in enumerate(FRONTENDS)}
    return {**jobs, "tree, uv again": job(2, "uv", "tree")}


@pytest.mark.parametrize("variant", VARIANTS)
def test_wheel_is_the_same_bytes_everywhere(
    workbench: Workbench, tmp_path: Path, sdist: Path, wheelhouse: Path, variant: str
) -> None:
    """One wheel per variant, and it is what its variant promises."""
    jobs = _jobs(workbench, tmp_path, variant, sdist)
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        outcomes = dict(zip(jobs, pool.map(lambda job: job(), jobs.values())))  # noqa: B905
    wheels = {name: outcome.wheel for name, outcome in outcomes.items()}
    assert len({wheel.path.name for wheel in wheels.values()}) == 1
    assert len({wheel.sha256 for wheel in wheels.values()}) == 1, {name: w.sha256 for name, w in wheels.items()}
    expected, wheel = VARIANTS[variant], wheels["tree, build"]
    _check_metadata(wheel, expected)
    _check_record(wheel, variant, expected, wheelhouse)
    info = _install_and_ask(workbench, Place(tmp_path / "install"), wheel)
    assert (info["version"], info["headers"], info["library"]) == (expected.version, expected.cuda, expected.library)


def _check_metadata(wheel: Wheel, expected: Expected) -> None:
    assert wheel.faults() == []
    assert wheel.version == expected.version
    assert wheel.requires == list(expected.requires)
    classifier = expected.classifier and f"Environment :: GPU :: NVIDIA CUDA :: {expected.classifier}"
    assert wheel.classifiers == ([classifier] if classifier else [])
    assert wheel.tags == [f"{PYTHON}-{PYTHON}-{LINUX}"]
    assert not wheel.is_purelib
    assert wheel.metadata["Dynamic"] is None


def _check_record(wheel: Wheel, variant: str, expected: Expected, wheelhouse: Path) -> None:
    (hatchling,) = wheelhouse.glob("hatchling-*.whl")
    record = wheel.record
    compiler = record["build"].pop("cc")
    assert compiler
    assert "/" not in compiler
    lock_sha256 = digests(copy_example("cudart-probe", wheel.path.parent / "locked"))[f"locks/{variant}.txt"]
    locked = dict(item.split("==") for item in expected.locked)
    (module,) = (name for name in wheel.members if name.endswith(".so"))
    linked = [name for name in record["binaries"][0]["needed"] if name.startswith("libcudart")]
    assert linked == ([expected.library] if expected.library else [])
    assert record == {
        "schema": 1,
        "cudapin": record["cudapin"],
        "variant": variant,
        "cuda": expected.cuda,
        "driver": expected.driver,
        "arch": [],
        "spelling": "local",
        "lock": {
            "path": f"locks/{variant}.txt",
            "format": "requirements",
            "sha256": lock_sha256,
            "verdict": "fresh",
        },
        "locked": locked,
        "build": {
            "python": platform.python_version(),
            "hatchling": hatchling.name.split("-")[1],
            "nvcc": None,
            "requires": {name: {"version": version, "hashed": False} for name, version in locked.items()},
        },
        "binaries": [{"path": module, "needed": record["binaries"][0]["needed"], "arch": []}],
        "settings": {},
        "waived": [],
    }


def _install_and_ask(workbench: Workbench, place: Place, wheel: Wheel) -> dict[str, str | None]:
    """Install the wheel with what it requires into an environment of its own; return what the module says."""
    home = place.folder / "venv"
    uv = (sys.executable, "-m", "uv")
    for command in (
        (*uv, "venv", "--python", sys.executable, home),
        (*uv, "pip", "install", "--python", home, wheel.path),
    ):
        done = workbench.run(place, *command)
        assert done.code == 0, done.output
    python = home / "bin" / "python"
    done = workbench.run(place, python, "-I", "-m", "cudart_probe")
    assert done.code == 0, done.output
    answer = json.loads(done.output)
    assert isinstance(answer, dict)
    return answer


def test_sdist_is_the_same_bytes_everywhere(workbench: Workbench, tmp_path: Path, sdist: Path) -> None:
    """Whatever variant is selected, whoever builds it; an unpacked sdist makes one of the same content again."""
    selected: tuple[tuple[FrontendName, str | None], ...] = (
        ("build", "cpu"),
        ("uv", "cu118"),
        ("hatch", "cu126"),
        ("build", "cu129"),
        ("uv", "cu130"),
        ("hatch", None),
    )

    def job(number: int) -> Outcome:
        frontend, variant = selected[number]
        found = CIRCUMSTANCES[number % len(CIRCUMSTANCES)]
        own = tmp_path / f"{frontend}-{variant}"
        project = copy_example("cudart-probe", own / found.checkout, found.umask)
        return workbench.build(
            frontend,
            Place(own / found.home),
            project,
            own / "out",
            variant,
            target="sdist",
            umask=found.umask,
            **cast("dict[str, Any]", dict(found.settings)),
        )

    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        outcomes = list(pool.map(job, range(len(selected))))
    made = {digests(outcome.artefact.parent)[sdist.name] for outcome in outcomes}
    assert made == {digests(sdist.parent)[sdist.name]}
    again = unpack(sdist, tmp_path / "unpacked")
    content = digests(again)
    outcome = workbench.build("uv", Place(tmp_path / "again"), again, tmp_path / "again" / "out", target="sdist")
    # Not the same bytes: hatchling writes PKG-INFO a second time.
    assert digests(unpack(outcome.artefact, tmp_path / "second")) == content


def test_sdist_holds_lock_and_seal_and_no_stamp(sdist: Path, tmp_path: Path) -> None:
    """An sdist is nobody's variant; it carries what judging it again needs."""
    folder = unpack(sdist, tmp_path)
    files = digests(folder)
    tree = digests(copy_example("cudart-probe", tmp_path / "tree"))
    assert sdist.name == "cudart_probe-1.0.0.tar.gz"
    assert files.keys() == tree.keys() | {"PKG-INFO", "cudapin.seal.json"}
    assert {name: digest for name, digest in files.items() if name in tree} == tree
    package = (folder / "PKG-INFO").read_text(encoding="utf-8")
    assert "Version: 1.0.0\n" in package
    assert "Requires-Dist" not in package
    assert "CUDA ::" not in package
    seal = json.loads((folder / "cudapin.seal.json").read_text(encoding="utf-8"))
    locks = [f"locks/{variant}.txt" for variant in VARIANTS]
    assert seal == {
        "schema": 1,
        "files": {path: {"path": path, "sha256": tree[path]} for path in locks},
        "uv": None,
        "waived": [],
    }


@pytest.mark.parametrize("variant", ["cu126", "cpu"])
def test_uv_makes_the_right_wheel_from_an_sdist_file(
    workbench: Workbench, place: Place, tmp_path: Path, sdist: Path, variant: str
) -> None:
    """uv says that a spelled variant's version is not the sdist's, and exits with 2, after it has written the wheel.

    README tells people to unpack the sdist, or to build without sdist. When uv changes, this test says so.
    """
    project = copy_example("cudart-probe", tmp_path / "project")
    usual = workbench.build("uv", place, project, tmp_path / "usual", variant).wheel
    from_file = workbench.build("uv", place, sdist, tmp_path / "file", variant)
    both = workbench.build("uv", place, project, tmp_path / "both", variant, target="both")
    for outcome in (from_file, both):
        (wheel,) = (path for path in outcome.artefacts if path.suffix == ".whl")
        assert digests(wheel.parent)[wheel.name] == usual.sha256
        if variant == "cpu":
            assert outcome.code == 0, outcome.output
        else:
            assert outcome.code == 2, outcome.output
            assert "declares version 1.0.0, but the wheel declares version 1.0.0+cu126" in outcome.output


def test_compiled_wheel_holds_no_path_of_its_build(workbench: Workbench, place: Place, tmp_path: Path) -> None:
    """Debug information would name the project's folder, the build environment and the joined toolkit."""
    project = copy_example("cudart-probe", tmp_path / "a-name-to-look-for")
    wheel = workbench.build("uv", place, project, tmp_path / "out", "cu118").wheel
    (extension,) = (name for name in wheel.members if name.endswith(str(sysconfig.get_config_var("EXT_SUFFIX"))))
    for text in ("a-name-to-look-for", str(place.folder), "cudapin-toolkit-", str(workbench.uv_cache)):
        assert not [name for name, data in wheel.members.items() if text.encode() in data], text
    assert b"libcudart.so.11.0" in wheel.members[extension]
    assert not place.left_over
