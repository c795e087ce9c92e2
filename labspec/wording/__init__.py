"""The difference of two sets of facts (labspec.meaning makes them) in words."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from labspec.envoy.format import Operator, parse
from labspec.finding import listed
from labspec.wording._requests import REQUEST, requests

THEN = " then "
"""Between the steps of a service's calls."""
BESIDE = " with "
"""Between calls that are sent at the same time."""

_SERVICE = "service "
_MOST = 4
"""Operators that one line names."""

_ENTRIES = ("env ", "label ", "annotation ")
"""What the names of facts begin with that are entries of a map of the author's own keys."""
_APART = (*_ENTRIES, "probe", "requests", "limits")
"""The same of all facts from which nothing else follows."""
_DIGEST = "sha256:"

Facts = Mapping[str, str]


class _Change(NamedTuple):
    """One fact that is not the same; a side is None where it has no such fact."""

    about: str
    """The service, or the request; empty for the lab."""
    what: str
    old: str | None
    new: str | None


def changes_of(old: Facts, new: Facts) -> tuple[str, ...]:
    """What is different in `new`: the lab's settings, then service by service, then what that does to the requests."""
    return tuple(dict.fromkeys((*_lab(old, new), *_services(old, new), *requests(old, new))))


def _lab(old: Facts, new: Facts) -> Iterator[str]:
    for name in dict.fromkeys((*old, *new)):
        if ": " in name or name.startswith((_SERVICE, REQUEST)) or old.get(name) == new.get(name):
            continue
        if name == "access log format" and old.get("access log") != new.get("access log"):
            continue  # another encoding is another format
        yield from _in_words(_Change("", name, old.get(name), new.get(name)))


def _services(old: Facts, new: Facts) -> Iterator[str]:
    before, after = _by_service(old), _by_service(new)
    for name in dict.fromkeys((*before, *after)):
        if name not in after:
            yield f"service {name} removed"
        elif name not in before:
            yield f"service {name} added ({new[f'{_SERVICE}{name}']})"
        else:
            yield from _service(name, before[name], after[name], old.get("sampling"), new.get("sampling"))


def _by_service(facts: Facts) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name, value in facts.items():
        about, colon, what = name.partition(": ")
        if name.startswith(REQUEST):
            continue
        if name.startswith(_SERVICE):
            found.setdefault(name.removeprefix(_SERVICE), {})["kind"] = value
        elif colon:
            found.setdefault(about, {})[what] = value
    return {name: own for name, own in found.items() if "kind" in own}


def _service(name: str, old: Facts, new: Facts, before: str | None, after: str | None) -> Iterator[str]:
    differing = [what for what in dict.fromkeys((*old, *new)) if old.get(what) != new.get(what)]
    if any(what != "arguments" and not what.startswith(_APART) for what in differing):
        # They follow from others; where those say nothing, they say what there is to say.
        differing = [what for what in differing if what != "arguments"]
    tracers = "own tracer" in old and "own tracer" in new
    for what in differing:
        if what.startswith("own tracer's") and not tracers:
            continue  # it comes, or goes, as a whole
        one, other = old.get(what), new.get(what)
        if what == "sampling":
            one, other = one or before, other or after
        yield from _in_words(_Change(name, what, one, other))


def _in_words(change: _Change) -> Iterator[str]:
    if change.old == change.new:
        return
    words = _OF_SERVICES if change.about else _OF_LAB
    usual = (_entry if change.what.startswith(_ENTRIES) else _usual) if change.about else _plain
    yield from words.get(change.what, usual)(change)


def _plain(change: _Change) -> Iterator[str]:
    yield f"{change.what} {_from_to(change)}"


def _usual(change: _Change) -> Iterator[str]:
    yield f"{change.about}: {change.what} {_from_to(change)}"


def _entry(change: _Change) -> Iterator[str]:
    """One of a map of the author's own keys."""
    if change.new is None:
        yield f"{change.about}: no {change.what} any more"
    elif change.new.startswith(_DIGEST):
        yield f"{change.about}: {'another' if change.old else 'a long'} text in {change.what}"
    elif (change.old or "").startswith(_DIGEST):
        yield f"{change.about}: {change.what} is {change.new}"
    else:
        yield from _usual(change)


def _from_to(change: _Change) -> str:
    if change.old is None:
        return f"is {change.new}"
    return f"{change.old} -> {change.new}" if change.new is not None else f"{change.old} -> none"


def _sampling(change: _Change) -> Iterator[str]:
    lead = f"{change.about}: " if change.about else ""
    yield f"{lead}sampling {(change.old or 'none').removesuffix(' %')} -> {(change.new or 'none').removesuffix(' %')}"


def _instead(lead: str) -> Callable[[_Change], Iterator[str]]:
    def words(change: _Change) -> Iterator[str]:
        about = f"{change.about}: " if change.about else ""
        yield f"{about}{lead} {change.new or 'nothing'} instead of {change.old or 'nothing'}"

    return words


def _or(usual: str) -> Callable[[_Change], Iterator[str]]:
    """What a thing is where nothing is said of it."""

    def words(change: _Change) -> Iterator[str]:
        about = f"{change.about}: " if change.about else ""
        yield f"{about}{change.what} {change.old or usual} -> {change.new or usual}"

    return words


def _api(change: _Change) -> Iterator[str]:
    old, new = ("Telemetry resources" if name == "telemetry" else name for name in (change.old, change.new))
    yield f"tracing is set by {new} instead of {old}"


