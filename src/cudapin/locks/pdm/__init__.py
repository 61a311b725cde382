"""`pdm.lock`, the lock file of PDM."""
