"""scripts/deploy.sh: the lab into a cluster that has its mesh."""

from collections.abc import Iterator

from labspec.artifacts._base import Files
from labspec.artifacts._existing import FOREIGN, held, kinds, listed, namespaces, selector
from labspec.artifacts._script import VARIANT, WAIT, script
from labspec.bundle import File
from labspec.plan import Plan

_ABOUT = """
Puts the lab into the cluster, takes away what it no longer has, and waits until all of it runs.
Usage: scripts/deploy.sh [VARIANT]
"""

_MESH = r"""
istiod=$("${kubectl[@]}" get deployment istiod --namespace="$ISTIO_NAMESPACE" --ignore-not-found --output=name) ||
  die "namespace $ISTIO_NAMESPACE could not be read" "does the cluster answer? $out/scripts/preflight.sh tells"
[[ -n $istiod ]] || die "Istio is not in this cluster" "install it: $out/scripts/install.sh"
"${kubectl[@]}" rollout status "$istiod" --namespace="$ISTIO_NAMESPACE" --timeout="${limit}s" ||
  die "istiod was not ready within $limit seconds" "look at: kubectl describe pods --namespace=$ISTIO_NAMESPACE --selector=app=istiod"

# The API server trusts the injector only after istiod has written its certificate there.
injector_is_trusted() {
  local bundle
  bundle=$("${kubectl[@]}" get mutatingwebhookconfiguration istio-sidecar-injector --ignore-not-found \
    --output='jsonpath={.webhooks[*].clientConfig.caBundle}') && [[ -n $bundle ]]
}
await injector_is_trusted || die "Istio's sidecar injector was not ready within $limit seconds" \
  "look at: kubectl get mutatingwebhookconfigurations istio-sidecar-injector --output=yaml"
"""

_OWN_NAMESPACE = r"""
state=$(namespace_state "$NAMESPACE") || die "namespace $NAMESPACE could not be read"
IFS='|' read -r name lab _ <<<"$state"
[[ -z $name || $lab == "$LAB/labspec" ]] || die "namespace $NAMESPACE is there and is not of this lab, which would take it over" \
  "to use it as it is, write in $SPEC: namespace: $NAMESPACE"
"""

_FOREIGN = r"""
refuse_to_take_over() { # namespace, kinds, Kind/name of each object
  local found
  found=$(foreign "$@") || die "namespace $1 could not be read"
  [[ -z $found ]] || die "namespace $1 holds objects that are not of this lab, which would take them over:" "${found//$newline/, }" \
    "what to do: $out/scripts/preflight.sh"
}
refuse_to_take_over "$NAMESPACE" "$SERVICE_KINDS" "$SERVICE_OBJECTS"
"""

_FOREIGN_COLLECTOR = r"""
refuse_to_take_over "$COLLECTOR_NAMESPACE" "$COLLECTOR_KINDS" "$COLLECTOR_OBJECTS"
"""

_APPLY = r"""
# Pruning deletes what an earlier deployment left: only of these kinds, and never a Namespace.
prune=()
for kind in $PRUNE; do prune+=("--prune-allowlist=$kind"); done
"${kubectl[@]}" apply --kustomize="$out" --prune --selector="$SELECTOR" "${prune[@]}" || die "the lab was not applied, or only in part" "kubectl says why above"

for namespace in $NAMESPACES; do
  "${kubectl[@]}" rollout status deployment --namespace="$namespace" --selector="$SELECTOR" --timeout="${limit}s" ||
    die "not everything in namespace $namespace was ready within $limit seconds" \
      "look at: kubectl describe pods --namespace=$namespace --selector=$SELECTOR"
done
"$out/scripts/restart.sh" || die "the lab is deployed, but not all of its sidecars are right"

for namespace in $NAMESPACES; do
  printf '\nRunning in namespace %s:\n' "$namespace"
  "${kubectl[@]}" get pods --namespace="$namespace" --selector="$SELECTOR" || die "the pods in namespace $namespace could not be read"
done
"""


def _files(plan: Plan) -> Iterator[File]:
    services, collector = held(plan)
    settings = {
        "LAB": plan.name,
        "NAMESPACE": plan.namespace,
        # The collector comes first: services that wait for it need not wait long.
        "NAMESPACES": " ".join(reversed(namespaces(plan))),
        "ISTIO_NAMESPACE": plan.istio_namespace,
        "SELECTOR": selector(plan),
        "SERVICE_KINDS": kinds(services),
        "SERVICE_OBJECTS": listed(services),
        "PRUNE": " ".join(sorted({_allowed(api, kind) for api, kind, _, _ in services + collector})),
    }
    parts = [VARIANT, WAIT, FOREIGN, _MESH, *([_OWN_NAMESPACE] if plan.owns_namespace else []), _FOREIGN]
    if plan.collector is not None:
        settings |= {
            "COLLECTOR_NAMESPACE": plan.collector.namespace,
            "COLLECTOR_KINDS": kinds(collector),
            "COLLECTOR_OBJECTS": listed(collector),
        }
        parts.append(_FOREIGN_COLLECTOR)
    yield script(plan, "deploy", _ABOUT, settings, *parts, _APPLY)


def _allowed(api_version: str, kind: str) -> str:
    """`core/v1/Service`, `apps/v1/Deployment`: how `--prune-allowlist` names a kind."""
    return f"{api_version if '/' in api_version else f'core/{api_version}'}/{kind}"


ARTIFACT = Files(_files)
