"""The pages of a static package index, in HTML and JSON, from what is known of its files. Reads and writes nothing.

The simple repository API: PEP 503 (pages), PEP 629 (version), PEP 658 and 714 (metadata beside the wheel), PEP 691 and
700 (JSON). Links are relative, so that the whole of the index can be moved.
"""

from __future__ import annotations

import html
import json
import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from cudapin.core.names import normalise
from cudapin.core.wheel_name import VARIANTS_FILE, split_label

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["COMBINED", "LABELLED", "IndexedFile", "name_and_version", "parse_page", "render_pages"]

COMBINED = ""
"""The tree of all files, at the top; sdists and wheels of no variant lie there, too."""
LABELLED = "variant"
"""The tree of labelled wheels (PEP 825), called as PyTorch calls it."""
_API = "1.1"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedFile:
    """One file of an index: the tree that it lies in, and what the pages say of it.

    `sha256` is "" for a file that changes with later variants.
    """

    filename: str
    tree: str
    sha256: str
    size: int
    requires_python: str | None = None
    metadata_sha256: str | None = None

    @property
    def path(self) -> str:
        """Where it lies, below `whl/`."""
        return f"{self.tree}/{self.filename}" if self.tree else self.filename


def name_and_version(filename: str) -> tuple[str, str]:
    """Return the normalised name and the version in a file name of a wheel, an sdist or an index's variants file."""
    if filename.endswith(".whl"):
        name, _, rest = filename.removesuffix(".whl").partition("-")
        version = rest.partition("-")[0]
    else:
        stem = filename.removesuffix(VARIANTS_FILE).removesuffix(".tar.gz").removesuffix(".zip")
        name, _, version = stem.rpartition("-")
    return normalise(name), version


def render_pages(files: Iterable[IndexedFile]) -> Iterator[tuple[str, bytes]]:
    """Give path below `whl/` and content of each page, those of projects first; equal files give equal bytes."""
    trees: dict[str, dict[str, list[IndexedFile]]] = {COMBINED: {}}
    files = sorted(files, key=lambda file: file.path)
    labelled = {name_and_version(file.filename) for file in files if file.tree == LABELLED}
    for file in files:
        name, version = name_and_version(file.filename)
        where = [file.tree] if file.tree == LABELLED else list(dict.fromkeys((file.tree, COMBINED)))
        if file.tree != LABELLED and (name, version) in labelled:
            where.append(LABELLED)  # what installers take that know no labels
        for tree in where:
            trees.setdefault(tree, {}).setdefault(name, []).append(file)
    for tree, projects in sorted(trees.items()):
        for name, found in sorted(projects.items()):
            ordered = sorted(found, key=_order)
            folder = posixpath.join(tree, name)
            yield f"{folder}/index.html", _project_html(folder, name, ordered)
            yield f"{folder}/index.json", _project_json(folder, name, ordered)
    for tree, projects in sorted(trees.items()):
        yield posixpath.join(tree, "index.html"), _root_html(sorted(projects))
        yield posixpath.join(tree, "index.json"), _root_json(sorted(projects))


def _order(file: IndexedFile) -> tuple[Any, str]:
    from packaging.version import Version

    return Version(name_and_version(file.filename)[1]), file.filename


def _link(folder: str, file: IndexedFile) -> str:
    tree, slash, _ = folder.rpartition("/")
    if file.tree == tree:
        return f"../{quote(file.filename)}"
    return f"{'../../' if slash else '../'}{quote(file.path)}"


_HEAD = (
    '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    f'<meta name="pypi:repository-version" content="{_API}">\n<title>{{0}}</title>\n</head>\n<body>\n'
)


def _project_html(folder: str, name: str, files: Iterable[IndexedFile]) -> bytes:
    lines = [_HEAD.format(f"Links for {name}"), f"<h1>Links for {name}</h1>\n"]
    for file in files:
        link = _link(folder, file) + (f"#sha256={file.sha256}" if file.sha256 else "")
        attributes = [f'href="{link}"']
        if file.requires_python is not None:
            attributes.append(f'data-requires-python="{html.escape(file.requires_python)}"')
        if file.metadata_sha256 is not None:  # PEP 714: the older name for installers before it
            attributes.append(f'data-dist-info-metadata="sha256={file.metadata_sha256}"')
            attributes.append(f'data-core-metadata="sha256={file.metadata_sha256}"')
        lines.append(f"<a {' '.join(attributes)}>{html.escape(file.filename)}</a><br>\n")
    return "".join([*lines, "</body>\n</html>\n"]).encode()


def _project_json(folder: str, name: str, files: Iterable[IndexedFile]) -> bytes:
    files = list(files)
    rows: list[dict[str, Any]] = []
    for file in files:
        row: dict[str, Any] = {
            "filename": file.filename,
            "url": _link(folder, file),
            "hashes": {"sha256": file.sha256} if file.sha256 else {},
            "size": file.size,
        }
        if file.requires_python is not None:
            row["requires-python"] = file.requires_python
        if file.metadata_sha256 is not None:
            row["core-metadata"] = {"sha256": file.metadata_sha256}
        rows.append(row)
    versions = list(dict.fromkeys(name_and_version(file.filename)[1] for file in files))
    return _json({"meta": {"api-version": _API}, "name": name, "versions": versions, "files": rows})


def _root_html(names: Iterable[str]) -> bytes:
    lines = [_HEAD.format("Simple index"), *(f'<a href="{name}/">{name}</a><br>\n' for name in names)]
    return "".join([*lines, "</body>\n</html>\n"]).encode()


def _root_json(names: Iterable[str]) -> bytes:
    return _json({"meta": {"api-version": _API}, "projects": [{"name": name} for name in names]})


def _json(table: Mapping[str, Any]) -> bytes:
    return (json.dumps(table, separators=(",", ":")) + "\n").encode()


def parse_page(folder: str, content: bytes) -> dict[str, IndexedFile]:
    """Return the files of a project's JSON page by their path below `whl/`; nothing for what is no such page.

    `folder` is that of the page. An entry that this module would not have written is left out, and read anew.
    """
    try:
        rows = json.loads(content)["files"]
        found = [_parse_row(folder, row) for row in rows]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    return {file.path: file for file in found if file is not None}


def _parse_row(folder: str, row: Mapping[str, Any]) -> IndexedFile | None:
    filename, size, sha256 = str(row["filename"]), row["size"], row["hashes"].get("sha256", "")
    tree, _, last = posixpath.normpath(posixpath.join(folder, unquote(row["url"]))).rpartition("/")
    metadata = row.get("core-metadata")
    digest = None if metadata is None else metadata["sha256"]
    python = row.get("requires-python")
    is_ours = (
        last == filename
        and "/" not in tree
        and type(size) is int
        and bool(sha256 == "" or _SHA256.fullmatch(sha256))
        and bool(digest is None or _SHA256.fullmatch(digest))
        and (python is None or isinstance(python, str))
        and (digest is not None) == filename.endswith(".whl")
    )
    if not is_ours:
        return None
    return IndexedFile(
        filename=filename, tree=tree, sha256=sha256, size=size, requires_python=python, metadata_sha256=digest
    )


def is_labelled(filename: str) -> bool:
    """Tell whether a file belongs to the tree of labelled wheels."""
    return filename.endswith(VARIANTS_FILE) or split_label(filename)[1] is not None
