"""Every key of `[tool.cudapin]` with a wrong value: the whole text of what is said, with its line."""

# ruff: noqa: E501 - whole messages

from __future__ import annotations

import pytest

from unit.support import config_of, faults

WRONG = [
    pytest.param(
        """\
[tool]
cudapin = 3
""",
        """\
error[CP103]: `tool.cudapin` is not a table
  --> pyproject.toml:2 (tool.cudapin)
  why: wanted a table, found `3`
  fix: make `tool.cudapin` a table
""",
        id="not_a_table",
    ),
    pytest.param(
        """\
[tool.cudapin]
speling = "local"
""",
        """\
error[CP102]: `tool.cudapin` has no key `speling`
  --> pyproject.toml:2 (tool.cudapin.speling)
  why: the keys of `tool.cudapin` are `default`, `lock`, `spelling`, `name`, `spell-default`, `extras`, `pin`, `build-requires`, `cuda-bound`, `guard`, `sbom`, `allow`, `variants`
  fix: use `spelling`
""",
        id="unknown_key",
    ),
    pytest.param(
        """\
[tool.cudapin]
zzz = 1
""",
        """\
error[CP102]: `tool.cudapin` has no key `zzz`
  --> pyproject.toml:2 (tool.cudapin.zzz)
  why: the keys of `tool.cudapin` are `default`, `lock`, `spelling`, `name`, `spell-default`, `extras`, `pin`, `build-requires`, `cuda-bound`, `guard`, `sbom`, `allow`, `variants`
  fix: remove it
""",
        id="unknown_key_far_from_all",
    ),
    pytest.param(
        """\
[tool.cudapin]
default = 3
[tool.cudapin.variants.cu128]
""",
        """\
error[CP103]: `tool.cudapin.default` is not a string or a list of strings
  --> pyproject.toml:2 (tool.cudapin.default)
  why: wanted a string or a list of strings, found `3`
  fix: make `tool.cudapin.default` a string or a list of strings
""",
        id="default_type",
    ),
    pytest.param(
        """\
[tool.cudapin]
default = ""
[tool.cudapin.variants.cu128]
""",
        """\
error[CP103]: `tool.cudapin.default` is not a string or a list of strings
  --> pyproject.toml:2 (tool.cudapin.default)
  why: wanted a string or a list of strings, found `''`
  fix: make `tool.cudapin.default` a string or a list of strings
""",
        id="default_empty_string",
    ),
    pytest.param(
        """\
[tool.cudapin]
default = ["cu128", 3]
[tool.cudapin.variants.cu128]
""",
        """\
error[CP103]: `tool.cudapin.default` is not a string or a list of strings
  --> pyproject.toml:2 (tool.cudapin.default)
  why: wanted a string or a list of strings, found `['cu128', 3]`
  fix: make `tool.cudapin.default` a string or a list of strings
""",
        id="default_item_type",
    ),
    pytest.param(
        """\
[tool.cudapin]
default = "cu12"
[tool.cudapin.variants.cu128]
""",
        """\
error[CP104]: the default variant `cu12` is not declared
  --> pyproject.toml:2 (tool.cudapin.default)
  why: the declared variants are `cu128`
  fix: use `cu128`; the names are `cu128`
""",
        id="default_undeclared",
    ),
    pytest.param(
        """\
[tool.cudapin]
default = ["cu128", "cpu"]
[tool.cudapin.variants.cu128]
""",
        """\
error[CP104]: the default variant `cpu` is not declared
  --> pyproject.toml:2 (tool.cudapin.default)
  why: the declared variants are `cu128`
  fix: the names are `cu128`
""",
        id="default_list_undeclared",
    ),
    pytest.param(
        """\
[tool.cudapin]
[tool.cudapin.variants.cu128]
[tool.cudapin.variants.cu126]
""",
        """\
error[CP105]: no default variant is named
  --> pyproject.toml:1 (tool.cudapin)
  why: there is no variant `cpu`, and there are several: `cu128`, `cu126`
  fix: add `default = "…"` to `[tool.cudapin]`
""",
        id="no_default",
    ),
    pytest.param(
        """\
[tool.cudapin]
default = []
[tool.cudapin.variants.cu128]
[tool.cudapin.variants.cu126]
""",
        """\
error[CP105]: no default variant is named
  --> pyproject.toml:1 (tool.cudapin)
  why: there is no variant `cpu`, and there are several: `cu128`, `cu126`
  fix: add `default = "…"` to `[tool.cudapin]`
""",
        id="empty_default_list",
    ),
    pytest.param(
        """\
[tool.cudapin]
lock = 3
""",
        """\
error[CP103]: `tool.cudapin.lock` is not a string
  --> pyproject.toml:2 (tool.cudapin.lock)
  why: wanted a string, found `3`
  fix: make `tool.cudapin.lock` a string
""",
        id="lock_type",
    ),
    pytest.param(
        """\
[tool.cudapin]
lock = true
""",
        """\
error[CP103]: `tool.cudapin.lock` is not a string
  --> pyproject.toml:2 (tool.cudapin.lock)
  why: wanted a string, found `True`
  fix: make `tool.cudapin.lock` a string
""",
        id="lock_true",
    ),
    pytest.param(
        """\
[tool.cudapin]
lock = "{varant}.txt"
""",
        """\
error[CP103]: `tool.cudapin.lock` has a placeholder that means nothing
  --> pyproject.toml:2 (tool.cudapin.lock)
  why: found `{varant}.txt`; the only placeholder is `{variant}`
  fix: use `{variant}`
""",
        id="lock_placeholder",
    ),
    pytest.param(
        """\
[tool.cudapin]
lock = false
pin = ["torch"]
[tool.cudapin.variants.cu128]
""",
        """\
error[CP106]: `lock = false`, and yet `pin` of variant `cu128` needs a lock file
  --> pyproject.toml:2 (tool.cudapin.lock)
  why: `pin` takes the versions of `torch` from the lock file
  fix: remove `lock = false`, or `pin`
""",
        id="lock_false_with_pin",
    ),
    pytest.param(
        """\
[tool.cudapin]
lock = false
[tool.cudapin.variants.cu128]
build-requires = ["torch"]
""",
        """\
error[CP106]: `lock = false`, and yet `build-requires` of variant `cu128` needs a lock file
  --> pyproject.toml:2 (tool.cudapin.lock)
  why: `build-requires` takes the versions of `torch` from the lock file
  fix: remove `lock = false`, or `build-requires`
""",
        id="lock_false_with_build_requires",
    ),
    pytest.param(
        """\
[tool.cudapin]
spelling = "loca"
""",
        """\
error[CP103]: `tool.cudapin.spelling` is not one of `local`, `none`
  --> pyproject.toml:2 (tool.cudapin.spelling)
  why: wanted one of `local`, `none`, found `'loca'`
  fix: make `tool.cudapin.spelling` one of `local`, `none`
""",
        id="spelling",
    ),
    pytest.param(
        """\
[tool.cudapin]
spelling = ["local"]
""",
        """\
error[CP103]: `tool.cudapin.spelling` is not one of `local`, `none`
  --> pyproject.toml:2 (tool.cudapin.spelling)
  why: wanted one of `local`, `none`, found `['local']`
  fix: make `tool.cudapin.spelling` one of `local`, `none`
""",
        id="spelling_type",
    ),
    pytest.param(
        """\
[tool.cudapin]
name = 3
""",
        """\
error[CP103]: `tool.cudapin.name` is not a project name, with `{variant}`, `{major}` or `{minor}` in it
  --> pyproject.toml:2 (tool.cudapin.name)
  why: wanted a project name, with `{variant}`, `{major}` or `{minor}` in it, found `3`
  fix: make `tool.cudapin.name` a project name, with `{variant}`, `{major}` or `{minor}` in it
""",
        id="name_type",
    ),
    pytest.param(
        """\
[tool.cudapin]
name = "demo"
""",
        """\
error[CP103]: `tool.cudapin.name` is not a project name, with `{variant}`, `{major}` or `{minor}` in it
  --> pyproject.toml:2 (tool.cudapin.name)
  why: wanted a project name, with `{variant}`, `{major}` or `{minor}` in it, found `'demo'`
  fix: make `tool.cudapin.name` a project name, with `{variant}`, `{major}` or `{minor}` in it
""",
        id="name_without_placeholder",
    ),
    pytest.param(
        """\
[tool.cudapin]
name = "demo-{cuda}"
""",
        """\
error[CP103]: `tool.cudapin.name` is not a project name, with `{variant}`, `{major}` or `{minor}` in it
  --> pyproject.toml:2 (tool.cudapin.name)
  why: wanted a project name, with `{variant}`, `{major}` or `{minor}` in it, found `'demo-{cuda}'`
  fix: make `tool.cudapin.name` a project name, with `{variant}`, `{major}` or `{minor}` in it
""",
        id="name_wrong_placeholder",
    ),
    pytest.param(
        """\
[tool.cudapin]
name = "demo-{variant.x}"
""",
        """\
error[CP103]: `tool.cudapin.name` is not a project name, with `{variant}`, `{major}` or `{minor}` in it
  --> pyproject.toml:2 (tool.cudapin.name)
  why: wanted a project name, with `{variant}`, `{major}` or `{minor}` in it, found `'demo-{variant.x}'`
  fix: make `tool.cudapin.name` a project name, with `{variant}`, `{major}` or `{minor}` in it
""",
        id="name_attribute",
    ),
    pytest.param(
        """\
[tool.cudapin]
name = "demo-{variant[a]}"
""",
        """\
error[CP103]: `tool.cudapin.name` is not a project name, with `{variant}`, `{major}` or `{minor}` in it
  --> pyproject.toml:2 (tool.cudapin.name)
  why: wanted a project name, with `{variant}`, `{major}` or `{minor}` in it, found `'demo-{variant[a]}'`
  fix: make `tool.cudapin.name` a project name, with `{variant}`, `{major}` or `{minor}` in it
""",
        id="name_item",
    ),
    pytest.param(
        """\
[tool.cudapin]
name = "demo-{variant:>9999999999}"
""",
        """\
error[CP103]: `tool.cudapin.name` is not a project name, with `{variant}`, `{major}` or `{minor}` in it
  --> pyproject.toml:2 (tool.cudapin.name)
  why: wanted a project name, with `{variant}`, `{major}` or `{minor}` in it, found `'demo-{variant:>9999999999}'`
  fix: make `tool.cudapin.name` a project name, with `{variant}`, `{major}` or `{minor}` in it
""",
        id="name_format",
    ),
    pytest.param(
        """\
[tool.cudapin]
name = "demo-{variant"
""",
        """\
error[CP103]: `tool.cudapin.name` is not a project name, with `{variant}`, `{major}` or `{minor}` in it
  --> pyproject.toml:2 (tool.cudapin.name)
  why: wanted a project name, with `{variant}`, `{major}` or `{minor}` in it, found `'demo-{variant'`
  fix: make `tool.cudapin.name` a project name, with `{variant}`, `{major}` or `{minor}` in it
""",
        id="name_open_brace",
    ),
    pytest.param(
        """\
[tool.cudapin]
name = "-{variant}"
""",
        """\
error[CP103]: `tool.cudapin.name` is not a project name, with `{variant}`, `{major}` or `{minor}` in it
  --> pyproject.toml:2 (tool.cudapin.name)
  why: wanted a project name, with `{variant}`, `{major}` or `{minor}` in it, found `'-{variant}'`
  fix: make `tool.cudapin.name` a project name, with `{variant}`, `{major}` or `{minor}` in it
""",
        id="name_no_name",
    ),
    pytest.param(
        """\
[tool.cudapin]
name = "demo-cu{major}"
default = "cpu"
[tool.cudapin.variants.cpu]
[tool.cudapin.variants.cu128]
[tool.cudapin.variants.cu126]
""",
        """\
error[CP106]: variants `cu128` and `cu126` would both be named `demo-cu12`
  --> pyproject.toml:2 (tool.cudapin.name)
  why: two variants of one name could not be told apart
  fix: use `{variant}` in `name`
""",
        id="name_twice",
    ),
    pytest.param(
        """\
[tool.cudapin]
name = "demo-cu{major}"
spell-default = true
[tool.cudapin.variants.cpu]
""",
        """\
error[CP106]: variant `cpu` cannot be spelled by `demo-cu{major}`
  --> pyproject.toml:2 (tool.cudapin.name)
  why: variant `cpu` has no single CUDA version to fill in
  fix: use `{variant}` in `name`
""",
        id="name_no_cuda",
    ),
    pytest.param(
        """\
[tool.cudapin]
name = "demo-cu{minor}"
default = "cu128"
[tool.cudapin.variants.cu128]
[tool.cudapin.variants.cu12]
""",
        """\
error[CP106]: variant `cu12` cannot be spelled by `demo-cu{minor}`
  --> pyproject.toml:2 (tool.cudapin.name)
  why: variant `cu12` has no single CUDA version to fill in
  fix: use `{variant}` in `name`
""",
        id="name_no_minor",
    ),
    pytest.param(
        """\
[tool.cudapin]
spell-default = "yes"
""",
        """\
error[CP103]: `tool.cudapin.spell-default` is not `true` or `false`
  --> pyproject.toml:2 (tool.cudapin.spell-default)
  why: wanted `true` or `false`, found `'yes'`
  fix: make `tool.cudapin.spell-default` `true` or `false`
""",
        id="spell_default_type",
    ),
    pytest.param(
        """\
[tool.cudapin]
extras = "folded"
""",
        """\
error[CP103]: `tool.cudapin.extras` is not one of `fold`, `keep`
  --> pyproject.toml:2 (tool.cudapin.extras)
  why: wanted one of `fold`, `keep`, found `'folded'`
  fix: make `tool.cudapin.extras` one of `fold`, `keep`
""",
        id="extras",
    ),
    pytest.param(
        """\
[tool.cudapin]
pin = "torch"
""",
        """\
error[CP103]: `tool.cudapin.pin` is not a list of names, or a table of names with `exact`, `minor`, `minimum`
  --> pyproject.toml:2 (tool.cudapin.pin)
  why: wanted a list of names, or a table of names with `exact`, `minor`, `minimum`, found `'torch'`
  fix: make `tool.cudapin.pin` a list of names, or a table of names with `exact`, `minor`, `minimum`
""",
        id="pin_type",
    ),
    pytest.param(
        """\
[tool.cudapin]
pin = { torch = "major" }
""",
        """\
error[CP103]: `tool.cudapin.pin` is not a list of names, or a table of names with `exact`, `minor`, `minimum`
  --> pyproject.toml:2 (tool.cudapin.pin)
  why: wanted a list of names, or a table of names with `exact`, `minor`, `minimum`, found `{'torch': 'major'}`
  fix: make `tool.cudapin.pin` a list of names, or a table of names with `exact`, `minor`, `minimum`
""",
        id="pin_kind",
    ),
    pytest.param(
        """\
[tool.cudapin]
pin = [1]
""",
        """\
error[CP103]: `tool.cudapin.pin` is not a list of names, or a table of names with `exact`, `minor`, `minimum`
  --> pyproject.toml:2 (tool.cudapin.pin)
  why: wanted a list of names, or a table of names with `exact`, `minor`, `minimum`, found `[1]`
  fix: make `tool.cudapin.pin` a list of names, or a table of names with `exact`, `minor`, `minimum`
""",
        id="pin_item",
    ),
    pytest.param(
        """\
[tool.cudapin]
build-requires = 1
""",
        """\
error[CP103]: `tool.cudapin.build-requires` is not a string or a list of strings
  --> pyproject.toml:2 (tool.cudapin.build-requires)
  why: wanted a string or a list of strings, found `1`
  fix: make `tool.cudapin.build-requires` a string or a list of strings
""",
        id="build_requires_type",
    ),
    pytest.param(
        """\
[tool.cudapin]
cuda-bound = ["x"]
""",
        """\
error[CP103]: `tool.cudapin.cuda-bound` is not a table of package names with a pattern that has the group `major`
  --> pyproject.toml:2 (tool.cudapin.cuda-bound)
  why: wanted a table of package names with a pattern that has the group `major`, found `['x']`
  fix: make `tool.cudapin.cuda-bound` a table of package names with a pattern that has the group `major`
""",
        id="cuda_bound_type",
    ),
    pytest.param(
        """\
[tool.cudapin]
cuda-bound = { x = "(" }
""",
        """\
error[CP103]: `tool.cudapin.cuda-bound` is not a table of package names with a pattern that has the group `major`
  --> pyproject.toml:2 (tool.cudapin.cuda-bound)
  why: wanted a table of package names with a pattern that has the group `major`, found `{'x': '('}`
  fix: make `tool.cudapin.cuda-bound` a table of package names with a pattern that has the group `major`
""",
        id="cuda_bound_pattern",
    ),
    pytest.param(
        """\
[tool.cudapin]
cuda-bound = { x = 3 }
""",
        """\
error[CP103]: `tool.cudapin.cuda-bound` is not a table of package names with a pattern that has the group `major`
  --> pyproject.toml:2 (tool.cudapin.cuda-bound)
  why: wanted a table of package names with a pattern that has the group `major`, found `{'x': 3}`
  fix: make `tool.cudapin.cuda-bound` a table of package names with a pattern that has the group `major`
""",
        id="cuda_bound_pattern_type",
    ),
    pytest.param(
        """\
[tool.cudapin]
cuda-bound = { x = "cu(\\\\d+)" }
""",
        """\
error[CP103]: `tool.cudapin.cuda-bound` is not a table of package names with a pattern that has the group `major`
  --> pyproject.toml:2 (tool.cudapin.cuda-bound)
  why: wanted a table of package names with a pattern that has the group `major`, found `{'x': 'cu(\\\\d+)'}`
  fix: make `tool.cudapin.cuda-bound` a table of package names with a pattern that has the group `major`
""",
        id="cuda_bound_without_major",
    ),
    pytest.param(
        """\
[tool.cudapin]
allow = "CP305"
""",
        """\
error[CP103]: `tool.cudapin.allow` is not an array of tables
  --> pyproject.toml:2 (tool.cudapin.allow)
  why: wanted an array of tables, found `'CP305'`
  fix: make `tool.cudapin.allow` an array of tables
""",
        id="allow_type",
    ),
    pytest.param(
        """\
[tool.cudapin.allow]
code = "CP305"
""",
        """\
error[CP103]: `tool.cudapin.allow` is not an array of tables
  --> pyproject.toml:1 (tool.cudapin.allow)
  why: wanted an array of tables, found `{'code': 'CP305'}`
  fix: make `tool.cudapin.allow` an array of tables
""",
        id="allow_table",
    ),
    pytest.param(
        """\
[[tool.cudapin.allow]]
""",
        """\
error[CP103]: a waiver has no `code`
  --> pyproject.toml:1 (tool.cudapin.allow.0)
  why: `code` and `reason` are required, and recorded in the wheel
  fix: add `code`
error[CP103]: a waiver has no `reason`
  --> pyproject.toml:1 (tool.cudapin.allow.0)
  why: `code` and `reason` are required, and recorded in the wheel
  fix: add `reason`
""",
        id="allow_empty",
    ),
    pytest.param(
        """\
[[tool.cudapin.allow]]
code = "CP999"
reason = "x"
""",
        """\
error[CP103]: `tool.cudapin.allow.0.code` is not the code of a problem, such as `CP301`
  --> pyproject.toml:2 (tool.cudapin.allow.0.code)
  why: wanted the code of a problem, such as `CP301`, found `'CP999'`
  fix: make `tool.cudapin.allow.0.code` the code of a problem, such as `CP301`
""",
        id="allow_code",
    ),
    pytest.param(
        """\
[[tool.cudapin.allow]]
code = 305
reason = "x"
""",
        """\
error[CP103]: `tool.cudapin.allow.0.code` is not the code of a problem, such as `CP301`
  --> pyproject.toml:2 (tool.cudapin.allow.0.code)
  why: wanted the code of a problem, such as `CP301`, found `305`
  fix: make `tool.cudapin.allow.0.code` the code of a problem, such as `CP301`
""",
        id="allow_code_type",
    ),
    pytest.param(
        """\
[[tool.cudapin.allow]]
code = "CP305"
reason = ""
""",
        """\
error[CP103]: `tool.cudapin.allow.0.reason` is not a string
  --> pyproject.toml:3 (tool.cudapin.allow.0.reason)
  why: wanted a string, found `''`
  fix: make `tool.cudapin.allow.0.reason` a string
""",
        id="allow_reason_empty",
    ),
    pytest.param(
        """\
[[tool.cudapin.allow]]
code = "CP305"
reason = "x"
untl = 2027-01-31
""",
        """\
error[CP102]: `tool.cudapin.allow.0` has no key `untl`
  --> pyproject.toml:4 (tool.cudapin.allow.0.untl)
  why: the keys of `tool.cudapin.allow.0` are `code`, `variant`, `package`, `reason`, `until`
  fix: use `until`
""",
        id="allow_key",
    ),
    pytest.param(
        """\
[[tool.cudapin.allow]]
code = "CP305"
reason = "x"
until = "soon"
""",
        """\
error[CP103]: `tool.cudapin.allow.0.until` is not a date such as `2027-01-31`
  --> pyproject.toml:4 (tool.cudapin.allow.0.until)
  why: wanted a date such as `2027-01-31`, found `'soon'`
  fix: make `tool.cudapin.allow.0.until` a date such as `2027-01-31`
""",
        id="allow_until",
    ),
    pytest.param(
        """\
[[tool.cudapin.allow]]
code = "CP305"
reason = "x"
until = 2027-01-31T00:00:00
""",
        """\
error[CP103]: `tool.cudapin.allow.0.until` is not a date such as `2027-01-31`
  --> pyproject.toml:4 (tool.cudapin.allow.0.until)
  why: wanted a date such as `2027-01-31`, found `datetime.datetime(2027, 1, 31, 0, 0)`
  fix: make `tool.cudapin.allow.0.until` a date such as `2027-01-31`
""",
        id="allow_until_time",
    ),
    pytest.param(
        """\
[[tool.cudapin.allow]]
code = "CP305"
reason = "x"

[[tool.cudapin.allow]] # two
code = "CP305"
reason = 4
""",
        """\
error[CP103]: `tool.cudapin.allow.1.reason` is not a string
  --> pyproject.toml:7 (tool.cudapin.allow.1.reason)
  why: wanted a string, found `4`
  fix: make `tool.cudapin.allow.1.reason` a string
""",
        id="second_allow",
    ),
    pytest.param(
        """\
[tool.cudapin]
variants = ["cpu"]
""",
        """\
error[CP103]: `tool.cudapin.variants` is not a table
  --> pyproject.toml:2 (tool.cudapin.variants)
  why: wanted a table, found `['cpu']`
  fix: make `tool.cudapin.variants` a table
""",
        id="variants_type",
    ),
    pytest.param(
        """\
[tool.cudapin]
variants.cpu = "x"
""",
        """\
error[CP103]: `tool.cudapin.variants.cpu` is not a table
  --> pyproject.toml:2 (tool.cudapin.variants.cpu)
  why: wanted a table, found `'x'`
  fix: make `tool.cudapin.variants.cpu` a table
""",
        id="variant_type",
    ),
    pytest.param(
        """\
[tool.cudapin.variants.CU128]
""",
        """\
error[CP103]: `CU128` cannot be the name of a variant
  --> pyproject.toml:1 (tool.cudapin.variants.CU128)
  why: a variant name is lower-case letters, digits and dots, since it becomes part of a version
  fix: rename `CU128`
""",
        id="variant_name",
    ),
    pytest.param(
        """\
[tool.cudapin.variants."cu-128"]
""",
        """\
error[CP103]: `cu-128` cannot be the name of a variant
  --> pyproject.toml:1 (tool.cudapin.variants.cu-128)
  why: a variant name is lower-case letters, digits and dots, since it becomes part of a version
  fix: rename `cu-128`
""",
        id="variant_name_dash",
    ),
    pytest.param(
        """\
[tool.cudapin.variants.auto]
""",
        """\
error[CP103]: `auto` cannot be the name of a variant
  --> pyproject.toml:1 (tool.cudapin.variants.auto)
  why: `auto` asks for the best variant of the machine
  fix: rename `auto`
""",
        id="variant_name_auto",
    ),
    pytest.param(
        """\
[tool.cudapin.variants.cu128]
archs = ["9.0"]
""",
        """\
error[CP102]: `tool.cudapin.variants.cu128` has no key `archs`
  --> pyproject.toml:2 (tool.cudapin.variants.cu128.archs)
  why: the keys of `tool.cudapin.variants.cu128` are `cuda`, `extra`, `group`, `lock`, `index`, `dependencies`, `build-requires`, `pin`, `arch`, `driver`, `platforms`, `requires-python`, `environments`, `overrides`
  fix: use `arch`
""",
        id="variant_unknown_key",
    ),
    pytest.param(
        """\
[tool.cudapin.variants.cu128]
cuda = 12.10
""",
        """\
error[CP103]: `tool.cudapin.variants.cu128.cuda` is not a CUDA version such as `"12.8"` or `"12"`, or a list of them
  --> pyproject.toml:2 (tool.cudapin.variants.cu128.cuda)
  why: wanted a CUDA version such as `"12.8"` or `"12"`, or a list of them, found `12.1`
  fix: make `tool.cudapin.variants.cu128.cuda` a CUDA version such as `"12.8"` or `"12"`, or a list of them
""",
        id="variant_cuda_number",
    ),
    pytest.param(
        """\
[tool.cudapin.variants.cu128]
cuda = "12.8.1"
""",
        """\
error[CP103]: `tool.cudapin.variants.cu128.cuda` is not a CUDA version such as `"12.8"` or `"12"`, or a list of them
  --> pyproject.toml:2 (tool.cudapin.variants.cu128.cuda)
  why: wanted a CUDA version such as `"12.8"` or `"12"`, or a list of them, found `'12.8.1'`
  fix: make `tool.cudapin.variants.cu128.cuda` a CUDA version such as `"12.8"` or `"12"`, or a list of them
""",
        id="variant_cuda",
    ),
    pytest.param(
        """\
[tool.cudapin.variants.cu128]
cuda = ["12.8", 13]
""",
        """\
error[CP103]: `tool.cudapin.variants.cu128.cuda` is not a CUDA version such as `"12.8"` or `"12"`, or a list of them
  --> pyproject.toml:2 (tool.cudapin.variants.cu128.cuda)
  why: wanted a CUDA version such as `"12.8"` or `"12"`, or a list of them, found `['12.8', 13]`
  fix: make `tool.cudapin.variants.cu128.cuda` a CUDA version such as `"12.8"` or `"12"`, or a list of them
""",
        id="variant_cuda_list",
    ),
    pytest.param(
        """\
[tool.cudapin.variants.cu128]
extra = 1
""",
        """\
error[CP103]: `tool.cudapin.variants.cu128.extra` is not a string or a list of strings
  --> pyproject.toml:2 (tool.cudapin.variants.cu128.extra)
  why: wanted a string or a list of strings, found `1`
  fix: make `tool.cudapin.variants.cu128.extra` a string or a list of strings
""",
        id="variant_extra",
    ),
    pytest.param(
        """\
[tool.cudapin.variants.cu128]
group = [1]
""",
        """\
error[CP103]: `tool.cudapin.variants.cu128.group` is not a string or a list of strings
  --> pyproject.toml:2 (tool.cudapin.variants.cu128.group)
  why: wanted a string or a list of strings, found `[1]`
  fix: make `tool.cudapin.variants.cu128.group` a string or a list of strings
""",
        id="variant_group",
    ),
    pytest.param(
        """\
[tool.cudapin.variants.cu128]
lock = false
""",
        """\
error[CP103]: `tool.cudapin.variants.cu128.lock` is not a string
  --> pyproject.toml:2 (tool.cudapin.variants.cu128.lock)
  why: wanted a string, found `False`
  fix: make `tool.cudapin.variants.cu128.lock` a string
""",
        id="variant_lock",
    ),
    pytest.param(
        """\
[tool.cudapin.variants.cu128]
index = 1
""",
        """\
error[CP103]: `tool.cudapin.variants.cu128.index` is not a string
  --> pyproject.toml:2 (tool.cudapin.variants.cu128.index)
  why: wanted a string, found `1`
  fix: make `tool.cudapin.variants.cu128.index` a string
""",
        id="variant_index",
    ),
    pytest.param(
        """\
[tool.cudapin.variants.cu128]
dependencies = "numpy"
""",
        """\
error[CP103]: `tool.cudapin.variants.cu128.dependencies` is not a list of PEP 508 requirements
  --> pyproject.toml:2 (tool.cudapin.variants.cu128.dependencies)
  why: wanted a list of PEP 508 requirements, found `'numpy'`
  fix: make `tool.cudapin.variants.cu128.dependencies` a list of PEP 508 requirements
""",
        id="variant_dependencies",
    ),
    pytest.param(
        """\
[tool.cudapin.variants.cu128]
dependencies = ["numpy=1"]
""",
        """\
error[CP103]: `tool.cudapin.variants.cu128.dependencies` is not a list of PEP 508 requirements
  --> pyproject.toml:2 (tool.cudapin.variants.cu128.dependencies)
  why: wanted a list of PEP 508 requirements, found `['numpy=1']`
  fix: make `tool.cudapin.variants.cu128.dependencies` a list of PEP 508 requirements
""",
        id="variant_dependencies_item",
    ),
    pytest.param(
        """\
[tool.cudapin.variants.cu128]
dependencies = [1]
""",
        """\
error[CP103]: `tool.cudapin.variants.cu128.dependencies` is not a list of PEP 508 requirements
  --> pyproject.toml:2 (tool.cudapin.variants.cu128.dependencies)
  why: wanted a list of PEP 508 requirements, found `[1]`
  fix: make `tool.cudapin.variants.cu128.dependencies` a list of PEP 508 requirements
""",
        id="variant_dependencies_item_type",
    ),
    pytest.param(
        """\
[tool.cudapin.variants.cu128]
build-requires = [""]
""",
        """\
error[CP103]: `tool.cudapin.variants.cu128.build-requires` is not a string or a list of strings
  --> pyproject.toml:2 (tool.cudapin.variants.cu128.build-requires)
  why: wanted a string or a list of strings, found `['']`
  fix: make `tool.cudapin.variants.cu128.build-requires` a string or a list of strings
""",
        id="variant_build_requires",
    ),
    pytest.param(
        """\
[tool.cudapin.variants.cu128]
pin = 1
""",
        """\
error[CP103]: `tool.cudapin.variants.cu128.pin` is not a list of names, or a table of names with `exact`, `minor`, `minimum`
  --> pyproject.toml:2 (tool.cudapin.variants.cu128.pin)
  why: wanted a list of names, or a table of names with `exact`, `minor`, `minimum`, found `1`
  fix: make `tool.cudapin.variants.cu128.pin` a list of names, or a table of names with `exact`, `minor`, `minimum`
""",
        id="variant_pin",
    ),
    pytest.param(
        """\
[tool.cudapin.variants.cu128]
arch = ["sm_90"]
""",
        """\
error[CP103]: `tool.cudapin.variants.cu128.arch` is not a list of compute capabilities such as `"9.0"` or `"12.0+ptx"`
  --> pyproject.toml:2 (tool.cudapin.variants.cu128.arch)
  why: wanted a list of compute capabilities such as `"9.0"` or `"12.0+ptx"`, found `['sm_90']`
  fix: make `tool.cudapin.variants.cu128.arch` a list of compute capabilities such as `"9.0"` or `"12.0+ptx"`
""",
        id="variant_arch",
    ),
    pytest.param(
        """\
[tool.cudapin.variants.cu128]
arch = "9.0"
""",
        """\
error[CP103]: `tool.cudapin.variants.cu128.arch` is not a list of compute capabilities such as `"9.0"` or `"12.0+ptx"`
  --> pyproject.toml:2 (tool.cudapin.variants.cu128.arch)
  why: wanted a list of compute capabilities such as `"9.0"` or `"12.0+ptx"`, found `'9.0'`
  fix: make `tool.cudapin.variants.cu128.arch` a list of compute capabilities such as `"9.0"` or `"12.0+ptx"`
""",
        id="variant_arch_type",
    ),
    pytest.param(
        """\
[tool.cudapin.variants.cu128]
driver = "12.8"
""",
        """\
error[CP103]: `tool.cudapin.variants.cu128.driver` is not a driver version such as `570.86.10`
  --> pyproject.toml:2 (tool.cudapin.variants.cu128.driver)
  why: wanted a driver version such as `570.86.10`, found `'12.8'`
  fix: make `tool.cudapin.variants.cu128.driver` a driver version such as `570.86.10`
""",
        id="variant_driver",
    ),
    pytest.param(
        """\
[tool.cudapin.variants.cu128]
driver = 570.86
""",
        """\
error[CP103]: `tool.cudapin.variants.cu128.driver` is not a driver version such as `570.86.10`
  --> pyproject.toml:2 (tool.cudapin.variants.cu128.driver)
  why: wanted a driver version such as `570.86.10`, found `570.86`
  fix: make `tool.cudapin.variants.cu128.driver` a driver version such as `570.86.10`
""",
        id="variant_driver_number",
    ),
    pytest.param(
        """\
[tool.cudapin.variants.cu128]
platforms = 1
""",
        """\
error[CP103]: `tool.cudapin.variants.cu128.platforms` is not a list of platform tags such as `manylinux_2_28_x86_64`, or `any` alone
  --> pyproject.toml:2 (tool.cudapin.variants.cu128.platforms)
  why: wanted a list of platform tags such as `manylinux_2_28_x86_64`, or `any` alone, found `1`
  fix: make `tool.cudapin.variants.cu128.platforms` a list of platform tags such as `manylinux_2_28_x86_64`, or `any` alone
""",
        id="variant_platforms",
    ),
    pytest.param(
        """\
[tool.cudapin.variants.cu128]
requires-python = "3.10"
""",
        """\
error[CP103]: `tool.cudapin.variants.cu128.requires-python` is not a PEP 440 specifier
  --> pyproject.toml:2 (tool.cudapin.variants.cu128.requires-python)
  why: wanted a PEP 440 specifier, found `'3.10'`
  fix: make `tool.cudapin.variants.cu128.requires-python` a PEP 440 specifier
""",
        id="variant_requires_python",
    ),
    pytest.param(
        """\
[tool.cudapin.variants.cu128]
environments = "sys_platform"
""",
        """\
error[CP103]: `tool.cudapin.variants.cu128.environments` is not a list of PEP 508 markers
  --> pyproject.toml:2 (tool.cudapin.variants.cu128.environments)
  why: wanted a list of PEP 508 markers, found `'sys_platform'`
  fix: make `tool.cudapin.variants.cu128.environments` a list of PEP 508 markers
""",
        id="variant_environments",
    ),
    pytest.param(
        """\
[tool.cudapin.variants.cu128]
environments = ["sys_platform ="]
""",
        """\
error[CP103]: `tool.cudapin.variants.cu128.environments` is not a list of PEP 508 markers
  --> pyproject.toml:2 (tool.cudapin.variants.cu128.environments)
  why: wanted a list of PEP 508 markers, found `['sys_platform =']`
  fix: make `tool.cudapin.variants.cu128.environments` a list of PEP 508 markers
""",
        id="variant_environments_item",
    ),
    pytest.param(
        """\
[tool.cudapin.variants.cu128]
environments = ["sys_platform ~= 'linux'"]
""",
        """\
error[CP103]: `tool.cudapin.variants.cu128.environments` is not a list of PEP 508 markers
  --> pyproject.toml:2 (tool.cudapin.variants.cu128.environments)
  why: wanted a list of PEP 508 markers, found `["sys_platform ~= 'linux'"]`
  fix: make `tool.cudapin.variants.cu128.environments` a list of PEP 508 markers
""",
        id="variant_environments_undefined",
    ),
    pytest.param(
        """\
[tool.cudapin.variants.cu128]
[[tool.cudapin.variants.cu128.overrides]]
arch = ["9.0"]
""",
        """\
error[CP103]: an override has no `when`
  --> pyproject.toml:2 (tool.cudapin.variants.cu128.overrides.0)
  why: `when` is the marker that says where the override counts
  fix: add `when = "platform_machine == 'aarch64'"` or the like
""",
        id="override_without_when",
    ),
    pytest.param(
        """\
[tool.cudapin.variants.cu128]
[[tool.cudapin.variants.cu128.overrides]]
when = "linux"
""",
        """\
error[CP103]: `tool.cudapin.variants.cu128.overrides.0.when` is not a PEP 508 marker
  --> pyproject.toml:3 (tool.cudapin.variants.cu128.overrides.0.when)
  why: wanted a PEP 508 marker, found `'linux'`
  fix: make `tool.cudapin.variants.cu128.overrides.0.when` a PEP 508 marker
""",
        id="override_when",
    ),
    pytest.param(
        """\
[tool.cudapin.variants.cu128]
[[tool.cudapin.variants.cu128.overrides]]
when = "os_name == 'nt'"
whn = 1
""",
        """\
error[CP102]: `tool.cudapin.variants.cu128.overrides.0` has no key `whn`
  --> pyproject.toml:4 (tool.cudapin.variants.cu128.overrides.0.whn)
  why: the keys of `tool.cudapin.variants.cu128.overrides.0` are `cuda`, `extra`, `group`, `lock`, `index`, `dependencies`, `build-requires`, `pin`, `arch`, `driver`, `platforms`, `requires-python`, `environments`, `when`
  fix: use `when`
""",
        id="override_key",
    ),
    pytest.param(
        """\
[tool.cudapin.variants.cu128]
[[tool.cudapin.variants.cu128.overrides]]
when = "os_name == 'nt'"

[[tool.cudapin.variants.cu128.overrides]]
when = "os_name == 'nt'"
cuda = 12
""",
        """\
error[CP103]: `tool.cudapin.variants.cu128.overrides.1.cuda` is not a CUDA version such as `"12.8"` or `"12"`, or a list of them
  --> pyproject.toml:7 (tool.cudapin.variants.cu128.overrides.1.cuda)
  why: wanted a CUDA version such as `"12.8"` or `"12"`, or a list of them, found `12`
  fix: make `tool.cudapin.variants.cu128.overrides.1.cuda` a CUDA version such as `"12.8"` or `"12"`, or a list of them
""",
        id="override_value",
    ),
    pytest.param(
        """\
[tool.cudapin.variants.cu128]
overrides = 3
""",
        """\
error[CP103]: `tool.cudapin.variants.cu128.overrides` is not an array of tables
  --> pyproject.toml:2 (tool.cudapin.variants.cu128.overrides)
  why: wanted an array of tables, found `3`
  fix: make `tool.cudapin.variants.cu128.overrides` an array of tables
""",
        id="overrides_type",
    ),
    pytest.param(
        """\
[project]
name = "demo"

[tool.cudapin]
lok = "uv.lock"
spelling = 1 # here

[tool.cudapin.variants]

[tool.cudapin.variants.cu128]
arch = ["x"]

[tool.cudapin.variants.cu12]
cuda = ""
""",
        """\
error[CP105]: no default variant is named
  --> pyproject.toml:4 (tool.cudapin)
  why: there is no variant `cpu`, and there are several: `cu128`, `cu12`
  fix: add `default = "…"` to `[tool.cudapin]`
error[CP102]: `tool.cudapin` has no key `lok`
  --> pyproject.toml:5 (tool.cudapin.lok)
  why: the keys of `tool.cudapin` are `default`, `lock`, `spelling`, `name`, `spell-default`, `extras`, `pin`, `build-requires`, `cuda-bound`, `guard`, `sbom`, `allow`, `variants`
  fix: use `lock`
error[CP103]: `tool.cudapin.spelling` is not one of `local`, `none`
  --> pyproject.toml:6 (tool.cudapin.spelling)
  why: wanted one of `local`, `none`, found `1`
  fix: make `tool.cudapin.spelling` one of `local`, `none`
error[CP103]: `tool.cudapin.variants.cu128.arch` is not a list of compute capabilities such as `"9.0"` or `"12.0+ptx"`
  --> pyproject.toml:11 (tool.cudapin.variants.cu128.arch)
  why: wanted a list of compute capabilities such as `"9.0"` or `"12.0+ptx"`, found `['x']`
  fix: make `tool.cudapin.variants.cu128.arch` a list of compute capabilities such as `"9.0"` or `"12.0+ptx"`
error[CP103]: `tool.cudapin.variants.cu12.cuda` is not a CUDA version such as `"12.8"` or `"12"`, or a list of them
  --> pyproject.toml:14 (tool.cudapin.variants.cu12.cuda)
  why: wanted a CUDA version such as `"12.8"` or `"12"`, or a list of them, found `''`
  fix: make `tool.cudapin.variants.cu12.cuda` a CUDA version such as `"12.8"` or `"12"`, or a list of them
""",
        id="several_at_once",
    ),
    pytest.param(
        """\
# x
tool.cudapin.variants.cu128.arch = ["x"]
tool.cudapin.spelling = "x"
""",
        """\
error[CP103]: `tool.cudapin.variants.cu128.arch` is not a list of compute capabilities such as `"9.0"` or `"12.0+ptx"`
  --> pyproject.toml:2 (tool.cudapin.variants.cu128.arch)
  why: wanted a list of compute capabilities such as `"9.0"` or `"12.0+ptx"`, found `['x']`
  fix: make `tool.cudapin.variants.cu128.arch` a list of compute capabilities such as `"9.0"` or `"12.0+ptx"`
error[CP103]: `tool.cudapin.spelling` is not one of `local`, `none`
  --> pyproject.toml:3 (tool.cudapin.spelling)
  why: wanted one of `local`, `none`, found `'x'`
  fix: make `tool.cudapin.spelling` one of `local`, `none`
""",
        id="dotted_keys",
    ),
    pytest.param(
        """\
[tool]

cudapin = { spelling = "x", variants = { cu128 = { arch = 1 } } }
""",
        """\
error[CP103]: `tool.cudapin.spelling` is not one of `local`, `none`
  --> pyproject.toml:3 (tool.cudapin.spelling)
  why: wanted one of `local`, `none`, found `'x'`
  fix: make `tool.cudapin.spelling` one of `local`, `none`
error[CP103]: `tool.cudapin.variants.cu128.arch` is not a list of compute capabilities such as `"9.0"` or `"12.0+ptx"`
  --> pyproject.toml:3 (tool.cudapin.variants.cu128.arch)
  why: wanted a list of compute capabilities such as `"9.0"` or `"12.0+ptx"`, found `1`
  fix: make `tool.cudapin.variants.cu128.arch` a list of compute capabilities such as `"9.0"` or `"12.0+ptx"`
""",
        id="inline_tables",
    ),
    pytest.param(
        """\
[tool."cudapin"]
"spelling" = "x"
[tool.cudapin."variants".'cu128']
"ar\\u0063h" = 1
""",
        """\
error[CP103]: `tool.cudapin.spelling` is not one of `local`, `none`
  --> pyproject.toml:2 (tool.cudapin.spelling)
  why: wanted one of `local`, `none`, found `'x'`
  fix: make `tool.cudapin.spelling` one of `local`, `none`
error[CP103]: `tool.cudapin.variants.cu128.arch` is not a list of compute capabilities such as `"9.0"` or `"12.0+ptx"`
  --> pyproject.toml:4 (tool.cudapin.variants.cu128.arch)
  why: wanted a list of compute capabilities such as `"9.0"` or `"12.0+ptx"`, found `1`
  fix: make `tool.cudapin.variants.cu128.arch` a list of compute capabilities such as `"9.0"` or `"12.0+ptx"`
""",
        id="quoted_keys",
    ),
    pytest.param(
        """\
[tool.other]
text = \"\"\"
[tool.cudapin]
spelling = "fake"
\"\"\"
more = '''
\"\"\"
spelling = 1''' # \"\"\"
list = [
  ["tool"]
]
[tool.cudapin]
spelling = "x"
""",
        """\
error[CP103]: `tool.cudapin.spelling` is not one of `local`, `none`
  --> pyproject.toml:13 (tool.cudapin.spelling)
  why: wanted one of `local`, `none`, found `'x'`
  fix: make `tool.cudapin.spelling` one of `local`, `none`
""",
        id="multiline_strings",
    ),
]


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_a_wrong_value_is_said(text: str, expected: str) -> None:
    assert faults(lambda: config_of(text)) + "\n" == expected
