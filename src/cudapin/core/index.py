"""Addresses of package indexes: which one is the default, and how to show one without its secrets."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["find_private_hosts", "has_credentials", "is_default_index", "strip_all_credentials", "strip_credentials"]

# SHA-256 of the normalised simple-API address of the index that installers use when none is named.
_DEFAULT_INDEX_SHA256 = "5a06749b2297be54ac5699f6f2761716adc5001a2d5f8b915ab2172922dd5706"

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?:(?P<user>[^/?#]*)@)?(?P<rest>.*)", re.DOTALL)
# The query parts that say *which* thing a git or archive address means; any other may be a token.
_KEPT_QUERY = frozenset({"rev", "tag", "branch", "subdirectory", "path", "lfs"})


@lru_cache(maxsize=256)
def strip_credentials(url: str) -> str:
    """Return the address without user info and without query parts that may be tokens.

    The user name of an ssh address (`git@`) is part of the address, not a secret, and stays. Text that is no
    address, such as a path, is returned unchanged.

    >>> strip_credentials("https://me:secret@index.example/simple?token=1")
    'https://index.example/simple'
    """
    match = _URL.fullmatch(url)
    if match is None:
        return url
    user = match["user"]
    is_plain_ssh_user = user and ":" not in user and match["scheme"].lower() in {"ssh", "git+ssh"}
    address, hash_sign, fragment = match["rest"].partition("#")
    address, _, query = address.partition("?")
    kept = "&".join(part for part in query.split("&") if part.partition("=")[0] in _KEPT_QUERY)
    return (
        f"{match['scheme']}://"
        + (f"{user}@" if is_plain_ssh_user else "")
        + address
        + (f"?{kept}" if kept else "")
        + hash_sign
        + fragment
    )


def find_private_hosts(text: str) -> tuple[str, ...]:
    """Return the hosts in a text's addresses that only a private network knows, sorted.

    A host is private by its address (RFC 1918, loopback, RFC 4193), a name without a dot, or a suffix that no public
    name has (RFC 6762, appendix G, and `.internal`).
    """
    places = (found[1].rpartition("@")[2].lower() for found in re.finditer(r"://([^/\s\"'\\]+)", text))
    hosts = {place[1:].partition("]")[0] if place.startswith("[") else place.partition(":")[0] for place in places}
    return tuple(sorted(host for host in hosts if _is_private(host)))


def has_credentials(text: str) -> bool:
    """Tell whether an address in a text carries a user name with a password or token; `${NAME}` is none."""
    return re.search(r"://[^/\s\"'@:]+:(?!\$\{\w+\}@)[^/\s\"'@]+@", text) is not None


def _is_private(host: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.rsplit(".", 1)[-1] in ("local", "internal", "intranet", "corp", "home", "lan")


def strip_all_credentials(text: str) -> str:
    """Return a text, such as a command line, with the credentials of every address in it removed."""
    return re.sub(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"]+", lambda found: strip_credentials(found[0]), text)


@lru_cache(maxsize=256)
def is_default_index(url: str) -> bool:
    """Tell whether the address is that of the default public index, whatever its spelling.

    Scheme and host are compared without case, a default port, a final slash and credentials do not count.
    """
    match = _URL.fullmatch(url)
    if match is None:
        return False
    host, slash, path = match["rest"].partition("#")[0].partition("?")[0].partition("/")
    host = host.lower().removesuffix(":443").removesuffix(".")
    normalised = f"{match['scheme'].lower()}://{host}{slash}{path}".rstrip("/")
    import hashlib

    return hashlib.sha256(normalised.encode()).hexdigest() == _DEFAULT_INDEX_SHA256
