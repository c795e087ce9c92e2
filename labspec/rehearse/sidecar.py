"""The configuration of a sidecar's Envoy, as Istio makes it, without what needs a cluster.

As Istio makes it: tracing, request ids, access log, route names and retries (pilot/pkg/networking/core/listener_builder.go,
tracing.go, route/route.go; pilot/pkg/model/telemetry_logging.go). The real tier holds these parts against its output.
Of the rehearsal's own: addresses, the step that a route adds to the header WAY, the tag with it, a second access log, quick flushing.
"""

from collections.abc import Mapping
from typing import Any

from labspec.lab import HANDED_ON
from labspec.mesh import LISTENER, Proxy
from labspec.observe.values import TAG
from labspec.plan import Plan, Workload
from labspec.predict.values import INBOUND, OUTBOUND
from labspec.rehearse._config import API, ROUTER, Config, address, cluster, file_log, listener, outbound_name
from labspec.rehearse.places import Places
from labspec.rehearse.tracing import bootstrap_tracing, collector_cluster, provider, quick
from labspec.services._base import WAY

CLUSTER_ID = "Kubernetes"
"""What istiod calls a cluster that nobody named."""


def witness_format(istio_version: str) -> dict[str, Any]:
    """The second access log: what each passage was, whatever the lab's own format tells."""
    has_span_id = istio_version >= "1.30"
    return {
        "way": f"%REQ({WAY})%",
        "direction": "",
        "method": "%REQ(:METHOD)%",
        "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
        "authority": "%REQ(:AUTHORITY)%",
        "status": "%RESPONSE_CODE%",
        "flags": "%RESPONSE_FLAGS%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "started": "%START_TIME(%s.%6f)%",
        "duration": "%DURATION%",
        "traceId": "%TRACE_ID%",
        **({"spanId": "%SPAN_ID%"} if has_span_id else {}),
        "headers": {name: f"%REQ({name})%" for name in HANDED_ON},
    }


def sidecar_config(plan: Plan, proxy: Proxy, places: Places, witness: str) -> Config:
    """The bootstrap of one sidecar; `witness` is the file of its second access log."""
    workload = next(each for each in plan.workloads if each.name == proxy.service)
    clusters, listeners = [], []
    parts = _Parts(plan, workload, proxy, places, witness)
    for callee in (each for each in plan.workloads if (proxy.service, each.name) in places.outbound):
        clusters.append(parts.outbound_cluster(callee))
        listeners.append(parts.outbound_listener(callee))
    if workload.listener is not None and proxy.service in places.inbound:
        clusters.append(parts.inbound_cluster())
        listeners.append(parts.inbound_listener())
    tracer = proxy.tracer.value
    if tracer is not None:
        clusters.append(collector_cluster(tracer, places))
    return {
        "node": {
            "id": f"sidecar~{places.pods[proxy.service]}~{proxy.service}.{plan.namespace}~{plan.namespace}.svc.{plan.cluster_domain}",
            "cluster": proxy.service_name,
        },
        "admin": {"address": address(places.admins[proxy.service])},
        **({"tracing": bootstrap_tracing()} if tracer is not None and tracer.source != LISTENER else {}),
        "static_resources": {"clusters": clusters, "listeners": listeners},
        "layered_runtime": {"layers": [{"name": "rehearsal", "static_layer": quick()}]},
    }


