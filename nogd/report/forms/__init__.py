"""The forms that a comparison is written in: page, terminal, Markdown, PDF, notebook and files."""

from __future__ import annotations
