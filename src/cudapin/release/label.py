"""Labelled wheels (PEP 825): a finished wheel gets its label, and a folder of them the file that an index needs."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from cudapin import __version__
from cudapin.adapters.facts import read_facts
from cudapin.adapters.wheel import read_info
from cudapin.core.audit_record import wanted_of_record
from cudapin.core.wheel_name import VARIANTS_FILE
from cudapin.errors import Code, ConfigError, CudapinError, LockError, Problem, Refusal, Where
from cudapin.release.gpu_properties import Unsayable, gpu_properties
from cudapin.release.judge_labels import Labelled, judge_label, judge_labels, judge_unlabelled, no_label
from cudapin.release.pep825 import (
    MEMBER,
    NULL,
    describe,
    is_variant_label,
    merge,
    parse_described,
    properties_of,
    render,
    split_label,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cudapin.adapters.wheel import WheelInfo
    from cudapin.release.pep825 import Properties

__all__ = ["default_label", "label_wheel", "write_variants_json"]


def default_label(variant: str, *, has_cuda: bool) -> str:
    """Return the label of a variant that is given none: its name, and `null` without CUDA."""
    return variant if has_cuda else NULL


def label_wheel(path: Path, label: str) -> Path:
    """Turn a finished wheel of one variant, of a plain version, into a labelled one; return its path.

    `NAME-VERSION-PY-ABI-PLAT-LABEL.whl` is the same but for `variant.json` and its line in RECORD, and takes the
    place of the wheel. Raises ConfigError (CP701) for a label that is none or not for this variant, Refusal (CP702,
    CP703) for a wheel that cannot carry one, LockError (CP416, CP703) for one that cannot be judged. Then nothing has
    changed.
    """
    from cudapin.release.add_member import copy_with_member

    if not is_variant_label(label):
        raise ConfigError(no_label(label, path.name))
    info = read_info(path, path.name, MEMBER)
    if info.extra is not None or split_label(path.name)[1] is not None:
        raise Refusal(_has_label(path.name))
    unfit = tuple(judge_unlabelled(path.name, info.version, info.record, info.record_fault))
    if unfit or info.record is None:
        raise Refusal(*unfit)
    unfit = tuple(judge_label(path.name, label, info.record))
    if unfit:
        raise ConfigError(*unfit)
    content = render(describe(label, _properties(path.name, info.record)))
    target = path.with_name(f"{path.name.removesuffix('.whl')}-{label}.whl")
    copy_with_member(path, target, f"{info.folder}/{MEMBER}", content.encode())
    path.unlink()
    return target


def write_variants_json(directory: Path) -> tuple[Path, ...]:
    """Write `NAME-VERSION-variants.json` for the labelled wheels of a folder, one for each release; return the paths.

    The same wheels give the same bytes; what an earlier file said is not kept. Raises Refusal (CP701 to CP708) with
    everything that is wrong with a wheel or that wheels contradict each other in, LockError for one that cannot be
    read; then nothing is written.
    """
    from cudapin.adapters.rewrite import rewrite

    problems: list[Problem] = []
    releases: dict[str, list[Labelled]] = {}
    others: dict[str, dict[str, str]] = {}
    for path in sorted(directory.glob("*.whl")):
        release = "-".join(path.name.split("-")[:2])
        if split_label(path.name)[1] is None:
            plain = release.partition("+")[0]
            others.setdefault(plain, {})[path.name] = release.partition("-")[2]
            continue
        try:
            releases.setdefault(release, []).append(_read_labelled(path))
        except CudapinError as error:
            problems += error.problems
    for release, wheels in releases.items():
        problems += judge_labels(wheels, others.get(release, {}))
    if problems:
        is_unread = all(problem.code is Code.CP416 for problem in problems)
        raise LockError(*problems) if is_unread else Refusal(*problems)
    written = []
    for release, wheels in releases.items():
        written.append(directory / f"{release}{VARIANTS_FILE}")
        rewrite(written[-1], render(merge(wheel.described for wheel in wheels)).encode())
    return tuple(written)


def _read_labelled(path: Path) -> Labelled:
    """Read a labelled wheel. Raises Refusal where its label, its `variant.json` and its record are not of one mind."""
    info = read_info(path, path.name, MEMBER)
    unlabelled, label = split_label(path.name)
    assert label is not None, path  # noqa: S101 - the caller looked
    problems = [*judge_unlabelled(unlabelled, info.version, info.record, info.record_fault)]
    if not problems and info.record is not None:
        problems += judge_label(path.name, label, info.record)
    if problems or info.record is None:
        raise Refusal(*problems)
    try:
        described = parse_described((info.extra or b"").decode())
    except (ValueError, RecursionError) as error:
        found = f"found: {error}" if info.extra is not None else "found none"
        raise Refusal(_unmatched(path.name, f"wanted `{info.folder}/{MEMBER}` of PEP 825, {found}")) from error
    why = _difference(info, label, unlabelled, described.variants)
    if why is not None:
        raise Refusal(_unmatched(path.name, why))
    variant = str(info.record["variant"])
    return Labelled(file=path.name, label=label, variant=variant, described=described)


def _difference(info: WheelInfo, label: str, unlabelled: str, variants: Mapping[str, Properties]) -> str | None:
    """Return in what `variant.json` differs from RECORD, from the file's name, or from the record."""
    member = f"{info.folder}/{MEMBER}"
    digest = base64.urlsafe_b64encode(hashlib.sha256(info.extra or b"").digest()).rstrip(b"=").decode()
    if info.rows.get(member, ("", ""))[0] != f"sha256={digest}":
        return f"RECORD does not describe `{member}` as it is"
    if [*variants] != [label]:
        return f"wanted label `{label}`, which the file's name has, found {', '.join(f'`{one}`' for one in variants)}"
    record = info.record or {}
    if record.get("cudapin") == __version__ and variants[label] != _properties(unlabelled, record):
        return "its properties are not those of its record"
    return None


def _properties(file: str, record: Mapping[str, Any]) -> Properties:
    """Return the properties of a wheel, none without CUDA. Raises Refusal or LockError (CP703)."""
    wanted = wanted_of_record(record)
    if wanted is None or not wanted.cuda:
        return {}
    platforms = file.removesuffix(".whl").split("-")[-1].split(".")
    try:
        return properties_of(wanted.cuda, gpu_properties(record, platforms, read_facts({})))
    except Unsayable as error:
        problem = Problem(
            code=Code.CP703,
            what=f"what `{file}` runs on cannot be said in variant properties",
            where=Where(path=file),
            why=error.why,
            fix=error.fix,
            variant=wanted.variant,
        )
        raise (LockError if error.is_unknown else Refusal)(problem) from error


def _has_label(file: str) -> Problem:
    return Problem(
        code=Code.CP702,
        what=f"`{file}` cannot carry a variant label",
        where=Where(path=file),
        why="it carries one already",
        fix="label the wheel as it was built",
    )


def _unmatched(file: str, why: str) -> Problem:
    return Problem(
        code=Code.CP704,
        what=f"the variant metadata of `{file}` does not match it",
        where=Where(path=file),
        why=why,
        fix="build and label the wheel anew, and change nothing in it",
    )
