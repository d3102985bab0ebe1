"""Gauss-Newton from outputs alone: what K probes around a theta tell of the loss near it, reduced over the examples.

Used from outside: `GramSide`, the part of an objective that computes it, and `Gram`, what it gives.
"""
