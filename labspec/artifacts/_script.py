"""What the lab's scripts share: their head, their settings, and a few shell functions.

A value of the spec enters a script in one way only: quoted, as a setting at its top.
Bodies keep to what bash 3.2 knows, which macOS still ships.
"""

import re
from collections.abc import Mapping

from labspec.artifacts._base import notice
from labspec.bundle import File
from labspec.plan import Plan
from labspec.shell import quote

# What shellcheck takes for a mistake in single quotes.
_EXPANDABLE = re.compile(r"\$[{(0-9a-zA-Z_]|`[^`]+`")

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


Setting = str | int | tuple[str, ...]
"""The value of a script's variable; a tuple becomes an array."""


def script(plan: Plan, name: str, about: str, settings: Mapping[str, Setting], *parts: str) -> File:
    """The file scripts/`name`.sh: `about` as comment lines, `settings` as quoted variables, then the core and `parts`.

    `about` is also what `--help` prints.
    """
    head = [*notice(plan).splitlines(), *about.strip().splitlines()]
    values: dict[str, Setting] = {"SPEC": plan.source, **settings}
    text = "#!/usr/bin/env bash\n" + "".join(f"# {line}".rstrip() + "\n" for line in head) + "set -euo pipefail\n\n"
    text += "".join(map(_assignment, values, values.values())) + "\n"
    return File(
        f"scripts/{name}.sh", text + "\n".join([_CORE, *(part.lstrip("\n") for part in parts)]), executable=True
    )


def _assignment(name: str, value: Setting) -> str:
    text = f"{name}={_value(value)}\n"
    return f"# shellcheck disable=SC2016 # not for this shell to expand\n{text}" if _EXPANDABLE.search(text) else text


def _value(value: Setting) -> str:
    """The right side of an assignment: an array on one line where it fits, else an element to a line."""
    if not isinstance(value, tuple):
        # In quotes unless it is a number: shellcheck takes LAB=istio-jaeger for a sum.
        word = quote(str(value))
        return f"'{word}'" if word == value else word
    words = [quote(word) for word in value]
    line = " ".join(words)
    return (
        f"({line})" if len(line) <= 80 and "\n" not in line else "(\n" + "".join(f"  {word}\n" for word in words) + ")"
    )
