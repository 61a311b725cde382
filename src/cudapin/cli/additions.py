"""What `init` adds to a `pyproject.toml`: each part only where it is missing, so that a second run adds nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cudapin.adapters.files import is_file
from cudapin.adapters.project import is_built_by_hatchling
from cudapin.cli.request import wrong
from cudapin.core.config import parse_config
from cudapin.core.fields import name_list, nearest
from cudapin.core.names import normalise
from cudapin.core.proposal import missing_cache_keys, suggest_pins, table_at
from cudapin.errors import Code, ConfigError, Problem
from cudapin.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cudapin.core.proposal import Found, Proposed
    from cudapin.core.toml_draft import Draft

__all__ = ["Wishes", "add_all"]

_LOCK_PATTERNS = (
    "locks/{variant}.txt",
    "requirements/{variant}.txt",
    "requirements-{variant}.txt",
    "requirements.{variant}.txt",
    "pylock.{variant}.toml",
    "locks/pylock.{variant}.toml",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What was found, what the command line decides, and what `hatch.toml` holds (None: there is none)."""

    found: Found
    default: str | None
    lock: str | None
    hatch: Mapping[str, Any] | None


def add_all(draft: Draft, gate: Gate, wishes: Wishes) -> Iterator[str]:
    """Add all that is missing, and yield what is worth knowing. Raises ConfigError, Unwritable."""
    table = gate.project.pyproject.table
    backend = table_at(table, "build-system").get("build-backend")
    is_built = is_built_by_hatchling(gate.project)
    if not is_built:
        named = f"the build backend is `{backend}`" if backend else "no build backend is named"
        yield (
            f"{named}: no hook of hatchling runs, so builds are not checked and wheels not stamped; `cudapin check`, "
            "`lock check`, `export`, `doctor` and `audit` work as they are"
        )
    if "optional-dependencies" in (gate.project.metadata.get("dynamic") or []):
        yield "the extras are dynamic: a variant that one of them selects cannot be seen here"
    variants = () if gate.config.variants else wishes.found.variants
    yield from _add_config(draft, gate, wishes, variants, is_built=is_built)
    if is_built:
        has_variants = bool(gate.config.variants or variants)
        yield from _add_hooks(draft, table, wishes.hatch or {}, has_variants=has_variants)
        if has_variants:
            _add_cells(draft, table, wishes.hatch)
            _add_cache_keys(draft, gate)


def _add_config(
    draft: Draft, gate: Gate, wishes: Wishes, variants: Sequence[Proposed], *, is_built: bool
) -> Iterator[str]:
    """Add `[tool.cudapin]` with its variants."""
    names = [item.name for item in variants] or list(gate.config.variants)
    values: dict[str, Any] = {}
    default = _default(gate, wishes.default, names, is_new=bool(variants))
    lock = _lock(gate, wishes.lock, names)
    pins = suggest_pins(gate.project.pyproject.table, variants) if variants and is_built else []
    if default:
        values["default"] = default
    if lock:
        values["lock"] = lock
    if pins and "pin" not in gate.project.table and gate.config.has_lock_gate:
        values["pin"] = pins
    if values:
        draft.add_keys("tool", "cudapin", values=values)
    for item in variants:
        draft.add_table("tool", "cudapin", "variants", item.name, values={"cuda": item.cuda} if item.cuda else {})
    if not names:
        yield "no extra and no group is named after a CUDA (`cu128`, `cuda12x`): without variants, the lock is checked"


def _default(gate: Gate, asked: str | None, names: Sequence[str], *, is_new: bool) -> str | None:
    """Return the default variant to write; None where none has to be. Raises ConfigError where only a person knows."""
    present = gate.project.table.get("default")
    if asked is not None:
        if asked not in names:
            why = f"`--default` asks for `{asked}`, the variants are {name_list(names)}"
            raise ConfigError(wrong(f"there is no variant `{asked}`", why, nearest(asked, names)))
        if present not in (None, asked):
            raise ConfigError(_set_already("default", present, asked))
        return asked if present is None else None
    if is_new and present is None and "cpu" not in names and len(names) > 1:
        raise ConfigError(
            Problem(
                code=Code.CP105,
                what="which variant a build is of that names none has to be decided",
                why=f"the variants are {name_list(names)}, and none of them is `cpu`",
                fix=f"cudapin init --default {names[-1]}",
            )
        )
    return None


def _set_already(key: str, present: object, asked: str) -> Problem:
    why = f"`[tool.cudapin]` has `{key} = {present!r}`, `--{key}` asks for `{asked}`"
    return wrong(f"`{key}` is set already", why, f"leave out `--{key}`, or change it in `pyproject.toml`")


