"""The outside world (files, processes, drivers), turned into plain values at once."""
