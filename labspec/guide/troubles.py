"""Troubles that can occur in this very lab: symptom, cause, how to see it, what to do.

The known troubles of tracing in Istio, and which of them are here:

 #  trouble                                    here
 1  no tracer active                           with a collector and a client
 2  about 1 % or nothing is traced             where a sidecar samples below 100 %
 3  never traced at 100 %                      where an app says `not sampled`; the reverse where one says `sampled` below 100 %
 4  a Telemetry stopped the traces             with a collector and a client: any Telemetry with `tracing:` ends the older API's way
 5  provider name unknown                      no: the lab has no provider; part of 4
 6  provider's service not found               no: no provider
 7  new pods never ready, provider's port      no: no provider
 8  new pods never ready, log format           where the spec writes the format itself
 9  OTLP port not named grpc                   no: spans go out as zipkin
10  bootstrap is old                           with a collector and a client
11  annotation replaced the tracing settings   no: no pod has it
12  each service its own trace                 where a service that is called calls on
13  two header families                        no: app and sidecars speak one
14  x-request-id not forwarded                 as 12
15  ids of two widths, or malformed ones       no: the lab's clients send valid ids, and each trace has one width
16  constant ids                               no: new ids for each request
17  no UI behind the forwarded port            with a collector
18  no sidecar                                 always
19  only one of the two spans                  with a collector and a call
20  the first calls fail                       where a client sends by itself
21  the collector's own sidecar                no: it has none
22  the collector's address is wrong           with a collector and a client, as `spans vanish`: nothing reports it
23  an external collector                      no: the lab's own
24  providers that Istio dropped               no: no provider
25  another add-on in the same namespace       with a collector in Istio's namespace
26  no access log                              where the lab writes one and has a client
27  two Telemetry resources                    no: part of 4
28  ambient                                    no: sidecars
29  misspelt mesh setting                      no: labspec writes the keys
"""

from collections.abc import Iterator
from typing import NamedTuple

from labspec.guide._facts import calls, is_random, number, shown
from labspec.guide._markdown import block, code, page, prose
from labspec.guide.request import names
from labspec.plan import Plan, Workload


class Trouble(NamedTuple):
    """One row; Markdown but for the commands."""

    symptom: str
    cause: str
    look: str
    """Commands that show it."""
    fix: str


def section(plan: Plan) -> str:
    """The chapter on troubles."""
    found = [trouble for kind in _KINDS for trouble in kind(plan)]
    return page(["## When something is wrong", *(_shown(trouble) for trouble in found)])


def _shown(trouble: Trouble) -> str:
    return page(
        [
            f"### {trouble.symptom}",
            prose(f"Why: {trouble.cause}"),
            block(trouble.look, "bash"),
            prose(f"Fix: {trouble.fix}"),
        ]
    )


def _no_sidecar(plan: Plan) -> Iterator[Trouble]:
    yield Trouble(
        "A pod has no sidecar (`READY` says 1/1)",
        "the pod is older than Istio's injector, or the namespace says `istio-injection=disabled`, which defeats the label of the pods. Only a new pod gets a sidecar.",
        f"kubectl -n {plan.namespace} get pods\nkubectl get namespace {plan.namespace} --show-labels",
        f"`./scripts/restart.sh` restarts such pods. Against the namespace's label: `kubectl label namespace {plan.namespace} istio-injection-` first.",
    )


def _first_calls(plan: Plan) -> Iterator[Trouble]:
    loops = [client for client in plan.clients if client.pause is not None]
    if loops:
        yield Trouble(
            "The first requests after a start fail (status 000)",
            "the loop started before its sidecar was ready, or before a callee was. On Kubernetes 1.33 and later the sidecar starts first.",
            f"kubectl -n {plan.namespace} logs deploy/{loops[0].name} --tail=20",
            "none needed: the next round succeeds.",
        )


