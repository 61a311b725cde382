"""May a wheel carry a label, and do the labelled wheels of a release go together? Installers do not compare them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cudapin.core.audit_record import wanted_of_record
from cudapin.core.fields import name_list
from cudapin.errors import Code, Problem, Where
from cudapin.release.pep825 import NULL, find_conflict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cudapin.release.pep825 import Described, Properties

__all__ = ["Labelled", "judge_label", "judge_labels", "judge_unlabelled", "no_label"]

_UNFOUNDED = ("CP404", "CP406", "CP407", "CP410", "CP412", "CP417")
"""Where one of these is waived, the compiled files may be of another CUDA than the record says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A labelled wheel: its file's name, its label, the variant of its record, and its `variant.json`."""

    file: str
    label: str
    variant: str
    described: Described

    @property
    def properties(self) -> Properties:
        """The properties of its label."""
        return self.described.variants[self.label]


def judge_unlabelled(file: str, version: str, record: Mapping[str, Any] | None, fault: str | None) -> Iterable[Problem]:
    """Return what keeps a wheel from carrying any label: who it is, and what it is of, must be certain."""
    fix = "build it with cudapin, as one of the declared variants"
    if not _is_wheel_name(file):
        yield _unfit(file, "its name is not `NAME-VERSION-PYTHON-ABI-PLATFORM.whl`", "build the wheel anew")
        return
    if fault is not None or record is None:
        found = f"a record that cannot be read ({fault})" if fault else "none"
        yield _unfit(file, f"wanted cudapin's record, which tells what the wheel is of, found {found}", fix)
        return
    if wanted_of_record(record) is None:
        yield _unfit(file, "its record is of no variant", "build it without `CUDAPIN=off`, as a declared variant")
        return
    if "+" in version:
        why = f"a label takes the place of a local version, and its version is `{version}`"
        spells = f"{version.partition('+')[2]}.".startswith(f"{record.get('variant')}.")
        plain = "release from a commit that has a tag, or set a version without a local part"
        yield _unfit(
            file,
            why,
            'set `spelling = "none"` in `[tool.cudapin]`, or build with `cudapin build --label`' if spells else plain,
        )
    listed = record.get("waived")
    waived = {str(item.get("code")) for item in listed if isinstance(item, dict)} if isinstance(listed, list) else set()
    unfounded = sorted(waived & {*_UNFOUNDED})
    if unfounded:
        why = f"{' and '.join(unfounded)} {'was' if len(unfounded) == 1 else 'were'} waived, so that its compiled "
        why += "files may be of another CUDA than its record says"
        yield _unfit(file, why, "mend what was waived, and build the wheel anew")
    if record.get("binaries") and "any" in file.removesuffix(".whl").split("-")[-1].split("."):
        why = "it is for any platform, and its record lists compiled files"
        yield _unfit(file, why, "give the wheel the tag of its platform: `platforms` of the variant")


def no_label(label: str, file: str | None = None) -> Problem:
    """Say that a text cannot be a label."""
    return Problem(
        code=Code.CP701,
        what=f"`{label}` cannot be a variant label",
        where=None if file is None else Where(path=file),
        why="a label is lower-case letters, digits, `_` and `.`, since it becomes part of the wheel's file name",
        fix="name a label such as `cu128`",
    )


def judge_label(file: str, label: str, record: Mapping[str, Any]) -> Iterable[Problem]:
    """Return a problem where `null` stands for a CUDA variant, or another label for one without CUDA.

    A variant without properties is `null` (PEP 825); tools take any other label without properties for a fault.
    """
    wanted = wanted_of_record(record)
    if wanted is None or (label == NULL) == (not wanted.cuda):
        return
    of = f"CUDA {wanted.cuda[0]}" if wanted.cuda else "no CUDA"
    right = wanted.variant if wanted.cuda and wanted.variant != NULL else "the variant's CUDA" if wanted.cuda else NULL
    yield Problem(
        code=Code.CP701,
        what=f"`{label}` cannot be the label of variant `{wanted.variant}`",
        where=Where(path=file),
        why=f"`{NULL}` is the label of the variant without CUDA and of no other, and this one is of {of}",
        fix=f"label it `{right}`" if right in (NULL, wanted.variant) else f"label it after {right}",
        variant=wanted.variant,
    )


