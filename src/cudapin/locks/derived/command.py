"""The command line of `uv export`, as the header of what it wrote records it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["UvExport", "parse_uv_export", "split_options"]

_LISTS = {
    "--extra": "extras",
    "--no-extra": "no_extras",
    "--group": "groups",
    "--no-group": "no_groups",
    "--only-group": "only_groups",
    "--package": "packages",
    "--prune": "pruned",
    "--no-emit-package": "left_out",
    "--no-install-package": "left_out",
}
_FLAGS = {
    "--all-extras": "all_extras",
    "--all-groups": "all_groups",
    "--all-packages": "all_packages",
    "--no-dev": "no_dev",
    "--production": "no_dev",
    "--only-dev": "only_dev",
    "--no-default-groups": "no_default_groups",
    "--no-hashes": "no_hashes",
    "--no-emit-project": "no_project",
    "--no-install-project": "no_project",
    "--no-emit-workspace": "no_workspace",
    "--no-install-workspace": "no_workspace",
    "--no-emit-local": "no_local",
    "--no-install-local": "no_local",
}
# What changes neither which packages are exported nor their files: how it is written, and how uv locks before it,
# of which the lock file itself tells.
_OTHER_WITH_VALUE_TEXT = """
    --format --no-editable-package -p --python --index --default-index -i --index-url --extra-index-url -f
    --find-links --index-strategy --keyring-provider -P --upgrade-package --upgrade-group --resolution
    --prerelease --prerelease-package --fork-strategy --exclude-newer --exclude-newer-package
    --no-sources-package -C --config-setting --config-settings --config-settings-package
    --no-build-isolation-package --no-build-package --no-binary-package --link-mode --cache-dir
    --refresh-package --color --allow-insecure-host --config-file
"""
_OTHER_FLAGS_TEXT = """
    --dev --frozen --locked --no-annotate --no-header --header --annotate --hashes --editable --no-editable
    --emit-index-url --no-emit-index-url --emit-find-links --no-emit-find-links --no-index -U --upgrade
    --no-upgrade --no-sources --no-build-isolation --build-isolation --no-build --build --no-binary --binary
    --offline --no-offline --require-build-hashes --no-require-build-hashes -n --no-cache --no-cache-dir
    --refresh --no-refresh --managed-python --no-managed-python --no-python-downloads -q --quiet -v --verbose
    --system-certs --native-tls --no-progress --no-config --preview --no-preview -qq -vv
"""

_OTHER_WITH_VALUE = frozenset(_OTHER_WITH_VALUE_TEXT.split())
_OTHER_FLAGS = frozenset(_OTHER_FLAGS_TEXT.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class UvExport:
    """What `uv export` was asked for; `unknown` are the options whose meaning is not known here."""

    extras: tuple[str, ...] = ()
    no_extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    no_groups: tuple[str, ...] = ()
    only_groups: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    pruned: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    all_extras: bool = False
    all_groups: bool = False
    all_packages: bool = False
    no_dev: bool = False
    only_dev: bool = False
    no_default_groups: bool = False
    no_hashes: bool = False
    no_project: bool = False
    no_workspace: bool = False
    no_local: bool = False
    output: str | None = None
    unknown: tuple[str, ...] = ()

    @property
    def is_without_project(self) -> bool:
        """Whether only groups are exported, without what the project itself requires."""
        return bool(self.only_groups) or self.only_dev


def parse_uv_export(arguments: Sequence[str]) -> UvExport:
    """Read the arguments of `uv export`, with `uv` itself; names are normalised as uv does it."""
    from packaging.utils import canonicalize_name

    lists: dict[str, list[str]] = {name: [] for name in _LISTS.values()}
    flags: dict[str, bool] = {}
    unknown: list[str] = []
    output: str | None = None
    with_value = {*_LISTS, *_OTHER_WITH_VALUE, "-o", "--output-file"}
    for option, value in split_options(arguments[1:], with_value):
        if option in _LISTS:
            lists[_LISTS[option]] += [str(canonicalize_name(name)) for name in (value or "").split()]
        elif option in _FLAGS:
            flags[_FLAGS[option]] = True
        elif option in ("-o", "--output-file"):
            output = value
        elif option not in _OTHER_WITH_VALUE and option not in _OTHER_FLAGS and option != "export":
            unknown.append(option)
    names = {key: tuple(dict.fromkeys(values)) for key, values in lists.items()}
    plain = UvExport(output=output, unknown=tuple(dict.fromkeys(unknown)))
    return replace(plain, **names, **flags)  # type: ignore[arg-type]  # the tables above name only fields


def split_options(arguments: Sequence[str], with_value: set[str] | frozenset[str]) -> list[tuple[str, str | None]]:
    """Return (option, value) for each argument; a word that is no option stands as an option of its own.

    >>> split_options(["export", "--extra=a", "-pthree", "--frozen"], {"--extra", "-p"})
    [('export', None), ('--extra', 'a'), ('-p', 'three'), ('--frozen', None)]
    """
    found: list[tuple[str, str | None]] = []
    rest = iter(arguments)
    for argument in rest:
        option, equals, value = argument.partition("=")
        if argument[:2] in with_value and not argument.startswith("--") and len(argument) > 2:  # noqa: PLR2004
            found.append((argument[:2], argument[2:].removeprefix("=")))
        elif option in with_value:
            found.append((option, value if equals else next(rest, None)))
        else:
            found.append((argument, None))
    return found
