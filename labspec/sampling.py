"""Which requests are traced: the part of a spec that says so, for a lab and for one of its services."""

from labspec.model import Model, Percent


class Sampling(Model):
    """Which requests are traced."""

    percent: Percent = 100
    """The share of new traces that are sampled, 0 to 100 in steps of 0.01; the first sidecar on the path decides."""
