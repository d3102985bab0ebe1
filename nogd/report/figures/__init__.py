"""The figures and tables that nogd itself brings, one a file; registered in `nogd.report`."""

from __future__ import annotations
