"""What `[tool.cudapin]`, the hooks and the settings beside them should be, from what a `pyproject.toml` has already.

Only what names and addresses say for certain is proposed; what could be meant in more than one way is said.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cudapin.core.cuda import CudaVersion, belongs, cuda_of_variant_name
from cudapin.core.fields import name_list
from cudapin.core.names import normalise
from cudapin.core.values import is_label

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from cudapin.core.facts import Facts

__all__ = ["Found", "Proposed", "find_variants", "missing_cache_keys", "suggest_pins", "table_at"]

_NO_CUDA = re.compile(r"rocm[\d.-]*|xpu|hpu|npu|mps|metal")
_VAGUE = frozenset({"cuda", "gpu", "nvidia"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A variant to declare: what selects it, and its CUDA where the name does not tell that itself."""

    name: str
    kind: str
    cuda: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The variants to declare (none, or at least one of a CUDA), and what is not certain enough to propose."""

    variants: tuple[Proposed, ...]
    notes: tuple[str, ...]


def find_variants(table: Mapping[str, Any], facts: Facts) -> Found:
    """Find what is named like a variant among the extras and dependency groups, in the order of the file."""
    notes: list[str] = []
    found: dict[str, Proposed] = {}
    told = _cuda_of_indexes(table, facts)
    for kind, spelt in _declared(table):
        name = normalise(spelt)
        label = spelt.lower() if is_label(spelt.lower()) else name
        if name in found:
            notes.append(f"`{name}` is an extra and a group: the extra selects the variant")
            continue
        if is_label(label) and (cuda_of_variant_name(label) is not None or name == "cpu"):
            found[name] = Proposed(name=label, kind=kind)
            continue
        cudas = told.get((kind, name), frozenset())
        if len(cudas) == 1 and is_label(label) and name != "auto":
            found[name] = Proposed(name=label, kind=kind, cuda=str(*cudas))
        elif _NO_CUDA.fullmatch(name):
            notes.append(f"the {kind} `{spelt}` is for no CUDA: it is not proposed as a variant")
        elif cudas or name in _VAGUE:
            several = " and ".join(sorted(map(str, cudas)))
            why = f"its indexes are for CUDA {several}" if cudas else "nothing tells its CUDA"
            notes.append(f"the {kind} `{spelt}` may be a variant, but {why}: if it is one, declare it with its `cuda`")
    if not any(cuda_of_variant_name(item.name) is not None or item.cuda for item in found.values()):
        return Found(variants=(), notes=tuple(notes))
    notes += _rivals(table, found)
    return Found(variants=tuple(found.values()), notes=tuple(notes))


def _declared(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for kind, path in (
        ("extra", ("project", "optional-dependencies")),
        ("extra", ("tool", "poetry", "extras")),
        ("group", ("dependency-groups",)),
        ("group", ("tool", "poetry", "group")),
        ("group", ("tool", "pdm", "dev-dependencies")),
    ):
        yield from ((kind, name) for name in table_at(table, *path))


def table_at(table: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """Return the table at a path; an empty one where there is none."""
    found: object = table
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _cuda_of_indexes(table: Mapping[str, Any], facts: Facts) -> dict[tuple[str, str], frozenset[CudaVersion]]:
    """Return the CUDAs that the addresses of uv's indexes tell, for each extra or group that takes packages there."""
    listed = table_at(table, "tool", "uv").get("index")
    indexes = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    urls = {str(item.get("name")): str(item.get("url")) for item in indexes}
    found: dict[tuple[str, str], set[CudaVersion]] = {}
    for entry in table_at(table, "tool", "uv", "sources").values():
        for source in entry if isinstance(entry, list) else [entry]:
            if not isinstance(source, dict) or source.get("index") not in urls:
                continue
            belonging = belongs("torch", None, urls[str(source["index"])], facts, platform="linux")
            for kind in ("extra", "group"):
                if kind in source and belonging is not None and belonging.cuda is not None:
                    found.setdefault((kind, normalise(str(source[kind]))), set()).add(belonging.cuda)
    return {key: frozenset(cudas) for key, cudas in found.items()}


def _rivals(table: Mapping[str, Any], found: Mapping[str, Proposed]) -> Iterator[str]:
    """Name what uv is told to keep apart from the variants, and is none of them."""
    listed = table_at(table, "tool", "uv").get("conflicts")
    for group in listed if isinstance(listed, list) else []:
        items = [item for item in group if isinstance(item, dict)] if isinstance(group, list) else []
        names = [normalise(str(item.get("extra", item.get("group")))) for item in items]
        others = [name for name in names if name not in found and not _NO_CUDA.fullmatch(name) and name not in _VAGUE]
        if others and len(others) < len(names):
            yield f"`[tool.uv] conflicts` keeps {name_list(others)} apart from the variants: declare it if it is one"


def suggest_pins(table: Mapping[str, Any], variants: Iterable[Proposed]) -> list[str]:
    """Return `["torch"]` where a wheel of the variants requires torch, whose locked version its users should get."""
    lists = [table_at(table, "project").get("dependencies")]
    extras = table_at(table, "project", "optional-dependencies")
    wanted = {normalise(item.name) for item in variants if item.kind == "extra"}
    lists += [value for name, value in extras.items() if normalise(name) in wanted]
    texts = (text for items in lists if isinstance(items, list) for text in items if isinstance(text, str))
    return ["torch"] if any(re.match(r"torch(?![\w.-])", text.strip()) for text in texts) else []


def missing_cache_keys(listed: object, locks: Sequence[str]) -> list[Any]:
    """Return the keys that uv needs to notice another variant or lock, those of its own default where it has none."""
    if not isinstance(listed, list):
        own: list[Any] = [{"file": "pyproject.toml"}, {"dir": "src"}]
        return [*own, *({"file": lock} for lock in locks), {"env": "CUDAPIN_VARIANT"}]
    files = [item.get("file") if isinstance(item, dict) else item for item in listed]
    wanted = [
        {"file": name}
        for name in ("pyproject.toml", *locks)
        if not any(fnmatch.fnmatchcase(name, str(pattern)) for pattern in files)
    ]
    env = {"env": "CUDAPIN_VARIANT"}
    return [*wanted, *([] if env in listed else [env])]
