"""The runs that cannot go on. What is wrong with a spec is data instead: labspec.finding."""


class LabspecError(Exception):
    """A run that cannot go on; the message is for a person and the command line exits with `exit_code`."""

    exit_code = 2


class UsageError(LabspecError):
    """The call, or a file or folder that it names, cannot be used."""


class TreeError(LabspecError):
    """The output folder cannot be read or written as it stands."""
