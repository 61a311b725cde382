"""Labelled wheels before the tools that read them: each machine gets the right one out of everything that was written.

uv 0.13.8 and later, with its preview feature, from an index (HTML and JSON), a page of links and a folder; pip, which
knows no labels; variantlib, the reference of the formats.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from packaging.version import Version

from cudapin.adapters.facts import read_facts
from cudapin.core.cuda import parse_cuda
from cudapin.core.machine import Gpu, Machine, fits
from cudapin.errors import Refusal
from cudapin.release.label import default_label, label_wheel, write_variants_json
from cudapin.release.pep825 import parse_label
from integration.variant_lab import (
    LINUX,
    installed_label,
    installer_environment,
    machine_of,
    make_variant,
    run,
    serve_folder,
    uv_install,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="the wheels are for Linux"),
    pytest.mark.skipif(Version(version("uv")) < Version("0.13.8"), reason="older uv reads no such wheels"),
]
FACTS = read_facts({})
DRIVERS = ("11.8", "12.4", "12.6", "12.9", "13.0", "13.2")
GPUS = ("7.0", "8.6", "9.0", "10.0", "12.0")
# As projects compile: each toolkit for what it knows, PTX of the newest for what comes after.
COMPILED = {
    "cu118": ("11.8", "sm_70", "sm_80", "sm_90", "compute_90"),
    "cu126": ("12.6", "sm_70", "sm_80", "sm_90"),
    "cu129": ("12.9", "sm_70", "sm_80", "sm_90", "sm_100", "sm_120", "compute_120"),
    "cu130": ("13.0", "sm_80", "sm_90", "sm_100", "sm_120", "compute_120"),
}
PURE = {"cu118": ("11.8",), "cu126": ("12.6",), "cu129": ("12.9",), "cu130": ("13.0",)}


@dataclass(frozen=True)
class Release:
    """A folder with everything that a release has, and where it can be had."""

    folder: Path
    home: Path
    sources: dict[str, tuple[str, ...]]

    def labels(self, driver: str | None, gpu: str | None) -> dict[str, str]:
        """Return which wheel uv takes on a machine, from each place."""
        found = {}
        for kind, source in self.sources.items():
            target = self.home / f"{driver}-{gpu}-{kind}"
            found[kind] = uv_install(self.home, target, source, machine_of(driver, gpu), "--no-deps")
        return found


def write_release(folder: Path, variants: dict[str, tuple[str, ...]]) -> None:
    """Write what `cudapin build --label` writes: labelled wheels, the plain default, the index's file."""
    folder.mkdir()
    for name, (cuda, *arch) in variants.items():
        label_wheel(make_variant(folder, name, cuda, *arch), default_label(name, has_cuda=True))
    label_wheel(make_variant(folder, "cpu", None), default_label("cpu", has_cuda=False))
    make_variant(folder, "cpu", None)
    write_variants_json(folder)


def serving(folder: Path, home: Path) -> Iterator[Release]:
    home.mkdir()
    with serve_folder(folder) as url:
        sources = {
            "html": ("--index-url", f"{url}/html/"),
            "json": ("--index-url", f"{url}/json/"),
            "links": ("--no-index", "--find-links", f"{url}/links/"),
            "folder": ("--no-index", "--find-links", str(folder)),
        }
        yield Release(folder, home, sources)