def _no_tracer(plan: Plan) -> Iterator[Trouble]:
    if plan.collector is None or not plan.clients:
        return
    service = plan.clients[0]
    shows = f" ({_without_tracer(plan)})" if _without_tracer(plan) else ""
    yield Trouble(
        "No trace at all",
        f"the sidecar has no tracer{shows}: its pod started before `./scripts/install.sh` set up the mesh for this lab. A sidecar reads the collector's address only when it starts.",
        f"istioctl proxy-config bootstrap deploy/{service.name} -n {plan.namespace} -o json | grep envoy.tracers.zipkin",
        "if the command prints nothing: `./scripts/install.sh`, then `./scripts/restart.sh`.",
    )
    yield Trouble(
        "No trace, although the sidecars have a tracer",
        f"the spans do not arrive. Sidecars send them to {code(_address(plan))}; nothing reports a collector that is not there.",
        f"kubectl -n {plan.collector.namespace} get pods -l app={plan.collector.deployment}\n"
        f"kubectl -n {plan.collector.namespace} get endpointslices -l kubernetes.io/service-name={_address(plan).partition('.')[0]}\n"
        f"kubectl -n {plan.collector.namespace} logs deploy/{plan.collector.deployment} --tail=20",
        "`./scripts/deploy.sh` brings the collector back; then send new requests.",
    )


def _without_tracer(plan: Plan) -> str:
    """How the access log shows that no tracer is active."""
    ids = shown(plan)
    starts = {client.starts is not None for client in plan.clients}
    dashes = ["`-` instead of ids"] if False in starts and (ids.trace or ids.span) else []
    equal = ["on both sides the very span id that the client sent"] if True in starts and ids.span else []
    return f"the log then shows {' or '.join(dashes + equal)}" if dashes + equal else ""


def _address(plan: Plan) -> str:
    receiver = plan.collector.receivers[0] if plan.collector else None
    return f"{receiver.host}:{receiver.port}" if receiver else ""


def _telemetry(plan: Plan) -> Iterator[Trouble]:
    if plan.collector is not None and plan.clients:
        yield Trouble(
            "The traces stopped after you applied a Telemetry resource",
            "a Telemetry with `tracing:` switches a sidecar to Istio's newer tracing API, even if it only sets a percentage. "
            "The settings of this lab are of the older one and no longer count; without a provider that exists there is no tracing.",
            "kubectl get telemetries.telemetry.istio.io --all-namespaces",
            "delete that Telemetry. Running sidecars go back to the lab's settings within seconds.",
        )


def _sampling(plan: Plan) -> Iterator[Trouble]:
    if is_random(plan):
        yield Trouble(
            "Some requests have a trace, others have none",
            f"the sampling of this lab is {number(plan.percent)} %. That is right here.",
            "kubectl -n istio-system get configmap istio -o yaml | grep sampling".replace(
                "istio-system", plan.istio_namespace
            ),
            "to see more of them raise `sampling: {percent: ...}` in the spec, or send more requests.",
        )
    if plan.collector is None:
        return
    refusing = [client for client in plan.clients if client.starts and not client.starts.sampled]
    forcing = [client for client in plan.clients if client.starts and client.starts.sampled]
    if refusing:
        yield Trouble(
            f"No request of {names(refusing)} ever has a trace",
            "its tracer says `not sampled` (`tracer: {sampled: false}`), and every sidecar obeys, whatever the sampling says. That is right here.",
            _sampled_by(plan, refusing[0]),
            "write `sampled: true` in the spec, or leave `tracer` out.",
        )
    if forcing and plan.percent < 100:
        yield Trouble(
            f"Every request of {names(forcing)} has a trace, not {number(plan.percent)} %",
            "its tracer says `sampled`, and every sidecar obeys. The sampling of the mesh is only for traces that a sidecar starts. That is right here.",
            _sampled_by(plan, forcing[0]),
            "leave `tracer` out of the spec: then the sidecar starts the traces and samples them.",
        )


def _sampled_by(plan: Plan, client: Workload) -> str:
    loop = f"kubectl -n {plan.namespace} get deploy {client.name} -o yaml"
    return "grep -i sampled scripts/traffic.sh" if client.pause is None else f"{loop} | grep -i sampled"


def _broken(plan: Plan) -> Iterator[Trouble]:
    middle = [workload for workload in plan.workloads if workload.targets and workload.callers]
    if plan.collector is not None and middle:
        yield Trouble(
            "One request leaves several traces",
            "a service in the middle does not hand the trace headers on, or not `x-request-id`, which carries the sampling decision.",
            f"kubectl -n {plan.namespace} logs deploy/{middle[0].name} -c istio-proxy --tail=20",
            "let the app copy "
            + ", ".join(code(header) for header in plan.propagation.forward)
            + " from the request that it gets to those that it sends.",
        )


