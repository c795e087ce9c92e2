"""scripts/traffic.sh: sends the requests of the lab's clients."""

from collections.abc import Iterator

from labspec.artifacts._base import Files
from labspec.artifacts._script import VARIANT, Setting, only, script
from labspec.bundle import File
from labspec.plan import Plan
from labspec.services._base import Target

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
    "is it there and ready? ${kubectl[*]} get pods --namespace=$namespace --selector=app=$name" "if not: $out/scripts/deploy.sh$chosen"
done
"""

_TOTAL = r"""
answered() { cut -d ' ' -f 1-3 "$lines"; }
as_expected() { grep -Fx "$@" -f <(printf '%s\n' "${EXPECTED[@]}"); }

total=$((rounds * REQUESTS))
"""
_SENT = r"""
# Some requests are not made in each round: those that were sent count.
sent=$(wc -l <"$lines")
total=$((sent > total ? sent : total))
if [[ $total -eq 0 ]]; then
  printf 'No request was sent: chance makes them in a part of the rounds only. More rounds: %s/scripts/traffic.sh %s 100\n' "$out" "$variant"
  exit
fi
"""

_JUDGE = r"""
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
    *) causes+=("$status: the service answers otherwise than this lab's: $out/scripts/deploy.sh$chosen") ;;
  esac
done < <(cut -d ' ' -f 3 <<<"$wrong" | sort -u)
sort <<<"$wrong" | uniq -c >&2
die "$result" ${causes[@]+"${causes[@]}"} "the sidecars' log lines say more: $out/scripts/logs.sh$chosen"
"""

_NOBODY = r"""
printf '%s\n' "$NOBODY"
exit
"""


def _files(plan: Plan) -> Iterator[File]:
    nobody = only(plan, lambda form: not form.clients, "-n $NOBODY", _NOBODY)
    if not any(form.clients for form in plan.forms):
        about = "Says why no client sends requests.\nUsage: scripts/traffic.sh [VARIANT]"
        yield script(plan, "traffic", about, _settings, VARIANT, nobody.replace("exit\n", ""))
        return
    total = _TOTAL + (_SENT if any(_is_by_chance(target) for form in plan.forms for target in _targets(form)) else "")
    parts = (nobody,) if nobody else ()
    yield script(plan, "traffic", _ABOUT, _settings, _ROUNDS, VARIANT, *parts, _SEND, total, _JUDGE)


def _settings(plan: Plan) -> dict[str, Setting]:
    if not plan.clients:
        return {"NOBODY": _nobody(plan)}
    targets = _targets(plan)
    answers = ((target, status) for target in targets for status in target.expect)
    return {
        "PART_OF": f"app.kubernetes.io/part-of={plan.name}",
        "CLIENTS": tuple(f"{client.namespace} {client.name} {client.container.name}" for client in plan.clients),
        "ROUNDS": tuple(client.round or "" for client in plan.clients),
        "REQUESTS": sum(not _is_by_chance(target) for target in targets),
        "EXPECTED": tuple(dict.fromkeys(f"{target.method} {target.url} {status:03}" for target, status in answers)),
        "STATUS": " or ".join(
            f"{status:03}" for status in sorted({each for target in targets for each in target.expect})
        ),
    }


def _targets(plan: Plan) -> list[Target]:
    """The requests of a round."""
    return [target for client in plan.clients for target in client.targets]


def _is_by_chance(target: Target) -> bool:
    return target.percent < 100


def _nobody(plan: Plan) -> str:
    """Why there is nothing to do for this script."""
    acting = tuple(dict.fromkeys(request.client for request in plan.prediction.requests))
    if not acting:
        return "This lab has no client: nothing sends requests."
    return f"No client of this lab sends requests when it is told to: {', '.join(acting)} sends its own, of its own accord."


ARTIFACT = Files(_files)
