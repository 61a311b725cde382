"""A static index: where each file goes, what its pages say, what a second run does, and what is refused."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from cudapin.adapters.index_tree import IndexTree
from cudapin.cli.index import index
from cudapin.cli.main import main
from cudapin.release.index_place import variant_of_version
from cudapin.release.label import label_wheel, write_variants_json
from unit.support import faults
from whl import write_wheel

if TYPE_CHECKING:
    from pathlib import Path

from cudapin.errors import CudapinError, LockError, Refusal

CPU, CU128 = "demo-1.0-py3-none-any.whl", "demo-1.0+cu128-py3-none-manylinux_2_17_x86_64.whl"


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    (tmp_path / "dist").mkdir()
    return tmp_path / "dist"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site"


def record(variant: str | None, cuda: str | None = None) -> str:
    return json.dumps({"schema": 1, "variant": variant, "cuda": cuda, "arch": [], "binaries": []})


def wheel(folder: Path, name: str, variant: str | None = None, **more: Any) -> Path:
    return write_wheel(folder, {"demo/__init__.py": b""}, name=name, record=variant and record(variant), **more)


def sdist(folder: Path, name: str = "demo-1.0.tar.gz", project: str = "demo") -> Path:
    content = f"Metadata-Version: 2.1\nName: {project}\nVersion: 1.0\nRequires-Python: >=3.9\n".encode()
    with tarfile.open(folder / name, "w:gz") as archive:
        member = tarfile.TarInfo(f"{name.removesuffix('.tar.gz')}/PKG-INFO")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return folder / name


def release(folder: Path) -> Path:
    wheel(folder, CPU, "cpu", headers="Requires-Python: <4,>=3.9\n")
    wheel(folder, CU128, "cu128")
    sdist(folder)
    return folder


def make(site: Path, *names: Path) -> dict[str, Any]:
    return dict(index([str(name) for name in names], str(site)).data)


def files(site: Path) -> dict[str, bytes]:
    return {path.relative_to(site).as_posix(): path.read_bytes() for path in site.rglob("*") if path.is_file()}


def states(site: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in site.rglob("*")}


def test_the_layout_is_that_of_pytorch(dist: Path, site: Path) -> None:
    found = make(site, release(dist))
    pages = {
        f"whl/{folder}/index.{kind}"
        for folder in ("cpu", "cpu/demo", "cu128", "cu128/demo", "demo")
        for kind in ("html", "json")
    }
    assert set(files(site)) == pages | {
        *("whl/index.html", "whl/index.json", "whl/demo-1.0.tar.gz"),
        *(f"whl/cpu/{CPU}", f"whl/cpu/{CPU}.metadata"),
        *(f"whl/cu128/{CU128}", f"whl/cu128/{CU128}.metadata"),
    }
    assert [(tree["path"], tree["variant"], tree["files"], tree["new"]) for tree in found["trees"]] == [
        ("whl", None, 3, 3),
        ("whl/cpu", "cpu", 1, 1),
        ("whl/cu128", "cu128", 1, 1),
    ]
    assert found["added"] == ["whl/" + name for name in (f"cpu/{CPU}", f"cu128/{CU128}", "demo-1.0.tar.gz")]


def test_what_a_page_says(dist: Path, site: Path) -> None:
    make(site, release(dist))
    own, metadata = (
        hashlib.sha256((site / "whl/cpu" / name).read_bytes()).hexdigest() for name in (CPU, f"{CPU}.metadata")
    )
    assert (
        f'<a href="../{CPU}#sha256={own}" data-requires-python="&lt;4,&gt;=3.9" '
        f'data-dist-info-metadata="sha256={metadata}" '
        f'data-core-metadata="sha256={metadata}">{CPU}</a><br>\n'
    ) in (site / "whl/cpu/demo/index.html").read_text(encoding="utf-8")
    page = json.loads((site / "whl/demo/index.json").read_bytes())
    assert (page["meta"], page["name"], page["versions"]) == ({"api-version": "1.1"}, "demo", ["1.0", "1.0+cu128"])
    assert [file["url"] for file in page["files"]] == [
        f"../cpu/{CPU}",
        "../demo-1.0.tar.gz",
        f"../cu128/{CU128.replace('+', '%2B')}",
    ]
    assert page["files"][1]["requires-python"] == ">=3.9"
    assert "core-metadata" not in page["files"][1]
    assert (site / "whl/cpu/index.html").read_text(encoding="utf-8").count('<a href="demo/">demo</a>') == 1
    assert json.loads((site / "whl/cpu/index.json").read_bytes())["projects"] == [{"name": "demo"}]


@pytest.mark.parametrize(
    ("version", "variant"),
    [
        ("2.9.0+cu128", "cu128"),
        ("2.9.0+cpu", "cpu"),
        ("2.9.0+cu128.gabc", "cu128"),
        ("2.9.0+rocm6.4", "rocm6.4"),
        ("1.0", None),
        ("1.0+gabc", None),
        ("1.0+20260101", None),
    ],
)
def test_a_variant_by_the_local_version(version: str, variant: str | None) -> None:
    assert variant_of_version(version) == variant


def test_a_wheel_that_says_no_variant_is_in_the_tree_of_all_only(dist: Path, site: Path) -> None:
    wheel(dist, "torch-2.9.0+cu128-cp311-cp311-linux_x86_64.whl")
    wheel(dist, "plain-1.0-py3-none-any.whl")
    found = index([str(dist)], str(site))
    assert {path.parent.name for path in site.rglob("*.whl")} == {"cu128", "whl"}
    assert found.notes == (
        "`plain-1.0-py3-none-any.whl`: neither record nor local version says a variant, so only `whl/` has it",
    )
    assert "whl/cu128/plain" not in {path.parent.relative_to(site).as_posix() for path in site.rglob("*.html")}


def test_nothing_new_changes_nothing(dist: Path, site: Path) -> None:
    make(site, release(dist))
    before = states(site)
    assert make(site, dist)["added"] == []
    (dist / CPU).touch()  # built again, with the same bytes
    assert make(site, dist)["added"] == []
    assert states(site) == before


def test_what_comes_later_leaves_the_rest_alone(dist: Path, site: Path, tmp_path: Path) -> None:
    """And the order in which files came is not to be seen."""
    make(site, release(dist))
    before = states(site)
    more = tmp_path / "more"
    more.mkdir()
    wheel(more, "demo-1.1-py3-none-any.whl", "cpu")
    make(site, more)
    changed = {
        path.relative_to(site / "whl").as_posix()
        for path, state in states(site).items()
        if before.get(path, state) != state and path.is_file()
    }
    assert changed == {f"{folder}/index.{kind}" for folder in ("demo", "cpu/demo") for kind in ("html", "json")}
    whole = tmp_path / "whole"
    make(whole, more, dist)
    assert files(whole) == files(site)


def test_a_moved_index_goes_on(dist: Path, site: Path, tmp_path: Path) -> None:
    make(site, release(dist))
    moved = tmp_path / "moved"
    site.rename(moved)
    assert make(moved, dist)["added"] == []


def test_an_interrupted_run_leaves_a_working_index(
    dist: Path, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages come last: what a killed run has copied is found by the next one."""
    release(dist)
    make(site, dist / CPU)
    pages = {name: content for name, content in files(site).items() if "index." in name}
    with monkeypatch.context() as patch:
        patch.setattr("cudapin.cli.index.render_pages", lambda files: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            make(site, dist)
    assert {name: content for name, content in files(site).items() if "index." in name} == pages
    assert (site / "whl" / "cu128" / CU128).exists()
    (site / "whl" / "cu128" / f".{CU128}.cudapin-part").write_bytes(b"half")
    wheel(tmp_path, "other-1.0-py3-none-any.whl", "cpu")
    make(site, tmp_path / "other-1.0-py3-none-any.whl")
    whole = tmp_path / "whole"
    make(whole, dist, tmp_path / "other-1.0-py3-none-any.whl")
    assert files(site) == files(whole)


def test_a_failed_run_takes_back_what_it_copied(dist: Path, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_tree: IndexTree, path: str, _content: bytes) -> None:
        raise OSError(28, "No space left on device", path)

    monkeypatch.setattr(IndexTree, "write", fail)
    assert faults(lambda: make(site, release(dist)), kind=_index_fault()) == (
        f"error[CP714]: the index in `{site}/whl` cannot be read or written\n"
        f"  --> cu128/{CU128}.metadata\n"
        "  why: found: No space left on device\n"
        "  fix: make room, or name a folder that you may write with `-o`"
    )
    assert files(site) == {}


def _index_fault() -> type[CudapinError]:
    from cudapin.adapters.index_tree import IndexFault

    return IndexFault


def test_a_file_changed_in_the_index_is_put_right(dist: Path, site: Path) -> None:
    make(site, release(dist))
    before = files(site)
    stored = site / "whl" / "cpu" / CPU
    content = stored.read_bytes()
    stored.write_bytes(content[:-1] + b"?")
    os.utime(stored, ns=(0, 0))
    make(site, dist)
    assert files(site) == before
    stored.write_bytes(content[:50])
    (site / "whl" / "cu128" / f"{CU128}.metadata").unlink()
    (site / "whl" / "demo" / "index.json").write_text("{", encoding="utf-8")
    make(site, dist)
    assert files(site) == before


def test_two_files_of_one_name(dist: Path, site: Path, tmp_path: Path) -> None:
    """Also where size and time are equal: nothing is written."""
    other = tmp_path / "other"
    other.mkdir()
    stored: dict[str, Any] = {"name": CPU, "record": record("cpu"), "method": zipfile.ZIP_STORED}
    write_wheel(dist, {"demo/__init__.py": b"1"}, **stored)
    make(site, dist)
    before = states(site)
    path = write_wheel(other, {"demo/__init__.py": b"2"}, **stored)
    assert path.stat().st_size == (dist / CPU).stat().st_size
    os.utime(path, ns=(0, (dist / CPU).stat().st_mtime_ns))
    wanted = (
        f"error[CP711]: there are two different files `{CPU}`\n"
        f"  --> {path}\n"
        f"  why: `{{}}` and `{path}` differ; installers keep one hash for a name, and caches one file\n"
        "  fix: give each its own version or name (`spelling`, `name`), or keep them in an index each"
    )
    assert faults(lambda: make(site, other), Refusal) == wanted.format(site / "whl/cpu" / CPU)
    assert states(site) == before
    assert faults(lambda: make(tmp_path / "new", dist, other), Refusal) == wanted.format(dist / CPU)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("name", "variant", "text"),
    [
        ("demo-1.0+cu126-py3-none-any.whl", "cu128", "says that it is of two variants"),
        (CPU, "../x", "is of a variant that no index can have"),
        (CPU, "variant", "is of a variant that no index can have"),
        ("demo-1.0-py3-any.whl", "cpu", "is no name of a wheel"),
        ("demo-1.0.whl", "cpu", "is no name of a wheel"),
        ("cpu-1.0-py3-none-any.whl", "cpu", "`cpu` is a project and a variant"),
        ("demo-x-py3-none-any.whl", "cpu", "is not what its name says"),
    ],
)
def test_what_cannot_be_in_an_index(dist: Path, site: Path, name: str, variant: str, text: str) -> None:
    info = name.removesuffix(".whl").split("-")
    made = wheel(dist, f"{info[0]}-{info[1]}-py3-none-any.whl", variant)
    made.rename(dist / name)
    found = faults(lambda: make(site, dist), Refusal)
    assert found.startswith("error[CP712]: ")
    assert text in found
    assert not site.exists()


