"""`nogd completion`: the script that lets a shell complete commands, options and names."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from nogd.errors import UserError

SHELLS = ("bash", "zsh", "fish")
EPILOG = """\b
Put one line into the file that your shell reads when it starts:
  ~/.bashrc                    eval "$(nogd completion bash)"
  ~/.zshrc                     eval "$(nogd completion zsh)"
  ~/.config/fish/config.fish   nogd completion fish | source
"""


@click.command(epilog=EPILOG)
@click.argument("shell", type=click.Choice(SHELLS), required=False)
def completion(shell: str | None) -> None:
    """Print the script that makes SHELL complete commands, options, learners and tasks, including those of plugins.

    By default SHELL is the one that you are using.
    """
    from nogd.cli import main

    shell = shell or Path(os.environ.get("SHELL", "")).name
    kind = get_completion_class(shell)
    if kind is None or shell not in SHELLS:
        raise UserError(f"No completion for the shell {shell!r}: name one of {', '.join(SHELLS)}.")
    click.echo(kind(main, {}, "nogd", "_NOGD_COMPLETE").source())
