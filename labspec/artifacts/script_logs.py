"""scripts/logs.sh: the sidecars' access log lines, and whether the ids in them are traces."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from labspec.accesslog import symbols
from labspec.artifacts import _following as shell
from labspec.artifacts import _reading as reading
from labspec.artifacts._base import Files
from labspec.artifacts._connect import CONNECT, PATIENCE, SCRATCH, collector_settings
from labspec.artifacts._expected import Expectation, Expected, expectation
from labspec.artifacts._logline import id_expression, nothing
from labspec.artifacts._script import VARIANT, Setting, only, script
from labspec.bundle import File
from labspec.plan import Plan, Workload

_ABOUT = """
Shows the newest access log lines of every sidecar, and checks that the ids in them are traces.
Usage: scripts/logs.sh [VARIANT]
"""
# Each id is a question to the collector.
_MOST_IDS = 300
# What scripts/traffic.sh takes.
_MOST_ROUNDS = 9999

FOLLOW, SENT, NOTE, SAY = "follow", "sent", "note", "say"
_BODIES = {FOLLOW: shell.FOLLOW, SENT: shell.FOLLOW_SENT, NOTE: shell.NOTE, SAY: shell.SAY}


class _Form(NamedTuple):
    """What the script does for one form of the lab."""

    mode: str
    """`follow` an id to the collector, or one that the app `sent`; show the lines and `note` something, or only `say` it."""
    settings: Mapping[str, Setting]
    kinds: frozenset[str]
    """What there is that needs lines of its own in the script."""
    rules: frozenset[str] = frozenset()


def _files(plan: Plan) -> Iterator[File]:
    forms = {form.variant: _form(form) for form in plan.forms}
    modes = {form.mode for form in forms.values()}
    kinds = frozenset(kind for form in forms.values() for kind in form.kinds)
    asking = [form for form in forms.values() if form.mode in {FOLLOW, SENT}]
    kinds |= _span_kind(forms.values())
    if any("TRACERS" in form.settings for form in asking):
        kinds |= {"sent"} if all("TRACERS" in form.settings for form in forms.values()) else {"sent", "unsent"}

    def settings(form: Plan) -> Mapping[str, Setting]:
        own = forms[form.variant]
        named = {"MODE": own.mode} if len(modes) > 1 else {}
        api = {"API": form.api} if asking and len({other.api for other in plan.forms}) > 1 else {}
        return {**named, **api, **own.settings}

    parts = [shell.for_kinds(part, kinds) for part in _parts(forms.values(), modes, kinds)]
    hints = [only(plan, _has_api(api), f"$API == {api}", text) for api, text in shell.HINTS.items()]

    def body(mode: str) -> str:
        return only(
            plan,
            lambda form: forms[form.variant].mode == mode,
            f"$MODE == {mode}",
            shell.for_kinds(_BODIES[mode], kinds),
        )

    bodies = [body(mode) for mode in _BODIES]
    own = [part for part in [*(hints if asking else []), *parts, *bodies] if part]
    yield script(plan, "logs", _ABOUT, settings, VARIANT, *own)


def _has_api(api: str) -> Callable[[Plan], bool]:
    return lambda form: form.api == api


def _span_kind(forms: Iterable[_Form]) -> frozenset[str]:
    """Whether the formats show span ids."""
    found = {"SPAN" in form.settings for form in forms if form.mode == FOLLOW}
    return frozenset({"both" if len(found) > 1 else "spans" if True in found else "nospans"})


def _parts(forms: Iterable[_Form], modes: set[str], kinds: frozenset[str]) -> Iterator[str]:
    """The functions that the bodies need."""
    if modes == {SAY}:
        return
    yield PATIENCE
    yield SCRATCH
    yield reading.READ + (reading.READ_SENT.lstrip("\n") if "sent" in kinds else "") + "}\n"
    yield reading.SHOW
    if modes & {NOTE, SENT}:
        yield reading.LOGGED
    if not modes & {FOLLOW, SENT}:
        return
    yield reading.NEWEST
    if FOLLOW in modes:
        yield shell.CHOOSE
        has_span = {"SPAN" in form.settings for form in forms if form.mode == FOLLOW}
        yield from [shell.SPANS] * (True in has_span) + [shell.NO_SPANS] * (False in has_span)
    if "outside" in kinds:
        yield shell.WHOSE
    yield CONNECT
    yield shell.REACHED
    yield shell.HELD
    rules = {rule for form in forms for rule in form.rules}
    yield from (text for rule, text in shell.RULES.items() if rule in rules)


def _form(plan: Plan) -> _Form:
    if not plan.log.pieces:
        return _Form(SAY, {"NOTE": "This lab writes no access log: logs.format is none."}, frozenset())
    sidecars = [workload for workload in plan.workloads if workload.replicas and workload.sidecar]
    if not sidecars:
        what = (
            "pod of this lab has a sidecar"
            if any(each.replicas for each in plan.workloads)
            else "service of this lab has a pod"
        )
        return _Form(SAY, {"NOTE": f"No {what}: there is no log to read."}, frozenset())
    expected = expectation(plan)
    base: dict[str, Setting] = {"WORKLOADS": tuple(f"{each.namespace} {each.name}" for each in sidecars), "TAIL": 200}
    has_id = id_expression(plan, "trace_id") is not None
    is_followed = (
        expected.followed and plan.collector is not None and (has_id or any(each.sends for each in expected.followed))
    )
    if is_followed:
        return _followed(plan, base, expected, has_id=has_id)
    clients = tuple(f"{plan.namespace} {each.sidecar}" for each in expected.followed)
    named = {"CLIENTS": clients} if clients else {}
    note = {"NOTE": "\n".join(_note(plan, expected, has_id=has_id))}
    return _Form(NOTE, {**base, **named, **note}, frozenset() if clients else frozenset({"nobody"}))


def _followed(plan: Plan, base: Mapping[str, Setting], expected: Expectation, *, has_id: bool) -> _Form:
    """The form whose ids the collector is asked for."""
    backend, receiver = plan.collector, plan.receiver
    assert backend is not None  # noqa: S101  # who calls this has seen both
    assert receiver is not None  # noqa: S101
    rows = expected.followed
    asked = min(max(20, *(each.enough for each in rows if each.rule == "sometimes"), 20), _MOST_IDS)
    rules = frozenset(each.rule for each in rows)
    workloads = {workload.name: workload for workload in plan.workloads}
    sent = tuple(_tracer(workloads[each.client]) for each in rows if each.sends)
    trace, span = id_expression(plan, "trace_id"), id_expression(plan, "span_id")
    special = _special(rows, is_traced=has_id)
    settings = {
        **base,
        "TAIL": max(200, 2 * asked),
        "CLIENTS": tuple(_row(plan, each) for each in rows),
        **({"TRACERS": sent} if sent else {}),
        **({"TRACE": trace, "NOTHING": nothing(plan)} if trace else {"ADVICE": _advice(plan)}),
        **({"SPAN": span} if trace and span else {}),
        **special,
        **({"NOTE": "\n".join(expected.unseen)} if expected.unseen else {}),
        "ASKED": asked,
        **collector_settings(backend),
        "TRACE_API": backend.ui.trace_api,
        **({"RECEIVER": f"{receiver.host}:{receiver.port}"} if "always" in rules else {}),
    }
    kinds = {_KINDS[name] for name in special} | ({"noted"} if expected.unseen else set())
    return _Form(FOLLOW if trace else SENT, settings, frozenset(kinds), rules)


_KINDS = {
    "ALONE": "alone",
    "PERHAPS": "perhaps",
    "TWICE": "twice",
    "ITSELF": "itself",
    "OUTSIDE": "outside",
    "ENDS": "ended",
}


def _special(rows: tuple[Expected, ...], *, is_traced: bool) -> dict[str, Setting]:
    """What is not as with most clients."""
    found: dict[str, Setting] = {}
    if is_traced:
        found = {
            "ALONE": _names(each for each in rows if not each.together),
            "PERHAPS": _names(each for each in rows if not each.made),
            "TWICE": _names(each for each in rows if each.twice),
            "ITSELF": _names(each for each in rows if not each.is_driven),
            "ENDS": tuple(f"{each.sidecar}|{' '.join(each.beyond)}|{each.why}" for each in rows if each.beyond),
        }
    found["OUTSIDE"] = tuple(f"{each.client} {each.sidecar}" for each in rows if each.client != each.sidecar)
    return {name: value for name, value in found.items() if value}


def _names(rows: Iterable[Expected]) -> str:
    return " ".join(each.sidecar for each in rows)


def _tracer(client: Workload) -> str:
    return f"{client.namespace} {client.name} {client.container.name}"


def _row(plan: Plan, each: Expected) -> str:
    """Namespace, sidecar, rule; then the percentage, how many requests give a trace in 95 of 100 cases, and how many rounds that is."""
    row = f"{plan.namespace} {each.sidecar} {each.rule}"
    if each.rule != "sometimes":
        return row
    rounds = f" {each.rounds}" if each.is_driven and each.rounds <= _MOST_ROUNDS else ""
    return f"{row} {each.percent:g} {each.enough}{rounds}"


def _advice(plan: Plan) -> str:
    known = symbols(plan.propagation, plan.istio_version)
    last = "span_id" if "span_id" in known else "traceparent"
    if plan.log.encoding == "JSON":
        return f"To see it, give logs.format the keys traceID: ${{trace_id}} and {last.replace('span_id', 'spanID')}: ${{{last}}}."
    return f"To see it, put traceID=${{trace_id}} {last.replace('span_id', 'spanID')}=${{{last}}} into logs.format."


def _note(plan: Plan, expected: Expectation, *, has_id: bool) -> Iterator[str]:
    """What there is to say where nothing is followed."""
    if expected.followed and plan.collector is None:
        if has_id:
            yield "Without a collector no tracer is active in the sidecars: no span, no trace."
            yield from (_unmade(plan, each) for each in expected.followed)
        else:
            yield "The log format has no trace id; and without a collector no tracer is active, so there is no trace either."
    elif expected.followed:
        yield f"The log format has no trace id. {_advice(plan)}"
    elif not expected.unseen:
        yield "There is no request to follow: no client calls a service that has a pod."
    yield from expected.unseen


def _unmade(plan: Plan, each: Expected) -> str:
    if each.id_logged:
        return f"The ids in the lines of {each.client}'s requests are those that its app sent: the sidecars hand its headers on."
    return f"Lines of {each.client}'s requests show {nothing(plan)} instead of an id: nobody makes one."


ARTIFACT = Files(_files)
