"""The text of a `uv.lock` as a table, fast.

Most of a lock is `wheels = [...]` arrays that a check seldom looks at. Arrays in exactly the form in which uv
writes them are cut out before the TOML parser sees them and read only when asked for. Whatever differs from that
form in a single character stays in, so the result never depends on the shortcut.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import tomli

from cudapin.core.locate import find_array_lines
from cudapin.errors import Code, LockError, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cudapin.core.lock import Source

__all__ = ["WheelText", "lock_error", "read_lock_table"]

# Printable ASCII without quote and backslash: what TOML lets stand in a basic string as it is.
_TEXT = r'"[ !#-\[\]-~]*"'
_WHEEL = (
    rf"    \{{ url = (?P<url>{_TEXT}), hash = (?P<hash>{_TEXT})"
    rf"(?:, size = (?:0|[1-9][0-9]{{0,17}}))?(?:, upload-time = {_TEXT})? \}},\n"
)
_LINE = re.compile(_WHEEL)
_ARRAY = re.compile("^wheels = \\[\n(?:" + re.sub(r"\?P<\w+>", "?:", _WHEEL) + ")+\\]\n", re.MULTILINE)
_CONFLICT = re.compile(r"^(?:<{7}|={7}|>{7}|\|{7})(?: .*)?$", re.MULTILINE)
_POSITION = re.compile(r" \(at (?:line ([0-9]+), column [0-9]+|end of document)\)$")


class WheelText(str):
    """The text of one `wheels = [...]` array that was cut out."""

    __slots__ = ()

    def tables(self) -> list[dict[str, str]]:
        """Return its tables, as the TOML parser would, without size and upload time."""
        return [{"url": match["url"][1:-1], "hash": match["hash"][1:-1]} for match in _LINE.finditer(self)]


def lock_error(source: Source, what: str, why: str, *, line: int | None = None, key: str | None = None) -> LockError:
    """Make the error for a lock that cannot be read."""
    where = Where(path=source.path, line=line, key=key)
    fix = f"restore `{source.path}` from version control, or `rm {source.path} && uv lock`"
    return LockError(Problem(code=Code.CP205, what=f"`{source.path}` {what}", where=where, why=why, fix=fix))


def read_lock_table(source: Source) -> tuple[Mapping[str, Any], tuple[int | None, ...]]:
    """Return the table and the line of each `[[package]]`; raise LockError when the text is no TOML.

    `wheels` of a package may be a `WheelText` instead of a list.
    """
    text = source.text.replace("\r\n", "\n")
    table = _read_without_wheels(text)
    if table is None:
        table = _read_whole(source, text)
    packages = table.get("package")
    count = len(packages) if isinstance(packages, list) else 0
    lines = find_array_lines(text, "package")
    return table, lines if len(lines) == count else (None,) * count


def _read_without_wheels(text: str) -> Mapping[str, Any] | None:
    """Return the table with the canonical arrays as `WheelText`, or None when that cannot be done safely."""
    if '"""' in text or "'''" in text:
        return None
    arrays: list[WheelText] = []

    def cut(match: re.Match[str]) -> str:
        arrays.append(WheelText(match[0]))
        return f"wheels = [{len(arrays) - 1}]\n"

    try:
        table = tomli.loads(_ARRAY.sub(cut, text))
    except (ValueError, RecursionError):
        return None
    packages = table.get("package")
    if not isinstance(packages, list):
        return None if arrays else table
    found = 0
    for package in packages:
        wheels = package.get("wheels") if isinstance(package, dict) else None
        if isinstance(wheels, list) and wheels and type(wheels[0]) is int:
            # Cut-out arrays come back in the order of the text; anything else stood in it as a number.
            if wheels != [found] or found == len(arrays):
                return None
            package["wheels"] = arrays[found]
            found += 1
    return table if found == len(arrays) else None


def _read_whole(source: Source, text: str) -> Mapping[str, Any]:
    try:
        return tomli.loads(text)
    except RecursionError:
        raise lock_error(source, "cannot be read", "its values are nested too deeply") from None
    except ValueError as error:
        conflict = _CONFLICT.search(text)
        if conflict is not None:
            line = text.count("\n", 0, conflict.start()) + 1
            why = f"`{conflict[0]}` is a marker of an unresolved merge conflict"
            raise lock_error(source, "holds an unresolved merge conflict", why, line=line) from error
        position = _POSITION.search(str(error))
        line_text = position[1] if position else None
        at = int(line_text) if line_text else None
        why = _POSITION.sub("", str(error))
        raise lock_error(source, "is not valid TOML", why[:1].lower() + why[1:], line=at) from error
