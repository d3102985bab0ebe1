"""The reference of the command line: what every command says to `--help`."""

from __future__ import annotations

import click
from click.testing import CliRunner

from nogd.cli import COMMANDS, main
from pages.markdown import block, page


def pages() -> dict[str, str]:
    """One page with every command."""
    intro = (
        "Results go to stdout, progress to stderr. Exit codes: 0 all went well, 1 a run failed, 2 something that you "
        "can put right (one sentence says what), 130 interrupted."
    )
    parts = [f"## nogd {name}\n\n{summary}\n\n{_help(name)}" for name, (_, summary) in COMMANDS.items()]
    return {"reference/commands.md": page("Commands", intro, "## nogd\n\n" + _help(), *parts)}


def _help(*command: str) -> str:
    words = ["--no-plugins", *command, "--help"]
    shown = CliRunner().invoke(main, words, prog_name="nogd", terminal_width=96, max_content_width=96)
    if shown.exit_code:
        raise click.ClickException(f"nogd {' '.join(words)} failed: {shown.output}")
    return block(shown.output)