def _lock(gate: Gate, asked: str | None, names: Sequence[str]) -> str | None:
    """Return the lock file to write: the one asked for, or the pattern of one for each variant; None for the default.

    Raises ConfigError where several compete.
    """
    present = gate.project.table.get("lock")
    if asked is not None:
        if present not in (None, asked):
            raise ConfigError(_set_already("lock", present, asked))
        return asked if present is None else None
    if present is not None:
        return None
    try:
        path = gate.found_lock
    except ConfigError as error:
        found = [replace(problem, fix=_choose_lock(problem)) for problem in error.problems]
        raise ConfigError(*found) from error
    if is_file(gate.project.locate(path)) or not names:
        return None
    found_patterns = [
        pattern
        for pattern in _LOCK_PATTERNS
        if all(is_file(gate.project.locate(pattern.replace("{variant}", name))) for name in names)
    ]
    if len(found_patterns) > 1:
        why = f"found files for every variant as {name_list(found_patterns)}"
        raise ConfigError(wrong("several lock files compete", why, f"cudapin init --lock '{found_patterns[0]}'"))
    return found_patterns[0] if found_patterns else None


def _choose_lock(problem: Problem) -> str:
    """Turn the advice to write a key into the option that writes it."""
    name = problem.fix.partition('lock = "')[2].partition('"')[0]
    return f"cudapin init --lock {name}" if name else problem.fix


def _add_hooks(
    draft: Draft, table: Mapping[str, Any], hatch: Mapping[str, Any], *, has_variants: bool
) -> Iterator[str]:
    """Add `cudapin` to the build requirements, and the hooks."""
    requires = table_at(table, "build-system").get("requires")
    texts = [str(text).strip() for text in requires] if isinstance(requires, list) else []
    listed = [normalise(re.split(r"[^\w.-]", text, maxsplit=1)[0]) for text in texts]
    if "cudapin" not in listed:
        draft.extend_list("build-system", "requires", values=["cudapin"])
    own = table_at(table, "tool", "hatch")
    for part in ("metadata", "build") if has_variants else ("build",):
        place = hatch if part in hatch else own  # hatch.toml replaces the whole part
        if "cudapin" in table_at(place, part, "hooks"):
            continue
        if part in hatch:
            raise ConfigError(
                wrong(
                    f"`hatch.toml` holds the settings of `{part}`, and `init` does not write there",
                    f"hatch then takes nothing from `[tool.hatch.{part}]` of `pyproject.toml`",
                    f"add `[{part}.hooks.cudapin]` at the end of `hatch.toml`, then run `cudapin init` again",
                )
            )
        draft.add_table("tool", "hatch", part, "hooks", "cudapin")
    place = hatch if "build" in hatch else own
    later = table_at(place, "build", "targets", "wheel", "hooks")
    if later and "cudapin" not in later:
        yield f"{name_list(later)} of `build.targets.wheel.hooks` run after `cudapin`: move them to `build.hooks`"


def _add_cells(draft: Draft, table: Mapping[str, Any], hatch: Mapping[str, Any] | None) -> None:
    """Let `hatch test` have a cell for each variant, in a project that hatch manages environments of."""
    own = table_at(table, "tool", "hatch")
    if (hatch is None and not {"env", "envs"} & set(own)) or "env" in (hatch or {}):
        return
    env = table_at(own, "env")
    requires = env.get("requires")
    if not isinstance(requires, list):
        draft.add_keys("tool", "hatch", "env", values={"requires": ["cudapin[hatch]"]})
    elif not any(re.match(r"cudapin(?![\w.-])", str(text)) for text in requires):
        draft.extend_list("tool", "hatch", "env", "requires", values=["cudapin[hatch]"])
    if "cudapin" not in table_at(env, "collectors"):
        draft.add_table("tool", "hatch", "env", "collectors", "cudapin")


def _add_cache_keys(draft: Draft, gate: Gate) -> None:
    """Let uv see another variant or lock, where uv is used."""
    config = parse_config(draft.wanted["tool"]["cudapin"], gate.project.pyproject.source)
    locks = list(Gate(gate.project, config, gate.environ).lock_users())
    tool = table_at(gate.project.pyproject.table, "tool")
    if "uv" not in tool and not any(path.rpartition("/")[2] == "uv.lock" for path in locks):
        return
    listed = table_at(tool, "uv").get("cache-keys")
    missing = missing_cache_keys(listed, locks)
    if missing and isinstance(listed, list):
        draft.extend_list("tool", "uv", "cache-keys", values=missing)
    elif missing:
        draft.add_keys("tool", "uv", values={"cache-keys": missing})
