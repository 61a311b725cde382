"""What `cudapin.build` does beyond `hatchling.build`: it reads settings, and gives wheels their label."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import hatchling.build
from hatchling.bridge.app import Application

from cudapin.builds.config_settings import parse_settings
from cudapin.core.verdict import render_problem
from cudapin.errors import ConfigError
from cudapin.plugin.asked import Asked, asking
from cudapin.plugin.boundary import refusing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cudapin.builds.config_settings import Settings
    from cudapin.errors import Problem

__all__ = ["BUILT", "asking_for", "build", "build_editable", "check_settings"]

BUILT = "cudapin-built"
"""The folder beside prepared metadata that keeps a wheel which had to be built for them."""


def check_settings(settings: Mapping[str, Any] | None) -> Settings:
    """Return what the settings ask for; end the build with our text where one of them means nothing."""
    with refusing(Application(), _nothing):
        found = parse_settings(settings)
        if found.problems:
            raise ConfigError(*found.problems)
    return found


@contextmanager
def asking_for(settings: Mapping[str, Any] | None) -> Iterator[None]:
    """Have hooks see what the settings ask for, as far as they mean something: the build says what does not."""
    found = parse_settings(settings)
    with asking(Asked(variant=found.variant, label=found.label)):
        yield


def build(directory: str, settings: Mapping[str, Any] | None, metadata_directory: str | None) -> str:
    """Build a wheel into `directory` and return its file name; end the build with our text where it is refused."""
    what = check_settings(settings)
    with asking_for(settings):
        with refusing(Application(), _nothing):
            _check_request(what)
        if what.label is not None:
            return _build_labelled(directory, what.label)
        return _take_built(directory, metadata_directory) or hatchling.build.build_wheel(directory)


def build_editable(directory: str, settings: Mapping[str, Any] | None, metadata_directory: str | None) -> str:
    """Build an editable wheel. Settings that mean nothing are told: uv gives its own to every package it builds."""
    app = Application()
    for problem in parse_settings(settings).problems:
        _warn(app, problem)
    with asking_for(settings):
        return _take_built(directory, metadata_directory) or hatchling.build.build_editable(directory)


def _nothing() -> None:
    """Nothing has been written yet."""


def _warn(app: Application, problem: Problem) -> None:
    app.display_warning(render_problem(replace(problem, level="warning")))


def _check_request(what: Settings) -> None:
    """Make sure that the build hook runs, which does what is asked, and that a label fits. Raises ConfigError."""
    from cudapin.adapters.project import has_build_hook, read_project
    from cudapin.builds.backend_problems import hook_is_missing, hook_is_off, off_has_no_label
    from cudapin.plugin.variables import user_environ
    from cudapin.run_variables import is_off

    environ = user_environ()
    if is_off(environ):
        if what.label is not None:
            raise ConfigError(off_has_no_label(what.label))
        return
    project = read_project(Path.cwd())
    if not has_build_hook(project, environ):
        is_configured = has_build_hook(project, {"HATCH_BUILD_HOOKS_ENABLE": "1"})
        if what.variant is not None or what.label is not None:
            raise ConfigError(hook_is_off(what, project.pyproject, environ, is_configured=is_configured))
        if not is_configured:
            _warn(Application(), hook_is_missing(project.pyproject))
    elif what.label is not None:
        _check_label(what.label, environ)


def _check_label(label: str, environ: Mapping[str, str]) -> None:
    from cudapin.builds.backend_problems import judge_label
    from cudapin.plugin.asked import choose_asked, open_asked

    problem = judge_label(label, choose_asked(open_asked(Path.cwd(), environ)))
    if problem is not None:
        raise ConfigError(problem)


def _build_labelled(directory: str, label: str) -> str:
    """Build where no wheel of the plain name can be replaced, and move only what is finished."""
    Path(directory).mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".cudapin-", dir=directory) as folder:
        name = hatchling.build.build_wheel(folder)
        with refusing(Application(), _nothing):
            from cudapin.release.label import label_wheel

            labelled = label_wheel(Path(folder, name), label)
            labelled.replace(Path(directory, labelled.name))
    return labelled.name


def _take_built(directory: str, metadata_directory: str | None) -> str | None:
    """Use the wheel that was built when the front end asked for its metadata; None where there is none."""
    if metadata_directory is None:
        return None
    built = sorted(Path(metadata_directory).absolute().parent.joinpath(BUILT).glob("*.whl"))
    if not built:
        return None
    shutil.copy2(built[0], directory)
    return built[0].name
