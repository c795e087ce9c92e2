"""What the scripts share that ask the collector: files for a while, a forwarded port, and its answers."""

from labspec.artifacts._script import WAIT, Setting
from labspec.collectors._base import Backend

# Spans are on their way for 5 seconds at most; what is not there after 30 does not come.
PATIENCE = WAIT.replace("300", "30")

SCRATCH = r"""
tmp=$(mktemp -d)
forward=

finish() {
  [[ -z $forward ]] || kill "$forward" 2>/dev/null || true
  rm -rf "$tmp"
}
trap finish EXIT
"""

# Needs PATIENCE, SCRATCH and the settings below.
CONNECT = r"""
connect() { # [PORT]: from now on ask works, through that port of this machine or a free one
  command -v curl >/dev/null || die "curl is not on this machine" "install it: this script asks $COLLECTOR through it"
  wanted=${1-}
  open
  await ask "$SERVICES_API" || no_json
}

open() { # forwards the port until this script ends, or until a connection fails
  : >"$tmp/forward"
  "${kubectl[@]}" port-forward --address=127.0.0.1 --pod-running-timeout=20s --namespace="$COLLECTOR_NAMESPACE" \
    "service/$COLLECTOR_SERVICE" "$wanted:$COLLECTOR_PORT" >"$tmp/forward" 2>&1 &
  forward=$!
  limit=30 await forwarded || true
  [[ -n $port ]] || not_forwarded
}

forwarded() { # true also when kubectl has ended: there is nothing to wait for then
  port=$(sed -nE 's/^Forwarding from 127\.0\.0\.1:([0-9]+) .*/\1/p' "$tmp/forward")
  [[ -n $port ]] || ! kill -0 "$forward" 2>/dev/null
}

not_forwarded() {
  cat "$tmp/forward" >&2
  if grep -qi 'address already in use' "$tmp/forward"; then
    die "port $wanted of this machine is taken" "choose another: UI_PORT=$((wanted + 1)) $out/scripts/ui.sh$chosen"
  fi
  die "no connection to $COLLECTOR (service/$COLLECTOR_SERVICE in namespace $COLLECTOR_NAMESPACE)" "is it deployed and ready? $out/scripts/deploy.sh$chosen"
}

no_json() {
  grep -hEv '^(Forwarding|Handling)' "$tmp/forward" "$tmp/curl" | sort -u >&2 || true
  die "$COLLECTOR gives no JSON at $SERVICES_API" \
    "its log: ${kubectl[*]} logs --namespace=$COLLECTOR_NAMESPACE deployment/$COLLECTOR_DEPLOYMENT" \
    "is it this lab's? $out/scripts/preflight.sh$chosen"
}

ask() { # PATH: sets answer; for a path that it does not know the collector has a web page, so only JSON counts
  kill -0 "$forward" 2>/dev/null || open
  answer=$(curl -sS --noproxy '*' --max-time 5 "http://127.0.0.1:$port$1" 2>"$tmp/curl") && [[ $answer == '{'* ]]
}
"""


def collector_settings(backend: Backend) -> dict[str, Setting]:
    """What CONNECT needs to know."""
    return {
        "COLLECTOR": backend.title,
        "COLLECTOR_NAMESPACE": backend.namespace,
        "COLLECTOR_DEPLOYMENT": backend.deployment,
        "COLLECTOR_SERVICE": backend.ui.service,
        "COLLECTOR_PORT": backend.ui.port,
        "SERVICES_API": backend.ui.services_api,
    }
