"""The SBOM in wheels that front ends built: valid by the official schema, the same everywhere, or a refusal."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from packaging.tags import sys_tags

from cudapin.core.lock import LockedFile, LockedPackage, Selection
from cudapin.core.target import Target
from cudapin.release.sbom import Bundled, Subject, render_sbom
from elves import make_elf
from integration.workbench import Place, Workbench, fake_hash, unpack, write_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="the library in the wheel is one of Linux"),
]

PYPROJECT = """\
[build-system]
requires = ["hatchling>=1.29", "cudapin[sbom]"]
build-backend = "hatchling.build"

[project]
name = "demo"
version = "1.0"
requires-python = ">=3.10"
dependencies = ["requests>=2"]

[project.optional-dependencies]
cpu = []
cu126 = ["nvidia-cuda-runtime-cu12"]

[[tool.uv.index]]
url = "https://packages.example/simple"
default = true

[tool.hatch.build.targets.wheel]
packages = ["src/demo"]
artifacts = ["*.so*"]

[tool.hatch.build.hooks.cudapin]

[tool.cudapin]
sbom = true
[tool.cudapin.variants.cpu]
[tool.cudapin.variants.cu126]
"""


def _package(name: str, version: str, *requires: str) -> str:
    file = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    needs = "".join(f'    {{ name = "{item}" }},\n' for item in requires)
    address = f"https://packages.example/{file}"
    return (
        f'[[package]]\nname = "{name}"\nversion = "{version}"\n'
        'source = { registry = "https://packages.example/simple" }\n'
        + (f"dependencies = [\n{needs}]\n" if needs else "")
        + f'wheels = [\n    {{ url = "{address}", hash = "sha256:{fake_hash(name)}", size = 1 }},\n]\n\n'
    )


LOCK = f"""\
version = 1
revision = 3
requires-python = ">=3.10"

[[package]]
name = "demo"
version = "1.0"
source = {{ editable = "." }}
dependencies = [
    {{ name = "requests" }},
]

[package.optional-dependencies]
cu126 = [
    {{ name = "nvidia-cuda-runtime-cu12" }},
]

[package.metadata]
requires-dist = [
    {{ name = "nvidia-cuda-runtime-cu12", marker = "extra == 'cu126'" }},
    {{ name = "requests", specifier = ">=2" }},
]
provides-extras = ["cpu", "cu126"]

{_package("idna", "3.7")}{_package("nvidia-cuda-runtime-cu12", "12.6.77")}{_package("requests", "2.32.0", "idna")}"""
LIBRARY = make_elf(needed=("libc.so.6",), soname="libcudart.so.12")


@pytest.fixture(scope="module")
def bench(workbench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """The front ends, with what the extra brings and a hatchling that is too old."""
    folder = tmp_path_factory.mktemp("sbom")
    download = [sys.executable, "-m", "pip", "download", "-q", "--only-binary", ":all:", "-d", str(folder)]
    subprocess.run([*download, "cyclonedx-python-lib>=11,<12"], check=True, capture_output=True)
    subprocess.run([*download, "--no-deps", "hatchling==1.28.0"], check=True, capture_output=True)
    return Workbench(workbench.wheelhouse, workbench.uv_cache, (folder,))


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """Write the project, with edits of its `pyproject.toml`."""

    def write(folder: str = "project", *edits: tuple[str, str]) -> Path:
        text = PYPROJECT
        for old, new in edits:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        files = {"pyproject.toml": text, "uv.lock": LOCK, "src/demo/__init__.py": "", "own/site.spdx.json": "{}\n"}
        project = write_files(tmp_path / folder, files)
        (project / "src/demo/libcudart.so.12").write_bytes(LIBRARY)
        return project

    return write


def validate(text: str) -> dict[str, Any]:
    """Return the document when the official schema, formats included, accepts it."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    assert error is None, error
    document: dict[str, Any] = json.loads(text)
    return document


