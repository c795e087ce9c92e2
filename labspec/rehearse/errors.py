"""Why a rehearsal could not run, or not to its end."""

from labspec.errors import LabspecError


class RehearsalError(LabspecError):
    """No verdict can be given: `message` says why, `advice` what to do."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(f"{message}\n  help: {advice}" if advice else message)