def _one_span(plan: Plan) -> Iterator[Trouble]:
    call = next((call for call in calls(plan) if call.caller.replicas and call.is_answered), None)
    if plan.collector is None or call is None:
        return
    yield Trouble(
        "A trace has one span instead of two",
        f"one of the two pods has no sidecar: without the CLIENT span that of {code(call.caller.name)}, without the SERVER span that of {code(call.callee.name)}.",
        f"istioctl proxy-status | grep -E '({call.caller.name}|{call.callee.name})-'",
        "as above, for a pod without a sidecar. A trace that is seconds old may also be half there: sidecars send spans every five seconds.",
    )


def _page(plan: Plan) -> Iterator[Trouble]:
    if plan.collector is None:
        return
    ui = plan.collector.ui
    other = _address(plan).partition(".")[0]
    yield Trouble(
        f"{ui.title}'s page does not open",
        f"the page is on the Service {code(ui.service)}"
        + (f", not on {code(other)}" if other != ui.service else "")
        + f", and below {code(ui.page.rpartition('/')[0] or '/')}. "
        f"Another program may hold port {ui.local_port} of your machine.",
        f"kubectl -n {plan.collector.namespace} get service {ui.service}",
        f"`kubectl -n {plan.collector.namespace} port-forward svc/{ui.service} {ui.local_port}:{ui.port}`, then open <http://localhost:{ui.local_port}{ui.page}>. "
        f"If the port is taken: `UI_PORT={ui.local_port + 1} ./scripts/ui.sh`.",
    )


def _addon(plan: Plan) -> Iterator[Trouble]:
    if plan.collector is None or plan.collector.namespace != plan.istio_namespace:
        return
    services = " ".join(plan.collector.services)
    yield Trouble(
        "The lab's collector and another one overwrite each other",
        f"Istio's add-ons put Services of the same names into namespace {code(plan.collector.namespace)}. `./scripts/preflight.sh` stops when it finds one.",
        f"kubectl -n {plan.collector.namespace} get services {services} --ignore-not-found --show-labels",
        "remove the add-on, or give the lab's collector a namespace of its own in the spec: `collector: {kind: ..., namespace: ...}`.",
    )


def _no_log(plan: Plan) -> Iterator[Trouble]:
    if plan.log.text is None or not plan.clients:
        return
    yield Trouble(
        "The access log is empty",
        "the mesh runs without the settings of this lab, or no request came since the pod started.",
        f"kubectl -n {plan.istio_namespace} get configmap istio -o yaml | grep accessLog",
        "if there is no `accessLogFile: /dev/stdout`: `./scripts/install.sh`. Else `./scripts/traffic.sh`.",
    )


def _log_format(plan: Plan) -> Iterator[Trouble]:
    if plan.log.resolved is not None:
        yield Trouble(
            "New pods never become ready after the log format was changed by hand",
            "Envoy refuses a format that it cannot read together with the whole listener; istioctl does not look at it. Running pods keep the old one.",
            f"istioctl proxy-status\nkubectl -n {plan.istio_namespace} logs deploy/istiod --tail=50 | grep 'ACK ERROR'",
            "change the format in the spec: `labspec check` knows every operator of this Istio version. Then build, and `./scripts/install.sh`.",
        )


def _old_bootstrap(plan: Plan) -> Iterator[Trouble]:
    if plan.collector is not None and plan.clients:
        yield Trouble(
            "A change of the sampling or the collector has no effect",
            "both are in the bootstrap, which a sidecar reads when it starts.",
            f"kubectl -n {plan.namespace} get pods --sort-by=.status.startTime",
            "`./scripts/restart.sh`, after `./scripts/install.sh`.",
        )


_KINDS = (
    _no_sidecar,
    _first_calls,
    _no_log,
    _log_format,
    _no_tracer,
    _old_bootstrap,
    _telemetry,
    _sampling,
    _one_span,
    _broken,
    _page,
    _addon,
)
