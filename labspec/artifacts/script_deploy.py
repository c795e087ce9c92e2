"""scripts/deploy.sh: the lab into a cluster that has its mesh."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import NamedTuple

from labspec.artifacts._base import Files
from labspec.artifacts._existing import (
    KNOWN,
    MESH,
    Identity,
    all_namespaces,
    digest,
    foreign,
    held,
    held_by_all,
    istio_kinds,
    kinds,
    listed,
    namespaces,
    needed,
    selector,
    unwanted,
)
from labspec.artifacts._mesh import operator_path
from labspec.artifacts._script import VARIANT, WAIT, YES, Setting, Settings, only, script
from labspec.artifacts._sources import SOURCES, any_sources, listed_sources
from labspec.bundle import File
from labspec.plan import Plan

_ABOUT = """
Puts the lab into the cluster, takes away what it no longer has, and waits until all of it runs.
A mesh with other settings than the lab's gets those first, by scripts/install.sh, which may need --yes.
Usage: scripts/deploy.sh [VARIANT] [--yes]
"""

_ISTIO = r"""
istiod=$("${kubectl[@]}" get deployment istiod --namespace="$ISTIO_NAMESPACE" --ignore-not-found --output=name) ||
  die "namespace $ISTIO_NAMESPACE could not be read" "does the cluster answer? $out/scripts/preflight.sh$chosen tells"
[[ -n $istiod ]] || die "Istio is not in this cluster" "install it: $out/scripts/install.sh$chosen"
"""

_SETTINGS = r"""
mesh=$(mesh_config '{.data.mesh}') || die "ConfigMap istio in $ISTIO_NAMESPACE could not be read"
mark=$(mesh_config '{.metadata.annotations.labspec/operator}') || die "ConfigMap istio in $ISTIO_NAMESPACE could not be read"

