"""PE: imports, delayed imports, the library's own name, sections of device code."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import pytest

from cudapin.core import pe
from cudapin.core.pe import Pe, parse_pe
from cudapin.core.window import Unreadable, Window
from elves import IMAGE_BASE, make_fatbin, make_pe

if TYPE_CHECKING:
    from collections.abc import Callable


def parse(content: bytes) -> Pe:
    return parse_pe(Window(io.BytesIO(content)))


def edit(content: bytes, layout: str, offset: int, value: int) -> bytes:
    changed = bytearray(content)
    struct.pack_into(layout, changed, offset, value)
    return bytes(changed)


OPTIONAL = 0x80 + 24
DIRECTORIES = OPTIONAL + 112
SECTIONS = DIRECTORIES + 16 * 8


@pytest.mark.parametrize("wide", [True, False])
def test_every_field(*, wide: bool) -> None:
    content = make_pe(
        needed=("cudart64_12.dll", "KERNEL32.dll"),
        delayed=("cublas64_12.dll",),
        name="ours.dll",
        data=b"some data",
        fatbins={".nv_fatbin": make_fatbin(), "__nv_relfatbin": make_fatbin(), ".nvFatBinSegment": b"x"},
        wide=wide,
    )
    found = parse(content)
    assert found.machine == "x86_64"
    assert found.needed == ("cudart64_12.dll", "KERNEL32.dll")
    assert found.delayed == ("cublas64_12.dll",)
    assert found.name == "ours.dll"
    assert [(one.place, one.end - one.start) for one in found.fatbins] == [(".nv_fatbin", 16), ("__nv_relfatbin", 16)]
    assert b"some data" in content[found.data[0].start : found.data[0].end]
    assert found.unjudged == ()


def test_a_library_that_needs_nothing() -> None:
    found = parse(make_pe())
    assert (found.needed, found.delayed, found.name, found.fatbins, found.unjudged) == ((), (), None, (), ())


def test_code_of_the_host_is_not_searched() -> None:
    content = edit(make_pe(data=b"x" * 9), "<I", SECTIONS + 36, 0x60000020)
    assert parse(content).data == ()


def test_machines_are_named() -> None:
    assert parse(edit(make_pe(), "<H", 0x84, 0xAA64)).machine == "aarch64"
    assert parse(edit(make_pe(), "<H", 0x84, 0x1234)).machine == "machine 0x1234"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda c: c[:20], "the address of the PE header: 4 bytes at 60 are outside the file of 20 bytes"),
        (lambda c: c[:0x90], "the PE header: 24 bytes at 128 are outside the file of 144 bytes"),
        (lambda c: edit(c, "<I", 0x80, 0), "there is no PE header"),
        (lambda c: edit(c, "<H", 0x86, 60_000), "60000 section headers are more than a library has"),
        (lambda c: edit(c, "<H", 0x86, 1000), "the section headers: 40000 bytes at 392 are outside the file of "),
    ],
)
def test_without_headers_nothing_can_be_read(change: Callable[[bytes], bytes], why: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(change(make_pe(needed=("a.dll",))))
    assert str(caught.value).startswith(why)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda c: edit(c, "<H", OPTIONAL, 0x107), "an optional header of magic 0x107 is not known"),
        (lambda c: edit(c, "<I", DIRECTORIES + 8, 5), "the address 0x5 is in no section"),
        (lambda c: edit(c, "<I", DIRECTORIES + 13 * 8, 9 << 20), "the address 0x900000 is in no section"),
        (lambda c: edit(c, "<I", DIRECTORIES, 9 << 20), "the address 0x900000 is in no section"),
    ],
)
def test_what_is_broken_is_said(change: Callable[[bytes], bytes], why: str) -> None:
    content = make_pe(needed=("a.dll",), delayed=("b.dll",), name="ours.dll", fatbins={".nv_fatbin": make_fatbin()})
    found = parse(change(content))
    ((part, said),) = [(one.part, one.why) for one in found.unjudged]
    assert (part, said) == ("libraries", why)
    assert [one.place for one in found.fatbins] == [".nv_fatbin"]


def test_a_section_that_ends_outside_the_file_is_said() -> None:
    content = make_pe(fatbins={".nv_fatbin": make_fatbin()})
    start = struct.unpack_from("<I", content, SECTIONS + 40 + 20)[0]
    (said,) = parse(edit(content, "<I", SECTIONS + 40 + 16, 900)).unjudged
    assert (said.part, said.why) == ("code", f"the bytes from {start} to {start + 900} end outside the file")


def test_an_import_table_must_end_within_its_section() -> None:
    content = make_pe(needed=("a.dll",))
    size = struct.unpack_from("<I", content, SECTIONS + 16)[0]
    (said,) = parse(edit(content, "<I", SECTIONS + 16, size - 20)).unjudged
    assert (said.part, said.why) == ("libraries", "an import table does not end")


def test_absurdly_many_imports_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pe, "_MOST_LIBRARIES", 2)
    (said,) = parse(make_pe(needed=("a.dll", "b.dll"))).unjudged
    assert (said.part, said.why) == ("libraries", "an import table does not end")


def test_a_name_must_end_within_its_section() -> None:
    content = make_pe(name="ours.dll", fatbins={"other": b"ours"})
    table = struct.unpack_from("<I", content, DIRECTORIES)[0] - 0x1000
    other = struct.unpack_from("<I", content, SECTIONS + 40 + 20)[0]
    (said,) = parse(edit(content, "<I", table + 12, other + 0x1000)).unjudged
    assert (said.part, said.why) == ("libraries", f"the name of the library: the text at {other} does not end")


def test_a_library_may_have_exports_and_no_name() -> None:
    content = make_pe(name="ours.dll")
    table = struct.unpack_from("<I", content, DIRECTORIES)[0] - 0x1000
    assert parse(edit(content, "<I", table + 12, 0)).name is None


def test_one_text_named_again_and_again_is_given_up() -> None:
    names = ("x" * 3000, *"abcdefgh")
    content = make_pe(needed=names)
    first = IMAGE_BASE + content.index(b"x" * 3000)
    at = first
    for name in names:
        content = content.replace(struct.pack("<5I", 0, 0, 0, at, 0), struct.pack("<5I", 0, 0, 0, first, 0))
        at += len(name) + 1
    found = parse(content)
    assert [one.why for one in found.unjudged] == ["an import table names one text again and again"]
