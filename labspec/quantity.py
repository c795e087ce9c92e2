"""Amounts as Kubernetes writes them: `250m` of a CPU, `64Mi` of memory.

Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/.
"""

import re

# A quantity of Kubernetes may have more digits; nobody's cluster has that much.
PATTERN = r"\+?(?=\.?[0-9])([0-9]{0,18})(?:\.([0-9]{0,18}))?([KMGTPE]i|[numkMGTPE]|[eE][-+]?[0-9]{1,2})?"
_QUANTITY = re.compile(PATTERN)
_TENS = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_TWOS = "KMGTPE"

BILLION = 10**9
"""Of the smallest unit, in which `nano` counts, make one."""


def nano(text: str) -> int | None:
    """How much it is, in billionths, rounded up; None where it is no quantity."""
    found = _QUANTITY.fullmatch(text)
    if found is None:
        return None
    whole, fraction, unit = (part or "" for part in found.groups())
    number = int(whole + fraction) * BILLION
    scale = int(10 ** len(fraction))
    if unit.endswith("i"):
        number <<= 10 * (_TWOS.index(unit[0]) + 1)
    else:
        power = _TENS[unit] if unit in _TENS else int(unit[1:])
        number *= int(10 ** max(power, 0))
        scale *= int(10 ** max(-power, 0))
    return -(-number // scale)


def canonical(text: str) -> str:
    """The same amount in a form that the API server keeps: another would look like a change each time that it is applied."""
    amount = nano(text) or 0
    if not amount:
        return "0"
    if text.endswith("i") and amount >= 1024 * BILLION and not amount % BILLION:
        number, power = _divided(amount // BILLION, 1024, len(_TWOS))
        return f"{number}{f'{_TWOS[power - 1]}i' if power else ''}"
    number, thousands = _divided(amount, 1000, 9)
    return f"{number}{next(name for name, power in _TENS.items() if power == 3 * thousands - 9)}"


def _divided(number: int, by: int, most: int) -> tuple[int, int]:
    """A number without a factor, as often as it has it, and how often that is."""
    times = 0
    while times < most and number and not number % by:
        number, times = number // by, times + 1
    return number, times


def total_cpu(amounts: int) -> str:
    """Billionths of CPUs as `250m`, rounded up."""
    return f"{-(-amounts // 10**6)}m"


def total_memory(amounts: int) -> str:
    """Billionths of bytes as `64Mi`, rounded up."""
    return f"{-(-amounts // (BILLION * 1024**2))}Mi"
