"""What becomes of finished wheels: variant labels, indexes, the rules of publishing. Each part may be deleted alone."""
