"""From parsed arguments to the command: each is imported only when it is asked for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from cudapin.cli.commands import Outcome

__all__ = ["run"]


def run(options: argparse.Namespace) -> Outcome:
    """Run the command that the arguments name. Raises CudapinError where it cannot."""
    from cudapin.adapters.files import start_noting
    from cudapin.adapters.project import find_root
    from cudapin.cli import commands

    if getattr(options, "verbose", False):
        start_noting()
    if options.command in ("audit", "doctor", "explain", "index", "publish-check"):
        return _run_anywhere(options)
    root = options.root = find_root(Path(getattr(options, "project", ".")))
    if options.command == "check":
        return commands.check(root, os.environ, options.variant, options.python, options.platform)
    if options.command in ("init", "matrix"):
        return _run_overview(root, options)
    if options.command == "build":
        from cudapin.cli.build import build

        return build(
            root,
            os.environ,
            options.variant,
            is_all=options.all,
            output=options.output,
            sdist=options.sdist,
            label=options.label,
            jobs=options.jobs,
            quiet=getattr(options, "quiet", False),
            verbose=getattr(options, "verbose", False),
            colour=getattr(options, "color", "auto"),
        )
    if options.command == "export":
        from cudapin.cli.export import export

        return export(
            root,
            os.environ,
            variant=options.variant,
            extras=options.extra,
            groups=options.group,
            python=options.python,
            platform=options.platform,
            to=options.to,
            output=options.output,
        )
    return _run_lock(root, options)


def _run_overview(root: Path, options: argparse.Namespace) -> Outcome:
    """Run a command that says what a project has or could have."""
    if options.command == "init":
        from cudapin.cli.init import init

        return init(root, os.environ, default=options.default, lock=options.lock, is_written=options.write)
    from cudapin.cli.matrix import matrix

    return matrix(
        root, os.environ, names=options.variant, pythons=options.python, platforms=options.platform, to=options.to
    )


def _run_lock(root: Path, options: argparse.Namespace) -> Outcome:
    """Run a command about the lock file."""
    from cudapin.cli import commands

    if options.action == "check":
        is_json = getattr(options, "format", "text") == "json"
        return commands.lock_check(root, os.environ, options.lock, is_digest_wanted=is_json)
    if options.action == "diff":
        from cudapin.cli.diff import lock_diff

        return lock_diff(
            root,
            os.environ,
            options.old,
            options.new,
            python=options.python,
            platform=options.platform,
            is_code_wanted=options.exit_code,
        )
    return commands.lock_show(
        root,
        os.environ,
        variant=options.variant,
        extras=options.extra,
        groups=options.group,
        python=options.python,
        platform=options.platform,
    )


def _run_anywhere(options: argparse.Namespace) -> Outcome:
    """Run a command that needs no project."""
    start = Path(getattr(options, "project", "."))
    if options.command == "audit":
        from cudapin.cli.audit import audit

        return audit(start, os.environ, options.wheels, options.variant)
    if options.command == "explain":
        from cudapin.cli.explain import explain

        return explain(options.code)
    if options.command == "index":
        from cudapin.cli.index import index

        return index(options.dists, options.output)
    if options.command == "publish-check":
        from cudapin.cli.publish_check import publish_check

        return publish_check(
            start if "project" in options else None,
            os.environ,
            options.dists,
            to=options.to,
            is_waiving=options.accept_waivers,
            previous=options.previous,
            max_size=options.max_size,
        )
    from cudapin.cli.doctor import doctor

    is_named = "project" in options
    return doctor(start, os.environ, variant=options.variant, python=options.python, is_named=is_named)