def _collector(change: _Change) -> Iterator[str]:
    old, _, before = (change.old or "none").partition(" by ")
    new, _, after = (change.new or "none").partition(" by ")
    if new == "none":
        yield f"no collector instead of {old}: sidecars make no spans"
    elif old == "none":
        yield f"spans go to {new}{', by ' if after else ''}{after}; before there was no collector"
    elif old == new and before and after:
        yield f"spans go by {after} instead of {before.partition(' to ')[0]}"
    else:
        yield f"spans go to {change.new} instead of {old}"


def _log(change: _Change) -> Iterator[str]:
    kinds = {"TEXT": "text", "JSON": "JSON"}
    if change.new == "none":
        yield "no access log any more"
    elif change.old == "none":
        yield f"an access log, as {kinds.get(change.new or '', change.new)}"
    else:
        yield f"the access log is {kinds.get(change.new or '', change.new)} instead of {kinds.get(change.old or '', change.old)}"


def _log_format(change: _Change) -> Iterator[str]:
    before, after = _operators(change.old or ""), _operators(change.new or "")
    gone, come = list((before - after).elements()), list((after - before).elements())
    if gone and come:
        yield f"the access log shows {_some(come)} instead of {_some(gone)}"
    elif gone or come:
        yield f"the access log shows {_some(come)}" if come else f"the access log no longer shows {_some(gone)}"
    else:
        yield "the access log shows the same in another form"


def _operators(text: str) -> Counter[str]:
    return Counter(text[token.start : token.end] for token in parse(text).tokens if isinstance(token, Operator))


def _some(names: list[str]) -> str:
    more = len(names) - _MOST
    return f"{', '.join(names[:_MOST])} and {more} more" if more > 0 else listed(names)


def _sidecar(change: _Change) -> Iterator[str]:
    yield f"{change.about} gets a sidecar" if change.new == "yes" else f"{change.about} has no sidecar any more"


def _tracer(change: _Change) -> Iterator[str]:
    if change.new is None:
        yield f"{change.about} has no tracer of its own any more"
    elif change.old is None:
        yield f"{change.about} gets a tracer of its own, which speaks {change.new}"
    else:
        yield f"{change.about}: its own tracer speaks {change.new} instead of {change.old}"


def _forwards(change: _Change) -> Iterator[str]:
    old, new = change.old, change.new
    if old is None or new is None:
        return  # it begins, or ceases, to call at all, or to be called
    if "unknown" in {old, new}:
        yield f"{change.about}: forwards {old} -> {new}"
    elif new == "none":
        yield f"{change.about} stops forwarding {'all headers' if old == 'all' else old}"
    elif new == "all" or old == "all":
        yield f"{change.about} forwards {'all trace headers' if new == 'all' else f'only {new}'}"
    else:
        before, after = ([] if names == "none" else names.split(", ") for names in (old, new))
        gone, come = [name for name in before if name not in after], [name for name in after if name not in before]
        if gone:
            yield f"{change.about} stops forwarding {', '.join(gone)}"
        if come:
            yield f"{change.about} starts forwarding {', '.join(come)}"


def _calls(change: _Change) -> Iterator[str]:
    before, after = (
        Counter(call for step in (calls or "").split(THEN) for call in step.split(BESIDE) if call)
        for calls in (change.old, change.new)
    )
    gone, come = before - after, after - before
    for call in list(gone):
        # The same call, but in another share of the requests.
        now = next((other for other in come if _whole(other) == _whole(call)), None)
        if now is not None:
            gone, come = gone - Counter([call]), come - Counter([now])
            yield f"{change.about} calls {_whole(call)} {_often(now)} instead of {_often(call)}"
    if gone:
        yield f"{change.about} no longer calls {listed(list(gone.elements()))}"
    if come:
        yield f"{change.about} calls {listed(list(come.elements()))}"
    if before == after:
        yield f"{change.about} sends its calls in another order: {change.new}"


def _whole(call: str) -> str:
    return call.partition(" in ")[0]


def _often(call: str) -> str:
    return f"in {share} of the cases" if (share := call.partition(" in ")[2]) else "always"


def _every(change: _Change) -> Iterator[str]:
    old, new = (
        f"every {text}" if text and text[:1].isdigit() else text or "never" for text in (change.old, change.new)
    )
    yield f"{change.about} sends {new} instead of {old}"


def _arguments(change: _Change) -> Iterator[str]:
    if any((text or "").startswith(_DIGEST) for text in (change.old, change.new)):
        yield f"{change.about}: other arguments of its container"
    else:
        yield f"{change.about}: arguments {change.old} -> {change.new}"


_OF_LAB: Mapping[str, Callable[[_Change], Iterator[str]]] = {
    "tracing API": _api,
    "sidecars speak": _instead("sidecars speak"),
    "sampling": _sampling,
    "collector": _collector,
    "createNamespace": _or("by its name"),
    "image registry": _or("Docker Hub"),
    "image pull policy": _or("by the tag"),
    "access log": _log,
    "access log format": _log_format,
}
_OF_SERVICES: Mapping[str, Callable[[_Change], Iterator[str]]] = {
    "sampling": _sampling,
    "sidecar": _sidecar,
    "own tracer": _tracer,
    "own tracer's ids": _instead("its own tracer's ids are"),
    "own tracer's spans": _instead("its own tracer's spans are"),
    "forwards": _forwards,
    "calls": _calls,
    "every": _every,
    "probe": _or("of its kind"),
    "requests": _or("of its kind"),
    "limits": _or("none"),
    "arguments": _arguments,
}
