"""The steps of the lab: each with its script, what it does, what one sees, why, and the same by hand."""

from collections.abc import Iterator

from labspec.guide import looking
from labspec.guide._facts import either, names, number, outside
from labspec.guide._markdown import block, code, page, prose
from labspec.guide._step import Step, shown
from labspec.plan import Plan, Workload
from labspec.shell import quote
from labspec.sources import sources

_NAMED = 5
"""Clients that get a remark each."""

_FOREIGN_MESH = (
    "On a mesh that this lab did not install the script shows what it would change, and stops; "
    "`./scripts/install.sh --yes` changes it."
)


def section(plan: Plan) -> str:
    """The chapter on the steps."""
    found = (
        _preflight(plan),
        _install(plan),
        _deploy(plan),
        _traffic(plan),
        looking.logs(plan),
        looking.page_step(plan),
    )
    steps = [step for step in found if step]
    return page(
        [
            "## The steps",
            prose("All commands are for this folder. All steps, one after the other, up to the first that fails:"),
            block("./scripts/lab.sh", "bash"),
            prose(
                "Or step by step, as below. Each script can be run again at any time and tells about itself with `--help`. "
                "The scripts talk to kubectl's current cluster; `KUBE_CONTEXT=NAME` before a command chooses another."
            ),
            *(shown(place, step) for place, step in enumerate(steps, 1)),
        ]
    )


def _preflight(plan: Plan) -> Step:
    by_hand = ["kubectl version", "istioctl version --remote=false"]
    remarks = ["It changes nothing. Each problem comes with what to do about it."]
    if plan.collector is not None:
        namespace = plan.collector.namespace
        by_hand.append(f"kubectl -n {namespace} get services {' '.join(plan.collector.services)} --ignore-not-found")
        remarks.append(
            f"It stops where somebody else's collector stands in namespace {code(namespace)}: the two would overwrite each other."
        )
    if sources(plan):
        remarks.append(
            "It looks whether the Secrets and ConfigMaps above have the keys that containers take; it prints no value."
        )
    return Step(
        title="Look before you start",
        command="./scripts/preflight.sh",
        does="Looks at the tools and the cluster: versions, namespaces, names that are taken.",
        output=f"istioctl: {plan.istio_version}\n...\nNothing is in the way. Next: .../scripts/install.sh",
        remarks=tuple(remarks),
        by_hand="\n".join(by_hand),
    )


def _install(plan: Plan) -> Step:
    return Step(
        title="Install Istio",
        command="./scripts/install.sh",
        does=f"Installs Istio with the profile {code(plan.istio_profile)} and the settings in `istio/operator.yaml`, and waits for istiod.",
        output=f"The mesh has:\n{_mesh_output(plan)}    ...\nIstio is ready. Next: .../scripts/deploy.sh",
        remarks=(
            "Istio comes first: a pod gets its sidecar when it is created, and only if Istio's injector is there then.",
            _mesh_settings(plan),
            _FOREIGN_MESH,
        ),
        by_hand="istioctl install -f istio/operator.yaml",
    )


def _mesh_output(plan: Plan) -> str:
    if plan.provider is not None:
        return f"    - name: {plan.provider.name}\n"
    return f"    enableTracing: {'true' if plan.receiver else 'false'}\n" if plan.api == "meshConfig" else ""


def _mesh_settings(plan: Plan) -> str:
    if plan.receiver is None:
        off = (
            "switch tracing off: `enableTracing: false`"
            if plan.api == "meshConfig"
            else "name no collector, so no sidecar has a tracer"
        )
        return f"The mesh settings {off}."
    address = code(f"{plan.receiver.host}:{plan.receiver.port}")
    if plan.provider is None:
        return (
            f"The mesh settings tell every sidecar where to send spans, {address}, "
            f"and how many of the traces that it starts it samples, {number(plan.percent)} %."
        )
    return (
        f"The mesh settings define the extension provider {code(plan.provider.name)}: a tracer that sends spans to {address}, "
        f"by {code(plan.receiver.protocol)}. It does nothing until a Telemetry resource selects it, in the next step."
    )


def _deploy(plan: Plan) -> Step:
    namespaces = [plan.namespace]
    if plan.collector is not None and plan.collector.namespace != plan.namespace:
        namespaces.insert(0, plan.collector.namespace)
    what = f"the services and {plan.collector.ui.title}" if plan.collector else "the services"
    label = f"app.kubernetes.io/part-of={plan.name}"
    by_hand = [
        "kubectl apply -k .",
        *(f"kubectl -n {name} rollout status deployment -l {label}" for name in namespaces),
    ]
    if _has_bootstrap(plan):
        by_hand += [
            "# after a change of the mesh settings:",
            f"kubectl -n {plan.namespace} rollout restart deployment -l {label}",
        ]
    older = ", or one that is older than the mesh settings" if _has_bootstrap(plan) else ""
    return Step(
        title="Deploy the lab",
        command="./scripts/deploy.sh",
        does=f"Puts {what} into the cluster, takes away what the lab no longer has, and waits until all pods are ready. "
        f"Then it restarts the services whose pods have no sidecar{older}.",
        output="\n".join(f"Running in namespace {name}:\n..." for name in namespaces),
        remarks=tuple(_deploy_remarks(plan)),
        by_hand="\n".join(by_hand),
    )


