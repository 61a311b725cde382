"""Wheels made of bytes: whatever metadata and files a test wants, with a RECORD that is right unless it says so."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["INFO", "NAME", "listed", "write_wheel"]

INFO = "demo-1.0.dist-info"
NAME = "demo-1.0-cp311-cp311-linux_x86_64.whl"


def listed(name: str, data: bytes) -> str:
    """Return the line of a file in RECORD."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(data)}\n"


def write_wheel(
    folder: Path,
    files: Mapping[str, bytes] | None = None,
    *,
    name: str = NAME,
    requires: tuple[str, ...] = (),
    classifiers: tuple[str, ...] = (),
    record: str | None = None,
    listing: str | None = None,
    headers: str = "",
    wheel: str = "",
    method: int = zipfile.ZIP_DEFLATED,
) -> Path:
    """Write a wheel and return its path; `record` is cudapin's, `listing` stands in for RECORD.

    `headers` and `wheel` are further lines of METADATA and WHEEL.
    """
    project, version, *_, tags = name.removesuffix(".whl").split("-", 2)
    info = f"{project}-{version}.dist-info"
    lines = [f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n"]
    lines += [f"Requires-Dist: {text}\n" for text in requires]
    lines += [f"Classifier: {text}\n" for text in classifiers]
    members = {
        **(files or {}),
        f"{info}/METADATA": ("".join(lines) + headers).encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nTag: {tags}\n{wheel}".encode(),
    }
    if record is not None:
        members[f"{info}/extra_metadata/cudapin.json"] = record.encode()
    right = "".join(listed(*item) for item in members.items()) + f"{info}/RECORD,,\n"
    members[f"{info}/RECORD"] = (right if listing is None else listing).encode()
    path = folder / name
    with zipfile.ZipFile(path, "w", method) as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    return path
