"""The compiled files of a wheel that is being built: judged before it is packed, and found again in it afterwards.

What is recorded must be known before the wheel is packed, since the record is in it. So the files are read from where
the build takes them, and the finished wheel is held against the record.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cudapin.adapters.wheel import read_files, read_wheel
from cudapin.core.audit import judge_unread
from cudapin.core.audit_record import judge_record, wanted_of_record
from cudapin.core.compiled import binary_objects
from cudapin.core.judge_binaries import judge_binaries, wanted_of_variant
from cudapin.core.wheel_name import DATA
from cudapin.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from cudapin.core.compiled import Binary
    from cudapin.core.config import Variant
    from cudapin.errors import Problem
    from cudapin.gate import Gate

__all__ = ["check_finished", "judge_compiled", "read_files", "recorded_binaries"]


def judge_compiled(gate: Gate, variant: Variant, binaries: Sequence[Binary]) -> tuple[Problem, ...]:
    """Return what is wrong with the compiled files. One that cannot be read is said, and refuses nothing."""
    unread = (replace(problem, level="warning", variant=variant.name) for problem in judge_unread(binaries))
    return (*judge_binaries(binaries, wanted_of_variant(variant), gate.facts), *unread)


def recorded_binaries(binaries: Sequence[Binary], data_folder: str) -> list[dict[str, Any]]:
    """Return the compiled files as the record has them; `data_folder` is the name of the folder of data files."""
    named = (replace(one, path=one.path.replace(f"{DATA}/", f"{data_folder}/", 1)) for one in binaries)
    return binary_objects(named)


def check_finished(gate: Gate, variant: Variant, record: Mapping[str, Any], artifact: Path) -> None:
    """Raise Refusal for a finished wheel that holds other compiled files than were judged and recorded."""
    subject = read_wheel(artifact, artifact.name)
    if binary_objects(subject.binaries) == record["binaries"]:
        return
    problems = [problem for problem in judge_compiled(gate, variant, subject.binaries) if problem.level == "error"]
    problems += judge_record(replace(subject, record=record, record_fault=None), wanted_of_record(record), None)
    if problems:
        raise Refusal(*problems)
