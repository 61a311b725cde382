"""Pure rules: text and mappings in, frozen values out; no file, process or environment is touched."""
