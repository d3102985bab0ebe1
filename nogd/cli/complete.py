"""What the shell offers after TAB: names from the registries, those of plugins included."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import click
from click.shell_completion import CompletionItem

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def names_of(*kinds: str) -> Completer:
    """A completer of the names of some kinds: "learner", "task", ..."""

    def complete(context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
        found = [item for kind in kinds for item in _known(context, kind) if item.value.startswith(typed)]
        return list({item.value: item for item in found}.values())  # a task and its data set share a name

    return complete


def learners(context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Learners, and after a "+" the next one of a sequence."""
    before, plus, last = typed.rpartition("+")
    return [
        CompletionItem(before + plus + item.value, help=item.help)
        for item in _known(context, "learner")
        if item.value.startswith(last)
    ]


def _known(context: click.Context, kind: str) -> list[CompletionItem]:
    from nogd.cli.options import plugin_settings
    from nogd.plugins.manager import configured

    with warnings.catch_warnings(), configured(plugin_settings(context.find_root())) as plugins:
        warnings.simplefilter("ignore")  # a warning would land in the middle of what is being typed
        registry = plugins.registry(kind)
    return [CompletionItem(registry.shown_name(entry), help=entry.summary) for entry in registry]
