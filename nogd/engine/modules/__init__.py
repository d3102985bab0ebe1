"""How a user's module is called: its mode, its random generators and its running statistics."""

from __future__ import annotations
