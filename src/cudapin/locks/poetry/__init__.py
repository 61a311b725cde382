"""`poetry.lock`, the lock file of Poetry."""
