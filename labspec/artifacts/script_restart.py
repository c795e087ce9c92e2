"""scripts/restart.sh: new pods where the old ones lack a sidecar or hold old settings."""

from collections.abc import Iterator

from labspec.artifacts._base import Files
from labspec.artifacts._existing import selector
from labspec.artifacts._script import VARIANT, WAIT, Setting, Settings, only, script
from labspec.bundle import File
from labspec.plan import Plan

_ABOUT = """
Restarts the services whose pods have no sidecar, or one that is older than the mesh settings:
a sidecar reads its tracing settings only when it starts{live}.
Usage: scripts/restart.sh [VARIANT]
"""
_ABOUT_LIVE = """
Restarts the services whose pods have no sidecar. No other needs it: the lab's settings
reach a running sidecar within seconds.
Usage: scripts/restart.sh [VARIANT]
"""

_PODS = r"""
export LC_ALL=C # times are compared as text
newline=$'\n'

list_pods() { # service|pod|created|deleted|its containers: a sidecar stands among either kind
  local containers='{.spec.containers[*].name} {.spec.initContainers[*].name}'
  "${kubectl[@]}" get pods --namespace="$NAMESPACE" --selector="$SELECTOR" --field-selector='status.phase!=Failed,status.phase!=Succeeded' \
    --output="jsonpath={range .items[*]}{.metadata.labels.app}|{.metadata.name}|{.metadata.creationTimestamp}|{.metadata.deletionTimestamp}|$containers{\"\\n\"}{end}" ||
    die "the pods in namespace $NAMESPACE could not be read"
}

without_sidecar() { # of the lines of list_pods
  local service pod deleted containers
  while IFS='|' read -r service pod _ deleted containers; do
    [[ -z $deleted && " $SERVICES " == *" $service "* && " $containers " != *' istio-proxy '* ]] || continue
    printf '%s\n' "$pod"
  done <<<"$1"
}
"""

_TIMES = r"""
# When the settings changed last: any owner of the field data may have written it.
times=$("${kubectl[@]}" get configmap istio --namespace="$ISTIO_NAMESPACE" --show-managed-fields \
  --output='jsonpath={.metadata.creationTimestamp}{range .metadata.managedFields[?(@.fieldsV1.f\:data)]} {.time}{end}') ||
  die "the mesh settings (ConfigMap istio in namespace $ISTIO_NAMESPACE) could not be read" "Istio comes first: $out/scripts/install.sh$chosen"
for time in $times; do
  if [[ $time > $changed ]]; then changed=$time; fi
done
"""

_RESTART = r"""
pods=$(list_pods)
restart=()
while IFS='|' read -r service pod created deleted containers; do
  [[ -z $deleted && " ${restart[*]-} " != *" deployment/$service "* ]] || continue
  sidecar=no
  if [[ " $containers " == *' istio-proxy '* ]]; then sidecar=yes; fi
  if [[ " $SERVICES " == *" $service "* && $sidecar == no ]]; then
    printf 'Restarting %s: pod %s has no sidecar.\n' "$service" "$pod"
  elif [[ " $SERVICES " == *" $service "* && ! $created > $changed ]]; then
    printf 'Restarting %s: pod %s is from %s, the mesh settings are from %s.\n' "$service" "$pod" "$created" "$changed"
  elif [[ " $BARE " == *" $service "* && $sidecar == yes ]]; then
    printf 'Restarting %s: pod %s has a sidecar, and is to have none.\n' "$service" "$pod"
  else
    continue
  fi
  restart+=("deployment/$service")
done <<<"$pods"

if [[ -z ${restart[*]-} ]]; then
  printf 'No pod needs a restart.\n'
  exit
fi
# kubectl refuses to restart what was restarted within the past second, so it is asked for some seconds.
restart_all() {
  refusal=$("${kubectl[@]}" rollout restart --namespace="$NAMESPACE" "${restart[@]}" 2>&1 >/dev/null)
}
if ! limit=$((limit < 5 ? limit : 5)) await restart_all; then
  printf '%s\n' "$refusal" >&2
  die "the restart was refused: kubectl says why above"
fi
for deployment in "${restart[@]}"; do
  "${kubectl[@]}" rollout status "$deployment" --namespace="$NAMESPACE" --timeout="${limit}s" ||
    die "$deployment was not ready within $limit seconds" "look at: kubectl describe pods --namespace=$NAMESPACE --selector=app=${deployment#*/}"
done

pods=$(list_pods)
bare=$(without_sidecar "$pods")
[[ -z $bare ]] || die "still without a sidecar: ${bare//$newline/, }" \
  "is the injector there? kubectl get mutatingwebhookconfigurations istio-sidecar-injector" \
  "does the namespace forbid it (istio-injection=disabled), or name another revision (istio.io/rev)? kubectl get namespace $NAMESPACE --show-labels" \
  "does istiod complain? kubectl logs --namespace=$ISTIO_NAMESPACE deployment/istiod --tail=20"
printf 'Every restarted pod DONE%s.\n' "${changed:+ with the settings of $changed}"
"""

_OLD = """\
  elif [[ " $SERVICES " == *" $service "* && ! $created > $changed ]]; then
    printf 'Restarting %s: pod %s is from %s, the mesh settings are from %s.\\n' "$service" "$pod" "$created" "$changed"
"""
_BARE = """\
  elif [[ " $BARE " == *" $service "* && $sidecar == yes ]]; then
    printf 'Restarting %s: pod %s has a sidecar, and is to have none.\\n' "$service" "$pod"
"""


def _files(plan: Plan) -> Iterator[File]:
    old = [_reads_at_start(form) for form in plan.forms]
    bare = any(not workload.sidecar for form in plan.forms for workload in form.workloads)

    def settings(form: Plan) -> Settings:
        found: dict[str, Setting] = {
            "NAMESPACE": form.namespace,
            "ISTIO_NAMESPACE": form.istio_namespace,
            "SELECTOR": selector(plan),
            "SERVICES": " ".join(workload.name for workload in form.workloads if workload.sidecar),
        }
        if bare:
            found["BARE"] = " ".join(workload.name for workload in form.workloads if not workload.sidecar)
        if any(old) and not all(old):
            found["READ"] = "at start" if _reads_at_start(form) else "live"
        return found

    restart = _RESTART if any(old) else _RESTART.replace(_OLD, "").replace("pod created", "pod _")
    restart = restart if bare else restart.replace(_BARE, "")
    restart = restart.replace("DONE", "that is to have a sidecar has one" if bare else "has a sidecar")
    about = (
        _ABOUT.format(live="" if all(old) else ", but for those of a Telemetry resource") if any(old) else _ABOUT_LIVE
    )
    times = "changed=\n" + only(plan, _reads_at_start, "$READ == 'at start'", _TIMES).lstrip()
    yield script(plan, "restart", about, settings, VARIANT, WAIT, _PODS, times, restart)


def _reads_at_start(form: Plan) -> bool:
    """Whether the sidecars have their tracer, or none, from what they read at their start: no Telemetry resource tells them."""
    return form.provider is None


ARTIFACT = Files(_files)
