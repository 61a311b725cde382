"""How to mend a package of the wrong CUDA: what to write or to run, for each lock format."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cudapin.core.cuda import path_parts
from cudapin.core.fields import name_list
from cudapin.core.names import normalise

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cudapin.core.bound import Bound
    from cudapin.core.config import Variant
    from cudapin.core.cuda import Platform
    from cudapin.core.lock import LockFormat, Selection

__all__ = [
    "Setting",
    "find_indexes",
    "find_named",
    "fix_beside",
    "fix_build",
    "fix_platform",
    "fix_undeclared",
    "left_out",
]

_NAME = re.compile(r"[\w.-]+")
_PYTORCH = "https://download.pytorch.org/whl"
_TAG_IN_COMMAND = re.compile(r"(--torch-backend[= ]|/whl/)(?:cpu|cu\d+|auto)\b")
# The frameworks that PyTorch's own indexes serve, one index for each CUDA.
_ON_PYTORCH_INDEX = frozenset(
    {"torch", "torchvision", "torchaudio", "torchtext", "torchao", "torchcodec", "xformers", "fbgemm-gpu"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What of the project and the target the messages need beside the selection.

    `indexes` are the project's own for uv, by name; `named` are the packages that what selects the variant names.
    `command` is the one that made the lock, where it says so. `target` is the Python and platform in words.
    """

    lock_path: str
    format: LockFormat | None = None
    platform: Platform = "linux"
    target: str = "this Python"
    indexes: Mapping[str, str] = field(default_factory=dict)
    named: frozenset[str] = frozenset()
    command: str | None = None


def find_indexes(table: Mapping[str, object]) -> Mapping[str, str]:
    """Return the addresses of uv's named indexes in the table of a `pyproject.toml`, whatever else is in it."""
    listed = _at(table, "tool", "uv", "index")
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    pairs = [(entry.get("name"), entry.get("url")) for entry in entries]
    return {name: url for name, url in pairs if isinstance(name, str) and isinstance(url, str)}


def find_named(table: Mapping[str, object], variant: Variant) -> frozenset[str]:
    """Return the names that the variant's extras and groups require by themselves, not through another group."""
    found: set[str] = set()
    for path, chosen in (
        (("project", "optional-dependencies"), variant.extra),
        (("dependency-groups",), variant.group),
    ):
        declared = _at(table, *path)
        for key, texts in declared.items() if isinstance(declared, dict) else ():
            if normalise(key) in (chosen or ()) and isinstance(texts, list):
                names = [_NAME.match(text) for text in texts if isinstance(text, str)]
                found.update(normalise(match[0]) for match in names if match)
    return frozenset(found)


def _at(table: object, *path: str) -> object:
    for step in path:
        table = table.get(step) if isinstance(table, dict) else None
    return table


def fix_build(variant: Variant, item: Bound, setting: Setting) -> str:
    """Return how to get a build of the variant's CUDA into the lock."""
    name, tag = item.package.name, _tag(variant)
    if name in _ON_PYTORCH_INDEX and tag is not None:
        if setting.format == "uv":
            return _uv_source(variant, name, tag, setting)
        if setting.format in ("requirements", "pylock"):
            return _compile(variant, tag, setting)
        if setting.format == "poetry":
            return (
                f"`poetry source add --priority explicit pytorch-{tag} {_PYTORCH}/{tag}`, give `{name}` "
                f'`source = "pytorch-{tag}"` where it is required, then `poetry lock`'
            )
    if setting.format == "uv" and not item.package.direct:
        return f"require another version of what needs it: `uv tree --frozen --invert --package {name}` shows what does"
    return f"correct the requirement or the index of `{name}` for `{variant.name}`, then lock again"


def fix_beside(item: Bound) -> str:
    """Return what to do about a library of a CUDA that is none of the variant's, and does no harm by itself."""
    name = item.package.name
    return (
        f'leave out what needs it, or accept it: `[[tool.cudapin.allow]]` with `code = "CP307"`, `package = "{name}"`'
    )


