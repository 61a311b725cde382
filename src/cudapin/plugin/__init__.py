"""What hatchling loads: thin hooks that read, call the rules and write."""
