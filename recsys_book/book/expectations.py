"""Measured numbers that are checked against a band instead of being printed."""

from __future__ import annotations

import math


class ExpectationError(AssertionError):
    """A measured quantity left its band, or a claim of the text did not hold."""


def _decimals(number: float) -> int:
    text = repr(float(number))
    if "e" in text:
        mantissa, exponent = text.split("e")
        digits = len(mantissa.partition(".")[2].rstrip("0"))
        return max(0, digits - int(exponent))
    return len(text.partition(".")[2].rstrip("0"))


def format_band(expected: float, within: float) -> str:
    """Write a band with as many decimals as its more precise half needs.

    Args:
        expected: The middle of the band.
        within: Half its width.

    Returns:
        For instance ``"0.934 ± 0.010"``.
    """
    decimals = max(_decimals(expected), _decimals(within))
    return f"{expected:.{decimals}f} ± {within:.{decimals}f}"


def check_band(name: str, value: float, expected: float, within: float) -> str:
    """Check that a value lies in its band.

    Args:
        name: What was measured.
        value: The measured value.
        expected: The middle of the band.
        within: Half its width, in the unit of ``value``; at least 0.

    Returns:
        The line to print, which does not vary with ``value``.

    Raises:
        ExpectationError: If the value is outside the band or not finite.
        ValueError: If ``within`` is negative or the band is not finite.
    """
    if not (math.isfinite(expected) and math.isfinite(within) and within >= 0):
        raise ValueError(
            f"the band of {name!r} is {expected} ± {within}: give finite numbers and within >= 0."
        )
    band = format_band(expected, within)
    # The last binary digit of a difference must not decide at the very edge of the band.
    if not math.isfinite(value) or abs(value - expected) > within * (1 + 1e-9) + 1e-15:
        raise ExpectationError(f"{name} is {value:.6g}, outside {band}.")
    return f"{name} {band} ✓"
