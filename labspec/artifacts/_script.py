"""What the lab's scripts share: their head, their settings, and a few shell functions.

A value of the spec enters a script in one way only: quoted, as a setting at its top, or where the variant is chosen.
Bodies keep to what bash 3.2 knows, which macOS still ships.
"""

import re
from collections.abc import Callable, Mapping

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
variant=${*:-base}
""".lstrip("\n")
"""Takes the variant from what is left of the arguments; settings that differ are set from here on (see `script`)."""

# Before VARIANT.
YES = r"""
yes=()
for argument in "$@"; do
  shift
  if [[ $argument == --yes ]]; then yes=(--yes); else set -- "$@" "$argument"; fi
done
""".lstrip("\n")
"""Takes --yes from the arguments, to hand it on."""

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

Settings = Mapping[str, Setting]


def script(plan: Plan, name: str, about: str, settings: Settings | Callable[[Plan], Settings], *parts: str) -> File:
    """The file scripts/`name`.sh: `about` as comment lines, `settings` as quoted variables, then the core and `parts`.

    `about` is also what `--help` prints.

    `settings` may be a function: it is asked for the settings of each form of the lab, that is `plan` and its variants.
    What is equal in all of them stands at the top; what differs is set in one `case $variant` at the part VARIANT, so
    bodies name a setting in the same way in both cases, below that part. A setting that a form does not name is empty
    there (an empty array where others have one: write ${NAME[@]+"${NAME[@]}"}, for bash 3.2).

    A body that is for some forms only is chosen by a setting: `only` writes it.

    Where a command is shown, `$chosen` after a script's name stands for the variant: `"$out/scripts/deploy.sh$chosen"`
    gives `deploy.sh` for the base and `deploy.sh w3c` for a variant. It too is for parts below VARIANT, or functions.
    """
    given: Callable[[Plan], Settings] = settings if callable(settings) else lambda _: settings
    common, differing = _folded({form.variant: given(form) for form in plan.forms})
    if differing and VARIANT not in parts:
        message = f"{name}.sh takes no variant, and its settings differ: {', '.join(differing)}"
        raise ValueError(message)
    head = [*notice(plan).splitlines(), *about.strip().splitlines()]
    text = "#!/usr/bin/env bash\n" + "".join(f"# {line}".rstrip() + "\n" for line in head) + "set -euo pipefail\n\n"
    text += "".join(_assignment(*each) for each in [("SPEC", plan.source), *common.items()]) + "\n"
    body = "\n".join([_CORE, *(part.lstrip("\n") for part in parts)])
    choice = _choice(plan, differing, shown=_CHOSEN in body)
    body = body if plan.variants else body.replace(_CHOSEN, "")
    return File(f"scripts/{name}.sh", text + body.replace(VARIANT, VARIANT + choice), executable=True)


def only(plan: Plan, holds: Callable[[Plan], object], test: str, part: str) -> str:
    """A part for the forms of the lab of which `holds` is true: as it is where that is every form, nothing where it is none.

    Else it stands in `if [[ test ]]`, which must say of the settings what `holds` says of the form. No string of it may
    go over several lines: they are indented.
    """
    true = [bool(holds(form)) for form in plan.forms]
    if all(true) or not any(true):
        return part if all(true) else ""
    return f"if [[ {test} ]]; then\n{_indented(part.strip())}\nfi\n"


_CHOSEN = "$chosen"
_SHOWN = """\
chosen= # what stands after a script's name where one is shown
[[ $variant == base ]] || chosen=" $variant\""""


def _folded(forms: Mapping[str, Settings]) -> tuple[Settings, Mapping[str, tuple[Setting, ...]]]:
    """What all forms agree on, and what not: a value for each form, in their order."""
    names = dict.fromkeys(name for settings in forms.values() for name in settings)
    values = {name: _of_each(name, list(forms.values())) for name in names}
    common = {name: each[0] for name, each in values.items() if len(set(each)) == 1}
    return common, {name: each for name, each in values.items() if name not in common}


def _of_each(name: str, forms: list[Settings]) -> tuple[Setting, ...]:
    is_array = any(isinstance(form.get(name), tuple) for form in forms)
    empty: Setting = () if is_array else ""
    return tuple(form.get(name, empty) for form in forms)


def _choice(plan: Plan, differing: Mapping[str, tuple[Setting, ...]], *, shown: bool) -> str:
    """What follows the line that takes the variant: a refusal of one that is none, and the settings that differ."""
    names = [form.variant for form in plan.forms]
    refusal = f'die "this lab has no variant \\"$variant\\"" "it has: {", ".join(names)}"'
    if not plan.variants:
        return f"[[ $variant == base ]] || {refusal}\n"
    # Forms with the same values share a branch.
    branches: dict[tuple[Setting, ...], list[str]] = {}
    for index, name in enumerate(names):
        branches.setdefault(tuple(values[index] for values in differing.values()), []).append(name)
    cases = [_branch(members, dict(zip(differing, values, strict=True))) for values, members in branches.items()]
    tail = f"{_SHOWN}\n" if shown else ""
    return f"case $variant in\n{''.join(cases)}  *) {refusal} ;;\nesac\n{tail}"


def _branch(names: list[str], settings: Settings) -> str:
    # In a pattern only this name needs quotes.
    pattern = " | ".join("'esac'" if name == "esac" else name for name in names)
    if not settings:
        return f"  {pattern}) ;;\n"
    lines = "".join(_assignment(name, value, "    ") for name, value in settings.items())
    return f"  {pattern})\n{lines}    ;;\n"


def _indented(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.split("\n"))


def _assignment(name: str, value: Setting, indent: str = "") -> str:
    text = f"{indent}{name}={_value(value, indent)}\n"
    if _EXPANDABLE.search(text):
        return f"{indent}# shellcheck disable=SC2016 # not for this shell to expand\n{text}"
    return text


def _value(value: Setting, indent: str) -> str:
    """The right side of an assignment: an array on one line where it fits, else an element to a line."""
    if not isinstance(value, tuple):
        # In quotes unless it is a number: shellcheck takes LAB=istio-jaeger for a sum.
        word = quote(str(value))
        return f"'{word}'" if word == value else word
    words = [quote(word) for word in value]
    line = " ".join(words)
    if len(line) <= 80 and "\n" not in line:
        return f"({line})"
    return "(\n" + "".join(f"{indent}  {word}\n" for word in words) + f"{indent})"
