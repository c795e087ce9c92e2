"""scripts/preflight.sh: what would make the lab fail, found before anything is changed."""

from collections.abc import Callable, Iterator
from functools import partial

from labspec.artifacts._base import Files
from labspec.artifacts._existing import KNOWN, foreign, held, held_by_all, istio_kinds, kinds, listed
from labspec.artifacts._script import ISTIOCTL, VARIANT, Setting, Settings, only, script
from labspec.artifacts._sources import SOURCES, any_sources, listed_sources
from labspec.bundle import File
from labspec.envoy.versions import KUBERNETES
from labspec.plan import Plan
from labspec.sources import namespace_file, sources

_ABOUT = """
Looks at tools and cluster before the lab goes in; changes nothing.
Usage: scripts/preflight.sh [VARIANT]
"""

_HEAD = r"""
problems=0

problem() {
  problems=$((problems + 1))
  complain problem "$@"
}

unreadable() {
  problem "$1 could not be read: kubectl says why above"
}
"""

_TOOLS = r"""
check_istioctl() {
  local fault
  fault=$(istioctl_fault)
  if [[ -n $fault ]]; then
    problem "$fault" "$istioctl_hint"
  else
    printf 'istioctl: %s\n' "$ISTIO_VERSION"
  fi
}

check_kubectl() {
  command -v "${kubectl[0]}" >/dev/null && return
  problem "${kubectl[0]} is not on this machine" "install it: https://kubernetes.io/docs/tasks/tools/, or name yours: KUBECTL=/path/to/kubectl"
  return 1
}
"""

_CLUSTER = r"""
check_cluster() {
  local where version pattern='"minor": "([0-9]+)'
  where=$("${kubectl[@]}" config view --minify --output='jsonpath={.contexts[0].name} at {.clusters[0].cluster.server}' 2>/dev/null) ||
    where=${KUBE_CONTEXT:-no context is chosen}
  printf 'cluster: %s\n' "$where"
  if ! version=$("${kubectl[@]}" get --raw=/version --request-timeout=10s); then
    problem "the cluster does not answer" "see kubectl config get-contexts, and choose: KUBE_CONTEXT=NAME"
    return 1
  fi
  if [[ ! $version =~ $pattern ]]; then
    complain note "the cluster does not tell its version"
  elif ((BASH_REMATCH[1] < KUBERNETES_FIRST || BASH_REMATCH[1] > KUBERNETES_LAST)); then
    complain note "Kubernetes is 1.${BASH_REMATCH[1]}; Istio $ISTIO_VERSION was tested with 1.$KUBERNETES_FIRST to 1.$KUBERNETES_LAST"
  else
    printf 'Kubernetes: 1.%s\n' "${BASH_REMATCH[1]}"
  fi
}
"""

_OWN_NAMESPACE = r"""
check_own_namespace() { # the lab makes this one
  local state name lab injection revision
  state=$(namespace_state "$NAMESPACE") || { unreadable "namespace $NAMESPACE"; return; }
  IFS='|' read -r name lab injection revision <<<"$state"
  [[ -z $name || $lab == "$LAB/labspec" ]] ||
    problem "namespace $NAMESPACE is there and is not of this lab" "to use it as it is, write in $SPEC: createNamespace: false"
  check_injection "$injection" "$revision"
}
"""

_GIVEN_NAMESPACE = r"""
check_given_namespace() { # the lab uses this one, and does not make it
  local state name injection revision
  state=$(namespace_state "$NAMESPACE") || { unreadable "namespace $NAMESPACE"; return; }
  IFS='|' read -r name _ injection revision <<<"$state"
  [[ -n $name ]] || problem "there is no namespace $NAMESPACE" "make it: kubectl create namespace $NAMESPACE"
  check_injection "$injection" "$revision"
}
"""

_INJECTION = r"""
check_injection() { # the namespace's labels istio-injection and istio.io/rev
  if [[ $1 == disabled ]]; then
    problem "namespace $NAMESPACE says istio-injection=disabled, so no pod in it gets a sidecar, whatever its own label says" \
      "take the label away: kubectl label namespace $NAMESPACE istio-injection-"
  elif [[ -z $1 && -n $2 && $2 != default ]]; then
    complain note "namespace $NAMESPACE says istio.io/rev=$2: its sidecars come from that revision of Istio, not from the lab's" \
      "take the label away: kubectl label namespace $NAMESPACE istio.io/rev-"
  fi
}
"""

_SERVICES = r"""
check_services() {
  local found
  found=$(foreign "$NAMESPACE" "$SERVICE_KINDS" "$SERVICE_OBJECTS") || { unreadable "namespace $NAMESPACE"; return; }
  [[ -z $found ]] ||
    problem "namespace $NAMESPACE holds objects of the lab's names that are not of this lab:" "${found//$newline/, }" \
      "give the services other names in $SPEC, or the lab another namespace"
}
"""

_COLLECTOR = r"""
check_collector() {
  local found
  found=$(foreign "$COLLECTOR_NAMESPACE" "$COLLECTOR_KINDS" "$COLLECTOR_OBJECTS") || { unreadable "namespace $COLLECTOR_NAMESPACE"; return; }
  [[ -z $found ]] ||
    problem "namespace $COLLECTOR_NAMESPACE holds a collector that is not of this lab:" "${found//$newline/, }" \
      "give the lab's own another namespace in $SPEC: collector: {kind: $COLLECTOR, namespace: NAME}"
}
"""

