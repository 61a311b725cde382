"""What one `cudapin build` is going to build, and what is refused before any environment is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cudapin.adapters.project import has_build_hook
from cudapin.builds.judgement import judge_ahead, judge_sdist
from cudapin.errors import Code, ConfigError, CudapinError, Problem
from cudapin.isolated.plain import is_plain
from cudapin.run_variables import is_off

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cudapin.core.config import Variant
    from cudapin.gate import Gate

__all__ = ["BuildSystem", "Order", "Plan", "make_plan", "read_build_system"]

_BACKENDS = ("hatchling.build", "cudapin.build")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSystem:
    """The table `[build-system]`."""

    requires: tuple[str, ...]
    backend: str
    path: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One wheel to build: of a variant, or (None) of a project without variants.

    `folder` is where it belongs, below the output folder; `refused` is why it is not built at all. `label` is that of
    PEP 825; the plain default wheel belongs to the labelled ones, for installers that know no labels.
    """

    variant: str | None
    folder: str = "."
    refused: tuple[Problem, ...] = ()
    label: str | None = None
    is_plain_default: bool = False

    @property
    def name(self) -> str:
        """What messages call it, unlike all others of the run."""
        if self.is_plain_default:
            return f"{self.variant} (plain)"
        return self.variant or "wheel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything to build. `sdist_refused` is why there can be no sdist; `notes` are what a waiver accepted."""

    root: Path
    system: BuildSystem
    orders: tuple[Order, ...]
    wants_sdist: bool
    sdist_refused: tuple[Problem, ...] = ()
    elsewhere: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    is_plain: bool = False
    is_labelled: bool = False

    @property
    def open_orders(self) -> tuple[Order, ...]:
        """What is not refused yet."""
        return tuple(order for order in self.orders if not order.refused)

    @property
    def is_via_sdist(self) -> bool:
        """Whether wheels are built from one sdist: of several, none then sees what another's build left in the tree.

        A single wheel is built from the tree, as other front ends do, and so is what can have no sdist.
        """
        if self.wants_sdist:
            return True
        return len(self.open_orders) > 1 and not self.sdist_refused


def _wrong(what: str, why: str, fix: str) -> ConfigError:
    return ConfigError(Problem(code=Code.CP112, what=what, why=why, fix=fix))


def read_build_system(gate: Gate) -> BuildSystem:
    """Return the build system of a project that hatchling builds. Raises ConfigError for any other."""
    table = gate.project.pyproject.table.get("build-system", {})
    requires, backend, path = (table.get(key) for key in ("requires", "build-backend", "backend-path"))
    if backend not in _BACKENDS:
        found = "no `build-backend`" if backend is None else f"`build-backend = {backend!r}`"
        why = f"wanted `hatchling.build` or `cudapin.build`, found {found} in `{gate.project.pyproject.source.path}`"
        what = "`cudapin build` builds no project of another build backend"
        raise _wrong(what, why, "use that backend's own front end, such as `python -m build`")
    if not isinstance(requires, list) or not all(isinstance(item, str) for item in requires):
        what = "`[build-system].requires` is no list of requirements"
        raise _wrong(what, f"found `{requires!r}`", 'add `requires = ["hatchling", "cudapin"]`')
    return BuildSystem(
        requires=tuple(requires), backend=backend, path=tuple(map(str, path)) if isinstance(path, list) else None
    )


def make_plan(
    gate: Gate, names: Sequence[str] | None, *, is_all: bool, wants_sdist: bool, labelled: bool = False
) -> Plan:
    """Judge what can be judged without an environment; `names` are those of `--variant`.

    Raises ConfigError where the project, its configuration or what is asked for is wrong.
    """
    system = read_build_system(gate)
    if is_off(gate.environ):
        return _plain_plan(gate, system, asks=bool(names) or is_all or labelled, wants_sdist=wants_sdist)
    variants, elsewhere = _chosen(gate, names, is_all=is_all)
    if labelled and not variants:
        why = "a label says which variant a wheel is of, and the project declares none"
        raise _wrong("`--label` needs variants", why, "leave `--label` out")
    is_gated = has_build_hook(gate.project, gate.environ)
    notes: list[str] = []
    orders = []
    for variant in variants or (None,):
        refused: tuple[Problem, ...] = ()
        if is_gated:
            judgement = judge_ahead(gate, variant)
            refused = judgement.errors
            notes += [f"waived {one.code.name}: {one.what} ({waiver.reason})" for one, waiver in judgement.accepted]
        name = variant.name if variant else None
        label = _label(variant) if variant and labelled else None
        orders.append(Order(variant=name, folder=_folder(gate, name), refused=refused, label=label))
    if labelled:
        plain = next(variant for variant in gate.all_variants() if variant.name == gate.default)
        refused = judge_ahead(gate, plain).errors if is_gated else ()
        orders.append(Order(variant=plain.name, refused=refused, is_plain_default=True))
    return Plan(
        root=gate.project.root,
        system=system,
        orders=tuple(orders),
        wants_sdist=wants_sdist,
        sdist_refused=judge_sdist(gate).errors if is_gated and (wants_sdist or len(orders) > 1) else (),
        elsewhere=elsewhere,
        notes=tuple(dict.fromkeys(notes)),
        is_plain=is_plain(gate),
        is_labelled=labelled,
    )


def _plain_plan(gate: Gate, system: BuildSystem, *, asks: bool, wants_sdist: bool) -> Plan:
    if asks:
        what = "`CUDAPIN=off` builds no variant"
        why = "it is set, and a variant is asked for"
        raise _wrong(what, why, "unset CUDAPIN, or leave out `--variant` and `--all`")
    return Plan(root=gate.project.root, system=system, orders=(Order(variant=None),), wants_sdist=wants_sdist)


def _chosen(gate: Gate, names: Sequence[str] | None, *, is_all: bool) -> tuple[tuple[Variant, ...], tuple[str, ...]]:
    """Return the variants to build, and the names of those that do not exist here."""
    if not gate.config.variants:
        if names:
            what, why = f"there is no variant `{names[0]}`", "the project declares no variants"
            raise _wrong(what, why, "leave `--variant` out")
        return (), ()
    if is_all:
        here = gate.variants()
        if not here:
            gate.choose(next(iter(gate.config.variants)), "`--all`")  # says why
        known = {variant.name for variant in here}
        return here, tuple(name for name in gate.config.variants if name not in known)
    found: dict[str, Variant] = {}
    problems: list[Problem] = []
    origin = "`--variant`" if names else "CUDAPIN_VARIANT"
    for name in names or (gate.environ.get("CUDAPIN_VARIANT"),):
        try:
            choice = gate.choose(name, origin)
        except CudapinError as error:
            problems += error.problems
            continue
        if choice is not None:
            found.setdefault(choice.variant.name, choice.variant)
    if problems:
        raise ConfigError(*problems)
    return tuple(found.values()), ()


def _label(variant: Variant) -> str:
    from cudapin.release.label import default_label

    return default_label(variant.name, has_cuda=bool(variant.cuda))


def _folder(gate: Gate, name: str | None) -> str:
    """Return the folder of a variant's wheel: its own, where neither version nor name tells wheels apart."""
    is_alike = gate.config.spelling == "none" and gate.config.name is None
    return name if name is not None and is_alike else "."
