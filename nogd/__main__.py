"""Run the command line as `python -m nogd`."""

from __future__ import annotations

from nogd.cli import main

if __name__ == "__main__":
    main(prog_name="nogd")
