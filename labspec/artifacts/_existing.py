"""What scripts ask of a cluster: what of the lab is there, what stands where the lab would put its own, what its mesh is set to."""

import json
from collections.abc import Iterable

from labspec.accesslog import ISTIO_JSON
from labspec.artifacts._base import manifests
from labspec.artifacts._mesh import operator
from labspec.plan import Plan
from labspec.resource import PART_OF, identity
from labspec.yamltext import document

Identity = tuple[str, str, str, str]
"""API version, kind, namespace, name."""

_ISTIO_KINDS = {"Telemetry": "telemetries.telemetry.istio.io"}
"""Kinds that a cluster has from Istio only, and what its API calls them."""


def selector(plan: Plan) -> str:
    """The labels of everything that the lab made.

    The lab's name alone does not do: other software says `part-of` too (Istio's own objects are part of `istio`).
    """
    return f"{PART_OF}={plan.name},app.kubernetes.io/managed-by=labspec"


def held(form: Plan) -> tuple[list[Identity], list[Identity]]:
    """Every object of one form of the lab that lives in a namespace: those of its services, those of its collector."""
    services: list[Identity] = []
    collector: list[Identity] = []
    for file, objects in manifests(form):
        (collector if file == "collector.yaml" else services).extend(identity(found.body) for found in objects)
    return [found for found in services if found[2]], collector


def held_by_all(plan: Plan) -> list[Identity]:
    """Every object that the lab or a variant of it has in a namespace."""
    return list(dict.fromkeys(found for form in plan.forms for part in held(form) for found in part))


def kinds(found: Iterable[Identity]) -> str:
    """Their kinds as `kubectl get` takes them, Deployments first: they use the others. Istio's kinds are not among them."""
    order = sorted(
        {(api, kind) for api, kind, _, _ in found if kind not in _ISTIO_KINDS},
        key=lambda kind: ("/" not in kind[0], kind),
    )
    return ",".join(f"{kind.lower()}.{api.partition('/')[0]}" if "/" in api else kind.lower() for api, kind in order)


def istio_kinds(found: Iterable[Identity]) -> tuple[str, ...]:
    """Their kinds that are Istio's, as its API calls them."""
    return tuple(sorted({_ISTIO_KINDS[kind] for _, kind, _, _ in found if kind in _ISTIO_KINDS}))


def namespaces(form: Plan) -> list[str]:
    """Where the objects of one form of the lab live, the namespace of its services first."""
    return list(dict.fromkeys([form.namespace, *([form.collector.namespace] if form.collector else [])]))


def all_namespaces(plan: Plan) -> list[str]:
    """Where objects of the lab or of its variants live."""
    return list(dict.fromkeys(namespace for form in plan.forms for namespace in namespaces(form)))


def listed(found: Iterable[Identity]) -> str:
    """Kind/name of each, one a line."""
    return "\n".join(f"{kind}/{name}" for _, kind, _, name in found)


_LOOK = r"""
newline=$'\n'
owner='{.metadata.labels.app\.kubernetes\.io/part-of}/{.metadata.labels.app\.kubernetes\.io/managed-by}'

foreign() { # namespace, kinds, Kind/name of each object of the lab: prints those that stand there and are not this lab's
  local found object label
  found=$("${kubectl[@]}" get "$2" --namespace="$1" --output="jsonpath={range .items[*]}{.kind}/{.metadata.name} $owner{\"\\n\"}{end}") || return
  while read -r object label; do
    [[ $label != "$LAB/labspec" ]] || continue
    [[ $newline$3$newline != *"$newline$object$newline"* ]] || printf '%s\n' "$object"
  done <<<"$found"
}

namespace_state() { # prints name|owner|istio-injection|istio.io/rev of a namespace, nothing when there is none
  "${kubectl[@]}" get namespace "$1" --ignore-not-found \
    --output="jsonpath={.metadata.name}|$owner|{.metadata.labels.istio-injection}|{.metadata.labels.istio\\.io/rev}"
}
""".lstrip("\n")

# Needs the setting ISTIO_KINDS. kubectl refuses to look for anything when it is asked for one kind that it does not know.
KNOWN = r"""
istio_kinds() { # prints the lab's kinds that the cluster has from Istio, each after a comma: kubectl looks for no others
  local found kind
  found=$("${kubectl[@]}" get customresourcedefinitions "${ISTIO_KINDS[@]}" --ignore-not-found --output=name) || return
  for kind in $found; do printf ',%s' "${kind#*/}"; done
}
""".lstrip("\n")