@pytest.fixture(scope="module", params=["compiled", "pure"])
def release(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """A release whose wheels are made of bytes."""
    place = tmp_path_factory.mktemp(request.param)
    write_release(place / "wheels", COMPILED if request.param == "compiled" else PURE)
    yield from serving(place / "wheels", place / "home")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """The compiled release again, on its own."""
    place = tmp_path_factory.mktemp("one")
    write_release(place / "wheels", COMPILED)
    yield from serving(place / "wheels", place / "home")


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """A CUDA without minor, one that only PTX serves, one for a newer driver than its CUDA asks for."""
    place = tmp_path_factory.mktemp("odd")
    write_release(place / "wheels", {"cu12": ("12", "sm_80", "sm_90"), "cu126": ("12.6", "compute_80")})
    for path in place.glob("wheels/*.json"):
        path.unlink()
    newer = make_variant(place / "wheels", "cu128", "12.8", "sm_80", driver="575.51.03")
    label_wheel(newer, "cu128")
    write_variants_json(place / "wheels")
    yield from serving(place / "wheels", place / "home")


@pytest.mark.parametrize(
    ("driver", "gpu", "label"),
    [
        ("12.4", "8.0", "cu12"),
        ("12.6", "8.0", "cu126"),
        ("12.8", "8.0", "cu126"),
        ("12.9", "8.0", "cu128"),
        ("12.9", "9.0", "cu126"),
        ("12.9", "7.0", "null"),
    ],
)
def test_each_condition_counts(odd: Release, driver: str, gpu: str, label: str) -> None:
    assert odd.labels(driver, gpu) == everywhere(label)


def everywhere(label: str) -> dict[str, str]:
    return dict.fromkeys(("html", "json", "links", "folder"), label)


@pytest.mark.parametrize(
    ("driver", "label"),
    [
        (None, "null"),
        ("11.8", "cu118"),
        ("12.4", "cu129"),
        ("12.6", "cu129"),
        ("12.9", "cu129"),
        ("13.0", "cu130"),
        ("13.2", "cu130"),
    ],
)
def test_each_driver_gets_the_highest_cuda_that_fits(release: Release, driver: str | None, label: str) -> None:
    """Drivers of 12.x run every CUDA 12, by minor-version compatibility."""
    gpu = None if driver is None else "9.0"
    assert release.labels(driver, gpu) == everywhere(label)


@pytest.mark.parametrize(
    ("driver", "gpu", "label"),
    [
        ("12.9", "5.0", "null"),  # older than anything that was compiled
        ("12.9", "7.0", "cu129"),
        ("13.0", "7.0", "cu129"),  # CUDA 13 has dropped it
        ("13.2", "8.6", "cu130"),  # binaries of 8.0 serve it
        ("12.9", "10.0", "cu129"),
        ("13.0", "12.0", "cu130"),
        ("13.0", "11.0", "cu118"),  # only PTX of 9.0 serves it
        ("13.0", None, "null"),  # a driver that names no GPU: none is known to be served
    ],
)
def test_each_gpu_gets_a_wheel_that_serves_it(compiled: Release, driver: str, gpu: str | None, label: str) -> None:
    assert compiled.labels(driver, gpu) == everywhere(label)


@pytest.mark.parametrize(
    ("driver", "gpu"),
    [
        (driver, gpu)
        for driver, gpu in itertools.product(DRIVERS, GPUS)
        if parse_cuda(driver).sort_key >= FACTS.architectures[gpu].first.sort_key  # else there is no such machine
    ],
)
def test_uv_takes_what_cudapin_itself_would(compiled: Release, driver: str, gpu: str) -> None:
    machine = Machine(driver=FACTS.ptx_driver(parse_cuda(driver), "linux"), gpus=(Gpu(name="GPU", arch=gpu),))

    def is_fit(cuda: str, names: list[str]) -> bool:
        numbers = [name.partition("_")[2] for name in names if name.startswith("sm_")]
        archs = tuple(
            f"{number[:-1]}.{number[-1]}{'+ptx' if f'compute_{number}' in names else ''}" for number in numbers
        )
        return fits(parse_cuda(cuda), archs, None, machine, FACTS, "linux").fits

    fitting = [name for name, (cuda, *names) in COMPILED.items() if is_fit(cuda, names)]
    target = compiled.home / f"same-{driver}-{gpu}"
    found = uv_install(compiled.home, target, compiled.sources["folder"], machine_of(driver, gpu), "--no-deps")
    assert found == (fitting[-1] if fitting else "null")


def test_tools_that_know_no_labels_get_the_ordinary_wheel(release: Release) -> None:
    for kind, source in release.sources.items():
        target = release.home / f"pip-{kind}"
        run(release.home, "pip", "install", "--no-deps", "--target", target, *source, "demo")
        assert installed_label(target) == ""
        assert (target / "demo" / "__init__.py").read_text(encoding="utf-8") == "VARIANT = 'cpu'\n"
        target = release.home / f"uv-{kind}"
        options = ("--no-deps",)
        assert uv_install(release.home, target, source, machine_of("13.0", "9.0"), *options, preview=False) == ""


def test_variantlib_takes_every_file(release: Release) -> None:
    pytest.importorskip("variantlib")
    from variantlib.variant_dist_info import VariantDistInfo
    from variantlib.variants_json import VariantsJson

    merged: Any = None
    for path in sorted(release.folder.glob("*.whl")):
        label = parse_label(path.name)
        if label is None:
            continue
        with zipfile.ZipFile(path) as archive:
            content = archive.read("demo-1.0.dist-info/variant.json")
        described = VariantDistInfo(content, label)
        merged = merged or VariantsJson(described)
        merged.merge(described)
    text = (release.folder / "demo-1.0-variants.json").read_text(encoding="utf-8")
    written = json.loads(text)
    wanted = json.loads(merged.to_str())
    assert json.loads(VariantsJson(written).to_str()) == wanted
    del wanted["$schema"], written["$schema"]  # it writes one of its own
    assert written == wanted


def test_the_audit_takes_every_wheel(release: Release) -> None:
    wheels = [str(path) for path in sorted(release.folder.glob("*.whl"))]
    done = run(release.home, "cudapin", "--format", "json", "audit", *wheels, PYTHONPATH=_SRC)
    found = json.loads(done)
    assert [(wheel["verdict"], wheel["problems"]) for wheel in found["wheels"]] == [("ok", [])] * 6
    assert {wheel["variant"] for wheel in found["wheels"]} == {"cpu", "cu118", "cu126", "cu129", "cu130"}


def test_what_uv_would_take_and_cudapin_refuses(tmp_path: Path) -> None:
    """Other architectures under a label that is there already: one of the wheels would be offered wrongly."""
    folder = tmp_path / "wheels"
    write_release(folder, COMPILED)
    (folder / "demo-1.0-variants.json").unlink()
    label_wheel(make_variant(folder, "cu126", "12.6", "sm_80", tag=f"cp39-abi3-{LINUX}"), "cu126")
    with pytest.raises(Refusal, match=r"^CP705: label `cu126` does not mean the same in all wheels$"):
        write_variants_json(folder)
    assert not (folder / "demo-1.0-variants.json").exists()


# Wheels that were really built

_SRC = str(Path(__file__).parents[2] / "src")
PYPROJECT = """\
[build-system]
requires = ["hatchling", "cudapin"]
build-backend = "hatchling.build"

[project]
name = "demo"
version = "1.0"

[tool.hatch.metadata.hooks.cudapin]
[tool.hatch.build.hooks.cudapin]
[tool.hatch.build.targets.wheel]
packages = ["demo"]

[tool.cudapin]
lock = false
spelling = "none"
"""


def build(project: Path, variant: str, out: Path) -> Path:
    """Build a variant's wheel in this environment."""
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out],
        cwd=project,
        env=installer_environment(
            project.parent, CUDAPIN_VARIANT=variant, PYTHONPATH=_SRC, SOURCE_DATE_EPOCH="1700000000"
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    (wheel,) = out.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """A release from a project, whose variants require different packages."""
    place = tmp_path_factory.mktemp("built")
    project, folder = place / "project", place / "wheels"
    (project / "demo").mkdir(parents=True)
    folder.mkdir()
    (project / "demo" / "__init__.py").write_text("", encoding="utf-8")
    names = ("cpu", *PURE)
    tables = [f'[tool.cudapin.variants.{name}]\ndependencies = ["needs-{name}"]\n' for name in names]
    (project / "pyproject.toml").write_text(PYPROJECT + "".join(tables), encoding="utf-8")
    for name in names:
        wheel = build(project, name, place / "out" / name)
        if name == "cpu":
            (folder / wheel.name).write_bytes(wheel.read_bytes())
        labelled = label_wheel(wheel, default_label(name, has_cuda=name != "cpu"))
        labelled.rename(folder / labelled.name)
        module = f"needs_{name}"
        from integration.torch_index import make_wheel

        (folder / f"{module}-1-py3-none-any.whl").write_bytes(make_wheel(f"needs-{name}", "1"))
    write_variants_json(folder)
    yield from serving(folder, place / "home")


def test_the_names_of_built_wheels(built: Release) -> None:
    assert sorted(path.name for path in built.folder.glob("demo*")) == [
        "demo-1.0-py2.py3-none-any-null.whl",
        "demo-1.0-py2.py3-none-any.whl",
        *(f"demo-1.0-py2.py3-none-{LINUX}-{name}.whl" for name in ("cu118", "cu126", "cu129", "cu130")),
        "demo-1.0-variants.json",
    ]


@pytest.mark.parametrize(
    ("driver", "label", "needed"),
    [(None, "null", "cpu"), ("11.8", "cu118", "cu118"), ("12.6", "cu129", "cu129"), ("13.0", "cu130", "cu130")],
)
def test_a_variant_brings_its_own_requirements(built: Release, driver: str | None, label: str, needed: str) -> None:
    for kind, source in built.sources.items():
        target = built.home / f"{driver}-{kind}"
        assert uv_install(built.home, target, source, machine_of(driver, None)) == label
        found = {path.name for path in target.glob("needs_*.dist-info")}
        assert found == {f"needs_{needed}-1.dist-info"}
