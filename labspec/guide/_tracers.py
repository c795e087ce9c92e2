"""Troubles with the tracers of the sidecars: where their settings come from, and whether spans arrive."""

from collections.abc import Iterator

from labspec.guide._facts import holds, logged
from labspec.guide._markdown import code
from labspec.guide._trouble import Trouble
from labspec.plan import Plan, Workload


def troubles(plan: Plan) -> Iterator[Trouble]:
    """Those of labs with a collector and a request that a sidecar sees."""
    service = _seen(plan)
    if plan.receiver is None or service is None:
        return
    if plan.provider is None:
        yield from _by_bootstrap(plan, service)
    else:
        yield from _by_telemetry(plan, service)
    yield _vanishing(plan)
    yield from _clashes(plan)


def _seen(plan: Plan) -> Workload | None:
    """The first service on the way of a request that has a sidecar with a pod."""
    way = (name for request in plan.prediction.requests for hop in request.hops for name in (hop.caller, hop.callee))
    inside = {workload.name: workload for workload in plan.workloads if workload.sidecar and workload.replicas}
    return next((inside[name] for name in way if name in inside), None)


def _by_bootstrap(plan: Plan, service: Workload) -> Iterator[Trouble]:
    yield Trouble(
        "No trace at all",
        f"the sidecar has no tracer{_without_tracer(plan)}: its pod started before `./scripts/install.sh` set up the mesh for this lab. A sidecar reads the collector's address only when it starts.",
        f"istioctl proxy-config bootstrap deploy/{service.name} -n {service.namespace} -o json | grep envoy.tracers.zipkin",
        "if the command prints nothing: `./scripts/install.sh`, then `./scripts/restart.sh`.",
    )
    yield Trouble(
        "A change of the sampling or the collector has no effect",
        "both are in the bootstrap, which a sidecar reads when it starts.",
        f"kubectl -n {plan.namespace} get pods --sort-by=.status.startTime",
        "`./scripts/restart.sh`, after `./scripts/install.sh`.",
    )
    yield Trouble(
        "The traces stopped after you applied a Telemetry resource",
        "a Telemetry with `tracing:` switches a sidecar to Istio's newer tracing API, even if it only sets a percentage. "
        "The settings of this lab are of the older one and no longer count; without a provider that exists there is no tracing.",
        "kubectl get telemetries.telemetry.istio.io --all-namespaces",
        "delete that Telemetry. Running sidecars go back to the lab's settings within seconds.",
    )


def _by_telemetry(plan: Plan, service: Workload) -> Iterator[Trouble]:
    assert plan.provider is not None  # noqa: S101  # who calls this has seen it
    provider, tracer = plan.provider.name, plan.provider.format.tracer
    yield Trouble(
        "No trace at all",
        f"the sidecar has no tracer{_without_tracer(plan)}. Either the Telemetry resource is missing, or the mesh settings do not define the provider {code(provider)} "
        "that it selects: then Istio switches tracing off, and reports nothing.",
        f"istioctl proxy-config listener deploy/{service.name} -n {service.namespace} -o json | grep envoy.tracers.{tracer}\n"
        f"kubectl -n {plan.namespace} get telemetries.telemetry.istio.io\n"
        f"kubectl -n {plan.istio_namespace} get configmap istio -o yaml | grep 'name: {provider}'",
        "`./scripts/install.sh` for the provider, `./scripts/deploy.sh` for the Telemetry. Running sidecars take both within seconds.",
    )
    yield Trouble(
        "The sampling is not that of the lab, or the traces go elsewhere",
        "another Telemetry resource. Of two without a selector in one namespace Istio takes the older one; one with a selector rules the pods that it selects.",
        f"kubectl get telemetries.telemetry.istio.io --all-namespaces\nistioctl analyze -n {plan.namespace}",
        f"delete the one that is not of this lab; this lab's have the label `app.kubernetes.io/part-of={plan.name}`.",
    )
    if tracer == "zipkin" and plan.collector is not None:
        host = plan.provider.host.partition(".")[0]
        yield Trouble(
            "New pods never become ready after the collector was taken away by hand",
            f"the provider names the Service {code(host)}, and Envoy refuses a whole listener whose zipkin tracer has no cluster. Running pods keep their old settings.",
            f"istioctl proxy-status\nkubectl -n {plan.collector.namespace} get service {host}",
            "`./scripts/deploy.sh` brings the Service back.",
        )


def _without_tracer(plan: Plan) -> str:
    """How the access log shows that no tracer is active."""
    first = [request.hops[0] for request in plan.prediction.requests]
    pairs = [(text, made) for hop in first for text, made in logged(hop) if made is not None]
    shows_trace = any(holds(text, made.trace_id) for text, made in pairs)
    shows_span = any(holds(text, made.span_id) for text, made in pairs)
    empty = "`null`" if plan.log.encoding == "JSON" else "`-`"
    sends = [not set(plan.propagation.needed).isdisjoint(hop.sent) for hop in first]
    bare, sending = not all(sends), any(sends)
    by_header = _reads_headers(plan)
    found = [f"{empty} instead of ids"] if (shows_trace or shows_span) and (bare or not by_header) else []
    if sending and shows_span and by_header:
        found.append("on both sides the very span id that the client sent")
    return f" (the log then shows {' or '.join(found)})" if found else ""


def _reads_headers(plan: Plan) -> bool:
    """Whether the log shows ids from the headers, where those of a client can be."""
    text = " ".join(piece.text.upper() for piece in plan.log.pieces)
    return any(f"({header.upper()})" in text for header in plan.propagation.needed)


def _vanishing(plan: Plan) -> Trouble:
    assert plan.collector is not None and plan.receiver is not None  # noqa: PT018, S101  # who calls this has seen it
    title, place = plan.collector.ui.title, plan.collector.namespace
    service = plan.receiver.host.partition(".")[0]
    grpc = (
        f" With {code(plan.receiver.protocol)} a port whose name in the Service does not begin with `grpc` has the same effect: the sidecar then speaks HTTP/1.1, and every report fails."
        if plan.receiver.protocol == "otlp-grpc"
        else ""
    )
    ports = f"kubectl -n {place} get service {service} -o wide\n" if grpc else ""
    return Trouble(
        "No trace, although the sidecars have a tracer",
        f"the spans do not arrive. Sidecars send them to {code(f'{plan.receiver.host}:{plan.receiver.port}')}; nothing reports a collector that is not there.{grpc}",
        f"kubectl -n {place} get pods -l app={plan.collector.deployment}\n"
        f"kubectl -n {place} get endpointslices -l kubernetes.io/service-name={service}\n{ports}"
        f"kubectl -n {place} logs deploy/{plan.collector.deployment} --tail=20",
        f"`./scripts/deploy.sh` brings {title} back as it should be; then send new requests.",
    )


def _clashes(plan: Plan) -> Iterator[Trouble]:
    """Settings of another form of the lab."""
    if plan.variants:
        yield Trouble(
            "The lab behaves like another variant",
            "it is another variant, or an overlay that was applied by hand with the mesh settings of another.",
            f"kubectl -n {plan.namespace} get deployments -l app.kubernetes.io/part-of={plan.name} -o jsonpath='{{.items[*].metadata.annotations.labspec/variant}}'",
            "`./scripts/deploy.sh` for the lab itself, or with a variant's name.",
        )
