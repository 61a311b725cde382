"""`python -m cudapin`."""

from cudapin.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
