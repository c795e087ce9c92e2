"""README.md: the lab guide, with what applies to this very lab."""

from collections.abc import Iterator

from labspec.artifacts._base import Files, notice
from labspec.artifacts._mesh import operator_path
from labspec.bundle import File
from labspec.guide import accepted, accesslog, beginning, changes, places, rehearsal, request, steps, troubles, variants
from labspec.guide._markdown import comment, page
from labspec.plan import Plan
from labspec.requests import total


def _files(plan: Plan) -> Iterator[File]:
    operators = {form.variant: operator_path(plan, form) for form in plan.forms}
    parts = [
        comment(notice(plan)),
        beginning.section(plan, total(plan)),
        accepted.section(plan),
        rehearsal.section(plan),
        steps.section(plan),
        request.section(plan),
        accesslog.section(plan),
        variants.section(plan, operators),
        changes.section(plan),
        troubles.section(plan),
        places.cleaning(plan),
        places.tree(plan, operators),
    ]
    yield File("README.md", page(parts) + "\n")


ARTIFACT = Files(_files)
