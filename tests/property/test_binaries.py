"""Compiled files of any bytes: nothing raises, nothing reads outside, nothing costs more than linear work."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cudapin.core.binary import read_binary
from elves import (
    CONCATENATED,
    CUBIN,
    CUDART_TEXTS,
    LTO,
    PTX,
    A,
    Entry,
    F,
    make_elf,
    make_fatbin,
    make_pe,
)

pytestmark = pytest.mark.property
LIMITS = settings(max_examples=1500, deadline=None)

CODE = make_fatbin(
    Entry(),
    Entry(kind=PTX, options=b"-G", name=b"k.cu"),
    Entry(kind=CONCATENATED, arch=0, parts=(Entry(arch=75), Entry(kind=LTO, options=b"x" * 20))),
) + make_fatbin(Entry(arch=80))
MADE = [
    make_elf(
        needed=("libcudart.so.12", "libtorch.so"),
        soname="libx.so",
        runpath="$ORIGIN",
        undefined=(b"_ZN2at4fooESs",),
        data=CUDART_TEXTS + CODE,
        fatbins={".nv_fatbin": CODE, "__nv_relfatbin": CODE},
        hash_style=hash_style,
        bits=bits,
        order=order,
        sections=sections,
    )
    for hash_style, bits, order, sections in (
        ("sysv", 64, "<", True),
        ("gnu", 64, "<", False),
        ("none", 32, ">", True),
        ("gnu", 32, "<", True),
    )
]
MADE += [
    make_pe(needed=("a.dll", "b.dll"), delayed=("c.dll",), name="x.dll", data=CODE, fatbins={".nv_fatbin": CODE}),
    CODE,
]


class Counted(io.BytesIO):
    """A stream that knows how much was asked of it, and gives nothing outside itself."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.bytes = self.reads = 0

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        assert 0 <= size <= len(self.getbuffer()) - self.tell()
        self.bytes += size
        self.reads += 1
        return super().read(size)


def must_be_read(content: bytes) -> None:
    stream = Counted(content)
    info = read_binary(stream)
    assert len(info.unjudged) < 15
    assert isinstance(info.arch + info.embedded_arch, tuple)
    assert stream.bytes <= 30 * len(content) + 50_000, "more than linear"
    assert stream.reads <= len(content) + 500


NUMBERS = st.sampled_from(
    [0, 1, 2, 7, 8, 63, 64, 255, 256, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 40, (1 << 63) - 1, (1 << 64) - 1]
)
EDITS = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.sampled_from("BHIQ"), NUMBERS | st.integers(0, 5000)),
    min_size=1,
    max_size=8,
)


@LIMITS
@given(made=st.sampled_from(MADE), edits=EDITS, cut=st.none() | st.floats(0, 1))
def test_numbers_anywhere_may_be_anything(made: bytes, edits: list[tuple[float, str, int]], cut: float | None) -> None:
    content = bytearray(made)
    for where, layout, value in edits:
        size = struct.calcsize("<" + layout)
        struct.pack_into("<" + layout, content, int(where * (len(content) - size)), value % (1 << 8 * size))
    must_be_read(bytes(content if cut is None else content[: int(cut * len(content))]))


@pytest.mark.parametrize("number", range(len(MADE)))
def test_every_number_in_turn_may_be_wrong(number: int) -> None:
    made = MADE[number]
    for offset in range(0, len(made) - 8, 2):
        for layout, value in (("<H", 0xFFFF), ("<I", 0xFFFFFFFF), ("<I", 1), ("<Q", 1 << 62), ("<Q", 0)):
            content = bytearray(made)
            struct.pack_into(layout, content, offset, value)
            must_be_read(bytes(content))


@pytest.mark.parametrize("number", range(len(MADE)))
def test_every_cut(number: int) -> None:
    for end in range(len(MADE[number])):
        must_be_read(MADE[number][:end])


@LIMITS
@given(
    magic=st.sampled_from([b"", b"MZ", b"\x7fELF\x02\x01\x01", b"\x7fELF\x01\x02\x01", CODE[:16], CODE[:40]]),
    rest=st.binary(max_size=600),
)
@example(magic=b"MZ", rest=bytes(0x3A) + b"\0\0\0\0")
def test_any_bytes(magic: bytes, rest: bytes) -> None:
    must_be_read(magic + rest)


@pytest.mark.parametrize(
    "piece",
    [
        make_fatbin(),  # nothing but empty containers
        make_fatbin() + b"x",
        make_fatbin(Entry(payload=b"")),
        make_fatbin(Entry(kind=3, payload=b"")),
        make_fatbin(size=1 << 40),
        make_fatbin(version=2),
        b"\x50\xed\x55\xba",
        b"\x50\xed\x55\xba\1\0\x10\0",
        bytes(100) + b"x",
    ],
)
@pytest.mark.parametrize("place", ["section", "data", "segments"])
def test_long_repetitions_cost_linear_work(piece: bytes, place: str) -> None:
    content = piece * (400_000 // len(piece))
    in_section = place == "section"
    stream = Counted(
        make_elf(
            data=b"" if in_section else content,
            fatbins={".nv_fatbin": content if in_section else CODE},
            sections=place != "segments",
        )
    )
    read_binary(stream)
    assert stream.bytes <= 30 * len(content)


ENTRIES = st.builds(
    Entry,
    kind=st.sampled_from([CUBIN, PTX, LTO]),
    arch=st.sampled_from([35, 75, 90, 100, 121]),
    flags=st.sampled_from([0x11, 0x11 | A, 0x41 | F]),
    payload=st.binary(max_size=80),
    options=st.none() | st.binary(max_size=30),
    name=st.binary(max_size=20),
)
PREFIX = {CUBIN: "sm_", PTX: "compute_", LTO: "lto_"}


def name_of(entry: Entry) -> str:
    return PREFIX[entry.kind] + str(entry.arch) + ("a" if entry.flags & A else "f" if entry.flags & F else "")


@LIMITS
@given(
    containers=st.lists(st.lists(ENTRIES, max_size=5), max_size=4),
    together=st.lists(ENTRIES, min_size=1, max_size=5),
    gap=st.integers(0, 300),
    place=st.sampled_from(["section", "segments", "windows", "alone"]),
)
def test_what_is_written_is_read(containers: list[list[Entry]], together: list[Entry], gap: int, place: str) -> None:
    entries = [*containers, [Entry(kind=CONCATENATED, arch=0, parts=tuple(together))]]
    code = bytes(gap).join(make_fatbin(*some) for some in entries)
    if place == "windows":
        info = read_binary(Counted(make_pe(fatbins={".nv_fatbin": code})))
    elif place == "alone":
        info = read_binary(Counted(code))
    else:
        info = read_binary(Counted(make_elf(fatbins={".nv_fatbin": code}, sections=place == "section")))
    written: dict[str, int] = {}
    for entry in [*(one for some in containers for one in some), *together]:
        written[name_of(entry)] = written.get(name_of(entry), 0) + 1
    found: dict[str, int] = {}
    for one, number in info.codes.items():
        found[str(one)] = found.get(str(one), 0) + number
    assert (found, info.unjudged) == (written, ())


def test_a_real_library_with_random_bytes_in_it() -> None:
    import _ctypes
    import random

    real = Path(_ctypes.__file__).read_bytes()
    chance = random.Random(20)
    for _ in range(300):
        content = bytearray(real)
        for _ in range(chance.choice((1, 4, 30))):
            content[chance.randrange(chance.choice((64, 800, len(content))))] = chance.randrange(256)
        must_be_read(bytes(content[: chance.choice((len(content), chance.randrange(len(content))))]))
