"""The audit of one wheel, of anyone: what it says it is against what it holds. No verdict without evidence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from cudapin.core.audit_claims import claim_of
from cudapin.core.audit_needs import judge_needs, judge_torch
from cudapin.core.audit_record import judge_listing, judge_record, wanted_of_record
from cudapin.core.compiled import cuda_of_path, is_host, traces_of, uses_cuda
from cudapin.core.cuda import CudaVersion
from cudapin.core.judge_binaries import Wanted, judge_binaries, judge_cuda, judge_driver, place_of, wanted_text
from cudapin.errors import Code, Problem, Where, sort_problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cudapin.core.compiled import Binary
    from cudapin.core.facts import Facts

__all__ = ["Audit", "Subject", "audit_wheel", "judge_unread"]

PATHS = "the paths of its files"
Verdict = Literal["ok", "wrong", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A wheel as it was read: its names and tags, its metadata, its record if it has one, its compiled files.

    `listing` holds each file that its RECORD does not describe as it is, with what is wrong.
    """

    path: str
    name: str
    version: str
    interpreters: tuple[str, ...] = ()
    abis: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    requires_python: str = ""
    classifiers: tuple[str, ...] = ()
    record: Mapping[str, Any] | None = None
    record_fault: str | None = None
    listing: tuple[tuple[str, str], ...] = ()
    binaries: tuple[Binary, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """The verdict on one wheel; `wanted` is what it was held against, None where nothing says which CUDA it is of."""

    subject: Subject
    verdict: Verdict
    wanted: Wanted | None
    problems: tuple[Problem, ...]

    @property
    def variant(self) -> str | None:
        """The variant that it was held against."""
        return self.wanted.variant if self.wanted else None


def audit_wheel(subject: Subject, facts: Facts, variant: Wanted | None = None) -> Audit:
    """Judge a wheel against its record, else the variant that is named, else its own claims."""
    recorded = wanted_of_record(subject.record)
    is_said = recorded is not None or variant is not None
    wanted = recorded or variant or _claim(subject, facts)
    problems = [
        *judge_listing(subject.path, subject.listing),
        *judge_record(subject, recorded, variant),
        *judge_unread(subject.binaries, subject.path),
        *_judge_cuda(subject, wanted, facts),
        *_judge_platform(subject, facts, is_said=is_said),
        *judge_needs(subject, wanted, facts),
        *judge_torch(subject, wanted, facts),
    ]
    return Audit(subject=subject, verdict=_verdict(problems), wanted=wanted, problems=sort_problems(problems))


def _verdict(problems: Iterable[Problem]) -> Verdict:
    problems = tuple(problems)
    if any(problem.level == "error" and problem.code is not Code.CP417 for problem in problems):
        return "wrong"
    return "unknown" if any(problem.code is Code.CP417 for problem in problems) else "ok"


def judge_unread(binaries: Iterable[Binary], wheel: str | None = None) -> Iterable[Problem]:
    """Return a problem for each compiled file that could not be read, or not wholly."""
    for binary in binaries:
        parts = [one for one in binary.info.unjudged if one.part != "symbols"] if is_host(binary) else []
        if parts:
            yield Problem(
                code=Code.CP417,
                what=f"`{binary.path}` cannot be judged",
                where=place_of(wheel, binary.path),
                why=parts[0].why,
                fix="look at it with `readelf -d` or `cuobjdump`; it may be damaged",
            )


def _claim(subject: Subject, facts: Facts) -> Wanted | None:
    """Return what the wheel claims; paths that state several CUDAs go before what it merely requires or lists."""
    claim = claim_of(subject, facts)
    if claim is not None and not claim.only_needed:
        return claim
    stated = {cuda.major for one in subject.binaries if is_host(one) and (cuda := cuda_of_path(one.path, facts))}
    if len(stated) > 1:
        majors = tuple(CudaVersion(major=major) for major in sorted(stated))
        return Wanted(cuda=majors, says=PATHS, fix="build the file for the CUDA in its path, or rename it")
    return claim


def _judge_cuda(subject: Subject, wanted: Wanted | None, facts: Facts) -> Iterable[Problem]:
    hosts = [binary for binary in subject.binaries if is_host(binary)]
    if wanted is None:
        yield from judge_driver(hosts, subject.path)
        yield from _judge_mixed(subject, hosts, facts)
        return
    if wanted.says == PATHS:
        yield from judge_driver(hosts, subject.path)
        for binary in hosts:
            if cuda := cuda_of_path(binary.path, facts):
                own = replace(wanted, cuda=(cuda,), says="its own path")
                yield from judge_cuda([binary], own, facts, subject.path)
        return
    problems = judge_binaries(subject.binaries, wanted, facts, subject.path)
    yield from problems
    if wanted.cuda and not any(problem.code is Code.CP406 for problem in problems):
        yield from _judge_evidence(subject, hosts, wanted, facts)


def _judge_mixed(subject: Subject, hosts: Sequence[Binary], facts: Facts) -> Iterable[Problem]:
    """Without any claim only a contradiction within the wheel can be told."""
    majors: dict[int, str] = {}
    for binary in hosts:
        for trace in traces_of(binary, facts):
            if trace.library is not None:
                majors.setdefault(trace.major, f"`{binary.path}` of CUDA {trace.major} ({trace.found})")
    if len(majors) > 1:
        yield Problem(
            code=Code.CP407,
            what="the wheel holds compiled files of several CUDA majors",
            where=Where(path=subject.path),
            why=f"wanted one CUDA major, and nothing says that it has several, found {'; '.join(majors.values())}",
            fix="build all of it with one toolkit, or put the CUDA into the names of the files",
        )
    elif any(uses_cuda(binary, facts) for binary in hosts):
        found = f", but its files are of CUDA {next(iter(majors))}" if majors else ""
        yield Problem(
            code=Code.CP417,
            level="warning",
            what="nothing says which CUDA the wheel is for",
            where=Where(path=subject.path),
            why=f"no name, version label, requirement or classifier of it names one{found}",
            fix="name the variant with `--variant`, or let the wheel say it",
        )


def _judge_evidence(subject: Subject, hosts: Sequence[Binary], wanted: Wanted, facts: Facts) -> Iterable[Problem]:
    """Say where files have to do with CUDA and none of them tells which one."""
    using = [binary for binary in hosts if uses_cuda(binary, facts)]
    majors = {trace.major for binary in using for trace in traces_of(binary, facts)}
    if using and not (majors if wanted.only_needed else majors & wanted.majors):
        yield Problem(
            code=Code.CP417,
            level="warning",
            what=f"whether the wheel is of {wanted_text(wanted.cuda)} cannot be told from its files",
            where=Where(path=subject.path),
            why=f"wanted {wanted_text(wanted.cuda)} ({wanted.says}); `{using[0].path}` uses CUDA, links no library "
            "whose name tells the major, and has no PTX of it",
            fix="nothing has to be done; a library that is linked to `libcudart` would tell",
        )


def _judge_platform(subject: Subject, facts: Facts, *, is_said: bool) -> Iterable[Problem]:
    """A wheel for any platform may carry programs to start other programs; what is of CUDA runs on one platform."""
    if subject.platforms != ("any",):
        return
    found = next((one for one in subject.binaries if is_host(one) and (is_said or uses_cuda(one, facts))), None)
    if found is not None:
        yield Problem(
            code=Code.CP412,
            what=f"the platform tag is `any`, and the wheel holds `{found.path}`",
            where=place_of(subject.path, found.path),
            why=f"wanted the tag of one platform, since the file is compiled for {found.info.machine}",
            fix="set `pure_python = False` and a tag in the build hook, or `platforms` of the variant",
        )
