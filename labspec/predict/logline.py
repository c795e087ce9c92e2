"""The line that a sidecar logs for one request: the lab's format, filled with invented values that fit together.

What each operator holds on which side is measured on Envoy 1.38.3 behind Istio's listeners, or is Istio's documentation:
https://istio.io/latest/docs/tasks/observability/logs/access-log/.
"""

import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from labspec.accesslog import Piece
from labspec.calls import host, parted, url
from labspec.envoy.format import REQUEST_OPERATORS, Literal, Operator, headers_of, parse
from labspec.lab import FORMATS, Lab
from labspec.logreading import UNKNOWN
from labspec.mesh import CLUSTER_DOMAIN, Proxy
from labspec.predict.sidecar import Made
from labspec.predict.values import INBOUND, Line, Note
from labspec.propagation._base import FIXED_SPAN, FIXED_TRACE, Context
from labspec.services._base import Call

CLIENT_POD, SERVER_POD, CLUSTER_IP = "10.244.0.21", "10.244.0.34", "10.96.117.53"
_NOTHING = frozenset(
    {
        "RESPONSE_FLAGS",
        "RESPONSE_FLAGS_LONG",
        "CONNECTION_TERMINATION_DETAILS",
        "UPSTREAM_TRANSPORT_FAILURE_REASON",
        "DOWNSTREAM_TRANSPORT_FAILURE_REASON",
    }
)
_NUMBERS = frozenset(
    {"RESPONSE_CODE", "BYTES_RECEIVED", "BYTES_SENT", "DURATION", "REQUEST_DURATION", "RESPONSE_DURATION"}
)
_ID_HEADERS = frozenset(header for found in FORMATS.values() for header in found.headers)


def _holding(identifier: str) -> frozenset[str]:
    """The headers in which any format hands this part of a context on."""
    written = [found.write(Context(FIXED_TRACE, FIXED_SPAN, sampled=True)) for found in FORMATS.values()]
    return frozenset(name for headers in written for name, value in headers.items() if identifier in value)


_TRACE_HEADERS, _SPAN_HEADERS = _holding(FIXED_TRACE), _holding(FIXED_SPAN)
_BODILESS = frozenset({204, 304})


class Side(NamedTuple):
    """One call as the sidecars on both of its sides see it."""

    lab: Lab
    caller: str
    call: Call
    statuses: tuple[int, ...]

    @property
    def reached(self) -> bool:
        """Whether the callee has a pod at all."""
        return self.lab.spec.services[self.call.to].replicas > 0


def line_of(proxy: Proxy, side: Side, direction: str, headers: Mapping[str, str], made: Made | None) -> Line | None:
    """The line that `proxy` logs; `headers` are those that the request has then. None where it logs nothing."""
    log = proxy.log.value
    if not log.pieces:
        return None
    filler = _Filler(proxy, side, direction == INBOUND, headers, made)
    if log.encoding == "TEXT":
        text = filler.filled(log.pieces[0].text)
    else:
        values = {piece.key or "": filler.json_value(piece.text) for piece in log.pieces}
        text = json.dumps(dict(sorted(values.items())), ensure_ascii=False, separators=(",", ":"))
    notes = (note for piece in log.pieces for note in _notes(piece, filler, proxy, made))
    return Line(proxy.service, direction, text, tuple(dict.fromkeys(notes)))


def _notes(piece: Piece, filler: "_Filler", proxy: Proxy, made: Made | None) -> Iterator[Note]:
    """What is `-`, or shows an id of another trace."""
    tracer = proxy.tracer.value
    for token in parse(piece.text).tokens:
        if not isinstance(token, Operator):
            continue
        name, value = f"%{token.name}({token.argument})%" if token.argument else f"%{token.name}%", filler.value(token)
        # A format may show a part of an id.
        whole = filler.value(token._replace(length=None))
        if token.name in {"TRACE_ID", "SPAN_ID"} and value == "-":
            silent = tracer.format.silent.get(token.name) if tracer else "the sidecar has no tracer"
            yield Note(name, "empty", silent or "the sidecar makes no span of this request")
        asked = (
            [header for header in headers_of(token) if header in _ID_HEADERS] if token.name in REQUEST_OPERATORS else []
        )
        if not asked:
            continue
        if value == "-":
            if token.argument and "PARENTSPANID" in token.argument.upper() and made is not None and not made.parent_id:
                yield Note(name, "empty", "the span is the root of its trace")
            else:
                yield Note(name, "empty", _why_empty(proxy, asked))
        elif not _TRACE_HEADERS.isdisjoint(asked) and (made is None or made.trace_id not in whole):
            owner = "the sidecar has no tracer" if made is None else "the sidecar's trace has another id"
            yield Note(name, "misleading", f"it is the id that came with the request; {owner}")
        elif not _SPAN_HEADERS.isdisjoint(asked) and (made is None or made.span_id not in whole):
            yield Note(name, "misleading", "it is the id that came with the request, not that of the sidecar's span")


def _why_empty(proxy: Proxy, asked: list[str]) -> str:
    tracer = proxy.tracer.value
    if tracer is None:
        return "the sidecar has no tracer, and nobody sends the header"
    if not set(asked) & set(tracer.format.headers):
        return f"the sidecars speak {tracer.format.name}, and nobody sends the header"
    return "the request has no such header when the line is written"


