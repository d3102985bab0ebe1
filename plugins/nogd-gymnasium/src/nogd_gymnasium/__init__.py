"""Any environment of gymnasium as a task of nogd; what the entry point loads, so nothing heavy is imported here.

`nogd run -t gymnasium,env=Acrobot-v1` trains a policy, and `film` shows what it does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nogd.hookspecs import hookimpl
from nogd.plugins.registry import Lazy

if TYPE_CHECKING:
    from nogd_gymnasium.filming import film as film

__all__ = ["film", "nogd_tasks"]


def __getattr__(name: str) -> Any:
    if name == "film":
        from nogd_gymnasium.filming import film

        return film
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@hookimpl
def nogd_tasks() -> list[Lazy]:
    """Offer this package's task to nogd."""
    return [
        Lazy(
            "gymnasium",
            "nogd_gymnasium.task:Gymnasium",
            "any environment of gymnasium, env=CartPole-v1 unless given",
            tags=("gymnasium",),
        )
    ]
