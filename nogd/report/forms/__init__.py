"""The forms that a comparison is written in: page, watched page, terminal, Markdown, PDF, notebook and files.

From outside: `writing` (`nogd report`), `update` and `board_text` (`nogd run`), `watch` (`--watch`), `sections`
(figures drawn apart from each other); results show themselves by the others.
"""

from __future__ import annotations
