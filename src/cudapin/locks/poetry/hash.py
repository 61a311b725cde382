"""The content hash by which Poetry tells whether `poetry.lock` was made for this `pyproject.toml`.

Poetry 2.5 (`Locker._get_content_hash`): SHA-256 of the JSON of all that bears on locking, as the TOML parser gives
it, so that another order of a list or another spelling of a requirement is another hash.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FIX", "HASHED_KEYS", "content_hash", "knows_groups", "leaves_groups_out", "made_by", "table_of"]

FIX = "poetry lock"
"""The command that makes the lock anew."""

_PROJECT_KEYS = ("requires-python", "dependencies", "optional-dependencies")
_LEGACY_KEYS = ("dependencies", "source", "extras", "dev-dependencies")
_WRITER = re.compile(r"Poetry ([^ ]+)")
HASHED_KEYS = (
    "`requires-python`, `dependencies` and `optional-dependencies` of `[project]`, `[dependency-groups]`, "
    "and `dependencies`, `source`, `extras`, `dev-dependencies` and `group` of `[tool.poetry]`"
)
"""What the hash covers, for messages."""


def content_hash(table: Mapping[str, Any], *, with_groups: bool = True) -> str:
    """Return the hash of a `pyproject.toml`; raise ValueError where it has none (a date in what is hashed).

    Before Poetry 2.3, `[dependency-groups]` was no part of it (`with_groups` false).
    """
    project = table_of(table, "project")
    poetry = table_of(table_of(table, "tool"), "poetry")
    relevant = {key: project[key] for key in _PROJECT_KEYS if key in project}
    groups = table.get("dependency-groups", {}) if with_groups else {}
    content: dict[str, Any] = {"project": relevant} if relevant else {}
    if groups:
        content["dependency-groups"] = groups
    known = {key: poetry[key] for key in (*_LEGACY_KEYS, "group") if key in poetry}
    if content:
        content["tool"] = {"poetry": known}
    else:  # a project of `[tool.poetry]` alone: missing keys count as null, as they always did
        content = dict.fromkeys(_LEGACY_KEYS) | known
    try:
        text = json.dumps(content, sort_keys=True)
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    return hashlib.sha256(text.encode()).hexdigest()


def made_by(text: str) -> str | None:
    """Return the version of Poetry that the first line of a lock names."""
    match = _WRITER.search(text.partition("\n")[0].rstrip("\r"))
    return match[1] if match else None


def leaves_groups_out(writer: str | None) -> bool:
    """Tell whether the Poetry of that version left `[dependency-groups]` out of the hash."""
    return _is_before(writer, "2.3.0")


def knows_groups(writer: str | None) -> bool:
    """Tell whether the Poetry of that version locked `[dependency-groups]` at all."""
    return not _is_before(writer, "2.2.0")


def _is_before(writer: str | None, version: str) -> bool:
    from packaging.version import Version

    try:
        return writer is not None and Version(writer) < Version(version)
    except ValueError:
        return False


def table_of(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return a table, empty where there is none."""
    value = table.get(key)
    return value if isinstance(value, dict) else {}
