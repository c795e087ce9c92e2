"""Envoy's tracers as Istio configures them, and the way of their spans to the rehearsal's collector."""

from labspec.mesh import LISTENER, Proxy, Tracer
from labspec.rehearse._config import API, ROUTER, Config, address, cluster, listener, outbound_name
from labspec.rehearse.collector import HTTP_PATH, ZIPKIN_PATH
from labspec.rehearse.places import Places

_USUAL = "USE_B3"
"""Envoy's trace_context_option where none is said."""
_FLUSH_MS = 50


def provider(tracer: Tracer, proxy: Proxy) -> Config:
    """The tracer of a listener, as Istio makes it of an extension provider."""
    host, _, port = tracer.address.rpartition(":")
    name = outbound_name(host, port)
    if tracer.protocol == "zipkin":
        config = {
            "@type": f"{API}.config.trace.v3.ZipkinConfig",
            "trace_id_128bit": True,
            "shared_span_context": False,
            "collector_endpoint_version": "HTTP_JSON",
            **({"trace_context_option": tracer.format.option} if tracer.format.option != _USUAL else {}),
            "collector_service": {"http_uri": {"uri": f"http://{host}{ZIPKIN_PATH}", "cluster": name, "timeout": "5s"}},
        }
        return {"name": "envoy.tracers.zipkin", "typed_config": config}
    way: Config = (
        {"grpc_service": {"envoy_grpc": {"cluster_name": name, "authority": host}}}
        if tracer.protocol == "otlp-grpc"
        else {"http_service": {"http_uri": {"uri": f"{host}{HTTP_PATH}", "cluster": name, "timeout": "5s"}}}
    )
    config = {"@type": f"{API}.config.trace.v3.OpenTelemetryConfig", **way, "service_name": proxy.service_name}
    return {"name": "envoy.tracers.opentelemetry", "typed_config": config}


def bootstrap_tracing() -> Config:
    """The tracer that Istio's bootstrap has with `defaultConfig.tracing.zipkin`: tools/packaging/common/envoy_bootstrap.json."""
    config = {
        "@type": f"{API}.config.trace.v3.ZipkinConfig",
        "collector_cluster": "zipkin",
        "collector_endpoint": ZIPKIN_PATH,
        "collector_endpoint_version": "HTTP_JSON",
        "trace_id_128bit": True,
        "shared_span_context": False,
    }
    return {"http": {"name": "envoy.tracers.zipkin", "typed_config": config}}


def collector_cluster(tracer: Tracer, places: Places) -> Config:
    """Where a tracer's spans go: under the name that Istio's tracer knows, the rehearsal's own collector."""
    host, _, port = tracer.address.rpartition(":")
    name = outbound_name(host, port) if tracer.source == LISTENER else "zipkin"
    if tracer.protocol != "otlp-grpc":
        return cluster(name, places.collector)
    options = {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": f"{API}.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}},
        }
    }
    return cluster(name, places.bridge, {"typed_extension_protocol_options": options})


def bridge_config(places: Places) -> Config:
    """An Envoy that takes spans by OTLP/gRPC and posts them to the collector as plain protobuf."""
    reverse = {
        "name": "envoy.filters.http.grpc_http1_reverse_bridge",
        "typed_config": {
            "@type": f"{API}.extensions.filters.http.grpc_http1_reverse_bridge.v3.FilterConfig",
            "content_type": "application/x-protobuf",
            "withhold_grpc_frames": True,
        },
    }
    manager = {
        "@type": f"{API}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bridge",
        "codec_type": "HTTP2",
        "http_filters": [reverse, ROUTER],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "collector",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "collector", "timeout": "5s"}}],
                }
            ]
        },
    }
    return {
        "node": {"id": "bridge", "cluster": "bridge"},
        "admin": {"address": address(places.bridge_admin)},
        "static_resources": {
            "clusters": [cluster("collector", places.collector)],
            "listeners": [listener("bridge", places.bridge, manager)],
        },
    }


def quick() -> Config:
    """Spans leave soon: Envoy's own rhythm is five seconds."""
    return {
        f"tracing.{tracer}.{setting}": value
        for tracer in ("zipkin", "opentelemetry")
        for setting, value in (("min_flush_spans", 50), ("flush_interval_ms", _FLUSH_MS))
    }
