"""Prints what `cudart_probe.info()` says as JSON."""

import json

from cudart_probe import info

print(json.dumps(info(), indent=2))
