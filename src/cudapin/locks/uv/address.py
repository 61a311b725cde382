"""The addresses in requirements and locks, in one spelling each: indexes, archives, git repositories, directories."""

from __future__ import annotations

import posixpath
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from cudapin.core.index import strip_credentials
from cudapin.locks.uv.project import UnjudgeableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cudapin.locks.uv.project import Declared

__all__ = ["comparable_source", "git_address", "is_same_directory", "plain_address", "url_source", "with_subdirectory"]

_GIT_REFERENCES = ("branch", "tag", "rev")
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<host>[^/?#]*)(?P<rest>.*)", re.DOTALL)
_PORTS = {"http": ":80", "https": ":443"}


@lru_cache(maxsize=512)
def plain_address(url: str) -> str:
    """Return an address without credentials, as a URL parser spells it; a final slash counts, but for a bare host.

    >>> plain_address("HTTPS://me:secret@Index.Example:443")
    'https://index.example/'
    """
    match = _URL.fullmatch(strip_credentials(url))
    if match is None:
        return url
    scheme = match["scheme"].lower()
    host = match["host"].lower().removesuffix(_PORTS.get(scheme, "\0"))
    rest = match["rest"] if match["rest"].startswith("/") or scheme not in _PORTS else f"/{match['rest']}"
    return f"{scheme}://{host}{rest}"


def with_subdirectory(url: str, subdirectory: object) -> str:
    """Return the address of an archive and the directory in it."""
    return f"{url}#subdirectory={subdirectory}" if subdirectory else url


def git_address(url: str, parts: Mapping[str, object]) -> str:
    """Return the address with its parts in one order; uv writes them as a query."""
    address = plain_address(url.removeprefix("git+")).partition("#")[0].partition("?")[0]
    kept = [f"{key}={parts[key]}" for key in ("path", "subdirectory", *_GIT_REFERENCES) if parts.get(key)]
    return f"{address}?{'&'.join([*kept, *(['lfs=true'] if parts.get('lfs') in (True, 'true') else [])])}"


def url_source(url: str, declared: Declared) -> tuple[str, str]:
    """Return the source of `name @ url`; raise UnjudgeableError for one that a lock does not record as written."""
    if url.startswith("git+"):
        address, _, fragment = url.removeprefix("git+").partition("#")
        parts: dict[str, str] = dict(item.split("=", 1) for item in fragment.split("&") if "=" in item)
        at = address.rfind("@")
        if at > address.rfind("/") and at > address.find("://") + 2:
            address, parts["rev"] = address[:at], address[at + 1 :]
        return ("git", git_address(address, parts))
    if url.startswith(("http://", "https://")):
        address, _, fragment = url.partition("#")
        found = re.search(r"subdirectory=([^&]*)", fragment)
        return ("url", with_subdirectory(strip_credentials(address), found[1] if found else None))
    raise UnjudgeableError(f"`{strip_credentials(url)}` cannot be compared with what uv records", *declared.key)


def comparable_source(source: tuple[str, str] | None) -> tuple[str, str] | None:
    """Return the source of a requirement in the form in which two are compared."""
    if source is None:
        return None
    kind, value = source
    if kind == "git":
        address, _, query = value.partition("#")[0].partition("?")
        parts = dict(item.split("=", 1) for item in query.split("&") if "=" in item)
        from urllib.parse import unquote_plus

        return (kind, git_address(address, {key: unquote_plus(part) for key, part in parts.items()}))
    if kind in {"index", "url"}:
        return (kind, plain_address(value))
    return (kind, posixpath.normpath(value))


def is_same_directory(left: str, right: str) -> bool:
    """Compare indexes that are directories by what is known without this machine: uv records absolute paths."""
    paths = [
        re.sub(r"^(?:\.\./)+|^/", "", address.removeprefix("file://").removeprefix("file:"))
        for address in (left, right)
    ]
    return paths[0] == paths[1] or paths[1].endswith("/" + paths[0])
