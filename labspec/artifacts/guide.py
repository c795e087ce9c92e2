"""README.md: the lab guide, with what applies to this very lab."""

from collections.abc import Iterator

from labspec.artifacts._base import Files, notice
from labspec.bundle import File
from labspec.guide import accesslog, beginning, changes, places, request, steps, troubles
from labspec.guide._markdown import comment, page
from labspec.plan import Plan
from labspec.requests import total

_SECTIONS = (
    steps.section,
    request.section,
    accesslog.section,
    changes.section,
    troubles.section,
    places.cleaning,
    places.tree,
)


def _files(plan: Plan) -> Iterator[File]:
    beginnings = [comment(notice(plan)), beginning.section(plan, total(plan))]
    yield File("README.md", page([*beginnings, *(section(plan) for section in _SECTIONS)]) + "\n")


ARTIFACT = Files(_files)
