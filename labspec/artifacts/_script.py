"""What the lab's scripts share: their head, their settings, and a few shell functions.

A value of the spec enters a script in one way only: quoted, as a setting at its top.
Bodies keep to what bash 3.2 knows, which macOS still ships.
"""

from collections.abc import Mapping

from labspec.artifacts._base import notice
from labspec.bundle import File
from labspec.collectors._base import Backend
from labspec.plan import Plan
from labspec.shell import quote

_CORE = r"""
case " $* " in *' -h '* | *' --help '*) sed -n '3,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit ;; esac

out=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
read -ra kubectl <<<"${KUBECTL:-kubectl}"
[[ -z ${KUBE_CONTEXT:-} ]] || kubectl+=("--context=$KUBE_CONTEXT")

complain() { # what it is, the message, hints
  printf '%s: %s\n' "$1" "$2" >&2
  shift 2
  local hint
  for hint in "$@"; do printf '  %s\n' "$hint" >&2; done
}

die() {
  complain error "$@"
  exit 1
}

[[ ! -e $out/.labspec.journal ]] || die "$out is half written: a build was interrupted" "run again: labspec build $SPEC -o $out"
""".lstrip("\n")

# Waiting is bounded everywhere: LABSPEC_WAIT seconds, one look each LABSPEC_PAUSE.
POLL = r"""
# poll COMMAND...: tries it until it succeeds, for $LABSPEC_WAIT seconds at most.
poll() {
  local end=$((SECONDS + ${LABSPEC_WAIT:-30}))
  until "$@"; do
    ((SECONDS < end)) || return 1
    sleep "${LABSPEC_PAUSE:-0.5}"
  done
}
""".lstrip("\n")

SCRATCH = r"""
tmp=$(mktemp -d)
forward=
finish() {
  [[ -z $forward ]] || kill "$forward" 2>/dev/null || true
  rm -rf "$tmp"
}
trap finish EXIT
""".lstrip("\n")

# Needs POLL, SCRATCH and the settings of `collector_settings`.
CONNECT = r"""
# connect [PORT]: forwards a port of this machine (a free one unless told) to the collector, until the script ends.
connect() {
  command -v curl >/dev/null || die "curl is not installed on this machine" "install it: the collector is asked through it"
  "${kubectl[@]}" port-forward --address 127.0.0.1 -n "$COLLECTOR_NAMESPACE" "svc/$COLLECTOR_SERVICE" "${1-}:$COLLECTOR_PORT" >"$tmp/forward" 2>&1 &
  forward=$!
  poll forwarded || true
  [[ -n $port ]] || refused "${1-}"
  poll ask "$SERVICES_API" >/dev/null || die "$COLLECTOR does not answer at $SERVICES_API" \
    "what does it log? ${kubectl[*]} logs -n $COLLECTOR_NAMESPACE deploy/$COLLECTOR_DEPLOYMENT" \
    "does another collector stand there? scripts/preflight.sh"
}

# Whether there is a port, or nothing to wait for any more.
forwarded() {
  port=$(sed -nE 's/^Forwarding from 127\.0\.0\.1:([0-9]+) .*/\1/p' "$tmp/forward")
  [[ -n $port ]] || ! kill -0 "$forward" 2>/dev/null
}

refused() {
  cat "$tmp/forward" >&2
  if grep -qi 'address already in use' "$tmp/forward"; then
    die "port $1 of this machine is taken" "choose another: UI_PORT=$(($1 + 1)) scripts/ui.sh"
  fi
  die "no connection to svc/$COLLECTOR_SERVICE in namespace $COLLECTOR_NAMESPACE" "is $COLLECTOR deployed and ready? scripts/deploy.sh"
}

# ask PATH: prints the answer if it is JSON; for a path that it does not know the collector sends a web page, with status 200.
ask() {
  local answer
  answer=$(curl -sS --noproxy '*' --max-time 5 "http://127.0.0.1:$port$1" 2>>"$tmp/curl") || return 1
  [[ $answer == '{'* ]] || return 1
  printf '%s\n' "$answer"
}
""".lstrip("\n")

VARIANT = r"""
variant=${1:-base}
[[ $variant == base && $# -le 1 ]] || die "this lab has no variant \"$*\"" "it has: base"
""".lstrip("\n")

# Needs the setting ISTIO_VERSION.
ISTIOCTL = r"""
read -ra istioctl <<<"${ISTIOCTL:-istioctl}"
[[ -z ${KUBE_CONTEXT:-} ]] || istioctl+=("--context=$KUBE_CONTEXT")
istioctl_hint="get istioctl $ISTIO_VERSION from https://github.com/istio/istio/releases, or name yours: ISTIOCTL=/path/to/istioctl"

istioctl_fault() { # prints what is wrong with istioctl, nothing when all is well
  local shown pattern='[0-9]+\.[0-9]+'
  if ! command -v "${istioctl[0]}" >/dev/null; then
    printf '%s is not on this machine' "${istioctl[0]}"
  elif ! shown=$("${istioctl[@]}" version --remote=false) || [[ ! $shown =~ $pattern ]]; then
    printf '%s does not tell its version' "${istioctl[0]}"
  elif [[ ${BASH_REMATCH[0]} != "$ISTIO_VERSION" ]]; then
    printf '%s is of version %s, this lab is made for Istio %s' "${istioctl[0]}" "${BASH_REMATCH[0]}" "$ISTIO_VERSION"
  fi
}
""".lstrip("\n")

WAIT = r"""
limit=${LABSPEC_WAIT:-300} # seconds that one thing may take to become ready

await() { # runs a command again and again until it succeeds; fails when the time is over
  local end=$((SECONDS + limit))
  until "$@"; do
    ((SECONDS < end)) || return 1
    sleep "${LABSPEC_POLL:-2}"
  done
}
""".lstrip("\n")


def script(plan: Plan, name: str, about: str, settings: Mapping[str, str | int], *parts: str) -> File:
    """The file scripts/`name`.sh: `about` as comment lines, `settings` as quoted variables, then the core and `parts`.

    `about` is also what `--help` prints.
    """
    head = [*notice(plan).splitlines(), *about.strip().splitlines()]
    values = {"SPEC": plan.source, **settings}
    text = "#!/usr/bin/env bash\n" + "".join(f"# {line}".rstrip() + "\n" for line in head) + "set -euo pipefail\n\n"
    text += "".join(f"{key}={_value(value)}\n" for key, value in values.items()) + "\n"
    return File(f"scripts/{name}.sh", text + "\n".join([_CORE, *(part.lstrip("\n") for part in parts)]), executable=True)


def _value(value: Setting) -> str:
    """The right side of an assignment: an array on one line where it fits, else an element to a line."""
    if not isinstance(value, tuple):
        return quote(str(value))
    words = [quote(word) for word in value]
    line = " ".join(words)
    return f"({line})" if len(line) <= 80 and "\n" not in line else "(\n" + "".join(f"  {word}\n" for word in words) + ")"
