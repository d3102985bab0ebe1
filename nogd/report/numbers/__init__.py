"""Statistics and tables of a comparison: arrays and tables in, numbers out; nothing is drawn or written here.

From outside: everything, by figures and forms; each module is pure.
"""

from __future__ import annotations
