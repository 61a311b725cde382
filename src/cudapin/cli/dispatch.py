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
    if options.command in ("audit", "doctor"):
        return _run_anywhere(options)
    root = find_root(Path(getattr(options, "project", ".")))
    if options.command == "check":
        return commands.check(root, os.environ, options.variant, options.python, options.platform)
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
    if options.action == "check":
        return commands.lock_check(root, os.environ, options.lock)
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
    from cudapin.cli.doctor import doctor

    is_named = "project" in options
    return doctor(start, os.environ, variant=options.variant, python=options.python, is_named=is_named)