class _Filler:
    def __init__(
        self, proxy: Proxy, side: Side, inbound: bool, headers: Mapping[str, str], made: Made | None
    ) -> None:  # a direction
        self._proxy = proxy
        self._side = side
        self._inbound = inbound
        self._made = made
        self._listener = side.lab.spec.services[side.call.to].listener()
        self._requests = {**self._request_headers(), **headers}
        self._values = {**self._common(), **self._addresses(), **self._security()}

    def filled(self, text: str) -> str:
        """The format as one line."""
        return "".join(token.text if isinstance(token, Literal) else self.value(token) for token in parse(text).tokens)

    def json_value(self, text: str) -> str | int | None:
        """What Envoy writes for one key: a number or null where the format is one operator, else a string."""
        tokens = parse(text).tokens
        if len(tokens) == 1 and isinstance(tokens[0], Operator):
            value = self.value(tokens[0])
            if value == "-":
                # Response flags are never missing: "-" is their way of saying none.
                return "-" if tokens[0].name in {"RESPONSE_FLAGS", "RESPONSE_FLAGS_LONG"} else None
            return int(value) if tokens[0].name in _NUMBERS and value.isdigit() else value
        return self.filled(text)

    def value(self, operator: Operator) -> str:
        """What stands for the operator, cut to its length."""
        return self._whole(operator)[: operator.length]

    def _whole(self, operator: Operator) -> str:
        if operator.name in REQUEST_OPERATORS:
            value = next((found for name in headers_of(operator) if (found := self._requests.get(name))), "-")
            return value.partition("?")[0] if operator.name == "REQ_WITHOUT_QUERY" else value
        if operator.name in {"RESP", "RESPONSE_HEADER"}:
            headers = self._response_headers()
            return next((headers[name] for name in headers_of(operator) if name in headers), UNKNOWN)
        if operator.argument:
            return UNKNOWN
        return self._values.get(operator.name, "-" if operator.name in _NOTHING else UNKNOWN)

    def _common(self) -> Mapping[str, str]:
        side, answered = self._side, self._side.reached
        code = side.statuses[0]
        empty = side.call.method == "HEAD" or code in _BODILESS
        return {
            "START_TIME": f"2026-01-15T10:00:00.{43 if self._inbound else 42:03}Z",
            "PROTOCOL": "HTTP/1.1",
            "UPSTREAM_PROTOCOL": "HTTP/1.1" if answered else "-",
            "RESPONSE_CODE": str(code),
            "RESPONSE_CODE_DETAILS": "via_upstream" if answered else "no_healthy_upstream",
            **({} if answered else {"RESPONSE_FLAGS": "UH", "RESPONSE_FLAGS_LONG": "NoHealthyUpstream"}),
            "BYTES_RECEIVED": "0",
            "BYTES_SENT": "0" if empty else "19",
            "DURATION": "2" if self._inbound else "4",
            "ROUTE_NAME": "default",
            "STREAM_ID": self._requests.get("x-request-id") or UNKNOWN,
            "HOSTNAME": f"{self._proxy.service}-{'6f8d7c5b94-q2wxs' if self._inbound else '7c9d5b6f4d-x8k2p'}",
            **self._ids(),
        }

    def _ids(self) -> Mapping[str, str]:
        tracer = self._proxy.tracer.value
        if self._made is None or tracer is None:
            return {"TRACE_ID": "-", "SPAN_ID": "-"}
        own = {"TRACE_ID": self._made.trace_id, "SPAN_ID": self._made.span_id}
        return {**own, **dict.fromkeys(tracer.format.silent, "-")}

    def _addresses(self) -> Mapping[str, str]:
        port, target = (self._listener.port, self._listener.target_port) if self._listener else (80, 80)
        name = host(self._side.lab, self._side.call.to)
        cluster = f"inbound|{target}||" if self._inbound else f"outbound|{port}||{name}"
        if self._inbound:
            upstream, local, downstream, remote = (
                f"{SERVER_POD}:{target}",
                "127.0.0.6:38291",
                f"{SERVER_POD}:{target}",
                f"{CLIENT_POD}:45678",
            )
        else:
            upstream, local, downstream, remote = (
                f"{SERVER_POD}:{target}",
                f"{CLIENT_POD}:45678",
                f"{CLUSTER_IP}:{port}",
                f"{CLIENT_POD}:51334",
            )
        if not self._side.reached:
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
        """Certificates stand on both sides only where both have a sidecar; the mesh then encrypts by itself."""
        side, port = self._side, self._listener.port if self._listener else 80
        services = side.lab.spec.services
        encrypted = services[side.caller].mesh and services[side.call.to].mesh
        caller, callee = (
            f"spiffe://{CLUSTER_DOMAIN}/ns/{side.lab.namespace()}/sa/{name}" if encrypted else "-"
            for name in (side.caller, side.call.to)
        )
        name = f"outbound_.{port}_._.{host(side.lab, side.call.to)}" if encrypted else "-"
        inbound = self._inbound
        return {
            "REQUESTED_SERVER_NAME": name if inbound else "-",
            "DOWNSTREAM_PEER_URI_SAN": caller if inbound else "-",
            "DOWNSTREAM_LOCAL_URI_SAN": callee if inbound else "-",
            "UPSTREAM_PEER_URI_SAN": callee if not inbound and side.reached else "-",
        }

    def _request_headers(self) -> Mapping[str, str]:
        side = self._side
        authority, path = parted(url(side.lab, side.call))
        return {
            ":method": side.call.method,
            ":path": path,
            ":authority": authority,
            ":scheme": "http",
            "host": authority,
            "accept": "*/*",
            "user-agent": side.lab.spec.services[side.caller].user_agent(),
            "x-forwarded-proto": "http",
        }

    def _response_headers(self) -> Mapping[str, str]:
        if not self._side.reached:
            return {"x-envoy-upstream-service-time": "-"}
        return {
            ":status": str(self._side.statuses[0]),
            "x-envoy-upstream-service-time": "1" if self._inbound else "3",
        }
