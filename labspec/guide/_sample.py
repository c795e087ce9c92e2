"""An example line of a sidecar's access log: the lab's format, filled with invented values that fit together.

What each operator holds on which side is measured on Envoy 1.38.3 behind Istio's listeners, or is Istio's documentation:
https://istio.io/latest/docs/tasks/observability/logs/access-log/.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from labspec.envoy.format import Literal, Operator, headers_of, parse
from labspec.guide._facts import Call, headers_in, host
from labspec.plan import Plan
from labspec.propagation._base import Start

UNKNOWN = "…"
"""Stands for what only the cluster can tell."""

TRACE = "5be1f0c29a4d76e38c41d2b7f90e6a15"
"""Of a trace that a sidecar starts."""

APP_SPAN = "a3d94f1e07b85c62"
"""What an application with a tracer sends as its own span."""

_APP_TRACE = "92d07ab4e6513fc81e4b6d90f2a7c835"
# Of the caller's sidecar and the callee's, in a trace that a sidecar starts and in one that an application starts.
_SPANS = ("1f6c80b2d5e94a37", "c27e5b9d41a0f683")
_SPANS_OF_APP = ("6b1d93e85f2c07a4", "e08f4a7c216db935")

_CLIENT_POD, _SERVER_POD, _CLUSTER_IP = "10.244.0.21", "10.244.0.34", "10.96.117.53"
_NOTHING = frozenset(
    {
        "RESPONSE_FLAGS",
        "RESPONSE_FLAGS_LONG",
        "CONNECTION_TERMINATION_DETAILS",
        "UPSTREAM_TRANSPORT_FAILURE_REASON",
        "DOWNSTREAM_TRANSPORT_FAILURE_REASON",
    }
)
_TAG = re.compile(r".*:v?([0-9]+(?:\.[0-9]+)*)")
_BODILESS = frozenset({204, 304})


class Ids(NamedTuple):
    """The trace headers of a request as a sidecar has them when it writes the line."""

    trace: str | None
    span: str | None
    parent: str | None
    sampled: str | None
    active: bool
    """Whether the sidecar has a tracer."""


def app_trace(start: Start) -> str:
    """The invented trace id in the width that the application uses."""
    return _APP_TRACE[-start.bits // 4 :]


def ids(plan: Plan, call: Call, *, inbound: bool) -> Ids:
    """The ids of a request that is traced, if it may be; without a tracer they are the client's, or none."""
    start = call.caller.starts
    active = plan.collector is not None
    flag = str(int(start.sampled)) if start else "1"
    if active and call.is_answered:
        trace = app_trace(start) if start else TRACE
        first = APP_SPAN if start else None
        client, server = _SPANS_OF_APP if start else _SPANS
        return Ids(trace, server, client, flag, active) if inbound else Ids(trace, client, first, flag, active)
    # A request that reaches no pod gets no headers: Envoy writes them when it sends the request on.
    return Ids(app_trace(start), APP_SPAN, None, flag, active) if start else Ids(None, None, None, None, active)


def line(plan: Plan, call: Call, *, inbound: bool) -> str:
    """The line that the caller's sidecar (or, inbound, the callee's) writes for one request."""
    filler = _Filler(plan, call, inbound=inbound)
    tokens = parse(plan.log.text or "").tokens
    return "".join(token.text if isinstance(token, Literal) else filler.value(token) for token in tokens)