_COLLECTOR_NAMESPACE = r"""
check_collector_namespace() {
  local state
  state=$(namespace_state "$COLLECTOR_NAMESPACE") || { unreadable "namespace $COLLECTOR_NAMESPACE"; return; }
  [[ -n $state ]] ||
    problem "there is no namespace $COLLECTOR_NAMESPACE for the collector" "make it: kubectl create namespace $COLLECTOR_NAMESPACE"
}
"""

_SOURCES = r"""
check_sources() { # what services take from Secrets and ConfigMaps
  local source lacks object key made patch
  for source in ${SOURCES[@]+"${SOURCES[@]}"}; do
    object=${source%% *} made='' patch=''
    lacks=$(absent "$source") || { unreadable "$object in namespace $NAMESPACE"; continue; }
    for key in ${lacks#* }; do
      made+=" --from-literal=$key=VALUE"
      patch+="${patch:+, }\"$key\": \"VALUE\""
    done
    case $object:$lacks in
      *:) ;;
      Secret/*:\ *)
        problem "$object in namespace $NAMESPACE has not all keys that services take" \
          "add them: kubectl --namespace=$NAMESPACE patch secret ${object#*/} --patch='{\"stringData\": {$patch}}'"
        ;;
      *:\ *)
        problem "$object in namespace $NAMESPACE has not all keys that services take" \
          "add them: kubectl --namespace=$NAMESPACE patch configmap ${object#*/} --patch='{\"data\": {$patch}}'"
        ;;
      Secret/*) lacking_object "$object" "kubectl --namespace=$NAMESPACE create secret generic ${object#*/}$made" ;;
      *) lacking_object "$object" "kubectl --namespace=$NAMESPACE create configmap ${object#*/}$made" ;;
    esac
  done
}

lacking_object() { # Kind/name, the command that makes it
  local first=()
  [[ -z $NAMESPACE_FILE ]] || first=("in a namespace that is not there yet: kubectl apply --filename=$out/$NAMESPACE_FILE")
  problem "there is no $1 in namespace $NAMESPACE, from which services take values" ${first[@]+"${first[@]}"} "make it: $2"
}
"""

_TAIL = r"""
((problems == 0)) || die "problems to settle first: $problems"
printf 'Nothing is in the way. Next: %s\n' "$out/scripts/install.sh$chosen"
"""


_Holds = Callable[[Plan], object]


def _files(plan: Plan) -> Iterator[File]:
    # Each check, the forms that it is for, and how the script knows them.
    checks: list[tuple[str, str, _Holds, str]] = [
        (_OWN_NAMESPACE, "check_own_namespace", _owns, "$NAMESPACE_IS == own"),
        (_GIVEN_NAMESPACE, "check_given_namespace", lambda form: not _owns(form), "$NAMESPACE_IS == given"),
        (_COLLECTOR_NAMESPACE, "check_collector_namespace", _is_apart, "$COLLECTOR_IS == apart"),
        (_SERVICES, "check_services", lambda _: True, ""),
        (_SOURCES, "check_sources", sources, "${#SOURCES[@]} -gt 0"),
        (_COLLECTOR, "check_collector", lambda form: form.collector is not None, "-n $COLLECTOR"),
    ]
    bodies = [body for body, _, holds, _ in checks if any(map(holds, plan.forms))]
    calls = "".join(only(plan, holds, test, f"{call}\n") for _, call, holds, test in checks)
    indented = "".join(f"  {line}\n" for line in calls.splitlines())
    parts = [_HEAD, _TOOLS, _CLUSTER, _INJECTION, *bodies]
    parts += [f"check_istioctl\nif check_kubectl && check_cluster; then\n{indented}fi\n", _TAIL]
    known = istio_kinds(held_by_all(plan))
    look = [*([KNOWN] if known else []), foreign(known), *([SOURCES] if any_sources(plan) else [])]
    yield script(plan, "preflight", _ABOUT, partial(_settings, plan, known), VARIANT, ISTIOCTL, *look, *parts)


def _settings(plan: Plan, known: tuple[str, ...], form: Plan) -> Settings:
    first, last = KUBERNETES[form.istio_version]
    services, collector = held(form)
    settings: dict[str, Setting] = {
        "LAB": plan.name,
        "NAMESPACE": form.namespace,
        "ISTIO_VERSION": form.istio_version,
        "KUBERNETES_FIRST": first,
        "KUBERNETES_LAST": last,
        "SERVICE_KINDS": kinds(services),
        "SERVICE_OBJECTS": listed(services),
    }
    if known:
        settings["ISTIO_KINDS"] = known
    if form.collector is not None:
        settings |= {
            "COLLECTOR": form.collector.kind,
            "COLLECTOR_NAMESPACE": form.collector.namespace,
            "COLLECTOR_KINDS": kinds(collector),
            "COLLECTOR_OBJECTS": listed(collector),
        }
    if any_sources(plan):
        settings |= {"SOURCES": listed_sources(form), "NAMESPACE_FILE": namespace_file(plan, form)}
    if _differs(plan, _owns):
        settings["NAMESPACE_IS"] = "own" if _owns(form) else "given"
    if _differs(plan, _is_apart):
        settings["COLLECTOR_IS"] = "apart" if _is_apart(form) else ""
    return settings


def _differs(plan: Plan, holds: _Holds) -> bool:
    return len({bool(holds(form)) for form in plan.forms}) > 1


def _owns(form: Plan) -> bool:
    return form.owns_namespace


def _is_apart(form: Plan) -> bool:
    """Whether the collector needs a namespace of its own: Istio's comes with Istio, the lab's own with the lab."""
    return form.collector is not None and form.collector.namespace not in {form.namespace, form.istio_namespace}


ARTIFACT = Files(_files)
