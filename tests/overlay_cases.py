"""Pairs of a base and a variant, made by a seeded generator, and an overlay's patches applied as Kustomize does it."""

import copy
import json
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import yaml
from jsonpatch import JsonPatch

from labspec.overlay import Overlay
from labspec.resource import Object, identity

Body = dict[str, Any]
Pair = tuple[list[Object], list[Object]]

SCALARS: list[Any] = [
    *("a", "b", "", "100", "yes", "true", "null", "1e3", "0x1f", "$(VAR)", "a: b", "- c", "#d", "<e> & 'f' \"g\"", "é\u2028"),
    *("one\ntwo", "one\n  two\n", "trail \nx\n", "\n\nlead\n", '#!/bin/sh\nset -eu\necho "$(date)"  # now\n', "x" * 300, "tab\ty"),
    *(0, 1, 80, -5, 1.5, 2**40, True, False),
]  # fmt: skip
KEYS = ["a", "b", "", "app.kubernetes.io/name", "c~d", "~1", "0", "-", "yes", "e f"]
NAMES = ["http", "grpc", "tcp", "a.b", "x"]
KINDS = [
    ("v1", "Service"),
    ("v1", "ConfigMap"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "Deployment"),
    ("telemetry.istio.io/v1", "Telemetry"),
    ("networking.istio.io/v1", "VirtualService"),
]
OBJECTS = ["frontend", "backend", "frontend2", "my-frontend", "a.b", "a-b"]
NAMESPACES = ["lab", "lab2"]


def pairs(count: int, seed: int = 0) -> Iterator[Pair]:
    """`count` pairs of sets of objects; the same seed gives the same pairs."""
    for index in range(count):
        yield _Maker(random.Random(f"{seed}-{index}")).pair()  # noqa: S311  # cases, not secrets


def objects(bodies: Iterable[Body]) -> list[Object]:
    return [Object(body) for body in bodies]


def as_text(bodies: Iterable[Mapping[str, Any]]) -> str:
    """One text for equal sets of objects, and another one where true stands for 1."""
    return "\n".join(sorted(json.dumps(body, sort_keys=True) for body in bodies))


def patched(base: Sequence[Object], made: Overlay) -> dict[tuple[str, str, str, str], Body]:
    """What Kustomize makes of the base and what the overlay adds; a patch without a target deletes."""
    bodies = {identity(each.body): copy.deepcopy(dict(each.body)) for each in (*base, *made.added)}
    for patch in made.patches:
        content = yaml.safe_load(patch["patch"])
        if "target" not in patch:
            assert content.pop("$patch") == "delete"
            del bodies[identity(content)]
            continue
        for name in targeted(patch["target"], bodies):
            bodies[name] = JsonPatch(content).apply(bodies[name])
    return bodies


def targeted(target: dict[str, str], names: Iterable[tuple[str, str, str, str]]) -> list[tuple[str, str, str, str]]:
    def fields(name: tuple[str, str, str, str]) -> dict[str, str]:
        group, _, version = name[0].rpartition("/")
        return {"group": group, "version": version, "kind": name[1], "namespace": name[2], "name": name[3]}

    return [name for name in names if all(re.fullmatch(target[key], fields(name)[key]) for key in target)]


class _Maker:
    """One pair, made by one source of chance."""

    def __init__(self, source: random.Random) -> None:
        self._source = source

    def pair(self) -> Pair:
        base = self._objects()
        variant = [copy.deepcopy(body) for body in base if self._source.random() < 0.85]
        taken = {identity(body) for body in base}
        variant += [body for body in self._objects() if identity(body) not in taken and self._source.random() < 0.3]
        for body in variant:
            body["metadata"]["annotations"] = {"labspec/variant": "V"}
            for _ in range(self._source.choice([0, 0, 1, 1, 2, 4])):
                body["spec"] = self._changed(body["spec"], 0)
                if not isinstance(body["spec"], dict):
                    body["spec"] = {"a": body["spec"]}
        self._source.shuffle(variant)
        return objects(base), objects(variant)

    def _objects(self) -> list[Body]:
        bodies = {}
        for _ in range(self._source.randint(1, 6)):
            api_version, kind = self._source.choice(KINDS)
            name, namespace = self._source.choice(OBJECTS), self._source.choice(NAMESPACES)
            meta: Body = {"name": name, "namespace": namespace, "labels": {"app.kubernetes.io/name": name}}
            if self._source.random() < 0.8:
                meta["annotations"] = {"labspec/variant": "base"}
            body = {
                "apiVersion": api_version,
                "kind": kind,
                "metadata": meta,
                "spec": {"a": 1, **self._mapping(0), **self._mapping(0)},
            }
            bodies[identity(body)] = body
        return list(bodies.values())

    def _value(self, depth: int) -> Any:
        kind = self._source.random()
        if depth > 3 or kind < 0.4:
            return self._source.choice(SCALARS)
        if kind < 0.6:
            return self._mapping(depth)
        if kind < 0.8:
            return [self._value(depth + 1) for _ in range(self._source.randint(0, 4))]
        names = self._source.sample(NAMES, self._source.randint(0, 4))
        return [{"name": name, **self._mapping(depth + 1)} for name in names]

    def _mapping(self, depth: int) -> Body:
        return {key: self._value(depth + 1) for key in self._source.sample(KEYS, self._source.randint(0, 3))}

    def _changed(self, value: Any, depth: int) -> Any:
        """The value with one thing in it changed."""
        deeper = isinstance(value, dict | list) and value and self._source.random() < 0.75
        if not deeper:
            return self._changed_here(value, depth)
        key = self._source.choice(list(value) if isinstance(value, dict) else range(len(value)))
        if key != "name":
            value[key] = self._changed(value[key], depth + 1)
        return value

    def _changed_here(self, value: Any, depth: int) -> Any:
        if isinstance(value, list):
            items = list(value)
            named = [
                name for name in NAMES if all(isinstance(item, dict) and item.get("name") != name for item in items)
            ]
            new = {"name": self._source.choice(named), "a": 1} if named else self._value(depth)
            at = self._source.randint(0, len(items))
            what = self._source.choice(["in", "in", "out", "out", "shuffle", "other"])
            if what == "in":
                return [*items[:at], new, *items[at:]]
            if what == "out":
                return items[:at] + items[at + 1 :]
            if what == "shuffle":
                return self._source.sample(items, len(items))
        if isinstance(value, dict) and self._source.random() < 0.7:
            key = self._source.choice(KEYS)
            if key in value and self._source.random() < 0.6:
                return {each: item for each, item in value.items() if each != key}
            return {**value, key: self._value(depth)}
        return self._value(depth)