def test_a_renamed_file(dist: Path, site: Path) -> None:
    wheel(dist, CPU, "cpu").rename(dist / "demo-2.0-py3-none-any.whl")
    sdist(dist, project="other")
    assert faults(lambda: make(site, dist), Refusal).splitlines()[::4] == [
        "error[CP712]: `demo-1.0.tar.gz` is not what its name says",
        "error[CP712]: `demo-2.0-py3-none-any.whl` is not what its name says",
    ]


def test_what_cannot_be_read(dist: Path, site: Path) -> None:
    (dist / CPU).write_bytes(b"no zip")
    (dist / "demo-1.0.tar.gz").write_bytes(b"no tar")
    found = faults(lambda: make(site, dist), LockError)
    assert [line for line in found.splitlines() if line.startswith("error")] == [
        f"error[CP416]: `{dist}/{CPU}` cannot be read",
        f"error[CP736]: `{dist}/demo-1.0.tar.gz` cannot be read",
    ]
    assert not site.exists()


def labelled(folder: Path, *variants: tuple[str, str, str | None]) -> Path:
    for variant, label, cuda in variants:
        write_wheel(folder, {"demo/v": variant.encode()}, name=CPU, record=record(variant, cuda))
        label_wheel(folder / CPU, label)
    write_variants_json(folder)
    return folder