def _has_bootstrap(plan: Plan) -> bool:
    """Whether sidecars have settings that they read only when they start."""
    return plan.api == "meshConfig"


def _deploy_remarks(plan: Plan) -> Iterator[str]:
    bare = outside(plan)
    alone = f" A pod of {names(bare).replace(' and ', ' or ')} shows `1/1`: it is outside the mesh." if bare else ""
    own = " The collector's pod shows `1/1`: it is outside the mesh." if plan.collector else ""
    if len(bare) < len(plan.workloads):
        yield f"A pod of a service shows `2/2` under `READY`: the app and its sidecar.{alone}{own}"
    elif own:
        yield "Every pod shows `1/1`: none has a sidecar."
    if plan.provider is not None:
        yield (
            f"The Telemetry resource in `base/telemetry.yaml` selects the provider {code(plan.provider.name)} for the namespace and sets the sampling, "
            f"{number(plan.percent)} %. istiod sends that to the sidecars within seconds, no pod is restarted."
        )
    own_rates = [workload for workload in plan.workloads if workload.sampling is not None and workload.sidecar]
    if own_rates and plan.receiver is not None:
        rates = ", ".join(
            f"{code(workload.name)} {number(workload.sampling or 0)} %" for workload in own_rates[:_NAMED]
        )
        how = (
            "a Telemetry of its own, with a selector"
            if plan.provider
            else "the annotation `proxy.istio.io/config` of its pods"
        )
        yield f"With a sampling of their own: {rates}. For each it is {how}."


def _traffic(plan: Plan) -> Step | None:
    clients = plan.clients
    if not clients:
        return None
    client = clients[0]
    sends_none = client.starts is not None and plan.collector is not None
    return Step(
        title="Send requests",
        command="./scripts/traffic.sh",
        does="Sends each request of the clients ten times and compares the statuses with those that are right. "
        "Another number of rounds: `./scripts/traffic.sh base 50`.",
        output=_traffic_output(plan),
        remarks=tuple(_traffic_remarks(plan)),
        by_hand=("# this one sends no ids: the sidecar starts the trace\n" if sends_none else "")
        + f"kubectl -n {client.namespace} exec deploy/{client.name} -c {client.container.name} -- \\\n  {_curl(client)}",
    )


def _traffic_remarks(plan: Plan) -> Iterator[str]:
    clients = plan.clients
    for client in clients[:_NAMED]:
        wait = client.pause
        if wait:
            yield f"{code(client.name)} also sends by itself, a round every {wait} seconds."
        else:
            yield f"{code(client.name)} sends only now: its pod waits (`every: manual`)."
    passing = (
        " So they pass its sidecar; requests from the sidecar's container would not."
        if all(client.sidecar for client in clients)
        else ""
    )
    yield f"The requests come from inside the client's own pod, from the app's container.{passing}"
    if any(client.starts for client in clients):
        own = " The sidecar keeps the trace id and makes a span id of its own." if _are_kept(plan) else ""
        yield f"`traceID` and `spanID` are what the app sent.{own}"


def _are_kept(plan: Plan) -> bool:
    """Whether the sidecars go on with the traces that apps start."""
    firsts = [request.hops[0] for request in plan.prediction.requests if request.hops[0].app]
    return all(
        hop.client is not None and hop.app is not None and hop.client.trace_id == hop.app.trace_id for hop in firsts
    )


def _traffic_output(plan: Plan) -> str:
    client = plan.clients[0]
    target = client.targets[0]
    sent = next((request.hops[0].app for request in plan.prediction.requests if request.client == client.name), None)
    ids = f" traceID={sent.trace_id} spanID={sent.span_id}" if sent else ""
    every = [target for client in plan.clients for target in client.targets]
    statuses = either(sorted({status for target in every for status in target.expect}))
    total = 10 * len(every)
    answered = f"{total} of {total} requests answered {statuses}"
    return f"{client.name}, 10 rounds:\n{target.method} {target.url} {target.expect[0]:03}{ids}\n...\n{answered}"


def _curl(client: Workload) -> str:
    target = client.targets[0]
    method = {"GET": "", "HEAD": "-I "}.get(target.method, f"-X {target.method} ")
    return f"curl -sS -o /dev/null -w '%{{http_code}}\\n' --max-time 5 {method}{quote(target.url)}"
