"""What the guide needs to know of a lab and its Plan does not say in so many words."""

from collections.abc import Iterator
from typing import NamedTuple

from labspec.envoy.format import Operator, headers_of, parse
from labspec.plan import Plan, Workload
from labspec.services._base import Target

_REQUEST = frozenset({"REQ", "REQUEST_HEADER"})


class Call(NamedTuple):
    """A request that one service sends to another."""

    caller: Workload
    target: Target
    callee: Workload

    @property
    def is_answered(self) -> bool:
        """Whether the callee has a pod at all."""
        return self.callee.replicas > 0


def calls(plan: Plan) -> Iterator[Call]:
    """All calls, in the order of the spec."""
    workloads = {workload.name: workload for workload in plan.workloads}
    for caller in plan.workloads:
        for target in caller.targets:
            yield Call(caller, target, workloads[target.service])


def operation(plan: Plan, call: Call) -> str:
    """What the two spans of a call are named: the route's decorator, `host:port/*`."""
    return f"{host(plan, call)}:{_port(call)}/*"


def host(plan: Plan, call: Call) -> str:
    """The callee's full DNS name."""
    return f"{call.callee.name}.{call.callee.namespace}.svc.{plan.cluster_domain}"


def _port(call: Call) -> int:
    return call.callee.listener.port if call.callee.listener else 80


class Shown(NamedTuple):
    """Which ids a line of the access log shows whole."""

    trace: bool
    span: bool
    request: bool


def shown(plan: Plan) -> Shown:
    """The ids in the lab's access log; none where there is no log."""
    found = operators_of(plan)
    return Shown(
        trace=any(_reads(plan, operator, "trace_id", "TRACE_ID", 32) for operator in found),
        span=any(_reads(plan, operator, "span_id", "SPAN_ID", 16) for operator in found),
        request=any(
            operator.name == "STREAM_ID" or (operator.name in _REQUEST and "x-request-id" in headers_of(operator))
            for operator in found
        ),
    )


def _reads(plan: Plan, operator: Operator, symbol: str, name: str, digits: int) -> bool:
    if operator.length is not None and operator.length < digits:
        return False
    if operator.name == name:
        return name not in plan.propagation.silent
    wanted = headers_in(plan, symbol)
    return operator.name in _REQUEST and headers_of(operator)[:1] == wanted[:1] != ()


def operators_of(plan: Plan) -> list[Operator]:
    """The operators of the access log's format."""
    return [token for token in parse(plan.log.text or "").tokens if isinstance(token, Operator)]


def headers_in(plan: Plan, symbol: str) -> tuple[str, ...]:
    """The headers that a symbol such as `trace_id` reads."""
    tokens = parse(plan.propagation.symbols.get(symbol, "")).tokens
    return tuple(header for token in tokens if isinstance(token, Operator) for header in headers_of(token))


def is_random(plan: Plan) -> bool:
    """Whether some request is traced by chance: the sidecar of its client decides, and not for all."""
    return plan.collector is not None and plan.percent < 100 and any(client.starts is None for client in plan.clients)


def number(value: float) -> str:
    """`100`, `0.5`."""
    return f"{value:g}"
