"""Puts labelled wheels (PEP 825) into their folder together with the file that an index needs, or none of them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from cudapin.errors import Code, CudapinError
from cudapin.isolated.results import Result, no_room
from cudapin.release.publish import public_part

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from cudapin.errors import Problem
    from cudapin.isolated.deliver import Delivery
    from cudapin.isolated.results import Outcome

__all__ = ["FOLDER", "publish_labelled", "unwritten"]

FOLDER = "variants"
"""The folder of labelled wheels, below the output folder: installers would take a local version before them."""


def publish_labelled(
    results: Mapping[str, Result], delivery: Delivery, scratch: Path
) -> tuple[dict[str, Result], tuple[Path, ...]]:
    """Judge finished wheels together with those of their releases that are there already, then put them there.

    Return the results, by owner, as they are now, and the files for an index. `scratch` is an empty folder of the run.
    """
    from cudapin.release.label import write_variants_json

    wheels = {name: result.path for name, result in results.items() if result.path is not None}
    if not wheels:
        return dict(results), ()
    releases = {_release(path) for path in wheels.values()}
    try:
        for path in sorted((delivery.output / FOLDER).glob("*.whl")):
            if path.is_file() and _release(path) in releases:
                shutil.copyfile(path, scratch / path.name)
        for path in wheels.values():
            shutil.copyfile(path, scratch / path.name)
        described = write_variants_json(scratch)
        files = [(path, owner) for owner, path in wheels.items()] + [(path, "the index") for path in described]
        done = delivery.put_all(files, FOLDER)
    except CudapinError as error:
        return {**results, **_failed(results, wheels, error.problems)}, ()
    except OSError as error:
        problem = no_room("the folder of labelled wheels", error)
        return {**results, **_failed(results, wheels, (problem,))}, ()
    found = dict(results)
    for name, (path, sha256) in zip(wheels, done, strict=False):
        found[name] = replace(results[name], path=path, sha256=sha256)
    return found, tuple(path for path, _ in done[len(wheels) :])


def unwritten(result: Result) -> Result:
    """Return the result of a wheel that was built, and put nowhere since the run is over."""
    return Result(outcome="not run") if result.outcome == "built" else result


def _failed(
    results: Mapping[str, Result], wheels: Mapping[str, Path], problems: Sequence[Problem]
) -> Mapping[str, Result]:
    outcome: Outcome = "failed" if any(problem.code is Code.CP603 for problem in problems) else "refused"
    return {name: Result(outcome=outcome, problems=(*results[name].problems, *problems)) for name in wheels}


def _release(wheel: Path) -> str:
    """Return name and public version of a wheel, as its file name spells them."""
    return public_part("-".join(wheel.name.split("-")[:2]))
