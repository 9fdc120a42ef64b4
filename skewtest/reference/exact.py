"""The formulas: exact rational arithmetic on plain values, rounded once, at the end, elsewhere.

What is no rational number (a logarithm, a power) has `DIGITS` digits.
"""

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any, Literal

# Far more than the 17 of a float, so that what is rounded to one is rounded once.
DIGITS = 60
PRECISE = Context(prec=DIGITS)
Interpolation = Literal["linear", "lower", "higher", "midpoint", "nearest"]
ModeTies = Literal["smallest", "largest", "first", "last"]


def total(numbers: Sequence[Fraction]) -> Fraction:
    """Return the sum."""
    return sum(numbers, Fraction(0))


def mean(numbers: Sequence[Fraction]) -> Fraction:
    """Return the arithmetic mean."""
    return total(numbers) / len(numbers)


def variance(numbers: Sequence[Fraction], ddof: int) -> Fraction | None:
    """Return the sum of squared deviations over n - ddof; None where that is not above 0."""
    if len(numbers) <= ddof:
        return None
    centre = mean(numbers)
    return total([(number - centre) ** 2 for number in numbers]) / (len(numbers) - ddof)


def root(square: Fraction) -> Fraction:
    """Return a square root that is rounded to a float as the true one would be.

    The integer root has 64 bits more than a float; a last bit stands for what it cuts off, so that
    no tie is made up.
    """
    bits = 2 * (128 + square.denominator.bit_length())
    scaled = square.numerator * 2**bits
    whole = math.isqrt(scaled // square.denominator)
    is_exact = whole * whole * square.denominator == scaled
    return Fraction(2 * whole + (not is_exact), 2 ** (bits // 2 + 1))


def quantile(
    numbers: Sequence[Fraction], share: Fraction, interpolation: Interpolation
) -> Fraction:
    """Return the value at position `share * (n - 1)` of the sorted numbers, counted from 0.

    Between two of them: their line, the lower, the higher, their middle, or the nearer one, of two
    that are equally near that at the even position.
    """
    ordered = sorted(numbers)
    position = share * (len(ordered) - 1)
    lower, higher = ordered[math.floor(position)], ordered[math.ceil(position)]
    by_name = {
        "linear": lower + (higher - lower) * (position - math.floor(position)),
        "lower": lower,
        "higher": higher,
        "midpoint": (lower + higher) / 2,
        "nearest": ordered[round(position)],  # Python rounds a half to even
    }
    return by_name[interpolation]


def correlation(pairs: Sequence[tuple[Fraction, Fraction]]) -> Fraction | None:
    """Return Pearson's r; None where one of the two never changes."""
    centres = [mean(column) for column in zip(*pairs, strict=True)]
    products = {"xx": Fraction(0), "xy": Fraction(0), "yy": Fraction(0)}
    for pair in pairs:
        x, y = pair[0] - centres[0], pair[1] - centres[1]
        products["xx"] += x * x
        products["xy"] += x * y
        products["yy"] += y * y
    if not products["xx"] or not products["yy"]:
        return None
    size = root(products["xy"] ** 2 / (products["xx"] * products["yy"]))
    return size if products["xy"] >= 0 else -size


def rank(values: Sequence[Any], ties: ModeTies) -> list[Any]:
    """Return the distinct values, the most frequent first; of equally frequent ones as `ties` says.

    NaN is one value, and above all others.
    """
    counts = Counter(map(identity, values))
    first: dict[Hashable, int] = {}
    last: dict[Hashable, int] = {}
    for position, value in enumerate(values):
        first.setdefault(identity(value), position)
        last[identity(value)] = position
    distinct = sorted((values[position] for position in first.values()), key=order)
    if ties == "largest":
        distinct.reverse()
    elif ties == "first":
        distinct.sort(key=lambda value: first[identity(value)])
    elif ties == "last":
        distinct.sort(key=lambda value: -last[identity(value)])
    return sorted(distinct, key=lambda value: -counts[identity(value)])  # it keeps their order


def identity(value: Any) -> Hashable:
    """Return what makes two values the same: themselves, but NaN is NaN, and lists have a text."""
    if is_nan(value):
        return "NaN", None
    if isinstance(value, list | Mapping):
        return "nested", repr(value)
    return "plain", value


def order(value: Any) -> tuple[bool, Any]:
    """Return what values are sorted by: NaN is above all others."""
    return is_nan(value), (0 if is_nan(value) else value)


def is_nan(value: object) -> bool:
    """Return whether a value is NaN."""
    return isinstance(value, float | Decimal) and value != value


def entropy(values: Sequence[Any], base: float | None) -> Fraction:
    """Return Shannon's entropy of how often each value is there: the sum of -p log(p).

    Without a base the logarithm is the natural one.
    """
    surprise = Decimal(0)
    for count in Counter(map(identity, values)).values():
        share = PRECISE.divide(Decimal(count), Decimal(len(values)))
        surprise = PRECISE.subtract(surprise, PRECISE.multiply(share, PRECISE.ln(share)))
    unit = Decimal(1) if base is None else PRECISE.ln(Decimal(base))
    return Fraction(PRECISE.divide(surprise, unit))


def ewma(numbers: Sequence[Fraction], alpha: Fraction, *, adjust: bool) -> Fraction:
    """Return the exponentially weighted mean, the latest number last, as pandas defines it.

    With `adjust` number i before the last weighs (1 - alpha)**i, and the weights are divided by
    their sum; without it, each number moves the mean before it by alpha of the distance.
    """
    if not adjust:
        level = numbers[0]
        for number in numbers[1:]:
            level += alpha * (number - level)
        return level
    weighted, weights = Fraction(0), Fraction(0)
    for number in numbers:
        weighted = weighted * (1 - alpha) + number
        weights = weights * (1 - alpha) + 1
    return weighted / weights


def weight(age: int, half_life: int) -> Fraction:
    """Return 2 ** (-age / half_life), to DIGITS digits."""
    exponent = PRECISE.divide(Decimal(-age), Decimal(half_life))
    return Fraction(PRECISE.power(Decimal(2), exponent))


def session_starts(moments: Sequence[int], gap: int, *, is_open: bool) -> list[int]:
    """Return the places at which sessions begin: after a gap, and at the first event.

    Args:
        moments: of the events, in order.
        gap: how long a silence ends a session.
        is_open: whether a silence exactly that long does not end it.
    """
    starts = []
    for position, moment in enumerate(moments):
        silence = moment - moments[position - 1]
        if position == 0 or silence > gap or (silence == gap and not is_open):
            starts.append(position)
    return starts


def longest_run(flags: Sequence[bool]) -> int:
    """Return how many flags in a row are set, at most."""
    longest = run = 0
    for flag in flags:
        run = run + 1 if flag else 0
        longest = max(longest, run)
    return longest


def rounded(value: Any) -> Any:
    """Return an exact value as users' code could answer it: a rational as the nearest float."""
    if not isinstance(value, Fraction):
        return value
    try:
        return float(value)
    except OverflowError:  # beyond the floats, where rounding leads to infinity
        return math.inf if value > 0 else -math.inf
