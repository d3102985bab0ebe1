"""The readout: the last, linear layer of a network, solved in closed form or by a few Newton steps.

Used from outside: `ReadoutSide`, the part of an objective that solves it, and `Readout`, what it gives.
"""
