"""Fatbins: every kind, suffix and layout of entries, and every way in which one can be broken."""

from __future__ import annotations

import io
import struct

import pytest

from cudapin.core import fatbin
from cudapin.core.fatbin import FatbinReader
from cudapin.core.window import Span, Window
from elves import (
    CONCATENATED,
    CUBIN,
    INDEX,
    LTO,
    LZ4,
    OLD_CUBIN,
    PTX,
    RELOCATABLE_PTX,
    TILE,
    ZSTD,
    A,
    Entry,
    F,
    make_fatbin,
)


def read(content: bytes, end: int | None = None) -> FatbinReader:
    reader = FatbinReader(Window(io.BytesIO(content)))
    reader.read_spans([Span(start=0, end=len(content) if end is None else end, place=".nv_fatbin")])
    return reader


def names(reader: FatbinReader) -> dict[str, int]:
    return {str(code): number for code, number in reader.codes.items()}


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        (Entry(kind=CUBIN, arch=90), "sm_90"),
        (Entry(kind=OLD_CUBIN, arch=20), "sm_20"),
        (Entry(kind=CUBIN, arch=90, flags=0x11 | A), "sm_90a"),
        (Entry(kind=CUBIN, arch=100, flags=0x1000011 | F), "sm_100f"),
        (Entry(kind=CUBIN, arch=103, flags=0x1000011 | A | F), "sm_103a"),
        (Entry(kind=CUBIN, arch=120, flags=0x11 | ZSTD), "sm_120"),
        (Entry(kind=PTX, arch=75, flags=0x41 | LZ4), "compute_75"),
        (Entry(kind=PTX, arch=100, flags=0x11 | F), "compute_100f"),
        (Entry(kind=RELOCATABLE_PTX, arch=80), "compute_80"),
        (Entry(kind=LTO, arch=90, flags=0x18011 | A), "lto_90a"),
        (Entry(kind=TILE, arch=120), "tile_120"),
    ],
)
def test_kind_and_architecture_are_in_the_header(entry: Entry, name: str) -> None:
    reader = read(make_fatbin(entry))
    assert names(reader) == {name: 1}
    assert reader.faults == ()


def test_an_index_is_no_code() -> None:
    reader = read(make_fatbin(Entry(kind=INDEX, arch=0), Entry()))
    assert (names(reader), reader.faults) == ({"sm_90": 1}, ())


def test_ptx_has_the_version_of_its_language() -> None:
    (code,) = read(make_fatbin(Entry(kind=PTX, version=(9, 2)))).codes
    assert code.version == (9, 2)


def test_headers_of_any_length_are_stepped_over() -> None:
    entries = [Entry(options=b"-G" * size, name=b"k.cu"[:number]) for size in range(5) for number in range(5)]
    reader = read(make_fatbin(*entries, Entry(arch=80)))
    assert names(reader) == {"sm_90": 25, "sm_80": 1}
    assert reader.faults == ()


def test_containers_stand_one_after_another_with_zeros_between() -> None:
    content = make_fatbin(Entry()) + bytes(5) + make_fatbin() + make_fatbin(Entry(arch=80)) + bytes(70)
    reader = read(content)
    assert names(reader) == {"sm_90": 1, "sm_80": 1}
    assert reader.faults == ()


def test_concatenated_entries_are_listed_in_the_header_of_the_whole() -> None:
    parts = (
        Entry(arch=75),
        Entry(arch=103, flags=0x11 | A, options=b"x" * 0x24),
        Entry(arch=120, flags=0x11 | F, options=b"x" * 0x28, name=b"kernel.cu"),
        Entry(kind=PTX, arch=90, options=b""),
        Entry(arch=80, name=b"kernel.c"),
    )
    reader = read(make_fatbin(Entry(kind=CONCATENATED, arch=0, flags=0x8011, parts=parts), Entry(arch=86)))
    assert names(reader) == {"sm_75": 1, "sm_103a": 1, "sm_120f": 1, "compute_90": 1, "sm_80": 1, "sm_86": 1}
    assert reader.faults == ()


def concatenated(*parts: Entry, **changes: int) -> bytes:
    """Return a concatenated entry with other numbers at some offsets of its container."""
    content = bytearray(make_fatbin(Entry(kind=CONCATENATED, arch=0, parts=parts)))
    for name, value in changes.items():
        struct.pack_into("<I", content, int(name[2:]), value)
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "found", "fault"),
    [
        (make_fatbin(Entry(), size=1000), {"sm_90": 1}, "the container at 0 is cut short"),
        (make_fatbin(Entry(), version=3), {}, "the container at 0 has version 3, which is not known"),
        (make_fatbin(Entry(), Entry(arch=80))[:-3], {"sm_90": 1, "sm_80": 1}, "the container at 0 is cut short"),
        (make_fatbin(Entry(), Entry(arch=80))[:120], {"sm_90": 1}, "the container at 0 is cut short"),
        (make_fatbin(Entry(header_version=0x0201)), {}, "the entry at 16 has a header that is not known"),
        (make_fatbin(Entry(kind=16)), {}, "the entry at 16 is of kind 16, which is not known"),
        (make_fatbin(Entry(arch=0)), {}, "the entry at 16 is for architecture 0, which does not exist"),
        (make_fatbin(Entry(arch=4_000_000)), {}, "the entry at 16 is for architecture 4000000, which does not exist"),
        (make_fatbin(Entry()) + b"text", {"sm_90": 1}, "the bytes at 88 are no fatbin"),
        (make_fatbin(Entry()) + b"\x50\xed\x55\xba", {"sm_90": 1}, "the bytes at 88 are no fatbin"),
        (b"ab" + make_fatbin(Entry()), {"sm_90": 1}, "the bytes at 0 are no fatbin"),
        (concatenated(Entry(), at20=9000), {}, "the entry at 16 is cut short"),
        (concatenated(Entry(), at36=0), {}, "the concatenated entry at 16 has no list"),
        (concatenated(Entry(), at36=4000), {}, "the concatenated entry at 16 has no list"),
        (concatenated(Entry(), at80=2), {"sm_90": 1}, "the list of the concatenated entry at 16 is cut short"),
        (concatenated(Entry(), at84=4000), {}, "the list of the concatenated entry at 16 is cut short"),
        (
            concatenated(Entry(), Entry(), at80=1),
            {"sm_90": 1},
            "the list of the concatenated entry at 16 does not end where it should",
        ),
        (concatenated(Entry(kind=CONCATENATED, arch=0)), {}, "the entry at 88 has a header that is not known"),
        (concatenated(Entry(options=b""), at108=10), {"sm_90": 1}, "the options of the entry at 88 are cut short"),
        (concatenated(Entry(options=b""), at108=9999), {"sm_90": 1}, "the options of the entry at 88 are cut short"),
    ],
)
def test_what_is_broken_is_said_and_the_rest_is_read(content: bytes, found: dict[str, int], fault: str) -> None:
    reader = read(content)
    assert names(reader) == found
    assert reader.faults[0] == f".nv_fatbin: {fault}"


