"""scripts/traffic.sh: sends the requests of the lab's clients."""

from collections.abc import Iterator

from labspec.artifacts._base import Files
from labspec.artifacts._script import VARIANT, Setting, script
from labspec.bundle import File
from labspec.plan import Plan

_ABOUT = """
Sends each request of the lab's clients, ROUNDS times (10), and checks how they are answered.
Usage: scripts/traffic.sh [VARIANT] [ROUNDS]
"""

_ROUNDS = r"""
rounds=${2:-10}
[[ $rounds =~ ^[1-9][0-9]{0,3}$ ]] || die "\"$rounds\" is no number of rounds" "write one from 1 to 9999"
if [[ $# -eq 2 ]]; then set -- "$1"; fi
"""

_SEND = r"""
lines=$(mktemp)
trap 'rm -f "$lines"' EXIT

for ((i = 0; i < ${#CLIENTS[@]}; i++)); do
  read -r namespace name container <<<"${CLIENTS[i]}"
  printf '%s, %s rounds:\n' "$name" "$rounds"
  # One exec for all rounds. In the app's container: its requests pass the sidecar, those of istio-proxy itself would not.
  "${kubectl[@]}" exec --pod-running-timeout=20s --namespace="$namespace" "deployment/$name" --container="$container" -- sh -c "for round in \$(seq $rounds); do
${ROUNDS[i]}done" | tee -a "$lines" || die "the requests of $name could not be sent from its pod" \
    "is it there and ready? ${kubectl[*]} get pods --namespace=$namespace --selector=app=$name" "if not: $out/scripts/deploy.sh"
done
"""

_JUDGE = r"""
answered() { cut -d ' ' -f 1-3 "$lines"; }
as_expected() { grep -Fx "$@" -f <(printf '%s\n' "${EXPECTED[@]}"); }

total=$((rounds * ${#EXPECTED[@]}))
right=$(answered | as_expected -c || true)
result="$right of $total requests answered $STATUS"
if [[ $right -eq $total ]]; then
  printf '%s\n' "$result"
  exit
fi

wrong=$(answered | as_expected -v || true)
causes=()
while read -r status; do
  case $status in
    000) causes+=("000: no answer; a pod or its sidecar is not ready: ${kubectl[*]} get pods -A --selector=$PART_OF") ;;
    403) causes+=("403: an authorization policy forbids it: ${kubectl[*]} get authorizationpolicies -A") ;;
    404) causes+=("404: something else answers under that name: ${kubectl[*]} get services,virtualservices -A") ;;
    5??) causes+=("$status: a sidecar reached no ready pod, or the service failed: ${kubectl[*]} get pods -A --selector=$PART_OF") ;;
    *) causes+=("$status: the service answers otherwise than this lab's: $out/scripts/deploy.sh") ;;
  esac
done < <(cut -d ' ' -f 3 <<<"$wrong" | sort -u)
sort <<<"$wrong" | uniq -c >&2
die "$result" ${causes[@]+"${causes[@]}"} "the sidecars' log lines say more: $out/scripts/logs.sh"
"""

_NOBODY = r"""
printf 'This lab has no client: nothing sends requests.\n'
"""


def _files(plan: Plan) -> Iterator[File]:
    if not plan.clients:
        yield script(
            plan,
            "traffic",
            "Says that the lab has no client.\nUsage: scripts/traffic.sh [VARIANT]",
            {},
            VARIANT,
            _NOBODY,
        )
        return
    targets = [target for client in plan.clients for target in client.targets]
    settings: dict[str, Setting] = {
        "PART_OF": f"app.kubernetes.io/part-of={plan.name}",
        "CLIENTS": tuple(f"{client.namespace} {client.name} {client.container.name}" for client in plan.clients),
        "ROUNDS": tuple(client.round or "" for client in plan.clients),
        "EXPECTED": tuple(f"{target.method} {target.url} {target.expect}" for target in targets),
        "STATUS": " or ".join(str(status) for status in sorted({target.expect for target in targets})),
    }
    yield script(plan, "traffic", _ABOUT, settings, _ROUNDS, VARIANT, _SEND, _JUDGE)


ARTIFACT = Files(_files)
