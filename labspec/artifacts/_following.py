"""The shell of scripts/logs.sh: reads logs, finds an id that two sidecars know, and asks the collector for it."""

READ = r"""
log_of() { # NAMESPACE NAME CONTAINER
  "${kubectl[@]}" logs --namespace="$1" --selector="app=$2" --container="$3" --tail="$TAIL" 2>"$tmp/errors" || no_log "$@"
  if grep -q 'No resources found' "$tmp/errors"; then no_log "$@"; fi
}

no_log() {
  cat "$tmp/errors" >&2
  die "no log of container $3 of $2 in namespace $1: kubectl says why above" "is the lab deployed? $out/scripts/deploy.sh" \
    "has its pod a sidecar? $out/scripts/restart.sh"
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
  for row in "${TRACERS[@]}"; do
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
  for row in "${CLIENTS[@]}"; do
    read -r namespace name _ <<<"$row"
    [[ -s $tmp/$namespace.$name.log ]] || return 1
  done
}
"""

NEWEST = r"""
newest() { # MOST: of the lines that come in, each once, the last first
  awk -v most="$1" '$0 != "-" { line[NR] = $0 }
    END { for (i = NR; i > 0 && most > 0; i--) if (line[i] != "" && !seen[line[i]]++) { print line[i]; most-- } }'
}
"""

CHOOSE = r"""
logged_ids() { LC_ALL=C sed -nE "$TRACE" "$tmp/$client.log" | newest "$1"; }

followed() { # sets trace: the newest id that the client's sidecar and another have logged, if possible one that the app says it sent
  local ids sent=
  ids=$(logged_ids "$TAIL")
  if [[ -s $tmp/$client.sent ]]; then sent=$(cut -d ' ' -f 1 "$tmp/$client.sent" | grep -Ff - <(printf '%s\n' "$ids") || true); fi
  for trace in $sent $ids; do
    [[ $(grep -lF -e "$trace" "$tmp"/*.log | wc -l) -lt 2 ]] || return 0
  done
  return 1
}

all_followed() {
  local row namespace name client
  read_logs
  for row in "${CLIENTS[@]}"; do
    read -r namespace name _ <<<"$row"
    client=$namespace.$name
    followed || return 1
  done
}

not_followed() {
  if [[ -z $(LC_ALL=C sed -nE "$TRACE" "$tmp/$client.log") ]]; then
    die "$name's sidecar shows no line in this lab's format" "it logs requests: $out/scripts/traffic.sh" \
      "the format is a setting of the mesh: $out/scripts/install.sh"
  elif [[ -z $(logged_ids 1) ]]; then
    die "$name's sidecar logs - instead of a trace id" "its tracer is not active (or the lines are of TCP connections, which have no trace)" \
      "a sidecar reads its tracer's settings when it starts: $out/scripts/restart.sh" "they are settings of the mesh: $out/scripts/install.sh"
  fi
  die "no other sidecar logged a trace id of $name's" "has the service that it calls a sidecar? $out/scripts/restart.sh" "does it answer? $out/scripts/traffic.sh"
}
"""

SPANS = r"""
spans() { # who has which span of the trace
  local file sidecar
  [[ ! -s $tmp/$client.sent ]] || awk -v trace="$trace" -v who="$name's app" 'index(trace, $1) { print $2, "sent by " who; exit }' "$tmp/$client.sent"
  for file in "$tmp"/*.log; do
    sidecar=${file##*/} sidecar=${sidecar#*.} sidecar=${sidecar%.log}
    grep -F -e "$trace" "$file" | LC_ALL=C sed -nE "$SPAN" | awk -v who="$sidecar's sidecar" '$0 != "-" { print $0, "logged by " who }' || true
  done
}

differ() {
  local found same line
  found=$(spans)
  same=$(cut -d ' ' -f 1 <<<"$found" | sort | uniq -d)
  printf '2. The span ids in it:\n'
  while read -r line; do printf '   %s\n' "$line"; done <<<"$found"
  [[ -z $same ]] || die "these are not all different" "a sidecar whose tracer is not active hands on the headers that it got, and logs them" \
    "a sidecar reads its tracer's settings when it starts: $out/scripts/restart.sh" "they are settings of the mesh: $out/scripts/install.sh"
  printf '   All differ: each sidecar made a span of its own.\n'
}
"""
NO_SPANS = r"""
differ() {
  printf '2. The log format has no span id: whether the sidecars make spans of their own does not show here.\n'
}
"""