def test_it_is_valid_true_and_the_same_from_anywhere(
    bench: Workbench, tmp_path: Path, make: Callable[..., Path]
) -> None:
    project = make()
    sdist = bench.build("uv", Place(tmp_path / "s"), project, tmp_path / "s-out", target="sdist").artefact
    unpacked = unpack(sdist, tmp_path / "elsewhere")
    built = [
        bench.build("build", Place(tmp_path / "a"), project, tmp_path / "a-out", "cu126").wheel,
        bench.build("uv", Place(tmp_path / "b"), unpacked, tmp_path / "b-out", "cu126").wheel,
        bench.build("hatch", Place(tmp_path / "c"), unpacked, tmp_path / "c-out", "cu126", umask=0o077).wheel,
        bench.build("pip", Place(tmp_path / "d"), sdist, tmp_path / "d-out", "cu126", TZ="Asia/Tokyo").wheel,
    ]
    assert len({wheel.sha256 for wheel in built}) == 1
    (wheel, *_) = built
    assert wheel.faults() == []
    assert not any("sbom" in name.lower() for name in wheel.metadata)
    found = validate(wheel.in_info("sboms/cudapin.cdx.json").decode())
    assert found["metadata"]["component"]["purl"] == "pkg:pypi/demo@1.0%2Bcu126"
    assert found["metadata"]["timestamp"] == "2023-11-14T22:13:20+00:00"
    library = "file:demo/libcudart.so.12"
    hashes = {one["bom-ref"]: one["hashes"][0]["content"] for one in found["components"]}
    assert hashes == {
        library: hashlib.sha256(LIBRARY).hexdigest(),
        "idna==3.7": fake_hash("idna"),
        "nvidia-cuda-runtime-cu12==12.6.77": fake_hash("nvidia-cuda-runtime-cu12"),
        "requests==2.32.0": fake_hash("requests"),
    }
    assert {one["ref"]: one.get("dependsOn", []) for one in found["dependencies"]} == {
        "demo==1.0+cu126": [library, "nvidia-cuda-runtime-cu12==12.6.77", "requests==2.32.0"],
        "requests==2.32.0": ["idna==3.7"],
        "idna==3.7": [],
        "nvidia-cuda-runtime-cu12==12.6.77": [],
        library: [],
    }
    audit = bench.run(Place(tmp_path / "e"), sys.executable, "-m", "cudapin", "audit", wheel.path)
    assert audit.code == 0, audit.output
    target = tmp_path / "installed"
    into = ("uv", "pip", "install", "-q", "--no-deps", "--python", sys.executable, "--target", target, wheel.path)
    assert bench.run(Place(tmp_path / "e"), sys.executable, "-m", *into).code == 0
    assert (target / "demo-1.0+cu126.dist-info/sboms/cudapin.cdx.json").is_file()


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            ("cudapin[sbom]", "cudapin"),
            """\
            error[CP117]: `sbom = true` needs the extra `cudapin[sbom]`, which the project does not require
              --> pyproject.toml:2 (build-system.requires)
              why: `cyclonedx-python-lib` writes the SBOM, and only that extra brings it
              fix: write `"cudapin[sbom]"` instead of `"cudapin"` in `requires` of `[build-system]`
            """,
        ),
        (
            ("hatchling>=1.29", "hatchling==1.28.0"),
            """\
            error[CP117]: `sbom = true` needs hatchling 1.29, and the build has 1.28.0
              --> pyproject.toml:26 (tool.cudapin.sbom)
              why: older ones take no file for `*.dist-info/sboms` (PEP 770) from a build hook
              fix: write `"hatchling>=1.29"` in `requires` of `[build-system]`
            """,
        ),
    ],
    ids=["without-the-extra", "old-hatchling"],
)
def test_what_is_missing_is_a_refusal(
    bench: Workbench, place: Place, tmp_path: Path, make: Callable[..., Path], edit: tuple[str, str], message: str
) -> None:
    done = bench.build("uv", place, make("project", edit), tmp_path / "out")
    assert done.code == 2
    assert done.says(message)
    assert "Traceback" not in done.output
    assert not done.artefacts
    assert place.left_over == []


def test_it_stands_beside_the_projects_own(
    bench: Workbench, place: Place, tmp_path: Path, make: Callable[..., Path]
) -> None:
    """hatchling adds ours to the project's own list, where the next wheel of the same process must not find it."""
    own = ('packages = ["src/demo"]\n', 'packages = ["src/demo"]\nsbom-files = ["own/site.spdx.json"]\n')
    project = make("project", own)
    program = (
        "import sys\n"
        "from hatchling.builders.wheel import WheelBuilder\n"
        f"print(*WheelBuilder({str(project)!r}).build(directory=sys.argv[1], versions=['standard', 'editable']))\n"
    )
    done = bench.run(place, sys.executable, "-c", program, tmp_path / "out", cwd=project, CUDAPIN_VARIANT="cu126")
    assert done.code == 0, done.output
    names = {
        path.name: sorted(n.rpartition("/")[2] for n in zipfile.ZipFile(path).namelist() if "/sboms/" in n)
        for path in (tmp_path / "out").iterdir()
    }
    assert sorted(names.values()) == [["cudapin.cdx.json", "site.spdx.json"], ["site.spdx.json"]]


def test_every_kind_of_package_is_valid() -> None:
    """Formats of addresses and names count too, and no lock format has all kinds."""
    file = LockedFile(name="a-1-py3-none-any.whl", url="https://index.example/ä b.whl?x=1", hashes={"sha256": "a" * 64})
    packages = (
        LockedPackage(name="a", version="1+cu128.x", index="https://index.example/ä/simple", files=(file,)),
        LockedPackage(name="b", version=None, kind="git", origin="ssh://git@index.example/b?rev=ä b#" + "c" * 40),
        LockedPackage(name="c", version="1", kind="url", origin="https://index.example/c d.zip#sha256=1"),
        LockedPackage(name="d", version=None, kind="directory", origin="../d"),
        LockedPackage(name="e", version="1!2.0.post1", kind="path", origin="e.whl"),
    )
    subject = Subject(name="demo", version="1", facts={"variant": "cu128"}, knows_edges=False, tools={"cudapin": "1"})
    target = Target({}, sys_tags)
    bundled = [Bundled(path="demo.libs/libä b.so.1", sha256="a" * 64, cuda=(12, 13))]
    assert len(validate(render_sbom(subject, Selection(packages=packages), bundled, target))["components"]) == 6
