"""Hashed requirements as `pip-compile` and `uv pip compile` write them: one text -> RequirementsLock.

Sources: the requirements file format of pip's documentation; headers and `# via` notes as written by pip-tools and uv.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

from cudapin.core.index import is_default_index, strip_all_credentials, strip_credentials
from cudapin.core.lock import Fork, LockedFile, LockedPackage, LockFormat, Selection, Source
from cudapin.errors import Code, LockError, Problem, Where
from cudapin.locks.requirements.pins import (
    Entry,
    Header,
    Pins,
    by_name,
    find_left_out,
    holds,
    is_strong_hash,
    read_header,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from packaging.requirements import Requirement

    from cudapin.core.lock import Request
    from cudapin.locks.requirements.command import Inputs

__all__ = [
    "Entry",
    "Header",
    "RequirementsLock",
    "holds",
    "parse_requirements",
    "read_logical_lines",
]

_HASH = re.compile(r"--hash[= ](?P<algorithm>[a-z0-9]+):(?P<digest>[0-9a-fA-F]+)")
_CONFLICT = re.compile(r"^(?:<{7}|={7}|>{7})(?: |$)")
_INDEX = re.compile(r"^(--index-url|-i|--extra-index-url|--find-links|-f)(?:\s*=\s*|\s+)(\S+)")
_FROM = re.compile(r"^\s+# from (\S+)\s*$", re.MULTILINE)
_INDEX_SETTINGS = ("index", "index-url", "extra-index-url", "find-links", "no-index", "sources", "torch-backend")
_LONG = {"-i": "--index-url", "-f": "--find-links"}
_VIA = re.compile(r"#\s*via(?:\s|$)")
_VIA_ITEM = re.compile(r"#\s{2,}\S")
_SPACED_MARKER = re.compile(r"(?<=\S);(?=\s*[a-z_'\"(])")


@dataclass(frozen=True, kw_only=True)
class RequirementsLock:
    """A parsed requirements file; `indexes` are its index options with their addresses, without credentials.

    `has_local` tells that it also holds local directories, whose names it does not say; `has_index_settings` that
    `tool.uv` of the project named indexes to the uv that made it, which records none of them.
    """

    format: ClassVar[LockFormat] = "requirements"
    source: Source
    header: Header | None
    entries: tuple[Entry, ...]
    indexes: tuple[tuple[str, str], ...] = ()
    has_local: bool = False
    has_index_settings: bool = False

    @cached_property
    def pins(self) -> Pins:
        """What the verdict is about."""
        remake = self.header.command if self.header else f"make `{self.source.path}` anew with the command that made it"
        return Pins(
            source=self.source,
            header=self.header,
            inputs=self.inputs,
            entries=self.entries,
            remake=remake,
            left_out=find_left_out(self.source.text),
            has_local=self.has_local,
            keeps_extras=self.keeps_extras,
        )

    @cached_property
    def inputs(self) -> Inputs:
        """What the command of the header reads."""
        from cudapin.locks.requirements.command import read_command

        return read_command(self.header)

    @cached_property
    def index(self) -> str | None:
        """The one index of all packages: None for the default one, empty where it is not recorded.

        It is the default one where neither the file, nor its command, nor `tool.uv` names any. What the settings of
        a user or a machine add to that is in none of them, and cannot be seen.
        """
        named = {(option, url.rstrip("/")): url for option, url in (*self.inputs.index_options, *self.indexes)}
        if self.has_index_settings:
            return ""
        if not named:
            return None
        ((option, _), url), *others = named.items()
        if others or option != "--index-url":
            return ""
        return None if is_default_index(url) else url

    @property
    def is_hashed(self) -> bool:
        """Whether any entry carries a hash."""
        return any(entry.hashes for entry in self.entries)

    @cached_property
    def keeps_extras(self) -> bool:
        """Whether pins record the extras that were asked for, as far as can be seen."""
        return self.inputs.keeps_extras or any(entry.extras for entry in self.entries if entry.url is None)

    def select(
        self,
        request: Request,
        project: str | None = None,  # noqa: ARG002
        files_for: Callable[[str], bool] = lambda name: True,  # noqa: ARG002, ARG005
    ) -> Selection:
        """Return the entries whose marker holds; what to select is decided when the file is made."""
        chosen = [entry for entry in self.entries if holds(entry.marker, request.environment)]
        required: dict[str, list[str]] = {}
        for entry in chosen:
            for via in entry.via:
                required.setdefault(via, []).append(entry.name)
        packages = tuple(
            LockedPackage(
                name=entry.name,
                version=entry.version,
                kind="registry" if entry.url is None else "git" if entry.url.startswith("git+") else "url",
                index=self._index_of(entry),
                files=_files(entry),
                line=entry.line,
                direct=any(_is_input(via) for via in entry.via),
                origin=entry.url,
                dependencies=tuple(required.get(entry.name, ())),
            )
            for entry in sorted(chosen, key=lambda entry: entry.name)
        )
        forks = {
            name: tuple(Fork(version=entry.version, marker=entry.marker) for entry in entries if entry.version)
            for name, entries in by_name(self.entries).items()
        }
        return Selection(packages=packages, forks=forks)

    def _index_of(self, entry: Entry) -> str | None:
        if entry.index is None:
            return self.index if entry.url is None else ""
        return None if is_default_index(entry.index) else entry.index


def parse_requirements(source: Source, uv_settings: Mapping[str, Any] | None = None) -> RequirementsLock:
    """Read a requirements file. Raises LockError, with the line, where a line is no locked requirement.

    `uv_settings` is the `tool.uv` of the project.
    """
    problems: list[Problem] = []
    entries: list[Entry] = []
    indexes: list[tuple[str, str]] = []
    has_local = False
    for line, text, notes in read_logical_lines(source.text):
        if found := _INDEX.match(text):
            indexes.append((_LONG.get(found[1], found[1]), strip_credentials(found[2])))
        elif text == "--no-index":
            indexes.append((text, ""))
        elif text.startswith("-") and not text.startswith(("-e ", "--editable")):
            if text.startswith(("-r", "--requirement")):
                problems.append(_unreadable(source, line, text, "a lock file that includes another is not judged"))
        elif text.startswith(("-e", "--editable", ".", "/", "file:")):
            has_local = True
        else:
            try:
                entries.append(_entry(line, text, notes))
            except ValueError as error:
                problems.append(_unreadable(source, line, text, str(error)))
    if problems:
        raise LockError(*problems[:10])
    header = read_header(source.text, source.path)
    return RequirementsLock(
        source=source,
        header=header,
        entries=tuple(_with_indexes(entries, source.text)),
        indexes=tuple(indexes),
        has_local=has_local,
        has_index_settings=(header is None or header.arguments[:1] == ("uv",)) and _names_index(uv_settings or {}),
    )


def _names_index(settings: Mapping[str, Any]) -> bool:
    pip = settings.get("pip")
    tables = (settings, pip if isinstance(pip, dict) else {})
    return any(key in table for table in tables for key in _INDEX_SETTINGS)


def _with_indexes(entries: list[Entry], text: str) -> Iterator[Entry]:
    """Add the index that a `# from` note of uv names to the entry above it."""
    lines = text.split("\n")
    bounds = [*(entry.line - 1 for entry in entries), len(lines)]
    for entry, (start, end) in zip(entries, pairwise(bounds), strict=True):
        found = _FROM.search("\n".join(lines[start:end]))
        yield entry if found is None else replace(entry, index=strip_credentials(found[1]))


def read_logical_lines(text: str) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Yield (line, text without comments, `# via` names) for each requirement or option, continuations joined."""
    pending: tuple[int, str] | None = None
    notes: list[str] = []
    parts: list[str] = []
    start = 0
    is_via = False
    for number, raw in enumerate(text.split("\n"), 1):
        stripped = raw.strip()
        if stripped.startswith("#") and not parts:
            is_note = _VIA.match(stripped) or (is_via and _VIA_ITEM.match(stripped))
            notes.extend(_notes(stripped) if is_note else ())
            is_via = bool(is_note) and (is_via or _VIA.fullmatch(stripped) is not None)
            continue
        if not stripped and not parts:
            continue
        is_via = False
        body = re.split(r"(?:^|\s)#", raw, maxsplit=1)[0].rstrip()
        start = start or number
        parts.append(body.removesuffix("\\").strip())
        if body.endswith("\\"):
            continue
        if pending is not None:
            yield (*pending, tuple(notes))
        pending, notes = (start, " ".join(part for part in parts if part)), []
        if "# via" in raw:
            notes.extend(_notes(raw[raw.index("# via") :]))
        parts, start = [], 0
    if parts:
        if pending is not None:
            yield (*pending, tuple(notes))
        pending, notes = (start, " ".join(part for part in parts if part)), []
    if pending is not None and pending[1]:
        yield (*pending, tuple(notes))


