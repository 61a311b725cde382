"""Reads wheels and sdists as the rules of publishing want them."""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile, ZipFile

from cudapin.adapters.dists import read_found, read_sdist, unreadable_sdist
from cudapin.adapters.wheel import parse_headers, read_info, read_wheel
from cudapin.core.audit import audit_wheel
from cudapin.core.wheel_name import split_label
from cudapin.release.publish import SdistFacts, WheelFacts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cudapin.adapters.dists import Dist, Sdist
    from cudapin.core.facts import Facts

__all__ = ["digests_of", "read_sdist_facts", "read_wheel_facts", "unpacked"]


def read_wheel_facts(dist: Dist, facts: Facts) -> WheelFacts:
    """Read and audit a wheel. Raises LockError (CP416) where it cannot be read."""
    audit = audit_wheel(read_wheel(dist.path, dist.shown), facts)
    info = read_info(dist.path, dist.shown, "WHEEL")
    fields = parse_headers(info.extra or b"")
    found = read_found(dist)
    plain, label = split_label(dist.name)
    parts = plain.removesuffix(".whl").split("-")
    metadata = parse_headers(found.metadata or b"")
    return WheelFacts(
        found=found,
        audit=audit,
        size=dist.path.stat().st_size,
        label=label,
        interpreter=parts[-3] if len(parts) > 3 else "",  # noqa: PLR2004
        abi=parts[-2] if len(parts) > 3 else "",  # noqa: PLR2004
        platforms=audit.subject.platforms,
        tags=tuple(str(tag).strip() for tag in fields.get_all("Tag", [])),
        is_pure=str(fields.get("Root-Is-Purelib", "")).strip().lower() == "true",
        requires=audit.subject.requires,
        extras=tuple(str(name).strip() for name in metadata.get_all("Provides-Extra", [])),
        files={path: digest for path, (digest, _) in info.rows.items()},
        starts_with=lambda path, start: _starts_with(dist.path, path, start),
    )


def _starts_with(wheel: Path, path: str, start: bytes) -> bool:
    try:
        with ZipFile(wheel) as archive, archive.open(path) as stream:
            return stream.read(len(start)) == start
    except (BadZipFile, OSError, KeyError):
        return False


def read_sdist_facts(dist: Dist) -> tuple[SdistFacts, Sdist]:
    """Read an sdist and what it says of itself. Raises LockError (CP736) where it cannot be read."""
    sdist = read_sdist(dist, with_texts=True)
    fields = parse_headers(sdist.pkg_info)
    name, version = str(fields.get("Name", "")).strip(), str(fields.get("Version", "")).strip()
    if not name or not version:
        raise unreadable_sdist(dist.shown, "its PKG-INFO has no name or no version")
    facts = SdistFacts(
        shown=dist.shown,
        size=dist.path.stat().st_size,
        name=name,
        version=version,
        requires=tuple(str(text) for text in fields.get_all("Requires-Dist", [])),
        extras=tuple(str(text).strip() for text in fields.get_all("Provides-Extra", [])),
        classifiers=tuple(str(text) for text in fields.get_all("Classifier", [])),
    )
    return facts, sdist


def digests_of(sdist: Sdist) -> dict[str, str]:
    """Return the SHA-256 of each text file of an sdist."""
    return {path: hashlib.sha256(content).hexdigest() for path, content in sdist.texts.items()}


@contextmanager
def unpacked(sdist: Sdist) -> Iterator[Path]:
    """Give a private folder with the text files of an sdist, to be judged as a project; it is removed again.

    Nothing but files below the folder is written: links and what leads out of it were refused when it was read.
    Raises LockError where there is no room for it.
    """
    with tempfile.TemporaryDirectory(prefix="cudapin-") as name:
        root = Path(name).resolve()
        try:
            for path, content in sdist.texts.items():
                target = root / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
        except OSError as error:
            why = f"a temporary copy of its text files cannot be written: {error.strerror or error}"
            raise unreadable_sdist(sdist.shown, why) from error
        yield root
