"""Troubles that can occur in this very lab: symptom, cause, how to see it, what to do.

The known troubles of tracing in Istio, and which of them are here:

 #  trouble                                    here
 1  no tracer active                           with a collector and a client
 2  about 1 % or nothing is traced             where a sidecar samples below 100 %
 3  never traced at 100 %                      where an app says `not sampled`; the reverse where one says `sampled` below 100 %
 4  a Telemetry stopped the traces             meshConfig: any Telemetry with `tracing:` ends the older API's way
 5  provider name unknown                      telemetry: where others, or a variant, replaced the mesh settings
 6  provider's service not found               telemetry: part of `spans vanish`
 7  new pods never ready, provider's port      telemetry by zipkin: where the collector's Service is gone
 8  new pods never ready, log format           where the spec writes the format itself
 9  OTLP port not named grpc                   telemetry by otlp-grpc: part of `spans vanish`
10  bootstrap is old                           meshConfig
11  annotation replaced the tracing settings   no: where a pod has it, labspec writes the whole of it
12  each service its own trace                 where a service that is called calls on
13  two header families                        where the prediction says so
14  x-request-id not forwarded                 where a service forwards ids without it, and sampling is by chance
15  ids of two widths, or malformed ones       no: the lab's clients send valid ids, and each trace has one width
16  constant ids                               where the spec says `ids: fixed`
17  no UI behind the forwarded port            with a collector
18  no sidecar                                 with a sidecar
19  only one of the two spans                  with a collector and a call between two sidecars
20  the first calls fail                       where a client sends by itself
21  the collector's own sidecar                no: it has none
22  the collector's address is wrong           with a collector and a client, as `spans vanish`: nothing reports it
23  an external collector                      no: the lab's own
24  providers that Istio dropped               no: labspec writes the others
25  another add-on in the same namespace       with a collector in Istio's namespace
26  no access log                              where the lab writes one and has a client
27  two Telemetry resources                    telemetry
28  ambient                                    no: sidecars
29  misspelt mesh setting                      no: labspec writes the keys

One more, which is not about tracing: a container that takes values from Secrets or ConfigMaps does not start without them.
"""

from collections.abc import Iterator

from labspec.guide import _outcomes, _tracers
from labspec.guide._facts import names, outside
from labspec.guide._markdown import code, page
from labspec.guide._trouble import Trouble, shown
from labspec.plan import Plan
from labspec.sources import sources


def section(plan: Plan) -> str:
    """The chapter on troubles."""
    found = [trouble for kind in _KINDS for trouble in kind(plan)]
    if not found:
        return ""
    return page(["## When something is wrong", *(shown(trouble) for trouble in found)])


def _no_sidecar(plan: Plan) -> Iterator[Trouble]:
    bare = outside(plan)
    if len(bare) == len(plan.workloads):
        return
    right = f" For {names(bare)} it is right." if bare else ""
    yield Trouble(
        "A pod has no sidecar (`READY` says 1/1)",
        f"the pod is older than Istio's injector, or the namespace says `istio-injection=disabled`, which defeats the label of the pods. Only a new pod gets a sidecar.{right}",
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


def _page(plan: Plan) -> Iterator[Trouble]:
    if plan.collector is None:
        return
    ui = plan.collector.ui
    other = plan.receiver.host.partition(".")[0] if plan.receiver else ui.service
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
    if not plan.log.encoding or not plan.clients:
        return
    yield Trouble(
        "The access log is empty",
        "the mesh runs without the settings of this lab, or no request came since the pod started.",
        f"kubectl -n {plan.istio_namespace} get configmap istio -o yaml | grep accessLog",
        "if there is no `accessLogFile: /dev/stdout`: `./scripts/install.sh`. Else `./scripts/traffic.sh`.",
    )


def _log_format(plan: Plan) -> Iterator[Trouble]:
    if any(piece.resolved is not None for piece in plan.log.pieces):
        yield Trouble(
            "New pods never become ready after the log format was changed by hand",
            "Envoy refuses a format that it cannot read together with the whole listener; istioctl does not look at it. Running pods keep the old one.",
            f"istioctl proxy-status\nkubectl -n {plan.istio_namespace} logs deploy/istiod --tail=50 | grep 'ACK ERROR'",
            "change the format in the spec: `labspec check` knows every operator of this Istio version. Then build, and `./scripts/install.sh`.",
        )


def _no_value(plan: Plan) -> Iterator[Trouble]:
    if not sources(plan):
        return
    yield Trouble(
        "A pod does not start: CreateContainerConfigError",
        "its container takes a value from a Secret or a ConfigMap that is not there, or lacks the key. "
        "Values are read when a container starts: one that changed is not seen by a pod that runs.",
        f"kubectl -n {plan.namespace} get pods\nkubectl -n {plan.namespace} get events --field-selector reason=Failed",
        f"`./scripts/preflight.sh` names what is missing and the command that makes it. After a change of a value: `kubectl -n {plan.namespace} rollout restart deployment NAME`.",
    )


_KINDS = (
    _no_sidecar,
    _first_calls,
    _no_log,
    _log_format,
    _tracers.troubles,
    _outcomes.troubles,
    _page,
    _addon,
    _no_value,
)
