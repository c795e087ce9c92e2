"""How large a share is, judged by a number of requests: Wilson's interval.

E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927): it stays within 0 and 1, and is
sound for small shares, where the usual interval is not.
"""

from math import ceil, exp, lgamma, log, sqrt
from typing import NamedTuple

USUAL = 1.96
"""Standard deviations of an interval that holds the true share 19 times in 20."""
SURE = 4.42
"""Of one that misses it once in 100,000 times, for many requests."""

_CHANCE = 5e-6
"""Of each side, for a verdict: one that fails by chance teaches nothing."""


class Share(NamedTuple):
    """How many of a number of requests did something."""

    what: str
    seen: int
    of: int
    predicted: float
    """Percent."""

    @property
    def percent(self) -> float:
        """What was seen, in percent."""
        return 100 * self.seen / self.of if self.of else 0.0

    def interval(self, deviations: float = USUAL) -> tuple[float, float]:
        """Between which percentages the true share is."""
        if not self.of:
            return 0.0, 100.0
        n, p, z = self.of, self.seen / self.of, deviations
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        # What cannot be otherwise is not blurred by the square root's last digits.
        low = 0.0 if not self.seen else 100 * max(0.0, middle - half)
        return low, 100.0 if self.seen == n else 100 * min(1.0, middle + half)

    @property
    def fits(self) -> bool:
        """Whether it can be the predicted share: by the binomial distribution itself, which is right for few requests too."""
        rate = self.predicted / 100
        if rate <= 0 or rate >= 1:
            return self.seen == (self.of if rate >= 1 else 0)
        low = sum(self._chance(number, rate) for number in range(self.seen + 1))
        high = sum(self._chance(number, rate) for number in range(self.seen, self.of + 1))
        return low >= _CHANCE and high >= _CHANCE

    def _chance(self, number: int, rate: float) -> float:
        """That exactly so many do."""
        n, k = self.of, number
        ways = lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
        return exp(ways + k * log(rate) + (n - k) * log(1 - rate))

    @property
    def needed(self) -> int:
        """Requests that would be enough to expect three that do, and three that do not; 0 where it cannot be otherwise."""
        rare = min(self.predicted, 100 - self.predicted) / 100
        return ceil(3 / rare) if rare > 0 else 0

    @property
    def is_enough(self) -> bool:
        """Whether there were so many."""
        return self.of >= self.needed
