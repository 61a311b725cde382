"""Keeps credentials out of the arguments of pip's own subprocesses.

To build a package, pip starts itself with its indexes as arguments, credentials and all. A netrc file that only this
user can read says the same to it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from cudapin.core.index import strip_credentials

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["with_netrc"]

_VARIABLES = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL")
_PLAIN = re.compile(r"[^\s\"'\\#]+")


def with_netrc(environ: Mapping[str, str], scratch: Path, more: Iterable[str] = ()) -> dict[str, str]:
    """Return the variables with the credentials of pip's indexes, and of `more`, moved to a netrc file in `scratch`.

    What a netrc file cannot say, such as two users of one host or a password with spaces, stays where it is.
    """
    changed = dict(environ)
    machines: dict[str, tuple[str, str]] = {}
    for address in more:
        _take(address, machines)
    for variable in _VARIABLES:
        words = environ.get(variable, "").split()
        changed_words = [strip_credentials(word) if _take(word, machines) else word for word in words]
        if changed_words != words:
            changed[variable] = " ".join(changed_words)
    if not machines:
        return changed
    lines = [f"machine {host} login {user} password {password}" for host, (user, password) in machines.items()]
    file = scratch / "netrc"
    file.touch(mode=0o600)
    # The first entry of a host counts, so what the user's own file says of others stays true.
    file.write_text("\n".join([*lines, _own(environ)]), encoding="utf-8")
    changed["NETRC"] = str(file)
    return changed


def _take(address: str, machines: dict[str, tuple[str, str]]) -> bool:
    """Note the credentials of an address where a netrc file can say them; False where it has none, or cannot."""
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return False
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if host is None or not _PLAIN.fullmatch(user) or not _PLAIN.fullmatch(password):
        return False
    return machines.setdefault(host, (user, password)) == (user, password)


def _own(environ: Mapping[str, str]) -> str:
    path = environ.get("NETRC") or os.path.join(environ.get("HOME") or Path.home(), ".netrc")  # noqa: PTH118
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
