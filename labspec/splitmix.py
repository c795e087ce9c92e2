"""SplitMix64: the same numbers everywhere and always, which Python's own generator does not promise.

Source: https://prng.di.unimi.it/splitmix64.c.
"""

_MASK = 2**64 - 1


class SplitMix:
    """A row of numbers of 64 bits, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def number(self) -> int:
        """The next."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        value = self._state
        value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & _MASK
        value = (value ^ value >> 27) * 0x94D049BB133111EB & _MASK
        return value ^ value >> 31

    def below(self, bound: int) -> int:
        """The next as a number from 0 to `bound` - 1."""
        return self.number() * bound >> 64
