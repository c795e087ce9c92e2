"""Words for the person at the terminal."""

from collections.abc import Callable

_CODES = {"red": "31", "yellow": "33", "blue": "34", "cyan": "36", "green": "32", "bold": "1"}


class People:
    """Says things on stderr: findings always, the rest unless it is told to be quiet."""

    def __init__(self, say: Callable[[str], None], *, quiet: bool = False, colour: bool = False) -> None:
        self.tell = say
        """For findings and errors."""
        self._quiet = quiet
        self.colour = colour
        """Whether the terminal shows colours."""

    def mention(self, text: str) -> None:
        """For what went well."""
        if not self._quiet:
            self.tell(text)

    def paint(self, text: str, colour: str) -> str:
        """`text` in that colour, where the terminal shows colours."""
        return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if self.colour else text