def _notes(comment: str) -> Iterator[str]:
    """Yield the names of one line of a `# via` comment."""
    for name in comment.lstrip("# ").removeprefix("via").split(","):
        if name.strip():
            yield _normalised_note(name.strip())


def _normalised_note(name: str) -> str:
    from packaging.utils import canonicalize_name

    return name if _is_input(name) else canonicalize_name(name)


def _is_input(via: str) -> bool:
    """Tell whether a `# via` note names an input file, not another package."""
    return "(" in via or via.startswith("-") or via.endswith((".toml", ".txt", ".in")) or ".toml:" in via


def _entry(line: int, text: str, notes: tuple[str, ...]) -> Entry:
    if _CONFLICT.match(text):
        message = "this is a merge conflict"
        raise ValueError(message)
    specification = re.split(r"\s--", text, maxsplit=1)[0].strip()
    requirement = _requirement(specification)
    hashes = [(found["algorithm"], found["digest"].lower()) for found in _HASH.finditer(text)]
    hashes = [(algorithm, digest) for algorithm, digest in hashes if is_strong_hash(algorithm, digest)]
    version = None
    if requirement.url is None:
        pins = [spec for spec in requirement.specifier if spec.operator in ("==", "===")]
        if len(pins) != 1 or len(requirement.specifier) != 1 or not _is_version(pins[0].version):
            message = "this is no exact version (`name==version`)"
            raise ValueError(message)
        version = pins[0].version
    from packaging.utils import canonicalize_name

    return Entry(
        name=canonicalize_name(requirement.name),
        version=version,
        url=None if requirement.url is None else strip_credentials(requirement.url),
        marker=None if requirement.marker is None else str(requirement.marker),
        hashes=tuple(hashes),
        via=notes,
        line=line,
        extras=frozenset(canonicalize_name(extra) for extra in requirement.extras),
    )


