"""Small `uv.lock` texts in the form in which uv writes them; hosts are invented."""

from __future__ import annotations

HASH = "sha256:" + "0123456789abcdef" * 4

LOCK = f"""version = 1
revision = 3
requires-python = ">=3.10"
resolution-markers = [
    "sys_platform == 'linux'",
    "sys_platform != 'linux'",
]
conflicts = [[
    {{ package = "demo", extra = "cpu" }},
    {{ package = "demo", extra = "cu128" }},
]]

[manifest]
constraints = [{{ name = "numpy", specifier = "<3" }}]

[[package]]
name = "demo"
version = "0.1.0"
source = {{ editable = "." }}
dependencies = [
    {{ name = "numpy" }},
]

[package.optional-dependencies]
cpu = [
    {{ name = "torch", version = "2.9.0+cpu", source = {{ registry = "https://index.example/cpu" }} }},
]
cu128 = [
    {{ name = "torch", version = "2.9.0", source = {{ registry = "https://index.example/simple" }}, marker = "(sys_platform != 'linux' and extra == 'extra-4-demo-cu128') or (extra == 'extra-4-demo-cpu' and extra == 'extra-4-demo-cu128')" }},
    {{ name = "torch", version = "2.9.0+cu128", source = {{ registry = "https://index.example/cu128" }}, marker = "sys_platform == 'linux' and extra == 'extra-4-demo-cu128'" }},
]

[package.dev-dependencies]
dev = [
    {{ name = "numpy", extra = ["fast"], marker = "python_full_version >= '3.11'" }},
]

[package.metadata]
requires-dist = [
    {{ name = "numpy", specifier = ">=1.24" }},
    {{ name = "torch", marker = "extra == 'cpu'", specifier = ">=2.9", index = "https://index.example/cpu", conflict = {{ package = "demo", extra = "cpu" }} }},
    {{ name = "torch", marker = "sys_platform != 'linux' and extra == 'cu128'", specifier = ">=2.9" }},
    {{ name = "torch", marker = "sys_platform == 'linux' and extra == 'cu128'", specifier = ">=2.9", index = "https://index.example/cu128", conflict = {{ package = "demo", extra = "cu128" }} }},
]
provides-extras = ["cpu", "cu128"]

[package.metadata.requires-dev]
dev = [{{ name = "numpy", extras = ["fast"], marker = "python_full_version >= '3.11'" }}]

[[package]]
name = "numpy"
version = "2.1.0"
source = {{ registry = "https://index.example/simple" }}
sdist = {{ url = "https://files.example/numpy-2.1.0.tar.gz", hash = "{HASH}", size = 9, upload-time = "2024-08-18T21:28:43Z" }}
wheels = [
    {{ url = "https://files.example/numpy-2.1.0-cp312-cp312-linux_x86_64.whl", hash = "{HASH}", size = 8, upload-time = "2024-08-18T21:28:44Z" }},
    {{ url = "https://files.example/numpy-2.1.0-cp312-cp312-win_amd64.whl", hash = "{HASH}", size = 7 }},
]

[package.optional-dependencies]
fast = [
    {{ name = "quick" }},
]

[[package]]
name = "quick"
version = "1.0"
source = {{ registry = "wheels" }}
wheels = [
    {{ path = "quick-1.0-py3-none-any.whl" }},
]

[[package]]
name = "torch"
version = "2.9.0"
source = {{ registry = "https://index.example/simple" }}
wheels = [
    {{ url = "https://files.example/torch-2.9.0-py3-none-any.whl", hash = "{HASH}" }},
]

[[package]]
name = "torch"
version = "2.9.0+cpu"
source = {{ registry = "https://index.example/cpu" }}
wheels = [
    {{ url = "https://files.example/torch-2.9.0%2Bcpu-py3-none-any.whl" }},
]

[[package]]
name = "torch"
version = "2.9.0+cu128"
source = {{ registry = "https://index.example/cu128" }}
dependencies = [
    {{ name = "numpy" }},
]
wheels = [
    {{ url = "https://files.example/torch-2.9.0%2Bcu128-py3-none-any.whl", hash = "{HASH}", upload-time = "2025-10-01T00:00:00Z" }},
]
"""

PYPROJECT = """[project]
name = "demo"
version = "0.1.0"
requires-python = ">=3.10"
dependencies = ["numpy>=1.24"]

[project.optional-dependencies]
cpu = ["torch>=2.9"]
cu128 = ["torch>=2.9"]

[dependency-groups]
dev = ["numpy[fast]; python_version >= '3.11'"]

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[tool.uv]
constraint-dependencies = ["numpy<3"]
conflicts = [[{ extra = "cpu" }, { extra = "cu128" }]]

[tool.uv.sources]
torch = [
    { index = "cpu", extra = "cpu" },
    { index = "cu128", extra = "cu128", marker = "sys_platform == 'linux'" },
]

[[tool.uv.index]]
name = "main"
url = "https://index.example/simple"
default = true

[[tool.uv.index]]
name = "cpu"
url = "https://me:secret@index.example/cpu"
explicit = true

[[tool.uv.index]]
name = "cu128"
url = "https://index.example/cu128"
explicit = true

[[tool.uv.index]]
name = "wheels"
url = "wheels"
format = "flat"
"""