class _Filler:
    def __init__(self, plan: Plan, call: Call, *, inbound: bool) -> None:
        self._plan = plan
        self._call = call
        self._inbound = inbound
        self._ids = ids(plan, call, inbound=inbound)
        self._listener = call.callee.listener
        self._requests = self._request_headers()
        self._values = {**self._common(), **self._addresses(), **self._security()}

    def value(self, operator: Operator) -> str:
        """What stands for the operator, cut to its length."""
        return self._whole(operator)[: operator.length]

    def _whole(self, operator: Operator) -> str:
        if operator.name in {"REQ", "REQUEST_HEADER", "REQ_WITHOUT_QUERY"}:
            value = next((found for name in headers_of(operator) if (found := self._requests.get(name))), "-")
            return value.partition("?")[0] if operator.name == "REQ_WITHOUT_QUERY" else value
        if operator.name in {"RESP", "RESPONSE_HEADER"}:
            headers = self._response_headers()
            return next((headers[name] for name in headers_of(operator) if name in headers), UNKNOWN)
        if operator.argument:
            return UNKNOWN
        return self._values.get(operator.name, "-" if operator.name in _NOTHING else UNKNOWN)

    def _common(self) -> Mapping[str, str]:
        call, inbound, answered = self._call, self._inbound, self._call.is_answered
        code = call.target.expect
        empty = call.target.method == "HEAD" or code in _BODILESS
        pod = call.callee.name if inbound else call.caller.name
        return {
            "START_TIME": f"2026-01-15T10:00:00.{43 if inbound else 42:03}Z",
            "PROTOCOL": "HTTP/1.1",
            "UPSTREAM_PROTOCOL": "HTTP/1.1" if answered else "-",
            "RESPONSE_CODE": str(code),
            "RESPONSE_CODE_DETAILS": "via_upstream" if answered else "no_healthy_upstream",
            **({} if answered else {"RESPONSE_FLAGS": "UH", "RESPONSE_FLAGS_LONG": "NoHealthyUpstream"}),
            "BYTES_RECEIVED": "0",
            "BYTES_SENT": "0" if empty else "19",
            "DURATION": "2" if inbound else "4",
            "ROUTE_NAME": "default",
            "TRACE_ID": (self._ids.trace or UNKNOWN) if self._ids.active else "-",
            "STREAM_ID": self._requests["x-request-id"] or UNKNOWN,
            "HOSTNAME": f"{pod}-{'6f8d7c5b94-q2wxs' if inbound else '7c9d5b6f4d-x8k2p'}",
            **dict.fromkeys(self._plan.propagation.silent, "-"),
        }

    def _addresses(self) -> Mapping[str, str]:
        port, target = (self._listener.port, self._listener.target_port) if self._listener else (80, 80)
        name = host(self._plan, self._call)
        cluster = f"inbound|{target}||" if self._inbound else f"outbound|{port}||{name}"
        if self._inbound:
            upstream, local, downstream, remote = (
                f"{_SERVER_POD}:{target}",
                "127.0.0.6:38291",
                f"{_SERVER_POD}:{target}",
                f"{_CLIENT_POD}:45678",
            )
        else:
            upstream, local, downstream, remote = (
                f"{_SERVER_POD}:{target}",
                f"{_CLIENT_POD}:45678",
                f"{_CLUSTER_IP}:{port}",
                f"{_CLIENT_POD}:51334",
            )
        if not self._call.is_answered:
            upstream = local = "-"
        pairs = {"UPSTREAM_REMOTE": upstream, "UPSTREAM_LOCAL": local}
        pairs |= {
            "DOWNSTREAM_LOCAL": downstream,
            "DOWNSTREAM_DIRECT_LOCAL": downstream,
            "DOWNSTREAM_REMOTE": remote,
            "DOWNSTREAM_DIRECT_REMOTE": remote,
        }
        values = {"UPSTREAM_HOST": upstream, "UPSTREAM_CLUSTER_RAW": cluster, "UPSTREAM_CLUSTER": f"{cluster};"}
        for name, address in pairs.items():
            ip, _, number = address.rpartition(":")
            values |= {f"{name}_ADDRESS": address, f"{name}_ADDRESS_WITHOUT_PORT": ip or "-", f"{name}_PORT": number}
        return values

    def _security(self) -> Mapping[str, str]:
        call, port = self._call, self._listener.port if self._listener else 80
        caller, callee = (
            f"spiffe://{self._plan.cluster_domain}/ns/{side.namespace}/sa/{side.name}"
            for side in (call.caller, call.callee)
        )
        name = f"outbound_.{port}_._.{host(self._plan, call)}"
        if self._inbound:
            return {
                "REQUESTED_SERVER_NAME": name,
                "DOWNSTREAM_PEER_URI_SAN": caller,
                "DOWNSTREAM_LOCAL_URI_SAN": callee,
                "UPSTREAM_PEER_URI_SAN": "-",
            }
        peer = callee if call.is_answered else "-"
        return {
            "REQUESTED_SERVER_NAME": "-",
            "DOWNSTREAM_PEER_URI_SAN": "-",
            "DOWNSTREAM_LOCAL_URI_SAN": "-",
            "UPSTREAM_PEER_URI_SAN": peer,
        }

    def _request_headers(self) -> Mapping[str, str | None]:
        target = self._call.target
        authority, slash, path = target.url.removeprefix("http://").partition("/")
        found = _TAG.fullmatch(self._call.caller.container.image)
        # The character behind the second dash tells the decision: 9 sampled, 4 not.
        decision = "9" if self._ids.active and self._ids.sampled == "1" else "4"
        return {
            ":method": target.method,
            ":path": slash + path,
            ":authority": authority,
            ":scheme": "http",
            "host": authority,
            "accept": "*/*",
            "user-agent": f"curl/{found.group(1)}" if found else "curl",
            "x-request-id": f"3f9a1c77-52d8-{decision}b0e-a4c6-8e1d2f60b7a9",
            "x-forwarded-proto": "http",
            **self._trace_headers(),
        }

    def _trace_headers(self) -> Mapping[str, str | None]:
        values = {
            "trace_id": self._ids.trace,
            "span_id": self._ids.span,
            "parent_id": self._ids.parent,
            "sampled": self._ids.sampled,
        }
        return {header: value for symbol, value in values.items() for header in headers_in(self._plan, symbol)}

    def _response_headers(self) -> Mapping[str, str]:
        if not self._call.is_answered:
            return {"x-envoy-upstream-service-time": "-"}
        return {
            ":status": str(self._call.target.expect),
            "x-envoy-upstream-service-time": "1" if self._inbound else "3",
        }
