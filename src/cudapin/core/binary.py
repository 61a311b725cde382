"""One view of a compiled file, whatever its format: the libraries it needs and the device code it carries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from cudapin.core.binary_format import BinaryFormat, binary_format
from cudapin.core.elf import parse_elf
from cudapin.core.fatbin import DeviceCode, FatbinReader
from cudapin.core.pe import parse_pe
from cudapin.core.symbols import undefined_symbols
from cudapin.core.torch_use import TorchUse, torch_libraries, torch_use
from cudapin.core.window import Part, Span, Unjudged, Unreadable, Window, subtract_spans

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["BinaryInfo", "read_binary"]


EMBEDDED = "data"
"""The place of device code outside the sections that are made for it."""
_RUNNABLE = ("cubin", "ptx")
_UNREAD = {"archive": "static libraries are not read", "mach-o": "Mach-O files are not read"}
_CUDART_TEXTS = (b"\0driver shutting down\0", b"\0cudaErrorCudartUnloading\0")
"""Text and name of one error: the runtime has both, whoever only knows its names has the second."""
_HYBRID_CUDART = b"\0nvcudart_hybrid64.dll\0"
"""What CUDA 13 links into Windows programs instead: a small part of the runtime, which asks the driver for the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BinaryInfo:
    """What a compiled file says of itself. Where `unjudged` names a part, what is said of that part is incomplete.

    `needed` are the names as linked, `delayed` those that Windows loads when first used. `codes` holds each kind of
    device code with the number of its entries. `static_cudart`: the file contains the CUDA runtime, or the
    part of it that asks the driver for the rest (Windows, CUDA 13).
    """

    format: BinaryFormat
    machine: str | None = None
    needed: tuple[str, ...] = ()
    delayed: tuple[str, ...] = ()
    soname: str | None = None
    runpath: tuple[str, ...] = ()
    codes: Mapping[DeviceCode, int]
    static_cudart: bool = False
    torch: TorchUse | None = None
    unjudged: tuple[Unjudged, ...] = ()

    def is_judged(self, part: Part) -> bool:
        """Return whether nothing of that part is missing."""
        return all(one.part not in (part, "file") for one in self.unjudged)

    @property
    def arch(self) -> tuple[str, ...]:
        """What a GPU can run or compile: `sm_90`, `sm_90a`, `compute_90`, by number, binaries first.

        Only of the code that the CUDA runtime registers by itself; see `embedded_arch` for the rest.
        """
        return _names(code for code in self.codes if code.place != EMBEDDED)

    @property
    def embedded_arch(self) -> tuple[str, ...]:
        """The same of fatbins that lie among other data, for the file to load by its own means (cuSPARSE, CUPTI)."""
        return _names(code for code in self.codes if code.place == EMBEDDED)

    @property
    def ptx_versions(self) -> tuple[tuple[int, int], ...]:
        """The ISA versions of the PTX that it carries, in order."""
        return tuple(sorted({code.version for code in self.codes if code.kind == "ptx"}))


def read_binary(stream: BinaryIO) -> BinaryInfo:
    """Read a compiled file from a stream that can seek; what cannot be read of it is in `unjudged`, never raised.

    >>> read_binary(io.BytesIO(b"text")).format
    'other'
    """
    window = Window(stream)
    start = window.read(0, min(8, window.size), "the file")
    found = binary_format(start)
    try:
        if found == "elf":
            return _read_elf(window)
        if found == "pe":
            return _read_pe(window)
        if found == "fatbin":
            return _read_fatbin(window)
    except Unreadable as fault:
        return BinaryInfo(format=found, codes={}, unjudged=(Unjudged(part="file", why=str(fault)),))
    why = _UNREAD.get(found)
    return BinaryInfo(format=found, codes={}, unjudged=(Unjudged(part="file", why=why),) if why else ())


def _read_fatbin(window: Window) -> BinaryInfo:
    reader = FatbinReader(window)
    reader.read_spans([Span(start=0, end=window.size, place="the file")])
    return BinaryInfo(format="fatbin", codes=reader.codes, unjudged=_code_faults(reader))


def _names(codes: Iterable[DeviceCode]) -> tuple[str, ...]:
    keys = {(code.kind, len(code.arch.rstrip("af")), code.arch): str(code) for code in codes if code.kind in _RUNNABLE}
    return tuple(keys[key] for key in sorted(keys))


def _read_elf(window: Window) -> BinaryInfo:
    elf = parse_elf(window)
    reader, has_cudart = _read_codes(window, elf.fatbins, elf.data)
    unjudged = [*elf.unjudged, *_code_faults(reader)]
    libraries = torch_libraries(elf.needed)
    torch = TorchUse(libraries=libraries) if libraries else None
    if torch and elf.symbols:
        try:
            torch = torch_use(libraries, undefined_symbols(window, elf.symbols))
        except Unreadable as fault:
            unjudged.append(Unjudged(part="symbols", why=str(fault)))
    return BinaryInfo(
        format="elf",
        machine=elf.machine,
        needed=elf.needed,
        soname=elf.soname,
        runpath=elf.runpath,
        codes=reader.codes,
        static_cudart=has_cudart and not (elf.soname or "").startswith("libcudart"),
        torch=torch,
        unjudged=tuple(unjudged),
    )


def _read_pe(window: Window) -> BinaryInfo:
    pe = parse_pe(window)
    reader, has_cudart = _read_codes(window, pe.fatbins, pe.data)
    has_cudart = has_cudart or any(window.find(_HYBRID_CUDART, one.start, one.end) is not None for one in pe.data)
    libraries = torch_libraries(pe.needed)
    return BinaryInfo(
        format="pe",
        machine=pe.machine,
        needed=pe.needed,
        delayed=pe.delayed,
        soname=pe.name,
        codes=reader.codes,
        static_cudart=has_cudart and not (pe.name or "").startswith(("cudart", "nvcudart")),
        torch=TorchUse(libraries=libraries) if libraries else None,
        unjudged=(*pe.unjudged, *_code_faults(reader)),
    )


def _read_codes(window: Window, fatbins: tuple[Span, ...] | None, data: tuple[Span, ...]) -> tuple[FatbinReader, bool]:
    """Read the sections of device code, and search the rest for more of it and for the CUDA runtime."""
    reader = FatbinReader(window)
    reader.read_spans(fatbins or ())
    place = "the segments" if fatbins is None else EMBEDDED
    rest = [Span(start=one.start, end=one.end, place=place) for one in subtract_spans(data, fatbins or ())]
    text, name = _CUDART_TEXTS
    has_cudart = reader.scan(rest, text) and any(window.find(name, one.start, one.end) is not None for one in rest)
    return reader, has_cudart


def _code_faults(reader: FatbinReader) -> tuple[Unjudged, ...]:
    return tuple(Unjudged(part="code", why=why) for why in reader.faults)
