"""Do the names and the index that a variant gives agree with what its lock selects?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.core.fields import nearest
from cudapin.core.index import strip_credentials
from cudapin.core.locate import find_line
from cudapin.errors import Code, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cudapin.core.config import Variant
    from cudapin.core.judge_cuda import Bound
    from cudapin.core.lock import Source

__all__ = ["judge_index", "judge_names"]


def judge_index(variant: Variant, bound: Iterable[Bound], source: Source) -> Iterable[Problem]:
    """An `index` that the lock contradicts is an error: it is only for locks that record none."""
    for item in bound:
        package = item.package
        if variant.index is None or package.index == "" or not package.direct:
            continue
        wanted, locked = (strip_credentials(address or "").rstrip("/") for address in (variant.index, package.index))
        if wanted == locked:
            continue
        found = f"`{locked}`" if locked else "the default index"
        yield Problem(
            code=Code.CP106,
            what=f"`index` of variant `{variant.name}` contradicts the lock",
            where=_where(source, "variants", variant.name, "index"),
            why=f"wanted `{package.name}` from `{wanted}`, the lock has it from {found}",
            fix="remove `index`: this lock format records the index of each package",
            variant=variant.name,
        )


def judge_names(variant: Variant, names: Iterable[str], known: frozenset[str], source: Source) -> Iterable[Problem]:
    """Return a problem for each name in `pin` or `build-requires` that no variant selects; `known` are selected."""
    for name in names:
        key = "pin" if name in variant.pin else "build-requires"
        own = _where(source, "variants", variant.name, key)
        parent = _where(source, "variants", variant.name)
        yield Problem(
            code=Code.CP107,
            what=f"`{key}` names `{name}`, which no variant selects from its lock",
            where=_where(source, key) if own.line in (None, parent.line) else own,
            why=f"wanted a package of the lock, found none called `{name}`",
            fix=nearest(name, sorted(known)),
        )


def _where(source: Source, *key: str) -> Where:
    path = ("tool", "cudapin", *key)
    return Where(path=source.path, line=find_line(source.text, *path), key=".".join(path))
