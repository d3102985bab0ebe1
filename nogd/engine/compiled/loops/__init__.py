"""Loops that numba compiles over small stacks of layers: a population, and one coordinate of one network.

Values lie examples last, in blocks of n examples, whose loops the compiler turns into vector instructions. layout.py
says how network and data are described; `mask` leaves the copies that pad the last block out of every loss. Of LLVM's
fast-math flags only "contract" is set (fused multiply-adds): no sum is reordered, NaN and infinity mean what they mean
in torch, and equal values give equal bits wherever they stand. Places and sizes are unsigned throughout, as a signed
one may count from the end, of which no vector instruction comes.
"""
