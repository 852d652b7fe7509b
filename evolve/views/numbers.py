"""Numbers as people read them. Must not know what a program or a terminal is.

Values keep four decimals everywhere: one step of the benchmark is worth 5e-5 nats, so 3.2786 and 3.2790 are
different results and must never look equal.
"""

from __future__ import annotations

import math

NOTHING = "-"
"""What stands where there is no number: a failure is never shown as one."""


def value(number: float | None) -> str:
    """A loss with four decimals, or `NOTHING`."""
    return NOTHING if number is None or not math.isfinite(number) else f"{number:.4f}"


def signed(number: float | None) -> str:
    """A difference with its sign and four decimals, or `NOTHING`."""
    return NOTHING if number is None or not math.isfinite(number) else f"{number:+.4f}"


def plus_minus(mean: float | None, low: float | None, high: float | None) -> str:
    """A mean and the half-width of its interval: `3.2786 ±0.0004`, or `NOTHING`."""
    if mean is None or low is None or high is None or not math.isfinite(mean):
        return NOTHING
    return f"{mean:.4f} ±{half_width(low, high)}"


def difference(mean: float, low: float, high: float) -> str:
    """A difference and the half-width of its interval: `+0.0680 ±0.0021`."""
    return f"{signed(mean)} ±{half_width(low, high)}"


def half_width(low: float, high: float) -> str:
    """Half the width of an interval, rounded up to four decimals."""
    half = (high - low) / 2
    return "inf" if not math.isfinite(half) else f"{math.ceil(half * 1e4 - 1e-6) / 1e4:.4f}"


def interval(low: float | None, high: float | None) -> str:
    """An interval: `3.2782 .. 3.2790`, or `NOTHING`."""
    if low is None or high is None:
        return NOTHING
    return f"{value(low)} .. {value(high)}"


def duration(seconds: float) -> str:
    """Seconds as `1:05` or `2:03:09`."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes}:{left:02d}"


def count(number: int) -> str:
    """A whole number with thousands separated: `20,000`."""
    return f"{number:,}"


def percent(part: float, whole: float) -> str:
    """A share in whole percent, or `NOTHING` of nothing."""
    return f"{100 * part / whole:.0f} %" if whole else NOTHING


def p_value(number: float | None) -> str:
    """A probability with three decimals, small ones as a bound: `0.034`, `< 0.001`."""
    if number is None:
        return NOTHING
    return "< 0.001" if number < 0.001 else f"{number:.3f}"


def size(number: float) -> str:
    """Bytes in the largest unit of 1024 that keeps it above one: `3.2 MiB`."""
    amount = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(amount) < 1024:
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"