def _requirement(text: str) -> Requirement:
    from packaging.markers import UndefinedComparison
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(_SPACED_MARKER.sub(" ;", text))
        if requirement.marker is not None:
            holds(str(requirement.marker), {"extra": ""})
    except (InvalidRequirement, RecursionError) as error:
        message = "this is no PEP 508 requirement"
        raise ValueError(message) from error
    except UndefinedComparison as error:
        message = "its marker compares what has no order"
        raise ValueError(message) from error
    return requirement


def _is_version(text: str) -> bool:
    from packaging.version import Version

    try:
        Version(text)
    except ValueError:
        return False
    return True


def _files(entry: Entry) -> tuple[LockedFile, ...]:
    """Return one file per hash: the format does not say which file a hash belongs to."""
    return tuple(LockedFile(name="", url=entry.url, hashes={algorithm: digest}) for algorithm, digest in entry.hashes)


def _unreadable(source: Source, line: int, text: str, why: str) -> Problem:
    text = strip_all_credentials(text)
    shown = text if len(text) < 60 else f"{text[:57]}..."  # noqa: PLR2004
    return Problem(
        code=Code.CP205,
        what=f"`{source.path}` holds a line that is not a locked requirement",
        where=Where(path=source.path, line=line),
        why=f"{why}: `{shown}`",
        fix=f"make `{source.path}` anew with `pip-compile --generate-hashes` or `uv pip compile --generate-hashes`",
    )