class _Parts:
    def __init__(self, plan: Plan, workload: Workload, proxy: Proxy, places: Places, witness: str) -> None:
        self._plan = plan
        self._workload = workload
        self._proxy = proxy
        self._places = places
        self._witness = witness

    def outbound_cluster(self, callee: Workload) -> Config:
        entry = self._places.entry(callee.name) if callee.replicas else None
        return cluster(self._outbound_name(callee), entry, self._source(self._places.pods[self._workload.name]))

    def inbound_cluster(self) -> Config:
        # Istio's own source address: an app must not take its sidecar for a pod.
        return cluster(self._inbound_name(), self._places.apps[self._workload.name], self._source("127.0.0.6"))

    def _source(self, host: str) -> Config:
        if not self._places.is_separate:
            return {}
        return {"upstream_bind_config": {"source_address": {"address": host, "port_value": 0}}}

    def outbound_listener(self, callee: Workload) -> Config:
        port = callee.listener.port if callee.listener else 80
        host = self._host(callee)
        names = [host, f"{host}.", *_short_names(callee)]
        route = {
            "name": "default",
            "match": {"prefix": "/"},
            "route": {
                "cluster": self._outbound_name(callee),
                "timeout": "0s",
                "retry_policy": {
                    "retry_on": "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
                    "num_retries": 2,
                    "retry_host_predicate": [
                        {
                            "name": "envoy.retry_host_predicates.previous_hosts",
                            "typed_config": {
                                "@type": f"{API}.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
                            },
                        }
                    ],
                    "host_selection_retry_max_attempts": "5",
                },
                "max_grpc_timeout": "0s",
            },
            "decorator": {"operation": f"{host}:{port}/*"},
            "request_headers_to_add": [
                {
                    "header": {"key": WAY, "value": f"%REQ({WAY})%.%UNIQUE_ID%"},
                    "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
                }
            ],
        }
        table = {
            "name": str(port),
            "virtual_hosts": [
                {
                    "name": f"{host}:{port}",
                    "domains": names,
                    "routes": [route],
                    "include_request_attempt_count": True,
                }
            ],
            "ignore_port_in_host_matching": True,
        }
        place = self._places.outbound[self._workload.name, callee.name]
        manager = {**self._manager(f"outbound_0.0.0.0_{port};", OUTBOUND), "route_config": table}
        return listener(f"{callee.name}_{port}", place, manager, "OUTBOUND")

    def inbound_listener(self) -> Config:
        port = self._workload.listener
        assert port is not None  # noqa: S101  # who has none has no such listener
        route = {
            "name": "default",
            "match": {"prefix": "/"},
            "route": {
                "cluster": self._inbound_name(),
                "timeout": "0s",
                "retry_policy": {"retry_on": "reset-before-request", "num_retries": 2},
                "max_stream_duration": {"max_stream_duration": "0s", "grpc_timeout_header_max": "0s"},
            },
            "decorator": {"operation": f"{self._host(self._workload)}:{port.port}/*"},
        }
        host = {"name": f"inbound|http|{port.port}", "domains": ["*"], "routes": [route]}
        manager = {
            **self._manager(f"inbound_0.0.0.0_{port.target_port};", INBOUND),
            "server_name": "istio-envoy",
            "forward_client_cert_details": "APPEND_FORWARD",
            "set_current_client_cert_details": {"subject": True, "dns": True, "uri": True},
            "route_config": {"name": self._inbound_name(), "virtual_hosts": [host], "validate_clusters": False},
        }
        return listener("virtualInbound", self._places.inbound[self._workload.name], manager, "INBOUND")

    def _manager(self, prefix: str, direction: str) -> Config:
        tracing = self._tracing()
        return {
            "@type": f"{API}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": prefix,
            "http_filters": [ROUTER],
            **({"tracing": tracing} if tracing else {}),
            "stream_idle_timeout": "0s",
            "access_log": [*access_logs(self._proxy), self._second_log(direction)],
            "use_remote_address": False,
            "proxy_100_continue": True,
            "upgrade_configs": [{"upgrade_type": "websocket"}],
            "normalize_path": True,
            "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
            "request_id_extension": {
                "typed_config": {
                    "@type": f"{API}.extensions.request_id.uuid.v3.UuidRequestIdConfig",
                    "use_request_id_for_trace_sampling": True,
                }
            },
        }

    def _tracing(self) -> Config | None:
        tracer = self._proxy.tracer.value
        if tracer is None and self._plan.api != "telemetry":
            return None
        return {
            "client_sampling": {"value": 100},
            "random_sampling": {"value": self._proxy.sampling.value},
            "overall_sampling": {"value": 100},
            "custom_tags": [
                *({"tag": name, "literal": {"value": value}} for name, value in self._tags().items()),
                {"tag": TAG, "request_header": {"name": WAY}},
            ],
            **({"provider": provider(tracer, self._proxy)} if tracer and tracer.source == LISTENER else {}),
        }

    def _tags(self) -> Mapping[str, str]:
        return {
            "istio.canonical_revision": self._workload.version,
            "istio.canonical_service": self._workload.name,
            "istio.cluster_id": CLUSTER_ID,
            "istio.mesh_id": self._plan.cluster_domain,
            "istio.namespace": self._workload.namespace,
        }

    def _second_log(self, direction: str) -> Config:
        told = {**witness_format(self._plan.istio_version), "direction": direction}
        return file_log({"json_format": told}, self._witness)

    def _host(self, workload: Workload) -> str:
        return f"{workload.name}.{workload.namespace}.svc.{self._plan.cluster_domain}"

    def _outbound_name(self, callee: Workload) -> str:
        return outbound_name(self._host(callee), callee.listener.port if callee.listener else 80)

    def _inbound_name(self) -> str:
        return f"inbound|{self._workload.listener.target_port if self._workload.listener else 0}||"


def _short_names(workload: Workload) -> tuple[str, ...]:
    """The names of a Service that Istio's route tables have beside the full one, for callers of its namespace."""
    return (workload.name, f"{workload.name}.{workload.namespace}.svc", f"{workload.name}.{workload.namespace}")


def access_logs(proxy: Proxy) -> list[Config]:
    """The lab's access log: none, or one."""
    log = proxy.log.value
    if not log.encoding:
        return []
    if log.encoding == "TEXT":
        text = log.pieces[0].text
        form: Config = {"text_format_source": {"inline_string": text if text.endswith("\n") else f"{text}\n"}}
    else:
        form = {"json_format": {piece.key: piece.text for piece in log.pieces}, "json_format_options": {}}
    if any("%REQ_WITHOUT_QUERY" in piece.text for piece in log.pieces):
        formatter = {"@type": f"{API}.extensions.formatter.req_without_query.v3.ReqWithoutQuery"}
        form["formatters"] = [{"name": "envoy.formatter.req_without_query", "typed_config": formatter}]
    return [file_log(form, "/dev/stdout")]
