"""`uv.lock`, the universal lock file of uv."""