def foreign(known: tuple[str, ...]) -> str:
    """Shell functions that tell whose things are, for a lab with these kinds of Istio's. They need the setting LAB, and KNOWN."""
    if not known:
        return _LOOK
    more = _LOOK.replace("local found object", "local found more object").replace('get "$2"', 'get "$2$more"')
    return more.replace("  found=$(", "  more=$(istio_kinds) || return\n  found=$(", 1)


# Needs the settings ISTIO_NAMESPACE and NEEDED.
MESH = r"""
mesh_config() { # jsonpath: prints what ConfigMap istio, the mesh settings, has there; nothing when it is not there
  "${kubectl[@]}" get configmap istio --namespace="$ISTIO_NAMESPACE" --ignore-not-found --output="jsonpath=$1"
}

has_line() { # mesh settings, a whole line of whatever indentation
  [[ $'\n'$1$'\n' == *[[:space:]]"$2"$'\n'* ]]
}

lacking() { # mesh settings: prints the first line that is needed and not there
  local line
  for line in "${NEEDED[@]}"; do
    has_line "$1" "$line" || { printf '%s\n' "$line" && return; }
  done
}

sum_of() { # mesh settings: prints a number that changes with them
  cksum <<<"$1" | tr ' ' -
}
""".lstrip("\n")


def digest(plan: Plan, form: Plan) -> str:
    """A short name for the mesh settings of one form of a lab, and for the Istio that has them."""
    from hashlib import sha256  # noqa: PLC0415  # slow to load

    settings = {"version": form.istio_version, **operator(plan, form)["spec"]}
    return sha256(document(settings).encode()).hexdigest()[:12]


def needed(form: Plan) -> tuple[str, ...]:
    """Lines that istiod's settings must hold for this form; their YAML is sigs.k8s.io/yaml's, ours agrees for these."""
    return tuple(line.rstrip("\n") for line in [*_tracing(form), *_log(form)])


def unwanted(plan: Plan, form: Plan) -> tuple[str, ...]:
    """A line of each other form of the lab whose settings have all that this one needs, and more."""
    own = _lines(plan, form)
    richer = [other for other in plan.forms if set(needed(form)) <= _lines(plan, other)]
    # Profiles have defaults for these two.
    telling = [
        [
            line
            for line in needed(other)
            if line not in own and not line.startswith(("enableTracing:", "accessLogEncoding:"))
        ]
        for other in richer
    ]
    return tuple(dict.fromkeys(lines[0] for lines in telling if lines))


def _lines(plan: Plan, form: Plan) -> set[str]:
    return {line.strip() for line in document(operator(plan, form)["spec"]).splitlines()}


def _tracing(form: Plan) -> list[str]:
    if form.provider is not None:
        return [f"- {document({'name': form.provider.name})}", document({"service": form.provider.host})]
    if form.api != "meshConfig":
        return []
    lines = [document({"enableTracing": form.receiver is not None})]
    if form.receiver is not None:
        address = f"{form.receiver.host}:{form.receiver.port}"
        lines += [document({"sampling": form.percent}), document({"address": address})]
    return lines


def _log(form: Plan) -> list[str]:
    log = form.log
    if not log.encoding:
        return [document({"accessLogFile": ""})]
    lines = [document({"accessLogFile": "/dev/stdout"}), document({"accessLogEncoding": log.encoding})]
    if log.is_own:
        return lines
    if log.text is not None:
        shown = log.text.split("\n")
    else:
        own = {piece.key: piece.text for piece in log.pieces}
        theirs = json.dumps(dict(ISTIO_JSON), indent=2, ensure_ascii=False).splitlines()
        shown = [line for line in json.dumps(own, indent=2, ensure_ascii=False).splitlines() if line not in theirs]
    # What is not printable, or a space at the end of a line, makes the whole format a quoted string there.
    plain = all(piece.text.replace("\n", "").isprintable() and " \n" not in f"{piece.text}\n" for piece in log.pieces)
    return lines + [line.strip(" ") for line in shown if plain and line.strip(" ")]
