"""One lock format per module, each from the text of a lock file; nothing here reads a file."""
