"""The shell of scripts/logs.sh that reads the logs; for `#@word` see `for_kinds` in labspec.artifacts._following."""

READ = r"""
log_of() { # NAMESPACE NAME CONTAINER
  "${kubectl[@]}" logs --namespace="$1" --selector="app=$2" --container="$3" --tail="$TAIL" 2>"$tmp/errors" || no_log "$@"
  if grep -q 'No resources found' "$tmp/errors"; then no_log "$@"; fi
}

no_log() {
  cat "$tmp/errors" >&2
  die "no log of container $3 of $2 in namespace $1: kubectl says why above" "is the lab deployed? $out/scripts/deploy.sh$chosen" \
    "has its pod a sidecar? $out/scripts/restart.sh$chosen"
}

read_logs() { # into $tmp: a file for each sidecar, and one of what each app with a tracer says it sent
  local row namespace name
  for row in "${WORKLOADS[@]}"; do
    read -r namespace name <<<"$row"
    log_of "$namespace" "$name" istio-proxy >"$tmp/$namespace.$name.log"
  done
"""
READ_SENT = r"""
  local container
  for row in "${TRACERS[@]}"; do #@!unsent
  for row in ${TRACERS[@]+"${TRACERS[@]}"}; do #@unsent
    read -r namespace name container <<<"$row"
    log_of "$namespace" "$name" "$container" >"$tmp/app"
    sed -nE 's/.* traceID=([0-9a-f]+) spanID=([0-9a-f]+)$/\1 \2/p' "$tmp/app" >"$tmp/$namespace.$name.sent"
  done
"""

SHOW = r"""
show() {
  local row namespace name
  for row in "${WORKLOADS[@]}"; do
    read -r namespace name <<<"$row"
    printf '%s, sidecar:\n' "$name"
    if [[ -s $tmp/$namespace.$name.log ]]; then tail -n 3 "$tmp/$namespace.$name.log"; else printf '(no line)\n'; fi
  done
}
"""

LOGGED = r"""
logged() { # whether the sidecar of every client has a line
  local row namespace name
  read_logs
  for row in "${CLIENTS[@]}"; do #@!nobody
  for row in ${CLIENTS[@]+"${CLIENTS[@]}"}; do #@nobody
    read -r namespace name _ <<<"$row"
    [[ -s $tmp/$namespace.$name.log ]] || return 1
  done
}
"""

NEWEST = r"""
newest() { # MOST: of the ids that come in (- and null are none), each once, the last first
  awk -v most="$1" '/^[0-9a-f]/ { line[NR] = $0 }
    END { for (i = NR; i > 0 && most > 0; i--) if (line[i] != "" && !seen[line[i]]++) { print line[i]; most-- } }'
}
"""
