"""What the collector says of options that hatch would pass over."""

from __future__ import annotations

from typing import Any

import pytest
from support import faults

from cudapin.core.lock import Source
from cudapin.plugin.collector_options import check_options

TEXT = """\
[tool.hatch.env.collectors.cudapin]
env = ["bench"]
envs = ["bnech"]
[tool.hatch.envs.hatch-test]
requires-gpu = true
[tool.hatch.envs.bench]
type = "cudapin"
require-gpu = "yes"
variant = 126
"""


def _source() -> Source:
    return Source(path="pyproject.toml", text=TEXT)


@pytest.mark.parametrize(
    ("options", "environments", "names"),
    [
        ({}, {}, ("hatch-test",)),
        ({"envs": []}, {}, ()),
        ({"envs": ["default", "hatch-test"]}, {}, ("default", "hatch-test")),
        ({"envs": ["bench"]}, {"bench": {"require-gpu": True, "variant": "cpu"}}, ("bench",)),
        ({}, {"bench": {"gpu-of-another-plugin": 1}}, ("hatch-test",)),
    ],
)
def test_what_is_right_is_taken(options: dict[str, Any], environments: dict[str, Any], names: tuple[str, ...]) -> None:
    assert check_options(options, environments, _source) == names


def test_an_unknown_option_of_the_collector_is_refused() -> None:
    assert faults(lambda: check_options({"env": ["bench"]}, {}, _source)) == (
        "error[CP102]: `tool.hatch.env.collectors.cudapin` has no key `env`\n"
        "  --> pyproject.toml:2 (tool.hatch.env.collectors.cudapin.env)\n"
        "  why: the keys of `tool.hatch.env.collectors.cudapin` are `envs`\n"
        "  fix: use `envs`"
    )


def test_names_of_the_wrong_type_are_refused() -> None:
    assert faults(lambda: check_options({"envs": "bench"}, {}, _source)) == (
        "error[CP103]: `tool.hatch.env.collectors.cudapin.envs` is not a list of environment names\n"
        "  --> pyproject.toml:3 (tool.hatch.env.collectors.cudapin.envs)\n"
        "  why: wanted a list of environment names, found `'bench'`\n"
        "  fix: make `tool.hatch.env.collectors.cudapin.envs` a list of environment names"
    )


def test_an_environment_that_nobody_declares_is_not_made_up() -> None:
    assert faults(lambda: check_options({"envs": ["bnech"]}, {"bench": {}}, _source)) == (
        "error[CP103]: `envs` names `bnech`, and no environment has that name\n"
        "  --> pyproject.toml:3 (tool.hatch.env.collectors.cudapin.envs)\n"
        "  why: `[tool.hatch.envs]` and hatch itself declare `bench`, `default`, `hatch-test`\n"
        "  fix: use `bench`; the names are `bench`, `default`, `hatch-test`"
    )


def test_options_that_would_have_no_effect_are_refused_all_at_once() -> None:
    environments = {
        "hatch-test": {"requires-gpu": True},
        "bench": {"type": "cudapin", "require-gpu": "yes", "variant": 126},
    }
    assert faults(lambda: check_options({}, environments, _source)) == (
        "error[CP102]: an environment has no option `requires-gpu`\n"
        "  --> pyproject.toml:5 (tool.hatch.envs.hatch-test.requires-gpu)\n"
        "  why: hatch passes over what it does not know, and this would have no effect\n"
        "  fix: use `require-gpu`; the names are `require-gpu`, `variant`\n"
        "error[CP103]: `tool.hatch.envs.bench.require-gpu` is not `true` or `false`\n"
        "  --> pyproject.toml:8 (tool.hatch.envs.bench.require-gpu)\n"
        "  why: wanted `true` or `false`, found `'yes'`\n"
        "  fix: make `tool.hatch.envs.bench.require-gpu` `true` or `false`\n"
        "error[CP103]: `tool.hatch.envs.bench.variant` is not a string\n"
        "  --> pyproject.toml:9 (tool.hatch.envs.bench.variant)\n"
        "  why: wanted a string, found `126`\n"
        "  fix: make `tool.hatch.envs.bench.variant` a string"
    )
