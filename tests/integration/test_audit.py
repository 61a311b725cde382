"""What a build refuses and records of its compiled files, and what `cudapin audit` says of public wheels."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from integration.workbench import FRONTENDS, REFUSED, Place, copy_example, digests

if TYPE_CHECKING:
    from integration.workbench import FrontendName, Wheel, Workbench

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="NVIDIA publishes the wheels of the example for Linux"),
]

FOOLED = ('home = Path(os.environ["CUDA_HOME"])', 'home = Path(os.environ.get("OTHER", os.environ["CUDA_HOME"]))')
GOOD = {
    "bitsandbytes==0.50.2": "11 12 13",
    "jax-cuda12-plugin==0.10.2": "12",
    "jax-cuda13-plugin==0.10.2": "13",
    "kvikio-cu12==26.10.0": "12",
    "pylibraft-cu13==26.10.0": "13",
    "torchaudio==2.0.2": "11",
    "torchaudio==2.8.0": "12",
    "torchvision==0.15.2": "11",
    "torchvision==0.23.0": "12",
    "torchvision==0.29.2": "13",
}
"""Wheels of the public index that are what they say, with their CUDA."""
MISMATCH = "xformers==0.0.35"


@pytest.fixture(scope="module")
def other_toolkit(wheelhouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The headers and the runtime of CUDA 13."""
    folder = tmp_path_factory.mktemp("toolkit")
    for part in ("runtime", "crt"):
        (wheel,) = wheelhouse.glob(f"nvidia_cuda_{part}-13*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
    return folder / "nvidia" / "cu13"


def probe(folder: Path) -> Path:
    """Return the example, its hook changed to compile against the toolkit that `OTHER` names."""
    project = copy_example("cudart-probe", folder)
    hook = project / "hatch_build.py"
    text = hook.read_text(encoding="utf-8")
    assert text.count(FOOLED[0]) == 1
    hook.write_text(text.replace(*FOOLED), encoding="utf-8")
    return project


def audit(workbench: Workbench, place: Place, *arguments: str | Path) -> tuple[int, list[dict[str, Any]]]:
    done = workbench.run(place, sys.executable, "-m", "cudapin", "audit", "--format", "json", *arguments)
    assert done.output.startswith("{"), done.output
    return done.code, json.loads(done.output)["wheels"]


@pytest.mark.parametrize("frontend", FRONTENDS)
def test_a_wheel_of_another_runtime_is_refused(
    workbench: Workbench, place: Place, tmp_path: Path, other_toolkit: Path, frontend: FrontendName
) -> None:
    project = probe(tmp_path / "project")
    good = workbench.build(frontend, place, project, project / "dist", "cu126")
    assert good.wheel.record["binaries"][0]["needed"][0:1] == ["libcudart.so.12"]
    before = digests(project / "dist")
    bad = workbench.build(
        frontend,
        place,
        project,
        project / "dist",
        "cu126",
        OTHER=str(other_toolkit),
        SOURCE_DATE_EPOCH="1600000000",
    )
    assert bad.code == REFUSED[frontend], bad.output
    (module,) = (item["path"] for item in good.wheel.record["binaries"])
    assert bad.says(
        f"""\
        error[CP406]: `{module}` is of CUDA 13
          --> {module}
          why: wanted CUDA 12.6 (variant `cu126`), found that it needs `libcudart.so.13`
          fix: compile it against CUDA 12.6: look which toolkit the build names (`CUDA_HOME`) and which library it links
        """
    ), bad.output
    assert "Traceback" not in bad.output
    assert digests(project / "dist") == before
    assert not [name for name in place.left_over if name.startswith("cudapin")]


@pytest.fixture(scope="module")
def built(workbench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Wheel:
    folder = tmp_path_factory.mktemp("built")
    project = copy_example("cudart-probe", folder / "project")
    return workbench.build("uv", Place(folder / "place"), project, folder / "out", "cu126").wheel


def test_a_wheel_is_held_against_its_record(workbench: Workbench, place: Place, built: Wheel, tmp_path: Path) -> None:
    code, (row,) = audit(workbench, place, built.path)
    assert (code, row["verdict"], row["variant"], row["problems"]) == (0, "ok", "cu126", [])
    assert [{key: item[key] for key in ("path", "needed", "arch")} for item in row["binaries"]] == built.record[
        "binaries"
    ]
    other = tmp_path / built.path.name
    with zipfile.ZipFile(other, "w") as archive:
        for name, data in built.members.items():
            changed = data.replace(b"libcudart.so.12", b"libcudart.so.13") if name.endswith(".so") else data
            archive.writestr(name, changed)
    code, (row,) = audit(workbench, place, other)
    assert (code, row["verdict"]) == (1, "wrong")
    assert [problem["code"] for problem in row["problems"]] == ["CP406", "CP413", "CP414"]


@pytest.mark.skipif(importlib.util.find_spec("auditwheel") is None, reason="needs auditwheel and patchelf")
@pytest.mark.parametrize("is_excluded", [False, True])
def test_a_repaired_wheel(
    workbench: Workbench, place: Place, built: Wheel, tmp_path: Path, *, is_excluded: bool
) -> None:
    """Bundled and renamed, or left out: the record still matches, and the CUDA is still the right one."""
    runtime = tmp_path / "runtime"
    with zipfile.ZipFile(next(workbench.wheelhouse.glob("nvidia_cuda_runtime_cu12-12.6*.whl"))) as archive:
        archive.extractall(runtime)
    options: list[str] = []
    if is_excluded:
        project = copy_example("cudart-probe", tmp_path / "project")
        command = ("-m", "cudapin", "export", "--variant", "cu126", "--to", "auditwheel-excludes")
        options = workbench.run(place, sys.executable, *command, cwd=project).output.split()
    done = workbench.run(
        place,
        *(sys.executable, "-m", "auditwheel", "repair", *options, "-w", tmp_path / "fixed", built.path),
        LD_LIBRARY_PATH=str(runtime / "nvidia" / "cuda_runtime" / "lib"),
        PATH=f"{Path(sys.executable).parent}:/usr/bin:/bin",
    )
    assert done.code == 0, done.output
    code, (row,) = audit(workbench, place, *(tmp_path / "fixed").iterdir())
    assert (code, row["verdict"], row["variant"]) == (0, "ok", "cu126"), row["problems"]
    assert len(row["binaries"]) == (1 if is_excluded else 2)


# Wheels of the public index


@pytest.fixture(scope="module")
def downloaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some 120 MB of wheels for CPython 3.11 on x86_64, from the index that the user's own pip is configured for."""
    folder = tmp_path_factory.mktemp("public")
    platforms = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_24_x86_64", "manylinux2014_x86_64")
    options = [f"--platform={one}" for one in (*platforms, "manylinux1_x86_64")]
    for wanted in (*GOOD, MISMATCH):
        command = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:")
        place = folder / wanted.replace("=", "-")
        done = subprocess.run(
            [*command, "--python-version=3.11", *options, "--dest", str(place), wanted],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    return folder


def test_public_wheels_are_what_they_say(workbench: Workbench, place: Place, downloaded: Path) -> None:
    wheels = [next((downloaded / wanted.replace("=", "-")).glob("*.whl")) for wanted in GOOD]
    code, rows = audit(workbench, place, *wheels)
    assert code == 0, [problem for row in rows for problem in row["problems"]]
    assert {wanted: " ".join(row["cuda"]) for wanted, row in zip(GOOD, rows)} == GOOD  # noqa: B905
    assert {row["verdict"] for row in rows} == {"ok"}


def test_a_public_wheel_that_does_not_fit_what_it_requires(
    workbench: Workbench, place: Place, downloaded: Path
) -> None:
    """It is linked to CUDA 12, and a plain install brings a torch of CUDA 13."""
    (wheel,) = (downloaded / MISMATCH.replace("=", "-")).glob("*.whl")
    code, (row,) = audit(workbench, place, wheel)
    assert (code, row["verdict"]) == (1, "wrong")
    (problem,) = row["problems"]
    assert (problem["code"], problem["what"]) == ("CP406", "`xformers/_C.so` is of CUDA 12")
    assert problem["why"] == (
        "wanted CUDA 13 (it requires `torch>=2.10`, which is 2.15 today, built for CUDA 13.2), "
        "found that it needs `libcudart.so.12`"
    )