def test_labelled_wheels_have_a_tree_with_the_plain_wheel(dist: Path, site: Path, tmp_path: Path) -> None:
    labelled(dist, ("cpu", "null", None), ("cu126", "cu126", "12.6"))
    release(dist)
    make(site, dist)
    assert sorted(path.name for path in (site / "whl/variant").glob("*.*") if "index." not in path.name) == [
        "demo-1.0-py3-none-any-cu126.whl",
        "demo-1.0-py3-none-any-cu126.whl.metadata",
        "demo-1.0-py3-none-any-null.whl",
        "demo-1.0-py3-none-any-null.whl.metadata",
        "demo-1.0-variants.json",
    ]
    page = json.loads((site / "whl/variant/demo/index.json").read_bytes())
    assert [file["url"] for file in page["files"]] == [
        "../demo-1.0-py3-none-any-cu126.whl",
        "../demo-1.0-py3-none-any-null.whl",
        f"../../cpu/{CPU}",
        "../demo-1.0-variants.json",
        "../../demo-1.0.tar.gz",
    ]
    assert page["files"][3]["hashes"] == {}
    assert "cu126" not in (site / "whl/demo/index.html").read_text(encoding="utf-8")
    more = tmp_path / "more"
    more.mkdir()
    labelled(more, ("cu130", "cu130", "13.0"))
    (more / "demo-1.0-variants.json").unlink()
    make(site, more)
    described = json.loads((site / "whl/variant/demo-1.0-variants.json").read_bytes())
    assert list(described["variants"]) == ["cu126", "cu130", "null"]
    before = states(site)
    make(site, dist, more)
    assert states(site) == before


def test_labelled_wheels_that_contradict_each_other(dist: Path, site: Path, tmp_path: Path) -> None:
    labelled(dist, ("cu126", "gpu", "12.6"))
    make(site, dist)
    before = states(site)
    other = tmp_path / "other"
    other.mkdir()
    labelled(other, ("cu130", "gpu", "13.0"))
    (other / "demo-1.0-py3-none-any-gpu.whl").unlink()
    found = faults(lambda: make(site, other), Refusal)
    assert found.startswith(f"error[CP713]: `{other}/demo-1.0-variants.json`: it contradicts `{site}/whl/variant/")
    assert states(site) == before


def test_the_command_line(dist: Path, site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    release(dist)
    assert main(["index", str(dist), "-o", str(site)]) == 0
    assert capsys.readouterr().out == (
        f"{site}/whl: 3 files, 3 new\n{site}/whl/cpu: 1 file, 1 new\n{site}/whl/cu128: 1 file, 1 new\n"
    )
    assert main(["index", str(dist / "no"), "-o", str(site)]) == 2
    assert main(["index", str(dist), "-o", str(dist / CPU)]) == 1
    assert "error[CP714]" in capsys.readouterr().err