def test_a_header_that_is_too_short_ends_its_container_only() -> None:
    broken = bytearray(make_fatbin(Entry(), Entry()))
    struct.pack_into("<I", broken, 20, 8)
    reader = read(bytes(broken) + make_fatbin(Entry(arch=80)))
    assert names(reader) == {"sm_80": 1}
    assert reader.faults == (".nv_fatbin: the entry at 16 has a header that is not known",)


def test_zeros_at_the_end_of_a_container_are_no_entry() -> None:
    content = bytearray(make_fatbin(Entry()) + bytes(24))
    struct.pack_into("<Q", content, 8, len(content) - 16)
    assert read(bytes(content)).faults == ()
    struct.pack_into("<I", content, len(content) - 8, 7)
    assert read(bytes(content)).faults == (".nv_fatbin: the entry at 88 is cut short",)


def test_a_section_that_ends_outside_the_file_is_read_as_far_as_it_goes() -> None:
    reader = read(make_fatbin(Entry()), end=10_000)
    assert names(reader) == {"sm_90": 1}
    assert reader.faults == (".nv_fatbin: the section ends outside the file",)


def test_nothing_is_read_beyond_the_section() -> None:
    content = make_fatbin(Entry(), Entry(arch=80))
    reader = read(content, end=len(content) - 72)
    assert names(reader) == {"sm_90": 1}
    assert reader.faults == (".nv_fatbin: the container at 0 is cut short",)


def test_many_faults_are_not_all_told() -> None:
    reader = read(make_fatbin(*[Entry(kind=3) for _ in range(50)]))
    assert len(reader.faults) == 9
    assert reader.faults[-1] == "and more of this kind"


def test_absurdly_many_entries_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fatbin, "_MOST_ENTRIES", 5)
    assert read(make_fatbin(*[Entry()] * 9)).faults == ("more than 5 entries, or 10000 different ones",)
    reader = FatbinReader(Window(io.BytesIO(make_fatbin(*[Entry()] * 9))))
    reader.scan([Span(start=0, end=1000)], b"text")
    assert reader.faults == ("more than 5 entries, or 10000 different ones",)


@pytest.mark.parametrize("piece", [make_fatbin(), make_fatbin(version=2), b"text\x50\xed\x55\xba"])
def test_absurdly_many_containers_are_given_up(monkeypatch: pytest.MonkeyPatch, piece: bytes) -> None:
    monkeypatch.setattr(fatbin, "_MOST_ENTRIES", 5)
    assert read(piece * 30).faults[-1] == "more than 5 entries, or 10000 different ones"


def test_absurdly_many_architectures_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fatbin, "_MOST_CODES", 3)
    reader = read(make_fatbin(*[Entry(arch=number) for number in range(50, 60)]))
    assert reader.faults == ("more than 1000000 entries, or 3 different ones",)


def scan(content: bytes, text: bytes = b"needle") -> tuple[FatbinReader, bool]:
    reader = FatbinReader(Window(io.BytesIO(content)))
    return reader, reader.scan([Span(start=0, end=len(content), place="data")], text)


@pytest.mark.parametrize("gap", [0, 1, 7, 200, 5000, (1 << 20) - 20, (1 << 20) + 400_000, 3 << 20])
def test_containers_and_a_text_are_found_amid_other_bytes(gap: int) -> None:
    content = bytes([1]) * gap + make_fatbin(Entry(payload=b"x" * gap), Entry(arch=80)) + b"y" * gap + b"needle"
    reader, is_found = scan(content)
    assert (names(reader), reader.faults, is_found) == ({"sm_90": 1, "sm_80": 1}, (), True)


def test_what_lies_within_a_payload_is_not_counted_again() -> None:
    reader, is_found = scan(make_fatbin(Entry(payload=make_fatbin(Entry(arch=80)))))
    assert (names(reader), is_found) == ({"sm_90": 1}, False)


@pytest.mark.parametrize(
    "content",
    [
        make_fatbin(),
        make_fatbin(Entry())[:60],
        make_fatbin(Entry(header_version=1)),
        make_fatbin(Entry(kind=3)),
        make_fatbin(Entry(), size=40),
        make_fatbin(Entry(), version=2),
    ],
)
def test_a_magic_alone_is_no_fatbin(content: bytes) -> None:
    reader, _ = scan(b"code" + content + b"more code")
    assert (names(reader), reader.faults) == ({}, ())