def left_out(named: Iterable[str], selection: Selection) -> str:
    """Return a clause on the names that are required where the variant is declared, and not selected all the same."""
    gone = sorted(name for name in named if selection.find(name) is None)
    listed = name_list(gone)
    return f"; {listed} would be, but a marker, an override or an exclusion leaves it out" if gone else ""


def fix_platform(variant: Variant, platform: Platform) -> str | None:
    """Return how to say that a CUDA variant does not exist where there is no CUDA; None where there may be one."""
    if platform != "macos":
        return None
    key = f"[tool.cudapin.variants.{_quoted(variant.name)}]"
    return f"say where `{variant.name}` exists: `environments = [\"sys_platform != 'darwin'\"]` in `{key}`"


def fix_selection(variant: Variant, setting: Setting) -> str:
    """Return how to get a package of a CUDA selected where there is none."""
    if setting.format == "requirements":
        return f"require what is of its CUDA where `{setting.lock_path}` is made from, then make it anew"
    return f"name what selects it: `extra` or `group` in `[tool.cudapin.variants.{_quoted(variant.name)}]`"


def fix_undeclared(variant: Variant, item: Bound) -> str | None:
    """Return how to declare the CUDA of a variant whose name tells none, as `gpu` does; None for `cpu`."""
    if "cpu" in variant.name or item.belonging.cuda is None:
        return None
    key = f"[tool.cudapin.variants.{_quoted(variant.name)}]"
    return f'add `cuda = "{item.belonging.cuda}"` to `{key}`, if that is the CUDA of `{variant.name}`'


def _tag(variant: Variant) -> str | None:
    if not variant.cuda:
        return "cpu"
    cuda = variant.cuda[0]
    return None if len(variant.cuda) > 1 or cuda.minor is None else f"cu{cuda.major}{cuda.minor}"


def _uv_source(variant: Variant, name: str, tag: str, setting: Setting) -> str:
    """Name the entry of `[tool.uv.sources]`, the index too unless the project has one, and where uv looks for both."""
    index = next((own for own, url in setting.indexes.items() if tag in path_parts(url)), None)
    entry = f'index = "{index or f"pytorch-{tag}"}"'
    table = "extra" if variant.extra else "group" if variant.group else None
    chosen = (variant.extra or variant.group or ("",))[0]
    entry += f', {table} = "{chosen}"' if table else ""
    steps = [f"`{name} = [{{ {entry} }}]` in `[tool.uv.sources]` (beside the entries of other variants)"]
    if index is None:
        url = f"{_PYTORCH}/{tag}"
        steps.append(f'`[[tool.uv.index]]` with `name = "pytorch-{tag}"`, `url = "{url}"`, `explicit = true`')
    if table and name not in setting.named:
        steps.append(f"`{name}` among the requirements of {table} `{chosen}`")
    return f"{', '.join(steps)}; then `uv lock`"


def _compile(variant: Variant, tag: str, setting: Setting) -> str:
    """Return the command that made the file with the right index in it, or one that would make it."""
    if (setting.command or "").startswith("uv pip compile "):
        command = _TAG_IN_COMMAND.sub(lambda match: f"{match[1]}{tag}", setting.command or "")
        named = "--torch-backend" in command or "/whl/" in command
        return command if named else command.replace("uv pip compile", f"uv pip compile --torch-backend {tag}", 1)
    flags = [f"--extra {extra}" for extra in variant.extra or ()] + [
        f"--group {group}" for group in variant.group or ()
    ]
    hashes = "" if setting.format == "pylock" else "--generate-hashes "
    chosen = f"{' '.join(flags)} " if flags else ""
    return f"uv pip compile pyproject.toml {chosen}--torch-backend {tag} {hashes}-o {setting.lock_path}"


def _quoted(name: str) -> str:
    return f'"{name}"' if "." in name else name