has_settings() { # whether the mesh is as this lab needs it
  # install.sh leaves a mark, which counts while the settings are still those that it left.
  if [[ ${mark#*/} == "$(sum_of "$mesh")" ]]; then
    [[ ${mark%/*} == "$DIGEST" ]] || return
  else
    [[ -z $(lacking "$mesh") ]] || return
    # What only another variant needs:
    local line
    for line in ${UNWANTED[@]+"${UNWANTED[@]}"}; do ! has_line "$mesh" "$line" || return; done
  fi
}
if ! has_settings; then
  printf 'The mesh has other settings than %s.\n' "$OPERATOR"
  LABSPEC_STEP=deploy "$out/scripts/install.sh" ${yes[@]+"${yes[@]}"} "$variant" ||
    die "the lab was not deployed: the mesh has other settings than it needs" "to change a mesh of others: $out/scripts/deploy.sh$chosen --yes"
fi
"""
_OTHERS = """\
    # What only another variant needs:
    local line
    for line in ${UNWANTED[@]+"${UNWANTED[@]}"}; do ! has_line "$mesh" "$line" || return; done
"""

_READY = r"""
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

_KINDS = r"""
"${kubectl[@]}" wait --for=condition=Established "${ISTIO_KINDS[@]/#/crd/}" --timeout="${limit}s" >/dev/null ||
  die "the cluster does not know ${ISTIO_KINDS[*]}" "Istio's installation brings that kind: $out/scripts/install.sh$chosen"
"""

_OWN_NAMESPACE = r"""
state=$(namespace_state "$NAMESPACE") || die "namespace $NAMESPACE could not be read"
IFS='|' read -r name lab _ <<<"$state"
[[ -z $name || $lab == "$LAB/labspec" ]] || die "namespace $NAMESPACE is there and is not of this lab, which would take it over" \
  "to use it as it is, write in $SPEC: createNamespace: false"
"""

_FOREIGN = r"""
refuse_to_take_over() { # namespace, kinds, Kind/name of each object
  local found
  found=$(foreign "$@") || die "namespace $1 could not be read"
  [[ -z $found ]] || die "namespace $1 holds objects that are not of this lab, which would take them over:" "${found//$newline/, }" \
    "what to do: $out/scripts/preflight.sh$chosen"
}
refuse_to_take_over "$NAMESPACE" "$SERVICE_KINDS" "$SERVICE_OBJECTS"
"""

_FOREIGN_COLLECTOR = r"""
refuse_to_take_over "$COLLECTOR_NAMESPACE" "$COLLECTOR_KINDS" "$COLLECTOR_OBJECTS"
"""

_SOURCES = r"""
missing=()
for source in ${SOURCES[@]+"${SOURCES[@]}"}; do
  lacks=$(absent "$source") || die "${source%% *} in namespace $NAMESPACE could not be read"
  [[ -z $lacks ]] || missing+=("${source%% *}")
done
((${#missing[@]} == 0)) || die "services take values from what is not in namespace $NAMESPACE, or not whole: ${missing[*]}" \
  "what to do: $out/scripts/preflight.sh$chosen"
"""

_FOLDER = r"""
folder=$out
[[ $variant == base ]] || folder=$out/overlays/$variant
"""

_APPLY = r"""
# Pruning deletes what an earlier deployment left: only of these kinds, and never a Namespace.
prune=()
for kind in $PRUNE; do prune+=("--prune-allowlist=$kind"); done
"${kubectl[@]}" apply --kustomize="$folder" --prune --selector="$SELECTOR" "${prune[@]}" || die "the lab was not applied, or only in part" "kubectl says why above"
"""

_ELSEWHERE = r"""
# It looks only into namespaces that the lab is in now. Another variant may have used these:
for namespace in $ELSEWHERE; do
  left=$("${kubectl[@]}" get "$KINDS" --namespace="$namespace" --selector="$SELECTOR" --output=name) || die "namespace $namespace could not be read"
  [[ -n $left ]] || continue
  "${kubectl[@]}" delete "$KINDS" --namespace="$namespace" --selector="$SELECTOR" --cascade=foreground --timeout="${limit}s" ||
    die "what another variant left in namespace $namespace was not gone within $limit seconds"
done
"""

_WAIT = r"""
for namespace in $NAMESPACES; do
  "${kubectl[@]}" rollout status deployment --namespace="$namespace" --selector="$SELECTOR" --timeout="${limit}s" ||
    die "not everything in namespace $namespace was ready within $limit seconds" \
      "look at: kubectl describe pods --namespace=$namespace --selector=$SELECTOR"
done
"$out/scripts/restart.sh" "$variant" || die "the lab is deployed, but not all of its sidecars are right"

for namespace in $NAMESPACES; do
  printf '\nRunning in namespace %s:\n' "$namespace"
  "${kubectl[@]}" get pods --namespace="$namespace" --selector="$SELECTOR" || die "the pods in namespace $namespace could not be read"
done
"""


class _All(NamedTuple):
    """What the script must know of all forms of the lab, whichever it deploys."""

    held: list[Identity]
    known: tuple[str, ...]
    """Istio's kinds among them."""
    unwanted: Mapping[str, tuple[str, ...]]
    """By variant."""
    elsewhere: Mapping[str, str]
    """By variant: namespaces that only other forms use."""


def _files(plan: Plan) -> Iterator[File]:
    held = held_by_all(plan)
    everything = _All(
        held=held,
        known=istio_kinds(held),
        unwanted={form.variant: unwanted(plan, form) for form in plan.variants and plan.forms},
        elsewhere={form.variant: _elsewhere(plan, form) for form in plan.forms},
    )
    parts = [
        *(YES, VARIANT, WAIT, KNOWN if everything.known else "", foreign(everything.known), MESH, _ISTIO),
        only(plan, _owns, "-n $OWN_NAMESPACE", _OWN_NAMESPACE),
        _FOREIGN,
        only(plan, _collects, "-n $COLLECTOR_NAMESPACE", _FOREIGN_COLLECTOR),
        *((SOURCES, _SOURCES) if any_sources(plan) else ()),
        _SETTINGS if any(everything.unwanted.values()) else _SETTINGS.replace(_OTHERS, ""),
        _READY,
        _KINDS if everything.known else "",
        *((_FOLDER, _APPLY) if plan.variants else ("", _APPLY.replace("$folder", "$out"))),
        _ELSEWHERE if any(everything.elsewhere.values()) else "",
        _WAIT,
    ]
    yield script(plan, "deploy", _ABOUT, partial(_settings, plan, everything), *filter(None, parts))


def _settings(plan: Plan, everything: _All, form: Plan) -> Settings:
    services, collector = held(form)
    settings: dict[str, Setting] = {
        "LAB": plan.name,
        "NAMESPACE": form.namespace,
        # The collector comes first: services that wait for it need not wait long.
        "NAMESPACES": " ".join(reversed(namespaces(form))),
        "ISTIO_NAMESPACE": form.istio_namespace,
        "SELECTOR": selector(plan),
        "SERVICE_KINDS": kinds(services),
        "SERVICE_OBJECTS": listed(services),
        "OPERATOR": operator_path(plan, form),
        "DIGEST": digest(plan, form),
        "NEEDED": needed(form),
        "PRUNE": " ".join(sorted({_allowed(api, kind) for api, kind, _, _ in everything.held})),
    }
    if any(map(_owns, plan.forms)) and not all(map(_owns, plan.forms)):
        settings["OWN_NAMESPACE"] = form.namespace if form.owns_namespace else ""
    if form.collector is not None:
        settings |= {
            "COLLECTOR_NAMESPACE": form.collector.namespace,
            "COLLECTOR_KINDS": kinds(collector),
            "COLLECTOR_OBJECTS": listed(collector),
        }
    if any(everything.unwanted.values()):
        settings["UNWANTED"] = everything.unwanted[form.variant]
    if any_sources(plan):
        settings["SOURCES"] = listed_sources(form)
    if everything.known:
        settings["ISTIO_KINDS"] = everything.known
    if any(everything.elsewhere.values()):
        settings["ELSEWHERE"] = everything.elsewhere[form.variant]
        settings["KINDS"] = ",".join([kinds(everything.held), *everything.known])
    return settings


def _owns(form: Plan) -> bool:
    return form.owns_namespace


def _collects(form: Plan) -> bool:
    return form.collector is not None


def _elsewhere(plan: Plan, form: Plan) -> str:
    """Namespaces that only other forms of the lab use."""
    return " ".join(namespace for namespace in all_namespaces(plan) if namespace not in namespaces(form))


def _allowed(api_version: str, kind: str) -> str:
    """`core/v1/Service`, `apps/v1/Deployment`: how `--prune-allowlist` names a kind."""
    return f"{api_version if '/' in api_version else f'core/{api_version}'}/{kind}"


ARTIFACT = Files(_files)
