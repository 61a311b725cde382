"""Finished files reach the output folder whole, or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from cudapin.errors import Refusal
from cudapin.isolated.deliver import Delivery, recorded_variant
from cudapin.isolated.unpack import unpack_sdist
from unit.support import faults, write

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_replaces_an_older_one(tmp_path: Path) -> None:
    write(tmp_path, {"work/a.whl": "new", "dist/a.whl": "old"})
    path, sha256 = Delivery(output=tmp_path / "dist").put(tmp_path / "work" / "a.whl", ".", "cpu")
    assert path == tmp_path / "dist" / "a.whl"
    assert (path.read_text(encoding="utf-8"), sha256) == ("new", hashlib.sha256(b"new").hexdigest())
    assert [item.name for item in path.parent.iterdir()] == ["a.whl"]


def test_two_of_one_name(tmp_path: Path) -> None:
    write(tmp_path, {"1/a.whl": "first", "2/a.whl": "second", "3/a.whl": "third"})
    delivery = Delivery(output=tmp_path / "dist")
    delivery.put(tmp_path / "1" / "a.whl", ".", "cpu")
    delivery.put(tmp_path / "3" / "a.whl", "cu126", "cu126")
    assert faults(lambda: delivery.put(tmp_path / "2" / "a.whl", ".", "cu128"), Refusal) == (
        "error[CP603]: the wheels of `cpu` and `cu128` have one name\n"
        "  why: both are called `a.whl`, so the second would overwrite the first, which was kept\n"
        '  fix: set `spelling = "local"` in `[tool.cudapin]`, or rename one of the two variants'
    )
    assert (tmp_path / "dist" / "a.whl").read_text(encoding="utf-8") == "first"
    assert (tmp_path / "dist" / "cu126" / "a.whl").read_text(encoding="utf-8") == "third"


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    write(tmp_path, {"a.whl": "new", "dist": "a file"})
    delivery = Delivery(output=tmp_path / "dist")
    assert faults(lambda: delivery.put(tmp_path / "a.whl", ".", "cpu"), Refusal) == (
        "error[CP603]: `a.whl` cannot be written\n"
        f"  why: wanted to write it to `{tmp_path / 'dist'}`, found: File exists\n"
        "  fix: name a folder that can be written with `-o DIR`"
    )


def test_from_another_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pathlib import Path as Real

    replace = Real.replace
    moved: list[str] = []

    def refuse(self: Path, target: Path) -> Path:
        moved.append(self.name)
        if self.parent.name == "work":
            raise OSError(18, "Invalid cross-device link")
        return replace(self, target)

    monkeypatch.setattr(Real, "replace", refuse)
    write(tmp_path, {"work/a.whl": "new", "dist/a.whl": "old"})
    path, _ = Delivery(output=tmp_path / "dist").put(tmp_path / "work" / "a.whl", ".", "cpu")
    assert path.read_text(encoding="utf-8") == "new"
    assert [item.name for item in path.parent.iterdir()] == ["a.whl"]
    assert len(moved) == 2


def test_half_a_copy_does_not_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pathlib import Path as Real

    def refuse(*_: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Real, "replace", refuse)
    write(tmp_path, {"work/a.whl": "new", "dist/a.whl": "old"})
    with pytest.raises(Refusal, match="CP603"):
        Delivery(output=tmp_path / "dist").put(tmp_path / "work" / "a.whl", ".", "cpu")
    assert [item.read_text(encoding="utf-8") for item in (tmp_path / "dist").iterdir()] == ["old"]


def test_all_or_none(tmp_path: Path) -> None:
    write(tmp_path, {"work/a.whl": "new", "work/b.whl": "new", "dist/a.whl": "old", "dist/b.whl/c": "a folder"})
    files = [(tmp_path / "work" / name, "cpu") for name in ("a.whl", "b.whl")]
    assert faults(lambda: Delivery(output=tmp_path / "dist").put_all(files, "."), Refusal) == (
        "error[CP603]: `b.whl` cannot be written\n"
        f"  why: wanted to write it to `{tmp_path / 'dist'}`, found: Is a directory\n"
        "  fix: name a folder that can be written with `-o DIR`"
    )
    assert sorted(item.name for item in (tmp_path / "dist").iterdir()) == ["a.whl", "b.whl"]
    assert (tmp_path / "dist" / "a.whl").read_text(encoding="utf-8") == "old"


def _wheel(path: Path, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def test_the_recorded_variant(tmp_path: Path) -> None:
    name = "a-1.dist-info/extra_metadata/cudapin.json"
    assert recorded_variant(_wheel(tmp_path / "1", {name: json.dumps({"variant": "cu126"})})) == "cu126"
    assert recorded_variant(_wheel(tmp_path / "2", {name: json.dumps({"variant": None})})) is None
    assert recorded_variant(_wheel(tmp_path / "3", {f"vendored/{name}": json.dumps({"variant": "cu126"})})) is None


def test_an_sdist_is_unpacked_into_its_one_folder(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a-1.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("a-1/pyproject.toml")
        member.size = 3
        archive.addfile(member, io.BytesIO(b"a=1"))
    root = unpack_sdist(tmp_path / "a-1.tar.gz", tmp_path / "source")
    assert root == tmp_path / "source" / "a-1"
    assert (root / "pyproject.toml").read_bytes() == b"a=1"
