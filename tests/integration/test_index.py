"""`cudapin index`: what it makes is used by the real pip and uv, from a plain file server and from a directory."""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING, Any

import pytest

from cudapin.release.label import label_wheel, write_variants_json
from integration.releases import serve_folder
from integration.workbench import digests
from whl import write_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from integration.workbench import Outcome, Place, Workbench

pytestmark = pytest.mark.integration

LABELLED = {"cpu": ("null", None), "cu126": ("cu126", "12.6"), "cu130": ("cu130", "13.0")}
TREES = {"cpu": "1.2", "cu126": "1.2+cu126", "cu128": "1.2+cu128"}


@pytest.fixture(scope="module")
def site(release: Path, workbench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from integration.workbench import Place

    base = tmp_path_factory.mktemp("site")
    done = run_index(workbench, Place(base / "place"), release, base / "site")
    assert done.code == 0, done.output
    return base / "site"


def run_index(workbench: Workbench, place: Place, dist: Path, site: Path) -> Outcome:
    return workbench.run(place, sys.executable, "-m", "cudapin", "index", dist, "-o", site)


def install(
    workbench: Workbench, place: Place, tool: str, index: str, *more: str, package: str = "demo", **settings: str
) -> tuple[Outcome, str | None]:
    """Install without dependencies from one index; return what was said, and the version that came."""
    target = place.folder / f"target-{len(list(place.folder.glob('target-*')))}"
    own = {
        "pip": ["pip", "install", "--no-cache-dir"],
        "uv": ["uv", "pip", "install", "--python", sys.executable, "--no-cache"],
    }[tool]
    online = {"PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "", "UV_NO_INDEX": "0", "UV_OFFLINE": "0", "UV_FIND_LINKS": ""}
    done = workbench.run(
        place,
        *(sys.executable, "-m", *own, "--no-deps", "--target", target, "--index-url", index, *more, package),
        **{**online, **settings},
    )
    found = [path.name.removesuffix(".dist-info").split("-")[1] for path in target.glob("*.dist-info")]
    return done, found[0] if found else None


@pytest.mark.parametrize("tool", ["pip", "uv"])
@pytest.mark.parametrize("tree", TREES)
def test_a_tree_gives_its_variant(workbench: Workbench, place: Place, site: Path, tool: str, tree: str) -> None:
    with serve_folder(site) as served:
        done, version = install(workbench, place, tool, f"{served.url}/whl/{tree}")
    assert version == TREES[tree], done.output
    if tool == "pip":  # uv may range over the wheel itself as well
        assert any(path.endswith(".whl.metadata") for path in served.asked), served.asked


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_from_a_directory(workbench: Workbench, place: Place, site: Path, tool: str) -> None:
    done, version = install(workbench, place, tool, (site / "whl" / "cu128").as_uri())
    assert version == "1.2+cu128", done.output


def test_the_combined_tree_has_all_and_the_sdist(workbench: Workbench, place: Place, site: Path) -> None:
    """Without a label it gives the highest one, as PyTorch's does: `==1.2` takes any local version (PEP 440)."""
    with serve_folder(site) as served:
        for asked, wanted in (("1.2+cu126", "1.2+cu126"), ("1.2", "1.2+cu128")):
            done, version = install(workbench, place, "uv", f"{served.url}/whl/", package=f"demo=={asked}")
            assert version == wanted, done.output
        target = place.folder / "sdists"
        done = workbench.run(
            place,
            *(sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary=:all:", "--no-build-isolation"),
            *("--dest", target, "--index-url", f"{served.url}/whl/", "demo==1.2"),
            PIP_NO_INDEX="0",
        )
        assert done.code == 0, done.output
        assert [path.name for path in target.iterdir()] == ["demo-1.2.tar.gz"]


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_json_is_as_good(workbench: Workbench, place: Place, site: Path, tool: str) -> None:
    with serve_folder(site) as served:
        served.sends_json = True
        done, version = install(workbench, place, tool, f"{served.url}/whl/cu126")
    assert version == "1.2+cu126", done.output


@pytest.mark.parametrize(("tool", "says"), [("pip", "DO NOT MATCH THE HASHES"), ("uv", "Hash mismatch")])
def test_another_file_is_refused_by_its_hash(
    workbench: Workbench, place: Place, site: Path, tmp_path: Path, tool: str, says: str
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(site, moved)
    (wheel,) = (moved / "whl" / "cu128").glob("*.whl")
    (other,) = (moved / "whl" / "cu126").glob("*.whl")
    wheel.write_bytes(other.read_bytes())
    lines = f"demo==1.2+cu128 --hash=sha256:{_listed(moved)}\n"
    (tmp_path / "requirements.txt").write_text(lines, encoding="utf-8")
    with serve_folder(moved) as served:
        url = f"{served.url}/whl/cu128"
        done, version = install(
            workbench, place, tool, url, "--require-hashes", "-r", package=str(tmp_path / "requirements.txt")
        )
    assert version is None
    assert says in done.output, done.output


def _listed(site: Path) -> str:
    page: dict[str, Any] = json.loads((site / "whl" / "cu128" / "demo" / "index.json").read_bytes())
    return str(page["files"][0]["hashes"]["sha256"])


def test_again_and_with_more(workbench: Workbench, place: Place, release: Path, tmp_path: Path) -> None:
    """A run with nothing new changes nothing, a run with more only adds, and the order of runs does not matter."""
    first, later, site = tmp_path / "first", tmp_path / "later", tmp_path / "site"
    first.mkdir()
    for name in ("demo-1.2.tar.gz", "demo-1.2-py3-none-any.whl"):
        shutil.copy2(release / name, first)
    assert run_index(workbench, place, first, site).code == 0
    before = {path: path.stat().st_mtime_ns for path in site.rglob("*")}
    assert run_index(workbench, place, first, site).code == 0
    assert {path: path.stat().st_mtime_ns for path in site.rglob("*")} == before
    files = digests(site)
    assert run_index(workbench, place, release, site).code == 0
    kept = {name for name, digest in digests(site).items() if files.get(name) == digest}
    assert {name for name in files if not name.endswith(("index.html", "index.json"))} <= kept
    assert {"whl/cpu/demo/index.html", "whl/cpu/index.json"} <= kept
    assert run_index(workbench, place, release, later).code == 0
    assert digests(later) == digests(site)


def test_labelled_wheels_have_a_tree_of_their_own(workbench: Workbench, place: Place, tmp_path: Path) -> None:
    dist, site = tmp_path / "dist" / "variants", tmp_path / "site"
    dist.mkdir(parents=True)
    name = "gadget-1.0-py3-none-any.whl"
    for variant, (label, cuda) in LABELLED.items():
        record = json.dumps({"schema": 1, "variant": variant, "cuda": cuda, "arch": [], "binaries": []})
        tag = "any" if cuda is None else "manylinux_2_17_x86_64"
        own = name.replace("any.whl", f"{tag}.whl")
        files = {"gadget/__init__.py": f"V = {variant!r}\n".encode()}
        label_wheel(write_wheel(dist, files, name=own, record=record), label)
    record = json.dumps({"schema": 1, "variant": "cpu", "cuda": None, "arch": [], "binaries": []})
    write_wheel(dist, {"gadget/__init__.py": b"V = 'plain'\n"}, name=name, record=record)
    write_variants_json(dist)
    given = digests(dist)["gadget-1.0-variants.json"]
    done = run_index(workbench, place, tmp_path / "dist", site)
    assert done.code == 0, done.output
    assert digests(site / "whl")["variant/gadget-1.0-variants.json"] == given
    variants = {"UV_PREVIEW_FEATURES": "wheel-variants"}
    drivers = {"12.8": "cu126", "13.2": "cu130", None: "cpu"}
    with serve_folder(site) as served:
        for driver, wanted in drivers.items():
            faked = {"NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION": driver} if driver else {}
            done, version = install(
                workbench, place, "uv", f"{served.url}/whl/variant", package="gadget", **variants, **faked
            )
            assert version == "1.0", done.output
            assert _variant(place) == wanted
        done, version = install(workbench, place, "pip", f"{served.url}/whl/variant", package="gadget")
    assert (version, _variant(place)) == ("1.0", "plain"), done.output


def _variant(place: Place) -> str:
    last = max(place.folder.glob("target-*"), key=lambda path: int(path.name.split("-")[1]))
    return (last / "gadget" / "__init__.py").read_text(encoding="utf-8").split("'")[1]


def test_two_files_of_one_name(workbench: Workbench, place: Place, release: Path, tmp_path: Path) -> None:
    """Nothing is written, and the index stays as it was."""
    (tmp_path / "dist").mkdir()
    name = "demo-1.2-py3-none-any.whl"
    shutil.copy2(release / name, tmp_path / "dist")
    site = tmp_path / "site"
    assert run_index(workbench, place, tmp_path / "dist", site).code == 0
    before = digests(site)
    (tmp_path / "dist" / name).unlink()
    write_wheel(tmp_path / "dist", {"demo/x.py": b""}, name=name)
    done = run_index(workbench, place, tmp_path / "dist", site)
    assert (done.code, digests(site)) == (1, before)
    assert done.says(
        f"""
        error[CP711]: there are two different files `{name}`
          --> {tmp_path}/dist/{name}
          why: `{site}/whl/cpu/{name}` and `{tmp_path}/dist/{name}` differ; installers keep one hash for a name, …
          fix: give each its own version or name (`spelling`, `name`), or keep them in an index each
        """
    )
