"""What was held against a plan, and what was otherwise."""


class Comparison:
    """Counts what was held against the plan, and keeps what was otherwise."""

    def __init__(self) -> None:
        self.count = 0
        self.disagreements: list[str] = []

    def same(self, what: str, found: object, planned: object) -> None:
        """Notes one comparison."""
        self.count += 1
        if found != planned:
            self.disagreements.append(f"{what}: {found!r}, planned {planned!r}")
