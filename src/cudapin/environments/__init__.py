"""Environments made of a lock: which cells a matrix has, what is installed in one, and whether it still is."""
