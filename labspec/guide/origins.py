"""Who starts the traces of a lab: apps with a tracer of their own, or the first sidecars."""

from collections.abc import Iterator

from labspec.finding import listed
from labspec.guide._facts import names, starters
from labspec.guide._markdown import block, code, prose
from labspec.plan import Plan, Workload
from labspec.predict.values import Hop
from labspec.propagation._base import Format, Start


def starts(plan: Plan) -> Iterator[str]:
    """The chapter on it."""
    yield "### Who starts the trace" if plan.collector else "### No tracer"
    if plan.collector is None:
        yield prose(
            "This lab has no collector, so no sidecar has a tracer: the sidecars make no span and write no trace header."
        )
    for start, clients in starters(plan).items():
        if start is not None:
            for form in dict.fromkeys(client.speaks.name for client in clients):
                yield from _started_by_app(plan, start, [each for each in clients if each.speaks.name == form])
        elif plan.collector is not None:
            yield from _started_by_sidecar(plan, clients)


def _started_by_sidecar(plan: Plan, clients: list[Workload]) -> Iterator[str]:
    inside = [client for client in clients if client.sidecar]
    bare = [client for client in clients if not client.sidecar]
    written = listed(code(header) for header in _written(plan, inside))
    if inside:
        yield prose(
            f"{names(inside)} {'sends' if len(inside) == 1 else 'send'} no trace header. The sidecar beside the client starts the trace: "
            f"it invents a trace id of 128 bits (32 hex digits) and a span id, and writes them into the request ({written}). "
            "Some texts say that Envoy traces only requests that already carry trace headers; that is not so."
        )
    if bare:
        yield prose(
            f"{names(bare)} {'has no sidecar and sends' if len(bare) == 1 else 'have no sidecar and send'} no trace header: the first sidecar on the way starts the trace, with a SERVER span."
        )


def _written(plan: Plan, clients: list[Workload]) -> list[str]:
    """The headers in which the sidecars of these clients write the ids of a new trace."""
    wanted = {client.name for client in clients}
    first = next((request.hops[0] for request in plan.prediction.requests if request.client in wanted), None)
    if first is None or first.client is None or not first.received:
        return list(plan.propagation.needed)
    ids = (first.client.trace_id, first.client.span_id)
    return [name for name, value in first.carried.items() if any(part in value for part in ids)]


def _started_by_app(plan: Plan, start: Start, clients: list[Workload]) -> Iterator[str]:
    one = len(clients) == 1
    says = {
        "true": "that the trace is sampled",
        "false": "that the trace is not sampled",
        "debug": "that the trace is to be sampled past every rate (debug)",
        "defer": "nothing of the decision: it leaves that to the first sidecar",
    }
    ids = "always the same trace id" if start.fixed else "for each request a new trace id"
    spoken = clients[0].speaks
    yield prose(
        f"{names(clients)} {'sends' if one else 'send'} trace headers as an app with a tracer of its own does: {ids} "
        f"of {start.bits} bits ({start.bits // 4} hex digits) and a span id, in the format {code(spoken.name)}. "
        f"It says {says[start.flag]}:"
    )
    yield block(_example(plan, clients), "text")
    if plan.collector is None:
        yield prose("The sidecars hand these headers on untouched. They look healthy, and no trace stands behind them.")
        return
    yield prose(_taken(plan, clients))
    if not _is_heard(plan, clients):
        return
    if start.fixed:
        yield prose(
            "With constant ids all requests end up in one endless trace. Here that is so on purpose (`ids: fixed`)."
        )
    else:
        yield prose(
            "New ids for each request matter: with constant ones all requests would end up in one endless trace."
        )


def _example(plan: Plan, clients: list[Workload]) -> str:
    wanted = {client.name for client in clients}
    sent = next(request.hops[0].sent for request in plan.prediction.requests if request.client in wanted)
    return "\n".join(f"{name}: {value}" for name, value in sent.items())


def _is_heard(plan: Plan, clients: list[Workload]) -> bool:
    """Whether sidecars look at the headers that these apps send."""
    return any(plan.propagation.reads(client.speaks) for client in clients)


def _taken(plan: Plan, clients: list[Workload]) -> str:
    """What the first sidecar makes of the app's headers."""
    wanted = {client.name for client in clients}
    request = next(request for request in plan.prediction.requests if request.client in wanted)
    app = request.hops[0].app
    made = next((span for hop in request.hops for span in (hop.client, hop.server) if span), None)
    if made is None:
        return "No sidecar is on the way, so nobody makes a span of it."
    if app is not None and made.trace_id.endswith(app.trace_id):
        return (
            "The first sidecar takes part in this trace: it keeps the trace id and its width, and puts a span id of its own into the request."
            + _beside(request.hops[0], clients[0].speaks)
        )
    return (
        f"The sidecars speak {code(plan.propagation.name)} and do not look at these headers: the first one starts a trace of its own, "
        "with other ids, and hands the app's headers on beside its own."
    )


def _beside(hop: Hop, spoken: Format) -> str:
    """Where sidecars write beside the app's header, and read that first: their spans then hang side by side."""
    if not (hop.client and hop.server) or hop.server.parent_id == hop.client.span_id:
        return ""
    written = listed(code(name) for name, value in hop.carried.items() if hop.client.span_id in value)
    return (
        f" It writes that into {written}, leaves {listed(code(name) for name in spoken.needed)} as it is, and every sidecar reads that "
        "first: their spans do not hang below one another, but side by side below the app's."
    )
