"""The text of a lock file as a table, with errors that say where and how to mend it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import tomli

from cudapin.errors import Code, LockError, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cudapin.core.lock import Source

__all__ = ["lock_error", "parse_toml"]

_CONFLICT = re.compile(r"^(?:<{7}|={7}|>{7}|\|{7})(?: .*)?$", re.MULTILINE)
_POSITION = re.compile(r" \(at (?:line ([0-9]+), column [0-9]+|end of document)\)$")


def lock_error(
    source: Source, remake: str, what: str, why: str, *, line: int | None = None, key: str | None = None
) -> LockError:
    """Make the error (CP205) for a lock that cannot be read; `remake` is the command that makes it where none is."""
    where = Where(path=source.path, line=line, key=key)
    fix = f"restore `{source.path}` from version control, or `rm {source.path} && {remake}`"
    return LockError(Problem(code=Code.CP205, what=f"`{source.path}` {what}", where=where, why=why, fix=fix))


def parse_toml(source: Source, remake: str) -> Mapping[str, Any]:
    """Return the table of a lock file in TOML; raise LockError (CP205), with the line where it is known."""
    text = source.text.replace("\r\n", "\n")
    try:
        return tomli.loads(text)
    except RecursionError:
        raise lock_error(source, remake, "cannot be read", "its values are nested too deeply") from None
    except ValueError as error:
        conflict = _CONFLICT.search(text)
        if conflict is not None:
            line = text.count("\n", 0, conflict.start()) + 1
            why = f"`{conflict[0]}` is a marker of an unresolved merge conflict"
            raise lock_error(source, remake, "holds an unresolved merge conflict", why, line=line) from error
        position = _POSITION.search(str(error))
        line_text = position[1] if position else None
        at = int(line_text) if line_text else None
        why = _POSITION.sub("", str(error))
        raise lock_error(source, remake, "is not valid TOML", why[:1].lower() + why[1:], line=at) from error
