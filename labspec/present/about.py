"""What a Report says of itself beside its verdicts."""

from typing import NamedTuple


class About(NamedTuple):
    """How a Report came to be, and what its reader must know."""

    title: str
    """What ran: `rehearsal`."""
    command: str
    """The command that made it."""
    spec_name: str
    spec_text: str
    """The spec's YAML."""
    facts: tuple[tuple[str, str], ...]
    """Label and value: Envoy's version, how often each request was sent."""
    remarks: tuple[str, ...]
    """Warnings, and which apps labspec plays."""
    uncovered: tuple[str, ...]
    """What this run cannot say."""
    addresses: tuple[tuple[str, str], ...]
    """An address of this machine, and what it stands for."""
