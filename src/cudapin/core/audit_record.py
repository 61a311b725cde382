"""What a wheel says of itself in two places: cudapin's record, and the RECORD of all its files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cudapin.core.compiled import binary_objects
from cudapin.core.cuda import CudaVersion, parse_cuda
from cudapin.core.fields import name_list
from cudapin.core.judge_binaries import Wanted, place_of, wanted_text
from cudapin.core.libraries import original_name
from cudapin.errors import Code, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cudapin.core.audit import Subject

__all__ = ["judge_listing", "judge_record", "wanted_of_record"]

_SHOWN = 3
_ARCH = re.compile(r"\d{1,2}\.\d[af]?(\+ptx)?")


def wanted_of_record(record: Mapping[str, Any] | None) -> Wanted | None:
    """Return what a record says that the wheel is; None without one, for one of no variant, and for one of no sense."""
    if record is None or not isinstance(record.get("variant"), str):
        return None
    variant, said, arch = record["variant"], record.get("cuda"), record.get("arch")
    texts = [said] if isinstance(said, str) else said if isinstance(said, list) else []
    archs = arch if isinstance(arch, list) else []
    try:
        cuda: tuple[CudaVersion, ...] = tuple(parse_cuda(str(text)) for text in texts)
    except ValueError:
        return None
    return Wanted(
        cuda=cuda,
        says=f"its record, of variant `{variant}`",
        fix=f"build variant `{variant}` anew with the toolkit of {wanted_text(cuda)}"
        if cuda
        else f"build variant `{variant}` anew without CUDA",
        arch=tuple(text for text in archs if isinstance(text, str) and _ARCH.fullmatch(text)),
        variant=variant,
    )


def judge_record(subject: Subject, recorded: Wanted | None, variant: Wanted | None) -> Iterable[Problem]:
    """Return a problem where the record is not of this wheel: another variant, other compiled files."""
    where = Where(path=subject.path, key="cudapin.json")
    if subject.record_fault is not None:
        why, fix = subject.record_fault, "build the wheel anew"
        yield Problem(code=Code.CP413, what="the record cannot be read", where=where, why=why, fix=fix)
        return
    if recorded is None:
        if subject.record is not None and subject.record.get("variant") is not None:
            why = "wanted a variant, its CUDA and architectures as cudapin writes them"
            yield Problem(
                code=Code.CP413, what="the record means nothing", where=where, why=why, fix="build the wheel anew"
            )
        return
    if variant is not None and variant.variant != recorded.variant:
        yield Problem(
            code=Code.CP413,
            what=f"the wheel is of variant `{recorded.variant}`",
            where=where,
            why=f"wanted variant `{variant.variant}`, which `--variant` names; its record says `{recorded.variant}`",
            fix="name the wheel of that variant, or leave `--variant` out",
            variant=recorded.variant,
        )
    listed = (subject.record or {}).get("binaries")
    if isinstance(listed, list):
        yield from _judge_binaries(subject, listed, recorded)


def _judge_binaries(subject: Subject, listed: Sequence[object], recorded: Wanted) -> Iterable[Problem]:
    """Compare the compiled files. What repairs a wheel adds libraries in a folder of its own, and renames them."""
    found = {_path(item): _form(item) for item in binary_objects(subject.binaries)}
    wanted = {_path(item): _form(item) for item in listed if isinstance(item, dict)}
    grafted = [path for path in found if path.split("/")[0].endswith(".libs") or "/.dylibs/" in path]
    texts = [f"`{path}` is not in the wheel" for path in sorted(wanted.keys() - found.keys())]
    texts += [f"`{path}` is not in the record" for path in sorted(found.keys() - wanted.keys() - {*grafted})]
    texts += [_difference(path, wanted[path], found[path]) for path in sorted(wanted) if path in found]
    texts = [text for text in texts if text]
    if texts:
        more = f"; and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
        yield Problem(
            code=Code.CP413,
            what="the record does not match the compiled files",
            where=Where(path=subject.path, key="cudapin.json"),
            why=f"wanted what was judged when the wheel was built, found that {'; '.join(texts[:_SHOWN])}{more}",
            fix=f"build variant `{recorded.variant}` anew, and change nothing in its wheel",
            variant=recorded.variant,
        )


def _path(item: Mapping[str, Any]) -> str:
    return str(item.get("path"))


def _form(item: Mapping[str, Any]) -> tuple[frozenset[str] | None, frozenset[str] | None]:
    needed, arch = item.get("needed"), item.get("arch")
    return (
        frozenset(original_name(str(name)) for name in needed) if isinstance(needed, list) else None,
        frozenset(map(str, arch)) if isinstance(arch, list) else None,
    )


def _difference(
    path: str,
    wanted: tuple[frozenset[str] | None, frozenset[str] | None],
    found: tuple[frozenset[str] | None, frozenset[str] | None],
) -> str:
    for what, one, two in zip(("needs", "carries"), wanted, found, strict=True):
        if one is not None and two is not None and one != two:
            return f"`{path}` {what} {name_list(sorted(two))}, not {name_list(sorted(one))}"
    return ""


def judge_listing(wheel: str, listing: Sequence[tuple[str, str]]) -> Iterable[Problem]:
    """Return one problem for all files that RECORD does not describe as they are."""
    if listing:
        member, why = listing[0]
        more = f"; and {len(listing) - 1} more of this kind" if len(listing) > 1 else ""
        yield Problem(
            code=Code.CP414,
            what=f"RECORD does not describe `{member}` as it is",
            where=place_of(wheel, member),
            why=f"{why}{more}",
            fix="build or repair the wheel anew; installers may refuse it",
        )
