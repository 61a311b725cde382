"""ELF: what the loader reads, in both classes and byte orders, with and without section headers."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

import pytest

from cudapin.core import elf as elf_module
from cudapin.core import symbols as symbols_module
from cudapin.core.elf import Elf, parse_elf
from cudapin.core.symbols import undefined_symbols
from cudapin.core.window import Unreadable, Window
from elves import BASE, make_elf, make_fatbin

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY: dict[str, Any] = {
    "needed": ("libcudart.so.12", "libc.so.6"),
    "soname": "libx.so.1",
    "runpath": "$ORIGIN/../nvidia/cu13/lib::/opt",
    "rpath": "/never",
    "undefined": (b"first", b"second"),
    "data": b"some data",
    "fatbins": {".nv_fatbin": make_fatbin(), "__nv_relfatbin": make_fatbin()},
}


def parse(content: bytes) -> Elf:
    return parse_elf(Window(io.BytesIO(content)))


def whys(content: bytes) -> list[tuple[str, str]]:
    return [(one.part, one.why) for one in parse(content).unjudged]


@pytest.mark.parametrize("bits", [64, 32])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("sections", [True, False])
@pytest.mark.parametrize("hash_style", ["sysv", "gnu", "none"])
def test_every_field_in_every_form(*, bits: int, order: str, sections: bool, hash_style: str) -> None:
    content = make_elf(bits=bits, order=order, sections=sections, hash_style=hash_style, **EVERY)
    found = parse(content)
    assert found.machine == "x86_64"
    assert found.needed == ("libcudart.so.12", "libc.so.6")
    assert found.soname == "libx.so.1"
    assert found.runpath == ("$ORIGIN/../nvidia/cu13/lib", "/opt")
    assert found.unjudged == ()
    assert found.symbols is not None
    assert list(undefined_symbols(Window(io.BytesIO(content)), found.symbols)) == [b"first", b"second"]
    if sections:
        assert found.fatbins is not None
        assert [(one.place, one.end - one.start) for one in found.fatbins] == [
            (".nv_fatbin", 16),
            ("__nv_relfatbin", 16),
        ]
        assert all(content[one.start : one.start + 4] == b"\x50\xed\x55\xba" for one in found.fatbins)
        assert content[found.data[0].start : found.data[0].end] == b"some data"
    else:
        assert found.fatbins is None
        assert [one.start for one in found.data] == [0]


def test_a_library_that_exports_nothing_has_undefined_symbols_too() -> None:
    content = make_elf(undefined=(b"one", b"two"), defined=(), hash_style="gnu")
    found = parse(content)
    assert found.symbols is not None
    assert list(undefined_symbols(Window(io.BytesIO(content)), found.symbols)) == [b"one", b"two"]


def test_the_older_tag_counts_where_there_is_no_other() -> None:
    assert parse(make_elf(rpath="$ORIGIN/../lib")).runpath == ("$ORIGIN/../lib",)


def test_a_file_that_needs_nothing() -> None:
    found = parse(make_elf(data=b"x"))
    assert (found.needed, found.soname, found.runpath, found.fatbins, found.unjudged) == ((), None, (), (), ())


def test_a_name_that_is_no_text_is_shown_escaped() -> None:
    content = make_elf(needed=("libcu~.so",)).replace(b"libcu~", b"libcu\xff")
    assert parse(content).needed == ("libcu\\xff.so",)


def edit(content: bytes, layout: str, offset: int, value: int) -> bytes:
    changed = bytearray(content)
    struct.pack_into(layout, changed, offset, value)
    return bytes(changed)


def tag_at(content: bytes, tag: int) -> int:
    """Return the offset of the value of a tag in a made file."""
    start = struct.unpack_from("<Q", content, 64 + 56 + 8)[0]
    while struct.unpack_from("<q", content, start)[0] != tag:
        start += 16
    return int(start + 8)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda c: c[:10], "the ELF header: 16 bytes at 0 are outside the file of 10 bytes"),
        (lambda c: c[:40], "the ELF header: 64 bytes at 0 are outside the file of 40 bytes"),
        (lambda c: edit(c, "B", 4, 3), "the ELF header has a class or byte order that does not exist"),
        (lambda c: edit(c, "B", 5, 0), "the ELF header has a class or byte order that does not exist"),
    ],
)
def test_without_a_header_nothing_can_be_read(change: Callable[[bytes], bytes], why: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(change(make_elf()))
    assert str(caught.value) == why


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda c: edit(c, "<H", 54, 57), "program headers of 57 bytes are not known"),
        (
            lambda c: edit(c, "<Q", 32, 1 << 60),
            "the program headers: 112 bytes at 1152921504606846976 are outside the file of 672 bytes",
        ),
        (
            lambda c: edit(c, "<Q", 64 + 56 + 8, 1 << 40),
            "the dynamic segment: 96 bytes at 1099511627776 are outside the file of 672 bytes",
        ),
        (lambda c: edit(c, "<Q", 64 + 56 + 32, 16), "the dynamic segment does not end"),
        (lambda c: edit(c, "<Q", tag_at(c, 5), 1), "the dynamic strings at address 0x1 are in no segment"),
        (lambda c: edit(c, "<q", tag_at(c, 5) - 8, 77), "the dynamic segment has no strings"),
        (lambda c: edit(c, "<Q", tag_at(c, 6), 1), "the dynamic symbols at address 0x1 are in no segment"),
        (lambda c: edit(c, "<Q", tag_at(c, 4), 1), "the hash table at address 0x1 are in no segment"),
        (
            lambda c: edit(c, "<Q", tag_at(c, 1), 1 << 50),
            "DT_NEEDED: 0 bytes at 1125899906842848 are outside the file of 672 bytes",
        ),
        (lambda c: edit(c, "<Q", tag_at(c, 10), 3), "DT_NEEDED: the text at 225 does not end"),
    ],
)
def test_what_is_broken_is_said_and_the_rest_is_read(change: Callable[[bytes], bytes], why: str) -> None:
    content = make_elf(needed=("libcudart.so.12",), fatbins={".nv_fatbin": make_fatbin()})
    ((part, said),) = whys(change(content))
    assert part == "libraries"
    assert said == why
    found = parse(change(content))
    assert found.fatbins is not None
    assert [one.place for one in found.fatbins] == [".nv_fatbin"]


@pytest.mark.parametrize(
    "change",
    [
        lambda c: edit(c, "<H", 58, 63),
        lambda c: edit(c, "<Q", 40, 1 << 60),
        lambda c: edit(c, "<H", 60, 60_000),
        lambda c: edit(c, "<H", 62, 9),
        lambda c: edit(c, "<Q", 40, 0),
    ],
)
def test_section_headers_that_cannot_be_read_are_as_good_as_none(change: Callable[[bytes], bytes]) -> None:
    found = parse(change(make_elf(needed=("libc.so.6",), fatbins={".nv_fatbin": make_fatbin()})))
    assert (found.needed, found.fatbins, found.unjudged) == (("libc.so.6",), None, ())
    assert [one.start for one in found.data] == [0]


def test_section_headers_that_tell_of_no_data_are_as_good_as_none() -> None:
    content = make_elf(data=b"x")
    sections_at = struct.unpack_from("<Q", content, 40)[0]
    assert parse(content).fatbins == ()
    assert parse(edit(content, "<Q", sections_at + 64 + 8, 0)).fatbins is None


def test_code_of_the_host_is_not_searched() -> None:
    content = make_elf(data=b"x" * 50)
    sections_at = struct.unpack_from("<Q", content, 40)[0]
    (data,) = parse(content).data
    assert content[data.start : data.end] == b"x" * 50
    assert [one.start for one in parse(edit(content, "<Q", sections_at + 64 + 8, 6)).data] == [0]


def test_more_sections_than_a_number_holds() -> None:
    content = make_elf(fatbins={".nv_fatbin": make_fatbin()})
    sections_at = struct.unpack_from("<Q", content, 40)[0]
    content = edit(edit(content, "<H", 60, 0), "<H", 62, 0xFFFF)
    content = edit(edit(content, "<Q", sections_at + 32, 4), "<I", sections_at + 40, 3)
    found = parse(content)
    assert found.fatbins is not None
    assert [one.place for one in found.fatbins] == [".nv_fatbin"]


def test_sections_that_cover_each_other_are_read_once() -> None:
    content = make_elf(fatbins={".nv_fatbin": make_fatbin(), "__nv_relfatbin": make_fatbin()})
    sections_at = struct.unpack_from("<Q", content, 40)[0]
    offset = struct.unpack_from("<Q", content, sections_at + 2 * 64 + 24)[0]
    found = parse(edit(content, "<Q", sections_at + 3 * 64 + 24, offset))
    assert found.fatbins is not None
    assert [one.place for one in found.fatbins] == [".nv_fatbin"]


def test_a_section_that_ends_outside_the_file_is_said() -> None:
    content = make_elf(fatbins={".nv_fatbin": make_fatbin()})
    sections_at = struct.unpack_from("<Q", content, 40)[0]
    start = struct.unpack_from("<Q", content, sections_at + 2 * 64 + 24)[0]
    assert whys(edit(content, "<Q", sections_at + 2 * 64 + 32, 9000)) == [
        ("code", f"the bytes from {start} to {start + 9000} end outside the file")
    ]


def test_a_section_without_bytes_in_the_file_is_not_read() -> None:
    content = make_elf(data=b"x", fatbins={".nv_fatbin": make_fatbin()})
    sections_at = struct.unpack_from("<Q", content, 40)[0]
    content = edit(edit(content, "<I", sections_at + 64 + 4, 8), "<Q", sections_at + 64 + 32, 1 << 40)
    assert whys(content) == []
    assert len(parse(content).data) == 1


def symbols_of(content: bytes) -> list[bytes]:
    symbols = parse(content).symbols
    assert symbols is not None
    return list(undefined_symbols(Window(io.BytesIO(content)), symbols))


def test_symbols_that_repeat_a_long_name_are_given_up() -> None:
    content = make_elf(undefined=tuple(b"" for _ in range(50)), needed=("x" * 100,))
    table = struct.unpack_from("<Q", content, tag_at(content, 6))[0] - BASE
    for number in range(1, 51):
        content = edit(content, "<I", table + 24 * number, 1)
    with pytest.raises(
        Unreadable, match=r"^the dynamic symbols have names that do not end, or that repeat each other$"
    ):
        symbols_of(content)


def test_absurd_numbers_of_symbols_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    content = make_elf(undefined=(b"one",))
    table = struct.unpack_from("<Q", content, tag_at(content, 4))[0] - BASE
    with pytest.raises(Unreadable, match=r"^the number of dynamic symbols, 4294967295, is not possible$"):
        symbols_of(edit(content, "<I", table + 4, 0xFFFFFFFF))
    with pytest.raises(Unreadable, match=r"^the dynamic symbols: 24000 bytes at "):
        symbols_of(edit(content, "<I", table + 4, 1000))
    gnu = make_elf(undefined=(b"one",), hash_style="gnu")
    table = struct.unpack_from("<Q", gnu, tag_at(gnu, 0x6FFFFEF5))[0] - BASE
    with pytest.raises(Unreadable, match=r"^the hash table ends outside the file$"):
        symbols_of(edit(gnu, "<I", table, 1 << 30))
    monkeypatch.setattr(symbols_module, "_MOST_TEXT", 4)
    with pytest.raises(Unreadable, match=r"^the dynamic strings are longer than 4 bytes$"):
        symbols_of(content)


def test_absurd_numbers_of_tags_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elf_module, "_MOST_TAGS", 2)
    assert whys(make_elf(needed=("a", "b"))) == [("libraries", "the dynamic segment does not end")]


def test_a_file_without_dynamic_segment_needs_nothing() -> None:
    content = edit(make_elf(needed=("libc.so.6",)), "<I", 64 + 56, 4)
    assert (parse(content).needed, parse(content).unjudged) == ((), ())
    none = edit(content, "<H", 56, 0)
    assert (parse(none).needed, parse(none).unjudged) == ((), ())


def test_a_dynamic_segment_without_names() -> None:
    content = edit(make_elf(), "<q", tag_at(make_elf(), 5) - 8, 77)
    assert (parse(content).symbols, parse(content).unjudged) == (None, ())
    content = edit(make_elf(), "<q", tag_at(make_elf(), 6) - 8, 77)
    assert (parse(content).symbols, parse(content).unjudged) == (None, ())


def test_one_text_named_again_and_again_is_given_up() -> None:
    """Else a small file would be as much work as a large one."""
    names = ("x" * 3000, "b", "c", "d")
    content, at = make_elf(needed=names), 1
    for name in names:
        content = content.replace(struct.pack("<qQ", 1, at), struct.pack("<qQ", 1, 1))
        at += len(name) + 1
    found = parse_elf(Window(io.BytesIO(content)))
    assert [one.why for one in found.unjudged] == ["the dynamic segment names one text again and again"]
    assert found.needed == ()


def test_without_segments_and_sections_nothing_is_known_of_its_code() -> None:
    found = parse_elf(Window(io.BytesIO(make_elf()[:100])))
    assert {one.part for one in found.unjudged} == {"libraries", "code"}
