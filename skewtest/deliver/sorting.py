"""Sorting: the order of rows by several columns of whole numbers."""

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]


def order_by(*keys: IntArray) -> IntArray:
    """Return the order of rows by equally long keys, the weightiest in front; ties keep theirs."""
    # lexsort wants the weightiest key last.
    deciding = [_narrow(key) for key in reversed(keys) if _decides(key)]
    if not deciding:
        return np.arange(len(keys[0]))
    return np.lexsort(deciding)


def group_bounds(numbers: IntArray) -> tuple[list[int], list[int], list[int]]:
    """Return the different ones of sorted numbers, and where each begins and ends."""
    different, starts = np.unique(numbers, return_index=True)
    ends = np.searchsorted(numbers, different, side="right")
    return different.tolist(), starts.tolist(), ends.tolist()


def _decides(key: IntArray) -> bool:
    """Return whether a key differs anywhere."""
    return len(key) > 0 and bool(key.min() < key.max())


def _narrow(key: IntArray) -> IntArray | npt.NDArray[np.int16]:
    """Return a key in 16 bits where they hold it: numpy sorts those by radix."""
    fits = key.min() >= 0 and key.max() <= np.iinfo(np.int16).max
    return key.astype(np.int16) if fits else key
