"""The gate that every front end shares: reads a project once, and answers what the hooks and commands ask.

The rules live in `core` and `locks`; here they meet the project, the environment variables and the machine.
"""

from __future__ import annotations

import datetime as dt
import posixpath
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from cudapin.adapters.lockfile import find_lock, judge_lock, read_lock
from cudapin.adapters.project import digest, read_project
from cudapin.core.config import Waiver, for_environment, parse_config
from cudapin.core.declared import declared_extras, declared_groups, declared_selectors
from cudapin.core.fields import name_list, nearest
from cudapin.core.locate import find_line
from cudapin.core.lock import Freshness, LockVerdict, Request
from cudapin.core.names import normalise
from cudapin.core.select import default_name, is_declared_for, select_for_machine, select_variant
from cudapin.core.waivers import divide
from cudapin.errors import Code, ConfigError, LockError, Problem, Where
from cudapin.run_variables import run_waivers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from cudapin.adapters.project import Project
    from cudapin.core.config import Config, Variant
    from cudapin.core.cuda import Platform
    from cudapin.core.facts import Facts
    from cudapin.core.judge_cuda import Bound
    from cudapin.core.lock import Lock, Selection
    from cudapin.core.machine import Machine
    from cudapin.core.select import Choice
    from cudapin.core.target import Target
    from cudapin.core.waivers import Waived

__all__ = ["Gate", "open_gate"]


def open_gate(root: Path, environ: Mapping[str, str]) -> Gate:
    """Read the project at `root`. Raises ConfigError with every fault of its configuration, LockError for its seal."""
    project = read_project(root)
    tool = project.pyproject.table.get("tool")
    table = tool.get("cudapin") if isinstance(tool, dict) else None
    if table is None and isinstance(tool, dict):
        _check_misspelled(tool, project)
    return Gate(project, parse_config(table, project.pyproject.source), environ)


def _check_misspelled(tool: Mapping[str, object], project: Project) -> None:
    """A table that is almost called `[tool.cudapin]` would switch everything off without a word."""
    import difflib

    source = project.pyproject.source
    for name in difflib.get_close_matches("cudapin", tool, cutoff=0.8):
        raise ConfigError(
            Problem(
                code=Code.CP102,
                what=f"`[tool.{name}]` looks like a misspelled `[tool.cudapin]`",
                where=Where(path=source.path, line=find_line(source.text, "tool", name), key=f"tool.{name}"),
                why="there is no `[tool.cudapin]`, so nothing of that table would count",
                fix=f"rename `[tool.{name}]` to `[tool.cudapin]`",
            )
        )


