"""The `NAME-VERSION-variants.json` of an index: the union of what labelled wheels and such files say (PEP 825).

No installer compares the file with the wheels, so a contradiction is found here or by nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.core.wheel_name import parse_label
from cudapin.errors import Code, Problem, Where
from cudapin.release.pep825 import find_conflict, merge, parse_described

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cudapin.release.pep825 import Described

__all__ = ["find_missing_labels", "join_descriptions", "parse_description"]


def parse_description(shown: str, filename: str, content: bytes | None) -> tuple[Described | None, tuple[Problem, ...]]:
    """Return what `variant.json` of a wheel, or a variants file, says; None with the problem that it is none.

    A wheel has to describe its own label, and no other.
    """
    if content is None:
        return None, (_problem(shown, "it has no `variant.json`", f"wanted one, since the name is `{filename}`"),)
    try:
        described = parse_described(content.decode())
    except (ValueError, KeyError, RecursionError) as error:
        return None, (_problem(shown, "its description of variants cannot be read", str(error)),)
    label = parse_label(filename)
    if label is not None and set(described.variants) != {label}:
        why = f"the name has the label `{label}`, `variant.json` has `{'`, `'.join(sorted(described.variants))}`"
        return None, (_problem(shown, "its label is not the one that it describes", why),)
    return described, ()


def join_descriptions(found: Sequence[tuple[str, Described]]) -> tuple[Described, tuple[Problem, ...]]:
    """Return the union of descriptions of one release, and each contradiction; `found` has where each is from."""
    joined = found[0][1]
    origin = dict.fromkeys(joined.variants, found[0][0])
    problems = []
    for shown, described in found[1:]:
        conflict = find_conflict(joined, described)
        if conflict is not None:
            problems.append(_problem(shown, f"it contradicts `{found[0][0]}`", f"found {conflict}"))
            continue
        for label in sorted(described.variants.keys() & joined.variants.keys()):
            if described.variants[label] != joined.variants[label]:
                why = f"`{origin[label]}` gives `{label}` other properties, and a label means one thing in a release"
                problems.append(_problem(shown, f"it contradicts `{origin[label]}`", why))
        joined = merge((joined, described))
        origin = {**dict.fromkeys(described.variants, shown), **origin}
    return joined, tuple(problems)


def find_missing_labels(shown: str, described: Described, wheels: Iterable[str]) -> tuple[Problem, ...]:
    """Return a problem for each labelled wheel that a variants file does not name: installers leave those out."""
    return tuple(
        _problem(shown, f"it has no label `{label}`", f"`{name}` has, and installers leave out what is not named")
        for name in sorted(wheels)
        if (label := parse_label(name)) is not None and label not in described.variants
    )


def _problem(shown: str, what: str, why: str) -> Problem:
    return Problem(
        code=Code.CP713,
        what=f"`{shown}`: {what}",
        where=Where(path=shown),
        why=why,
        fix="build all variants of the release in one run: `cudapin build --all --label`",
    )
