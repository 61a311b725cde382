"""One cell: a variant on one Python, what it holds, and whether it can exist here."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from cudapin import __version__
from cudapin.core.config import for_environment
from cudapin.core.fields import name_list
from cudapin.core.judge_variants import is_for_target
from cudapin.core.names import normalise
from cudapin.core.select import is_declared_for, reasons_against
from cudapin.core.target import other_target
from cudapin.discipline import judge_variant
from cudapin.environments.cells import unusable
from cudapin.environments.install import index_names, plan_steps
from cudapin.environments.tools import with_tools
from cudapin.errors import Code, LockError, Problem, Refusal, Where

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from cudapin.core.config import Variant
    from cudapin.core.lock import Selection
    from cudapin.core.waivers import Waived
    from cudapin.environments.install import Step
    from cudapin.gate import Gate

__all__ = ["Cell"]


class Cell:
    """A variant of a project on one Python, with what else its environment asks for.

    `extras` and `groups` are selected from the lock too; `tools` are the names of the environment's own dependencies,
    which come from the lock where it has them.
    """

    def __init__(
        self,
        gate: Gate,
        variant: str,
        python: str | None,
        extras: Sequence[str] = (),
        groups: Sequence[str] = (),
        tools: Collection[str] = (),
    ) -> None:
        """Take the gate of the running interpreter and the Python of the cell (`3.12`, `3.12.4`; None: the same)."""
        self.gate = gate.at(other_target(gate.target, python, None))
        self.name = variant
        self._extras = extras
        self._groups = groups
        self._tools = frozenset(map(normalise, tools))

    @cached_property
    def variant(self) -> Variant:
        """The variant as this Python's overrides make it. Raises ConfigError where its extra or group is missing."""
        return self.gate.complete(for_environment(self.gate.config.variants[self.name], self.gate.environment))

    @cached_property
    def selection(self) -> Selection:
        """What the lock selects. Raises Refusal without a lock gate, LockError for a lock that cannot be read."""
        asked = replace(
            self.variant,
            extra=tuple(dict.fromkeys((*(self.variant.extra or ()), *self._extras))),
            group=tuple(dict.fromkeys((*(self.variant.group or ()), *self._groups))),
        )
        selection = self.gate.select_all(asked)
        if selection is None:
            raise Refusal(
                Problem(
                    code=Code.CP208,
                    what="an environment cannot be made without a lock file",
                    where=Where(path=self.gate.project.pyproject.source.path, key="tool.cudapin.lock"),
                    why="`lock = false`, so nothing says what it holds",
                    fix='remove `lock = false`, or give the environment `type = "virtual"`',
                )
            )
        return with_tools(self.gate, asked, selection, self._tools)

    def judge(self) -> Waived:
        """Return what forbids the cell wherever it is made, and what a waiver accepts: lock and CUDA are judged."""
        path = self.gate.lock_path(self.variant)
        problems = list(self.gate.judge_lock(path).problems) if path else []
        try:
            problems += judge_variant(self.gate, self.variant)
        except LockError as error:
            problems += error.problems
        errors = dict.fromkeys(problem for problem in problems if problem.level == "error")
        return self.gate.waive(errors, self.name)

    @property
    def lock_verdict(self) -> str:
        """Whether the variant's lock file is fresh."""
        path = self.gate.lock_path(self.variant)
        return self.gate.judge_lock(path).freshness if path else "unknown"

    def why_impossible(self) -> str | None:
        """Return why the cell cannot exist on this Python and platform, None where it can."""
        if not is_declared_for(self.variant, self.gate.environment):
            return f"variant `{self.name}` is not declared for this Python and platform"
        if not is_for_target(self.variant, self.gate.environment):
            return f"the wheels of variant `{self.name}` are for {name_list(self.variant.platforms)}"
        missing = unusable(self.selection.packages, self.gate.target)
        if missing:
            python = self.gate.environment["python_version"]
            return f"`{missing[0]}` is locked without a wheel for Python {python} on this platform"
        return None

    def why_no_gpu(self) -> str | None:
        """Return why a cell that requires a GPU cannot be tested on this machine, None where it can."""
        machine = self.gate.machine
        if not machine.gpus:
            return "it requires a GPU, and none was found"
        reasons = reasons_against(self.variant, machine, self.gate.facts, self.gate.platform)
        return reasons[0] if reasons else None

    def steps(self) -> tuple[Step, ...]:
        """Return what to install. Raises Refusal for a package without hash."""
        path = self.gate.lock_path(self.variant) or ""
        return plan_steps(self.selection, path, self.gate.project.root, self.gate.target)

    def identity(self, *more: str) -> str:
        """Return a digest of what the cell is made of: variant, packages, indexes, Python, and `more`."""
        parts = [
            __version__,  # whose pytest plugin lies in the cell
            self.name,
            self.gate.environment["python_full_version"],
            *more,
            *([step.index, dict(step.lines)] for step in self.steps()),
        ]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def constraints(self) -> str:
        """Return a constraints file that holds every selected package at its version."""
        pins = (f"{item.name}=={item.version}" for item in self.selection.packages if item.version is not None)
        return "\n".join(sorted(pins)) + "\n"

    def directories(self) -> tuple[Path, ...]:
        """Return the directories of locked packages that are sources themselves, such as workspace members."""
        found = (item.origin for item in self.selection.packages if item.kind == "directory" and item.origin)
        return tuple((self.gate.project.root / origin).resolve() for origin in found if "://" not in origin)

    @property
    def index_names(self) -> dict[str, str]:
        """The names that the project gives to its indexes."""
        tool = self.gate.project.pyproject.table.get("tool")
        uv = tool.get("uv") if isinstance(tool, dict) else None
        return index_names(uv if isinstance(uv, dict) else {})
