"""What the rules on log formats share."""

from collections.abc import Iterator

from labspec.accesslog import AccessLog, access_log
from labspec.envoy.format import FormatProblem, check
from labspec.lab import Lab
from labspec.rules._base import Hit


def log_of(lab: Lab) -> AccessLog:
    """The access log that the lab asks for."""
    return access_log(lab.spec.logs.format, lab.format())


def problems(lab: Lab, code: str) -> Iterator[Hit]:
    """What Envoy would refuse in the lab's format, where it is of the sort `code`."""
    log = log_of(lab)
    if log.text is None or log.resolved is None:
        return
    for problem in check(log.text, lab.spec.istio.version):
        if problem.code == code:
            yield _hit(log, problem)


def _hit(log: AccessLog, problem: FormatProblem) -> Hit:
    start, end = problem.start, problem.end
    if log.resolved is not None:
        start, end = log.resolved.written(start), log.resolved.written(end)
    return Hit(("logs", "format"), problem.message, problem.help, start=start, width=max(1, end - start))
