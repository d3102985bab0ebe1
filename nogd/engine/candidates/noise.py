"""Standard normal noise that is a pure function of (seed, place), so that it need never be stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Generator, Tensor

# Elements that one state of the generator makes. On a CPU seeding takes microseconds, making these a third of a
# millisecond; on a GPU, where it takes as long to ask for few numbers as for a million, one block is that.
_BLOCKS = {"cpu": 1 << 16, "cuda": 1 << 20}
# The first of them is cut into 256, 256, 512, 1,024 ... elements, so that a small network need not make so many.
_LEAST = 1 << 8
# A thread is worth making for so many blocks: it takes a tenth of a millisecond, they take one.
_BLOCKS_OF_A_THREAD = 3
_MASK = (1 << 64) - 1


def noise(seed: int, start: int, stop: int, like: Tensor, out: Tensor | None = None) -> Tensor:
    """The noise of `seed` at places start to stop of theta, `[stop - start]`, of the type and device of `like`.

    The same whatever pieces it is asked for in and however many threads torch may use. Streams differ between kinds
    of device (CPU and GPU) and between types, not between machines of one kind with one torch. out: where to put it, of
    at least that length.
    """
    values = like.new_empty(stop - start) if out is None else out[: stop - start]
    size = block_size(like.device)
    wanted = range(_block(start, size), _block(stop - 1, size) + 1) if start < stop else range(0)
    threads = min(torch.get_num_threads(), len(wanted) // _BLOCKS_OF_A_THREAD)
    if threads < 2 or like.device.type != "cpu":
        _fill(values, start, seed, wanted)
        return values
    inference = (
        torch.is_inference_mode_enabled()
    )  # a thread does not inherit it, and without it may not fill values

    def share(thread: int) -> None:
        with torch.inference_mode(inference):
            _fill(values, start, seed, wanted[thread::threads])

    # Threads of the moment: kept ones would not survive a fork, and cost less than a block to make.
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(share, range(threads)))
    return values


def _fill(values: Tensor, start: int, seed: int, wanted: Iterable[int]) -> None:
    """Write those blocks of the noise into values, which begin at place `start`."""
    stop = start + len(values)
    size = block_size(values.device)
    for block in wanted:
        low, high = _bounds(block, size)
        first, last = max(start, low), min(stop, high)
        generator = Generator(values.device).manual_seed(_mixed(seed, block))
        place = values[first - start : last - start]
        if last - first == high - low:
            place.normal_(generator=generator)
        else:
            whole = values.new_empty(high - low).normal_(generator=generator)
            place.copy_(whole[first - low : last - low])


def block_size(device: torch.device) -> int:
    """Elements that one state of the generator makes on that kind of device."""
    return _BLOCKS.get(device.type, _BLOCKS["cuda"])


def _block(place: int, size: int) -> int:
    """Number of the block that a place of theta lies in; blocks are of that size but for the first, which is cut."""
    return (place // _LEAST).bit_length() if place < size else _cuts(size) + place // size


def _bounds(block: int, size: int) -> tuple[int, int]:
    """The places from which and before which a block lies."""
    cuts = _cuts(size)
    if block > cuts:
        return (block - cuts) * size, (block - cuts + 1) * size
    return (_LEAST << block) // 2 if block else 0, _LEAST << block


def _cuts(size: int) -> int:
    return (size // _LEAST).bit_length() - 1


def blocks(length: int, device: torch.device) -> Iterator[tuple[int, int]]:
    """The places of `length` elements, block by block."""
    size = block_size(device)
    for start in range(0, length, size):
        yield start, min(length, start + size)


def _mixed(seed: int, block: int) -> int:
    """A seed of 63 bits from two numbers: SplitMix64's finaliser (Steele et al. 2014, doi 10.1145/2660193.2660195)."""
    z = (seed * 0x9E3779B97F4A7C15 + block * 0xD1B54A32D192ED03 + 0x632BE59BD9B4E019) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return (z ^ (z >> 31)) >> 1