class Gate:
    """One project with its configuration; every answer is computed once."""

    def __init__(self, project: Project, config: Config, environ: Mapping[str, str]) -> None:
        """Take a project that is read already, its configuration and the environment variables that count."""
        self.project = project
        self.config = config
        self.environ = environ
        self._locks: dict[str, Lock] = {}
        self._verdicts: dict[str, LockVerdict] = {}
        self._selections: dict[str, Selection] = {}

    @cached_property
    def target(self) -> Target:
        """The Python and platform in question: the running interpreter, unless a command puts another in its place."""
        from cudapin.adapters.interpreter import running_target

        return running_target()

    def at(self, target: Target) -> Gate:
        """Return the same project as another target sees it; locks are read only once."""
        other = Gate(self.project, self.config, self.environ)
        other.target = target
        other._locks = self._locks
        return other

    @property
    def environment(self) -> Mapping[str, str]:
        """The PEP 508 environment of the target."""
        return self.target.environment

    @cached_property
    def facts(self) -> Facts:
        """The CUDA facts, with those of `CUDAPIN_FACTS` over them."""
        from cudapin.adapters.facts import read_facts

        return read_facts(self.environ)

    @cached_property
    def machine(self) -> Machine:
        """The machine, or what the variables say stands in for it."""
        from cudapin.adapters.machine import read_machine

        return read_machine(self.environ)

    # Variants

    @cached_property
    def default(self) -> str:
        """The name of the default variant of this environment; "" where no variant is declared."""
        return default_name(self.config, self.environment)

    def choose(self, requested: str | None, origin: str = "CUDAPIN_VARIANT") -> Choice | None:
        """Return the variant asked for (`auto` asks the machine), else the default; None if none is declared.

        `origin` is what messages say asks for it.
        """
        choice = select_variant(self.config, requested or None, self.environment, self._auto, origin)
        return None if choice is None else replace(choice, variant=self.complete(choice.variant))

    @property
    def platform(self) -> Platform:
        """The platform of the target, as the fact tables name it."""
        from cudapin.core.cuda import parse_platform

        return parse_platform(self.environment["sys_platform"], self.environment["platform_machine"])

    def variants(self) -> tuple[Variant, ...]:
        """Return every variant that exists for the target."""
        return tuple(variant for variant in self.all_variants() if is_declared_for(variant, self.environment))

    def all_variants(self) -> tuple[Variant, ...]:
        """Return every declared variant, as this environment's overrides make it."""
        here = (for_environment(variant, self.environment) for variant in self.config.variants.values())
        return tuple(self.complete(variant) for variant in here)

    def _auto(self, variants: tuple[Variant, ...]) -> tuple[Variant, str]:
        return select_for_machine(variants, self.machine, self.facts, self.platform)

    def complete(self, variant: Variant) -> Variant:
        """Fill in what selects the variant: the extra, else the group, of its own name."""
        extras, groups = declared_extras(self.project.pyproject), declared_groups(self.project.pyproject)
        extra, group = declared_selectors(variant, self.project.pyproject)
        problems = [self._no_such(variant, "extra", item, extras) for item in extra if item not in extras]
        problems += [self._no_such(variant, "group", item, groups) for item in group if item not in groups]
        if problems and "optional-dependencies" not in self._dynamic:
            raise ConfigError(*problems)
        return replace(variant, extra=extra, group=group)

    @property
    def _dynamic(self) -> frozenset[str]:
        """The fields that the project leaves to its build backend."""
        listed = self.project.metadata.get("dynamic")
        return frozenset(item for item in listed if isinstance(item, str)) if isinstance(listed, list) else frozenset()

    def _no_such(self, variant: Variant, kind: str, name: str, known: Iterable[str]) -> Problem:
        key = ("tool", "cudapin", "variants", variant.name, kind)
        return Problem(
            code=Code.CP113,
            what=f"variant `{variant.name}` is selected by the {kind} `{name}`, which the project does not have",
            where=self._where(*key),
            why=f"the project's {kind}s are {name_list(sorted(known))}",
            fix=nearest(name, sorted(known)),
            variant=variant.name,
        )

    # Locks

    @cached_property
    def found_lock(self) -> str:
        """The path of the table-wide lock file, as messages show it. Raises ConfigError where several compete."""
        return self.config.lock or find_lock(self.project)

    def lock_path(self, variant: Variant | None) -> str | None:
        """Return the lock file of a variant (None: of a project without variants); None without a lock gate."""
        if not self.config.has_lock_gate:
            return None
        path = (variant.lock if variant else None) or self.found_lock
        return posixpath.normpath(path.replace("{variant}", variant.name) if variant else path)

    def lock_users(self) -> dict[str, tuple[Variant, ...]]:
        """Return each lock file of the project, with the variants that use it, here or elsewhere."""
        users: dict[str, tuple[Variant, ...]] = {}
        for variant in self.all_variants():
            overrides = self.config.variants[variant.name].overrides
            elsewhere = (replace(variant, lock=changes["lock"]) for _, changes in overrides if "lock" in changes)
            for used in (variant, *elsewhere):
                if (path := self.lock_path(used)) and used.name not in [user.name for user in users.get(path, ())]:
                    users[path] = (*users.get(path, ()), used)
        if not self.config.variants and (path := self.lock_path(None)):
            users[path] = ()
        return users

    def lock(self, path: str) -> Lock:
        """Return the parsed lock file. Raises LockError where it is missing or cannot be read."""
        if path not in self._locks:
            self._locks[path] = read_lock(self.project, path)
        return self._locks[path]

    def judge_lock(self, path: str) -> LockVerdict:
        """Return whether a lock file is fresh, for all variants that use it; never raises for a broken lock."""
        if path not in self._verdicts:
            try:
                users = self.lock_users().get(path, ())
                environment = {} if self.lock(path).format == "uv" else self.environment  # costs more than the verdict
                verdict = judge_lock(self.project, self.lock(path), users, environment)
                only = users[0].name if len(users) == 1 else None
                said = tuple(replace(self._mendable(problem), variant=only) for problem in verdict.problems)
                self._verdicts[path] = replace(verdict, problems=said)
            except LockError as error:
                missing = any(problem.code is Code.CP202 for problem in error.problems)
                freshness: Freshness = "missing" if missing else "unknown"
                problems = tuple(self._with_users(problem, path) for problem in error.problems)
                self._verdicts[path] = LockVerdict(freshness=freshness, problems=problems)
        return self._verdicts[path]

    def _with_users(self, problem: Problem, path: str) -> Problem:
        """Let the command that makes a missing requirements file name what selects the variants that use it."""
        users = self.lock_users().get(path, ())
        flags = [f"--extra {name}" for user in users for name in user.extra or ()]
        flags += [f"--group {name}" for user in users for name in user.group or ()]
        if not flags or not problem.fix.startswith("uv pip compile"):
            return problem
        return replace(problem, fix=problem.fix.replace("pyproject.toml", f"pyproject.toml {' '.join(flags)}", 1))

    def _mendable(self, problem: Problem) -> Problem:
        """Let the mend of a lock pass the gate: locking a project with dynamic dependencies may build its wheel."""
        is_build = problem.fix.startswith(("uv pip compile", "pip-compile", "python "))
        if is_build and not self.project.has_own_backend and {"dependencies", "optional-dependencies"} & self._dynamic:
            return replace(problem, fix=f"CUDAPIN=off {problem.fix}")
        return problem

    def lock_digest(self, path: str) -> str:
        """Return the SHA-256 of a lock file."""
        return digest(self.project.locate(path))

    def select_all(self, variant: Variant) -> Selection | None:
        """Return what a variant selects from its lock with all files of all packages; None without a lock gate."""
        path = self.lock_path(variant)
        return None if path is None else self.selector(path, variant)(lambda _: True)

    def selector(self, path: str, variant: Variant) -> Callable[[Callable[[str], bool]], Selection]:
        """Return what selects a variant from a lock, given for which names the files are wanted."""
        request = Request(
            extras=frozenset(variant.extra or ()),
            groups=frozenset(variant.group or ()),
            environment=self.environment,
        )
        select = partial(self.lock(path).select, request, normalise(str(self.project.metadata.get("name", ""))))
        if variant.index is None or self.lock(path).format != "requirements":
            return select
        return lambda files_for: _without_index(select(files_for))

    def select(self, variant: Variant) -> Selection | None:
        """Return what a variant selects from its lock; None without a lock gate."""
        path = self.lock_path(variant)
        if path is None:
            return None
        if variant.name in self._selections:
            return self._selections[variant.name]
        select = self.selector(path, variant)
        if self.lock(path).format == "requirements":
            self._selections[variant.name] = select(lambda _: True)
            return self._selections[variant.name]
        names = select(lambda _: False)  # what the files are of is rarely asked, and costs more than the walk
        wanted = {item.package.name for item in self.bound(variant, names)}
        wanted |= names.closure(frozenset(variant.build_requires))
        self._selections[variant.name] = select(wanted.__contains__)
        return self._selections[variant.name]

    def bound(self, variant: Variant, selection: Selection) -> tuple[Bound, ...]:
        """Return the CUDA-bound packages of a selection."""
        from cudapin.core.judge_cuda import bound_packages

        return bound_packages(selection, self.facts, self.platform, self.config.cuda_bound, variant.index)

    # Waivers

    @cached_property
    def waivers(self) -> tuple[Waiver, ...]:
        """All waivers: of the configuration, of the seal, of `CUDAPIN_ALLOW`. Raises ConfigError for a bad code."""
        sealed = self.project.seal.waived if self.project.seal else ()
        return (*self.config.allow, *self.run_waivers, *sealed)

    @cached_property
    def run_waivers(self) -> tuple[Waiver, ...]:
        """The waivers of this run only (`CUDAPIN_ALLOW`)."""
        return run_waivers(self.environ)

    def waive(self, problems: Iterable[Problem], variant: str | None = None) -> Waived:
        """Divide problems into those that stand and those that a waiver accepts; an expired one accepts nothing."""
        today = dt.datetime.now(dt.timezone.utc).date()
        return divide(problems, self.waivers, variant, today, self._expired)

    def _expired(self, waiver: Waiver) -> Problem:
        index = self.config.allow.index(waiver)
        return Problem(
            code=Code.CP109,
            what=f"the waiver for {waiver.code.name} has expired",
            where=self._where("tool", "cudapin", "allow", str(index), "until"),
            why=f"it was given until {waiver.until}",
            fix="mend what it waived, or give it a new date",
        )

    def _where(self, *key: str) -> Where:
        source = self.project.pyproject.source
        return Where(path=source.path, line=find_line(source.text, *key), key=".".join(key))


def _without_index(selection: Selection) -> Selection:
    """Forget the default index of packages, where the variant says which index its lock does not record."""
    packages = (replace(item, index="") if item.index is None else item for item in selection.packages)
    return replace(selection, packages=tuple(packages))
