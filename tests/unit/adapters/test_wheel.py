"""Reading a wheel: what is in it, and what is refused before it can do harm."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import TYPE_CHECKING

import pytest

from cudapin.adapters import archive as zip_module
from cudapin.adapters import wheel as wheel_module
from cudapin.adapters.wheel import read_files, read_wheel
from cudapin.errors import LockError
from elves import Entry, make_elf, make_fatbin
from unit.support import faults
from whl import INFO, NAME, listed, write_wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ELF = make_elf(needed=("libcudart.so.12",), fatbins={".nv_fatbin": make_fatbin(Entry(arch=90))})


def refusal(path: Path, fix: str = "build or download the wheel anew") -> str:
    """Return why a wheel is refused, after checking all else of the message."""
    text = faults(lambda: read_wheel(path, "x.whl"), LockError)
    head, tail = (
        "error[CP416]: `x.whl` cannot be read\n  --> x.whl\n  why: ",
        f"\n  fix: {fix}",
    )
    assert text.startswith(head)
    assert text.endswith(tail)
    return text[len(head) : -len(tail)]


def not_a_zip(path: Path, *fix: str) -> str:
    return refusal(path, *fix).removeprefix("wanted a wheel, which is a zip archive, found: ")


def test_all_of_a_wheel(tmp_path: Path) -> None:
    path = write_wheel(
        tmp_path,
        {
            "demo/__init__.py": b"",
            "demo/_ext.so": ELF,
            "demo/k.fatbin": make_fatbin(Entry(arch=80)),
            "demo/a.txt": b"MZ",
        },
        requires=("torch>=2",),
        classifiers=("Environment :: GPU",),
        record='{"variant": "cu126"}',
    )
    found = read_wheel(path, "x.whl")
    assert (found.path, found.name, found.version) == ("x.whl", "demo", "1.0")
    assert (found.interpreters, found.abis, found.platforms) == (("cp311",), ("cp311",), ("linux_x86_64",))
    assert (found.requires, found.classifiers) == (("torch>=2",), ("Environment :: GPU",))
    assert (found.record, found.record_fault, found.listing) == ({"variant": "cu126"}, None, ())
    assert [(one.path, one.info.arch) for one in found.binaries] == [
        ("demo/_ext.so", ("sm_90",)),
        ("demo/k.fatbin", ("sm_80",)),
    ]
    assert found.binaries[0].info.needed == ("libcudart.so.12",)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_large_file_goes_by_way_of_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: int) -> None:
    monkeypatch.setattr(wheel_module, "_IN_MEMORY", 100)
    monkeypatch.setattr(zip_module, "_CHUNK", 64)
    (found,) = read_wheel(write_wheel(tmp_path, {"demo/_ext.so": ELF}, method=method)).binaries
    assert (found.info.needed, found.info.arch) == (("libcudart.so.12",), ("sm_90",))


def test_tags_of_another_file_name(tmp_path: Path) -> None:
    path = write_wheel(tmp_path).rename(tmp_path / "renamed.zip")
    found = read_wheel(path)
    assert (found.interpreters, found.abis, found.platforms) == (("cp311",), ("cp311",), ("linux_x86_64",))


def test_the_pythons_of_a_wheel(tmp_path: Path) -> None:
    found = read_wheel(
        write_wheel(tmp_path, name="demo-1.0-cp38.cp39-abi3-linux_x86_64.whl", headers="Requires-Python: >=3.8\n")
    )
    assert (found.interpreters, found.abis, found.requires_python) == (("cp38", "cp39"), ("abi3",), ">=3.8")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "wanted JSON, found: "),
        ("[]", "wanted a JSON object"),
        ("[" * 100_000, "wanted JSON, found: "),
        ("\0", "wanted JSON, found: "),
    ],
)
def test_a_record_that_cannot_be_read(tmp_path: Path, text: str, fault: str) -> None:
    found = read_wheel(write_wheel(tmp_path, record=text))
    assert found.record is None
    assert (found.record_fault or "").startswith(fault)


# RECORD


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("", "it is in the wheel and not in RECORD"),
        ("a.py,,\n", "RECORD has no hash of it"),
        ("a.py,md5=aaaa,1\n", "RECORD has `md5=aaaa` where a hash should be"),
        ("a.py,sha256=é,1\n", "RECORD has `sha256=é` where a hash should be"),
        ("a.py,sha256=abc,1\n", "RECORD has `sha256=abc` where a hash should be"),
        (listed("a.py", b"y"), "its hash is not the one in RECORD"),
        (listed("a.py", b"x").replace(",1\n", ",2\n"), "RECORD has 2 bytes, the wheel has 1"),
        (listed("a.py", b"x") + listed("a.py", b"y"), "it is in RECORD twice, with different hashes"),
        (listed("a.py", b"x") + listed("a.py", b"x"), None),
        (listed("a.py", b"x").replace("\n", "\r\n"), None),
    ],
)
def test_listing(tmp_path: Path, line: str, fault: str | None) -> None:
    found = read_wheel(write_wheel(tmp_path, {"a.py": b"x"}, listing=line))
    faults_of_file = [why for name, why in found.listing if name == "a.py"]
    assert faults_of_file == ([fault] if fault else [])


def test_listing_of_what_is_not_there(tmp_path: Path) -> None:
    found = read_wheel(write_wheel(tmp_path, {"a.py": b"x"}, listing=listed("b.py", b"")))
    assert ("b.py", "it is in RECORD and not in the wheel") in found.listing
    found = read_wheel(write_wheel(tmp_path, listing='"a\0' + "x" * 200_000))
    assert found.listing


def test_a_checksum_counts_where_record_has_no_hash(tmp_path: Path) -> None:
    path = write_wheel(tmp_path, {"a.py": b"some text"}, listing="", method=zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"some text", b"same text"))
    assert not_a_zip(path) == "`a.py` does not match its checksum"


# What is refused


def test_what_is_no_wheel(tmp_path: Path) -> None:
    path = tmp_path / NAME
    assert not_a_zip(path, "look how the wheel is called, and where it is") == "No such file or directory"
    assert not_a_zip(tmp_path, "name the wheels in it, such as `x.whl/*.whl`") == "Is a directory"
    path.write_bytes(b"")
    assert not_a_zip(path) == "File is not a zip file"
    path.write_bytes(b"PK\x05\x06" + bytes(18))
    assert refusal(path) == "wanted one `.dist-info` folder with METADATA, found 0"


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.99])
def test_a_wheel_that_is_cut_short(tmp_path: Path, keep: float) -> None:
    path = write_wheel(tmp_path, {"demo/_ext.so": ELF * 20})
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    assert not_a_zip(path) == "File is not a zip file"


@pytest.mark.parametrize("missing", ["METADATA", "WHEEL", "RECORD"])
def test_a_wheel_without_its_own_files(tmp_path: Path, missing: str) -> None:
    path = write_wheel(tmp_path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist() if not name.endswith(missing)}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    wanted = (
        "one `.dist-info` folder with METADATA, found 0" if missing == "METADATA" else f"`{INFO}/{missing}`, found none"
    )
    assert refusal(path) == f"wanted {wanted}"


def test_metadata_without_a_name(tmp_path: Path) -> None:
    path = tmp_path / NAME
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("METADATA", "WHEEL", "RECORD"):
            archive.writestr(f"{INFO}/{name}", "Version: 1\n" if name == "METADATA" else "")
    assert refusal(path) == f"`{INFO}/METADATA` has no name or no version"


@pytest.mark.parametrize(
    "name",
    ["../evil.py", "a/../../evil.py", "/etc/passwd", "C:/evil.py", "a\\..\\evil.py", "..\\evil.py", "a/../b.py"],
)
def test_paths_that_lead_out(tmp_path: Path, name: str) -> None:
    assert refusal(write_wheel(tmp_path, {name: b""})) == f"`{name}` is a path that leads out of the wheel"


def test_a_file_that_is_there_twice(tmp_path: Path) -> None:
    path = write_wheel(tmp_path, {"a.py": b"1", "b.py": b"2"})
    path.write_bytes(path.read_bytes().replace(b"b.py", b"a.py"))
    assert refusal(path) == "`a.py` is in it twice"


@pytest.mark.parametrize(("method", "number"), [(zipfile.ZIP_BZIP2, 12), (zipfile.ZIP_LZMA, 14)])
def test_compression_that_installers_do_not_read(tmp_path: Path, method: int, number: int) -> None:
    path = write_wheel(tmp_path, {"a.py": b""}, method=method)
    assert refusal(path) == f"`a.py` is compressed by method {number}, which installers do not read"


def changed(path: Path, change: Callable[[bytearray, int], None]) -> Path:
    """Change the entry of `a.py` in the directory of the archive, given where it begins."""
    content = bytearray(path.read_bytes())
    at = content.rfind(b"a.py", 0, content.rfind(b"PK\x05\x06")) - 46
    assert content[at : at + 4] == b"PK\x01\x02"
    change(content, at)
    path.write_bytes(bytes(content))
    return path


def put(offset: int, layout: str, value: int) -> Callable[[bytearray, int], None]:
    def change(content: bytearray, at: int) -> None:
        struct.pack_into(layout, content, at + offset, value)

    return change


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (put(8, "<H", 1), "`a.py` is encrypted"),
        (put(10, "<H", 99), "`a.py` is compressed by method 99, which installers do not read"),
        (put(42, "<I", 10), "`a.py` overlaps another file"),
        (put(20, "<I", 10**8), f"`{INFO}/METADATA` overlaps another file"),
    ],
)
def test_a_directory_that_is_not_to_be_trusted(
    tmp_path: Path, change: Callable[[bytearray, int], None], why: str
) -> None:
    path = changed(write_wheel(tmp_path, {"demo/_ext.so": ELF, "a.py": b"x" * 50}), change)
    assert refusal(path) == why


@pytest.mark.parametrize("size", [49, 51])
def test_a_size_that_is_not_the_right_one(tmp_path: Path, size: int) -> None:
    path = changed(write_wheel(tmp_path, {"a.py": b"x" * 50}), put(24, "<I", size))
    assert not_a_zip(path) == f"`a.py` is not {size} bytes long, as it should be"


def test_a_file_that_is_not_where_it_should_be(tmp_path: Path) -> None:
    path = write_wheel(tmp_path, {"a.py": b"x"}, method=zipfile.ZIP_STORED)
    content = path.read_bytes().replace(b"a.py", b"b.py", 1)
    path.write_bytes(content)
    assert not_a_zip(path) == "`a.py` is not where the directory of the archive says"


def test_damaged_compression(tmp_path: Path) -> None:
    path = write_wheel(tmp_path, {"a.py": bytes(range(256)) * 40})
    content = bytearray(path.read_bytes())
    content[40:60] = b"\xff" * 20
    path.write_bytes(bytes(content))
    assert not_a_zip(path).startswith("Error -3 while decompressing data: ")


def test_bombs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_wheel(tmp_path, {"demo/zeros.so": bytes(1 << 20)})
    assert read_wheel(path).binaries == ()
    monkeypatch.setattr(zip_module, "_BOMB_BYTES", 1 << 19)
    assert "would become 10" in refusal(path)
    monkeypatch.setattr(zip_module, "_MOST_MEMBERS", 3)
    assert refusal(path) == "it has 4 files, more than 3"


def test_metadata_that_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheel_module, "_MOST_METADATA", 10)
    assert refusal(write_wheel(tmp_path)).startswith(f"`{INFO}/METADATA` has ")


def test_a_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, _: object) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(wheel_module, "_keep", lambda _: Full())
    assert not_a_zip(write_wheel(tmp_path, {"demo/_ext.so": ELF})) == "No space left on device"


# Files on disk


def test_files_of_a_build(tmp_path: Path) -> None:
    (tmp_path / "ext").write_bytes(ELF)
    (tmp_path / "text").write_bytes(b"MZ is how this text begins")
    (tmp_path / "empty").write_bytes(b"")
    files = {"demo/_ext.so": tmp_path / "ext", "demo/a.txt": tmp_path / "text", "b": tmp_path / "empty", "c": tmp_path}
    (found,) = read_files({**files, "d": tmp_path / "missing"})
    assert (found.path, found.info.needed) == ("demo/_ext.so", ("libcudart.so.12",))
