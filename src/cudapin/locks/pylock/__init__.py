"""`pylock.toml`, the standard lock file (PEP 751)."""