def _is_wheel_name(file: str) -> bool:
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    try:
        parse_wheel_filename(file)
    except InvalidWheelFilename:
        return False
    return True


def _unfit(file: str, why: str, fix: str) -> Problem:
    return Problem(
        code=Code.CP702, what=f"`{file}` cannot carry a variant label", where=Where(path=file), why=why, fix=fix
    )


# A release


def judge_labels(wheels: Sequence[Labelled], versions: Mapping[str, str]) -> Iterable[Problem]:
    """Return what the labelled wheels of one name and version contradict each other in.

    `versions` are those of the release's other wheels, by file name.
    """
    first: dict[str, Labelled] = {}
    for wheel in wheels:
        yield from _judge_same_label(first.setdefault(wheel.label, wheel), wheel)
    yield from _judge_other_labels([*first.values()])
    for wheel in wheels[1:]:
        conflict = find_conflict(wheels[0].described, wheel.described)
        if conflict is not None:
            yield Problem(
                code=Code.CP707,
                what=f"`{wheel.file}` does not go together with the other labelled wheels of its release",
                where=Where(path=wheel.file),
                why=f"wanted what `{wheels[0].file}` has, since an index has one file for both, found {conflict}",
                fix="build all variants with one release of cudapin",
            )
    local = sorted(file for file, version in versions.items() if "+" in version)
    if local:
        yield Problem(
            code=Code.CP708,
            what=f"`{local[0]}` lies beside labelled wheels of its release",
            where=Where(path=local[0]),
            why=f"`==` of the plain version takes a local one too, and takes it first: pip and uv would install "
            f"`{versions[local[0]]}` on every machine",
            fix="keep wheels of local versions in a folder and on an index of their own",
        )


def _judge_same_label(one: Labelled, other: Labelled) -> Iterable[Problem]:
    """One label has one meaning, for all Pythons and platforms (PEP 825)."""
    if one.variant != other.variant:
        why = f"`{one.file}` is of variant `{one.variant}`, this one of `{other.variant}`"
        fix = "give each variant a label of its own"
    elif one.properties != other.properties:
        why = f"`{one.file}` has {_shown(one, other)}, this one {_shown(other, one)}"
        fix = "compile it for the same architectures on every platform, or give this platform's wheels another label"
    else:
        return
    yield Problem(
        code=Code.CP705,
        what=f"label `{one.label}` does not mean the same in all wheels",
        where=Where(path=other.file),
        why=f"{why}; an index has one entry for a label, and installers choose by that",
        fix=fix,
        variant=other.variant,
    )


def _judge_other_labels(wheels: Sequence[Labelled]) -> Iterable[Problem]:
    for number, wheel in enumerate(wheels):
        for earlier in wheels[:number]:
            if earlier.properties == wheel.properties:
                yield Problem(
                    code=Code.CP706,
                    what=f"labels `{earlier.label}` and `{wheel.label}` have the same properties",
                    where=Where(path=wheel.file),
                    why=f"installers cannot tell them apart, and would always take `{min(earlier.label, wheel.label)}`",
                    fix="publish one of them with a label, or let the CUDA of the variants differ",
                    variant=wheel.variant,
                )


def _shown(wheel: Labelled, other: Labelled) -> str:
    """Return the properties in which a wheel differs from another, as people write them."""
    mine, others = _flat(wheel.properties), _flat(other.properties)
    differing = (feature for feature in sorted({*mine, *others}) if mine.get(feature) != others.get(feature))
    return " and ".join(f"`{feature}` {name_list(mine.get(feature, ())) or 'none'}" for feature in differing)


def _flat(properties: Properties) -> dict[str, tuple[str, ...]]:
    return {
        f"{namespace} :: {feature}": values
        for namespace, features in properties.items()
        for feature, values in features.items()
    }
