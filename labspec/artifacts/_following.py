"""The shell of scripts/logs.sh that finds an id that two sidecars know, and asks the collector for it.

A line that ends with `#@word` is for labs that have something of that kind, one with `#@!word` for all others: see `for_kinds`.
"""

import re
from collections.abc import Set as AbstractSet

_KIND = re.compile(r" *#@(!?)([a-z]+)$")

HINTS = {
    "telemetry": r"""
hints=("a Telemetry resource gives the sidecars their tracer, within seconds: ${kubectl[*]} get telemetries.telemetry.istio.io --all-namespaces"
  "is it this lab's? $out/scripts/deploy.sh$chosen" "it names a provider, a setting of the mesh: $out/scripts/install.sh$chosen")
""",
    "meshConfig": r"""
hints=("a sidecar reads its tracer's settings when it starts: $out/scripts/restart.sh$chosen"
  "they are settings of the mesh: $out/scripts/install.sh$chosen")
""",
}

CHOOSE = r"""
logged_ids() { LC_ALL=C sed -nE "$TRACE" "$tmp/$client.log" | newest "$1"; }

holders() { grep -lF -e "$trace" "$tmp"/*.log | wc -l; } # how many sidecars have logged it

followed() { # sets trace: the newest id that the client's sidecar and another have logged, if possible one that the app says it sent
  local ids sent=
  ids=$(logged_ids "$TAIL")
  if [[ -s $tmp/$client.sent ]]; then sent=$(cut -d ' ' -f 1 "$tmp/$client.sent" | grep -Ff - <(printf '%s\n' "$ids") || true); fi
  for trace in $sent $ids; do
    [[ $(holders) -lt 2 ]] || return 0
  done
  return 1 #@!alone
  [[ " $ALONE " == *" $name "* ]] || return 1 # only there no other sidecar need know it #@alone
  trace=${sent:-$ids} trace=${trace%%$'\n'*} #@alone
  [[ -n $trace ]] #@alone
}

all_followed() {
  local row namespace name client
  read_logs
  for row in "${CLIENTS[@]}"; do
    read -r namespace name _ <<<"$row"
    client=$namespace.$name
    followed || return 1 #@!perhaps
    followed || perhaps || return 1 #@perhaps
  done
}

perhaps() { # whether it need not have sent anything yet #@perhaps
  [[ " $PERHAPS " == *" $name "* && -z $(LC_ALL=C sed -nE "$TRACE" "$tmp/$client.log") ]] #@perhaps
} #@perhaps
 #@perhaps
more() { # how to get more lines #@itself
  if [[ " $ITSELF " == *" $name "* ]]; then #@itself
    printf 'it sends requests of its own accord: is it doing so?' #@itself
  else #@itself
    printf 'it logs requests: %s/scripts/traffic.sh%s' "$out" "$chosen" #@itself
  fi #@itself
} #@itself
 #@itself
not_followed() {
  if [[ -z $(LC_ALL=C sed -nE "$TRACE" "$tmp/$client.log") ]]; then
    die "$name's sidecar shows no line in this lab's format" "it logs requests: $out/scripts/traffic.sh$chosen" \ #@!itself
    die "$name's sidecar shows no line in this lab's format" "$(more)" \ #@itself
      "the format is a setting of the mesh: $out/scripts/install.sh$chosen"
  elif [[ -z $(logged_ids 1) ]]; then
    die "$name's sidecar logs $NOTHING instead of a trace id" "its tracer is not active (or the lines are of TCP connections, which have no trace)" "${hints[@]}"
  fi
  die "no other sidecar logged a trace id of $name's" "has the service that it calls a sidecar? $out/scripts/restart.sh$chosen" \
    "does it answer? $out/scripts/traffic.sh$chosen"
}

ended() { # what logged the request, but not this trace #@ended
  local row at services why service #@ended
  for row in ${ENDS[@]+"${ENDS[@]}"}; do #@ended
    IFS='|' read -r at services why <<<"$row" #@ended
    [[ $at == "$name" ]] || continue #@ended
    for service in $services; do #@ended
      ! grep -qF -e "$trace" "$tmp/$namespace.$service.log" || #@ended
        die "$service's sidecar logged it, too, but $why" "do the apps run that this lab says? $out/scripts/deploy.sh$chosen" #@ended
    done #@ended
    printf '   It is not in the log of: %s. Right: %s.\n' "${services// /, }" "$why" #@ended
  done #@ended
} #@ended
"""

