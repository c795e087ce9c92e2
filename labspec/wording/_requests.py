"""The difference of what two forms of a lab do with their requests, in words."""

from collections.abc import Iterator, Mapping

REQUEST = "request "
"""With what the name of a fact about a request begins."""

_Facts = Mapping[str, str]


def requests(old: _Facts, new: _Facts) -> Iterator[str]:
    """What is different, request by request."""
    before, after = _by_request(old), _by_request(new)
    for name, own in after.items():
        client, _, call = name.partition(" ")
        known = [other for other in before if other.partition(" ")[0] == client]
        others = [other for other in after if other.partition(" ")[0] == client]
        is_only = len(known) == len(others) == 1
        earlier = before.get(known[0] if is_only else name)
        subject = f"a request of {client}" + ("" if is_only else f" ({call})")
        if earlier is None:
            yield f"{subject}: {own.get('', '')}"
        else:
            yield from _request(subject, earlier, own)


def _by_request(facts: _Facts) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name, value in facts.items():
        if name.startswith(REQUEST):
            about, _, what = name.removeprefix(REQUEST).partition(": ")
            found.setdefault(about, {})[what] = value
    return found


def _request(subject: str, old: _Facts, new: _Facts) -> Iterator[str]:
    if old.get("") != new.get(""):
        yield f"{subject}: {old.get('')} -> {new.get('')}"
    answers, share, decider, cut, breaks, orphans = (
        (one, other) if (one := old.get(what)) != (other := new.get(what)) else None
        for what in ("answered", "sampled", "decided by", "cut off", "breaks", "spans without their parent")
    )
    if answers and None not in answers:
        yield f"{subject}: is answered with {answers[1]} instead of {answers[0]}"
    # Where one side has no span at all, the line above says it.
    if share and None not in share:
        yield f"{subject}: in {share[1]} of the requests instead of {share[0]}"
    if decider and None not in decider:
        decides = "decide" if " and " in str(decider[1]) else "decides"
        yield f"{subject}: {decider[1]} {decides} on sampling instead of {decider[0]}"
    if cut:
        yield from _cut(subject, *cut, is_there="sampled" in new)
    if breaks:
        yield (
            f"{subject}: leaves its trace at {breaks[1]}"
            if breaks[1]
            else f"{subject}: no longer leaves its trace at {breaks[0]}"
        )
    if orphans and orphans[1]:
        yield f"{subject}: {orphans[1]} span{'s' if orphans[1] != '1' else ''} without a parent that anybody reports"
    elif orphans and new.get("sampled"):
        yield f"{subject}: no span lacks its parent any more"


def _cut(subject: str, old: str | None, new: str | None, *, is_there: bool) -> Iterator[str]:
    if new:
        yield f"{subject}: its trace is cut off at {new}"
    elif is_there:
        yield f"{subject}: its trace is no longer cut off at {str(old).partition(':')[0]}"
