"""What the command `predict` does."""

from labspec.building import form_of, planned
from labspec.people import People
from labspec.plan import Plan

FORMATS = ("text", "mermaid", "json")


def predict(spec: str, variant: str | None, form: str, people: People, page: People) -> int:
    """Prints on `page` what the requests of a lab, or of one of its variants, do; gives the exit status.

    `form` is one of FORMATS. Raises UsageError for a variant that the lab does not have.
    """
    decided = planned(spec, people)
    if decided is None:
        return 1
    page.tell(_drawn(form_of(decided, variant), form, page))
    return 0


def _drawn(decided: Plan, form: str, page: People) -> str:
    # Each imports what it alone needs.
    if form == "mermaid":
        from labspec.show.mermaid import as_mermaid  # noqa: PLC0415

        return as_mermaid(decided)
    if form == "json":
        from labspec.show.machine import as_json  # noqa: PLC0415

        return as_json(decided)
    from labspec.show.text import as_text  # noqa: PLC0415

    return as_text(decided, page.paint)