SPANS = r"""
spans() { # who has which span of the trace
  local file sidecar
  [[ ! -s $tmp/$client.sent ]] || awk -v trace="$trace" -v who="$name's app" 'index(trace, $1) { print $2, "sent by " who; exit }' "$tmp/$client.sent"
  for file in "$tmp"/*.log; do
    sidecar=${file##*/} sidecar=${sidecar#*.} sidecar=${sidecar%.log}
    grep -F -e "$trace" "$file" | LC_ALL=C sed -nE "$SPAN" | awk -v who="$sidecar's sidecar" '/^[0-9a-f]/ { print $0, "logged by " who }' || true
  done
}

differ() {
  local found same line
  found=$(spans)
  same=$(cut -d ' ' -f 1 <<<"$found" | sort | uniq -d)
  printf '2. The span ids in it:\n'
  while read -r line; do printf '   %s\n' "$line"; done <<<"$found"
  if [[ " $TWICE " == *" $name "* ]]; then #@twice
    printf '   One may be there twice: a sidecar that reaches no pod logs the ids that it got.\n' #@twice
    return #@twice
  fi #@twice
  [[ -z $same ]] || die "these are not all different" "a sidecar whose tracer is not active hands on the headers that it got, and logs them" "${hints[@]}"
  printf '   All differ: each sidecar made a span of its own.\n'
}
"""
NO_SPANS = r"""
not_shown() {
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
  await held || die "$COLLECTOR has no trace $trace" "an id in a log is no trace yet: the sidecar must send its span, to $RECEIVER" "${hints[@]}"
  printf '3. %s has the trace. Look at it: %s/scripts/ui.sh%s\n' "$COLLECTOR" "$out" "$chosen"
}
""",
    "never": r"""
never() {
  local limit=$((limit < 10 ? limit : 10)) # a sidecar sends its spans within 5 seconds
  if await held; then
    die "$COLLECTOR has the trace $trace, though nothing of $name is to be sampled" "is that request older than these settings? send new ones: $out/scripts/traffic.sh$chosen" \
      "if not, the mesh has other settings than this lab's: $out/scripts/install.sh$chosen"
  fi
  printf '3. %s has no trace of these ids (%s asked for). Right: nothing of %s is sampled.\n' "$COLLECTOR" "$(wc -w <<<"$ids" | tr -d ' ')" "$name"
}
""",
    "sometimes": r"""
sometimes() {
  local count percent enough rounds
  read -r _ _ _ percent enough rounds _ <<<"$row"
  count=$(wc -w <<<"$ids" | tr -d ' ')
  if await held; then
    printf '3. %s has the trace %s (%s %% of the requests are sampled). Look at it: %s/scripts/ui.sh%s\n' "$COLLECTOR" "$trace" "$percent" "$out" "$chosen"
    return
  fi
  printf '3. %s has no trace of the newest %s ids.\n' "$COLLECTOR" "$count"
  awk -v percent="$percent" -v count="$count" -v enough="$enough" 'BEGIN {
    printf "   With %s %% sampled that happens in %.0f of 100 cases; of %d requests one is sampled in 95 of 100.\n", percent, 100 * (1 - percent / 100) ^ count, enough }'
  if [[ -n $rounds ]] && ((enough <= ASKED)); then printf '   Send so many: %s/scripts/traffic.sh %s %s\n' "$out" "$variant" "$rounds"; fi
}
""",
}

FOLLOW = r"""
await all_followed || true
show

for row in "${CLIENTS[@]}"; do
  read -r namespace name rule _ <<<"$row"
  client=$namespace.$name
  printf '\nA request of %s:\n' "$name" #@!outside
  printf '\nA request of %s:\n' "$(whose)" #@outside
  followed || not_followed #@!perhaps
  if ! followed; then #@perhaps
    perhaps || not_followed #@perhaps
    printf '1. There is none in the log: it does not send one in each round. More rounds: %s/scripts/traffic.sh %s 100\n' "$out" "$variant" #@perhaps
    continue #@perhaps
  fi #@perhaps
  if [[ $(holders) -lt 2 ]]; then #@alone
    printf "1. %s's sidecar logged the trace id %s. Right: no other is certain to know it.\n" "$name" "$trace" #@alone
  else #@alone
    printf '1. More than one sidecar logged the trace id %s.\n' "$trace" #@alone
  fi #@alone
  printf '1. More than one sidecar logged the trace id %s.\n' "$trace" #@!alone
  ended #@ended
  differ #@spans
  not_shown #@nospans
  if [[ -n $SPAN ]]; then differ; else not_shown; fi #@both
  if [[ $rule == always ]]; then ids=$trace; else ids=$(logged_ids "$ASKED"); fi
  reached
  "$rule"
done
[[ -z $NOTE ]] || printf '\n%s\n' "$NOTE" #@noted
"""
FOLLOW_SENT = r"""
await logged || true
show

for row in "${CLIENTS[@]}"; do
  read -r namespace name rule _ <<<"$row"
  printf '\nA request of %s:\n' "$name" #@!outside
  printf '\nA request of %s:\n' "$(whose)" #@outside
  printf '1. The log format has no trace id.\n'
  ids=
  if [[ -s $tmp/$namespace.$name.sent ]]; then ids=$(cut -d ' ' -f 1 "$tmp/$namespace.$name.sent" | newest "$ASKED"); fi
  if [[ -z $ids ]]; then
    printf '   %s\n' "$ADVICE"
    continue
  fi
  if [[ $rule == always ]]; then ids=${ids%%$'\n'*}; fi
  printf '2. The newest that its app sent: %s\n' "${ids%%$'\n'*}"
  reached
  "$rule"
done
[[ -z $NOTE ]] || printf '\n%s\n' "$NOTE" #@noted
"""
REACHED = r"""
reached() { # connects to the collector
  [[ -z $forward ]] || return 0
  # Spans come within 5 seconds, and a collector may remember how it showed half a trace.
  sleep "${LABSPEC_POLL:-5}"
  connect
}
"""
WHOSE = r"""
whose() { # a client without a sidecar is seen by the first one on the way of its requests
  local pair
  for pair in ${OUTSIDE[@]+"${OUTSIDE[@]}"}; do
    [[ ${pair#* } != "$name" ]] || { printf "%s, which has no sidecar (%s's is the first on their way)" "${pair% *}" "$name" && return; }
  done
  printf '%s' "$name"
}
"""
NOTE = r"""
await logged || true
show
printf '\n%s\n' "$NOTE"
"""
SAY = r"""
printf '%s\n' "$NOTE"
"""


def for_kinds(text: str, kinds: AbstractSet[str]) -> str:
    """The lines of `text` that a lab with things of these kinds needs."""
    lines = []
    for line in text.splitlines(keepends=True):
        found = _KIND.search(line.rstrip("\n"))
        if found is None:
            lines.append(line)
        elif (found[2] in kinds) != bool(found[1]):
            lines.append(line[: found.start()] + "\n")
    return "".join(lines)
