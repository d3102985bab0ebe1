"""Plugins, and what they offer by name: found, loaded, each kept from harming the others.

From outside: `registry` (`offered(kind)`, `Lazy`, and what a name stands for) by everybody; `manager` by whoever
configures, lists or notifies plugins: the bench, the command line and the kit. Nothing here imports anything heavy.
"""

from __future__ import annotations
