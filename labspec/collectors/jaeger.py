"""Jaeger 2 with its spans in memory."""

from typing import Any, Literal

from labspec.collectors._base import Backend, Collector, Protocol, Receiver, Surroundings, Ui
from labspec.model import DnsLabel, Image
from labspec.resource import VARIANT, Object, metadata, pod_labels

# What Istio's own addon (samples/addons/jaeger.yaml) runs at that version.
IMAGES = {
    "1.29": "jaegertracing/jaeger:2.14.0",
    "1.30": "jaegertracing/jaeger:2.14.0",
    "1.31": "jaegertracing/jaeger:2.17.0",
}

# What it says of a span whose parent nobody reported: measured on 2.13 and 2.17, the sources of 2.14 say the same as 2.13.
_ORPHAN = "invalid parent span IDs=...; skipping clock skew adjustment"
_ORPHANS = {"1.31": "parent span ID=... is not in the trace; skipping clock skew adjustment"}

_PORTS = {"zipkin": 9411, "otlp-grpc": 4317, "otlp-http": 4318}

_CONFIG = """\
service:
  extensions: [jaeger_storage, jaeger_query, healthcheckv2]
  pipelines:
    # No batch processor: a trace is found as soon as its spans have come.
    traces: {receivers: [zipkin, otlp], exporters: [jaeger_storage_exporter]}
extensions:
  jaeger_storage:
    backends:
      memory: {memory: {max_traces: 50000}}
  jaeger_query:
    base_path: /jaeger
    # Else Jaeger shows traces of its own queries among those of the lab.
    enable_tracing: false
    storage: {traces: memory}
  healthcheckv2:
    use_v2: true
    http: {endpoint: "0.0.0.0:13133"}
receivers:
  zipkin: {endpoint: "0.0.0.0:9411"}
  otlp:
    protocols:
      grpc: {endpoint: "0.0.0.0:4317"}
      http: {endpoint: "0.0.0.0:4318"}
exporters:
  jaeger_storage_exporter: {trace_storage: memory}
"""


class Jaeger(Collector):
    """Jaeger 2: one pod that receives, keeps and shows spans."""

    kind: Literal["jaeger"]
    namespace: DnsLabel = "istio-system"
    """Where it runs; without a sidecar in any case."""
    protocol: Protocol | None = None
    """How the sidecars send spans; without it the usual way of their headers: zipkin for b3 and b3+w3c, otlp-grpc for w3c."""
    image: Image | None = None
    """Another image than the one of the Istio version's own addon."""

    def home(self) -> str:
        """The namespace that it runs in."""
        return self.namespace

    def wanted(self) -> str | None:
        """The protocol that spans are to come by."""
        return self.protocol

    def backend(self, around: Surroundings) -> Backend:
        """The Deployment, its configuration, and the Services under the names that Istio's addon gives them."""
        requests = {"cpu": "10m", "memory": "128Mi"}
        host = f"jaeger-collector.{self.namespace}.svc.{around.cluster_domain}"
        return Backend(
            kind="jaeger",
            title="Jaeger",
            namespace=self.namespace,
            deployment="jaeger",
            services=("tracing", "zipkin", "jaeger-collector"),
            receivers=tuple(Receiver(protocol, host, port) for protocol, port in _PORTS.items()),
            ui=Ui(
                title="Jaeger",
                service="tracing",
                port=80,
                local_port=16686,
                page="/jaeger/search",
                services_api="/jaeger/api/services",
                trace_api="/jaeger/api/traces/",
                orphan_warning=_ORPHANS.get(around.istio_version, _ORPHAN),
            ),
            requests=requests,
            objects=(
                Object({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": self._metadata("jaeger", around)}),
                Object(
                    {
                        "apiVersion": "v1",
                        "kind": "ConfigMap",
                        "metadata": self._metadata("jaeger", around),
                        "data": {"config.yaml": _CONFIG},
                    }
                ),
                *self._services(around),
                self._deployment(around, requests),
            ),
        )

    def _metadata(self, name: str, around: Surroundings) -> dict[str, Any]:
        return metadata(name, self.namespace, around.lab, owner="jaeger")

    def _services(self, around: Surroundings) -> tuple[Object, ...]:
        collector = [_port("http-zipkin", 9411), _port("grpc-otel", 4317), _port("http-otel", 4318)]
        return (
            self._service(
                "tracing",
                around,
                [_port("http-query", 80, 16686), _port("grpc-query", 16685)],
                {("spec", "ports", 0): "The UI: the port is on this Service, not on jaeger-collector."},
            ),
            self._service("zipkin", around, [_port("http-zipkin", 9411)], {}),
            self._service(
                "jaeger-collector",
                around,
                collector,
                {("spec", "ports", 1): "Istio speaks gRPC only to a port that says so in its name."},
            ),
        )

    def _service(
        self, name: str, around: Surroundings, ports: list[dict[str, Any]], comments: dict[tuple[str | int, ...], str]
    ) -> Object:
        spec = {"selector": {"app": "jaeger"}, "ports": ports}
        return Object(
            {"apiVersion": "v1", "kind": "Service", "metadata": self._metadata(name, around), "spec": spec}, comments
        )

    def _deployment(self, around: Surroundings, requests: dict[str, str]) -> Object:
        container = {
            "name": "jaeger",
            "image": around.images.located(self.image or IMAGES[around.istio_version]),
            **around.images.policy(),
            "args": ["--config=/etc/jaeger/config.yaml"],
            "ports": [
                {"name": name, "containerPort": port}
                for name, port in (
                    ("http-query", 16686),
                    ("grpc-query", 16685),
                    ("http-zipkin", 9411),
                    ("grpc-otel", 4317),
                    ("http-otel", 4318),
                )
            ],
            "readinessProbe": {"httpGet": {"path": "/status", "port": 13133}},
            "resources": {"requests": requests, "limits": {"memory": "512Mi"}},
            "volumeMounts": [{"name": "config", "mountPath": "/etc/jaeger", "readOnly": True}],
        }
        template = {
            "metadata": {"labels": pod_labels("jaeger", "v1", around.lab, sidecar=False)},
            "spec": {
                "serviceAccountName": "jaeger",
                "enableServiceLinks": False,
                "containers": [container],
                "volumes": [{"name": "config", "configMap": {"name": "jaeger"}}],
            },
        }
        body = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {**self._metadata("jaeger", around), "annotations": {VARIANT: around.variant}},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "jaeger"}}, "template": template},
        }
        return Object(
            body,
            {
                (
                    "spec",
                    "template",
                    "metadata",
                    "labels",
                    "sidecar.istio.io/inject",
                ): "Outside the mesh: sidecars send their spans in plain text.",
                (
                    "spec",
                    "template",
                    "spec",
                    "containers",
                    0,
                    "resources",
                    "limits",
                ): "Spans live in memory: a restart forgets them.",
            },
        )


def _port(name: str, port: int, target: int | None = None) -> dict[str, Any]:
    return {"name": name, "port": port, "targetPort": target or port}