HELD = r"""
held() { # whether the collector has one of $ids; sets trace
  local significant
  for trace in $ids; do
    significant=${trace#"${trace%%[!0]*}"} # it leaves zeros out, or adds some
    if ask "$TRACE_API$trace" && grep -qE "\"0*$significant\"" <<<"$answer"; then return; fi
  done
  return 1
}
"""
RULES = {
    "always": r"""
always() {
  await held || die "$COLLECTOR has no trace $trace" "an id in a log is no trace yet: the sidecar must send its span, to $RECEIVER" \
    "a sidecar reads that address when it starts: $out/scripts/restart.sh" "it is a setting of the mesh: $out/scripts/install.sh"
  printf '3. %s has the trace. Look at it: %s/scripts/ui.sh\n' "$COLLECTOR" "$out"
}
""",
    "never": r"""
never() {
  local limit=$((limit < 10 ? limit : 10)) # a sidecar sends its spans within 5 seconds
  if await held; then
    die "$COLLECTOR has the trace $trace, though nothing of $name is to be sampled" "the mesh has other settings than this lab's: $out/scripts/install.sh"
  fi
  printf '3. %s has no trace of these ids (%s asked for). Right: nothing of %s is sampled.\n' "$COLLECTOR" "$(wc -w <<<"$ids" | tr -d ' ')" "$name"
}
""",
    "sometimes": r"""
sometimes() {
  local count rounds
  read -r _ _ _ rounds <<<"$row"
  count=$(wc -w <<<"$ids" | tr -d ' ')
  if await held; then
    printf '3. %s has the trace %s (%s %% of the requests are sampled). Look at it: %s/scripts/ui.sh\n' "$COLLECTOR" "$trace" "$PERCENT" "$out"
    return
  fi
  printf '3. %s has no trace of the newest %s ids.\n' "$COLLECTOR" "$count"
  awk -v percent="$PERCENT" -v count="$count" -v enough="$ENOUGH" 'BEGIN {
    printf "   With %s %% sampled that happens in %.0f of 100 cases; of %d requests one is sampled in 95 of 100.\n", percent, 100 * (1 - percent / 100) ^ count, enough }'
  if ((ENOUGH <= ASKED)); then printf '   Send so many: %s/scripts/traffic.sh %s %s\n' "$out" "$variant" "$rounds"; fi
}
""",
}

FOLLOW = r"""
await all_followed || true
show

for row in "${CLIENTS[@]}"; do
  read -r namespace name rule _ <<<"$row"
  client=$namespace.$name
  printf '\nA request of %s:\n' "$name"
  followed || not_followed
  printf '1. More than one sidecar logged the trace id %s.\n' "$trace"
  differ
  if [[ $rule == always ]]; then ids=$trace; else ids=$(logged_ids "$ASKED"); fi
  [[ -n $forward ]] || connect
  "$rule"
done
"""
FOLLOW_SENT = r"""
await logged || true
show

for row in "${CLIENTS[@]}"; do
  read -r namespace name rule _ <<<"$row"
  printf '\nA request of %s:\n' "$name"
  printf '1. The log format has no trace id.\n'
  ids=
  if [[ -s $tmp/$namespace.$name.sent ]]; then ids=$(cut -d ' ' -f 1 "$tmp/$namespace.$name.sent" | newest "$ASKED"); fi
  if [[ -z $ids ]]; then
    printf "   To see it, put traceID=\${trace_id} spanID=\${span_id} into logs.format.\n"
    continue
  fi
  if [[ $rule == always ]]; then ids=${ids%%$'\n'*}; fi
  printf '2. The newest that its app sent: %s\n' "${ids%%$'\n'*}"
  [[ -n $forward ]] || connect
  "$rule"
done
"""
NOTE = r"""
await logged || true
show
printf '\n%s\n' "$NOTE"
"""
ONLY_SHOW = r"""
read_logs
show
printf '\nThere is no request to follow: no client calls a service that has a pod.\n'
"""
NO_PODS = r"""
printf 'No service of this lab has a pod: there is no log to read.\n'
"""
NO_LOG = r"""
printf 'This lab writes no access log: logs.format is none.\n'
"""
