"""What containers take from Secrets and ConfigMaps that labspec does not make."""

from typing import NamedTuple

from labspec.plan import Plan


class Source(NamedTuple):
    """A Secret or a ConfigMap of others, in the namespace of the services."""

    kind: str
    """`Secret` or `ConfigMap`."""
    name: str
    keys: tuple[str, ...]
    """Those that containers take."""


def sources(form: Plan) -> tuple[Source, ...]:
    """All of them, in the order in which the services name them."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for workload in form.workloads:
        for variable in workload.container.env:
            if variable.holder:
                found.setdefault((variable.kind, variable.holder), {})[variable.value] = None
    return tuple(Source(kind, name, tuple(keys)) for (kind, name), keys in found.items())


def making(source: Source, namespace: str) -> str:
    """The command that makes one; who types it puts the values in."""
    what = "secret generic" if source.kind == "Secret" else "configmap"
    literals = " ".join(f"--from-literal={key}=VALUE" for key in source.keys)
    return f"kubectl -n {namespace} create {what} {source.name} {literals}"


def adding(source: Source, namespace: str) -> str:
    """The command that adds the keys to one that is there."""
    what, field = ("secret", "stringData") if source.kind == "Secret" else ("configmap", "data")
    keys = ", ".join(f'"{key}": "VALUE"' for key in source.keys)
    return f"kubectl -n {namespace} patch {what} {source.name} --patch '{{\"{field}\": {{{keys}}}}}'"


def lacking(form: Plan, other: Plan) -> list[str]:
    """The commands that make what `form` takes, where what `other` takes is there."""
    there = {(each.kind, each.name): each.keys for each in sources(other)} if form.namespace == other.namespace else {}
    commands = []
    for source in sources(form):
        known = there.get((source.kind, source.name))
        keys = tuple(key for key in source.keys if key not in (known or ()))
        if keys:
            commands.append((making if known is None else adding)(source._replace(keys=keys), form.namespace))
    return commands


def namespace_file(plan: Plan, form: Plan) -> str:
    """The generated file with the namespace that a form of the lab makes; empty where it makes none."""
    if not form.owns_namespace:
        return ""
    is_the_labs = plan.owns_namespace and plan.namespace == form.namespace
    return "base/namespaces.yaml" if is_the_labs else f"overlays/{form.variant}/namespaces.yaml"
