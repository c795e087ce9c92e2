"""What a Kustomize overlay has to change in a base so that a variant comes of it.

Both are sets of whole objects; the overlay is their difference. JSON 6902 (RFC 6902) carries it rather than strategic
merges, because it says the same for built-in kinds and for custom resources, whose lists a merge would replace whole.
A `test` before each `replace` and `remove` makes Kustomize refuse a base that is no longer the one compared.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from labspec.resource import Object, identity
from labspec.yamltext import document, sequence

_Identity = tuple[str, str, str, str]
_Names = tuple[_Identity, ...]
_Operation = dict[str, Any]
# Operations that only together, and in this order, mean what they should: indexes shift as items come and go.
_Unit = list[_Operation]
_Bodies = dict[_Identity, dict[str, Any]]


class OverlayError(RuntimeError):
    """A difference that no overlay can carry: a fault of the compiler, never of a spec."""


class Overlay(NamedTuple):
    """What the kustomization.yaml of a variant has beside the base."""

    added: tuple[Object, ...]
    """Objects of the variant alone, in its order."""
    patches: tuple[Mapping[str, Any], ...]
    """Items of `patches`; deletions come last."""


class _Patch(NamedTuple):
    target: dict[str, str]
    names: _Names
    operations: list[_Operation]


def overlay(base: Sequence[Object], variant: Sequence[Object]) -> Overlay:
    """The overlay that makes `variant` of `base`, proved by applying it.

    Raises:
        OverlayError: two objects of a set are the same one, a value is null, a target cannot name its objects alone,
            or the patched base is not the variant.

    """
    old, new = _bodies(base), _bodies(variant)
    # Kustomize patches what the overlay adds, too.
    patches = [patch for each in _changes(old, new).items() for patch in _aimed(*each, everything=tuple(old | new))]
    _prove(old, new, patches)
    changes = ({"target": patch.target, "patch": _text(patch.operations)} for patch in patches)
    deletions = ({"patch": _deletion(name)} for name in old if name not in new)
    return Overlay(tuple(each for each in variant if identity(each.body) not in old), (*changes, *deletions))


def _bodies(objects: Sequence[Object]) -> _Bodies:
    bodies: _Bodies = {}
    for each in objects:
        name = identity(each.body)
        if name in bodies:
            raise OverlayError(f"{_shown(name)} is there twice")
        bodies[name] = _plain(each.body, "")
    return bodies


def _plain(value: Any, path: str) -> Any:  # noqa: ANN401  # any YAML value
    """A copy of JSON's own types, with numbers as the emitter writes them."""
    if isinstance(value, Mapping):
        return {key: _plain(item, _join(path, key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, _join(path, index)) for index, item in enumerate(value)]
    if value is None:
        # A test for null holds where there is nothing at all, so that no test could guard it.
        raise OverlayError(f"{path} is null: leave the key out")
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _same(one: Any, other: Any) -> bool:  # noqa: ANN401
    """Equality as in JSON, where true is not 1."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(item, other[key]) for key, item in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _shown(name: _Identity) -> str:
    return " ".join(filter(None, name))


def _join(path: str, key: str | int) -> str:
    """A JSON pointer, RFC 6901, one step deeper."""
    return f"{path}/{str(key).replace('~', '~0').replace('/', '~1')}"


def _difference(old: Any, new: Any, path: str) -> list[_Unit]:  # noqa: ANN401
    if _same(old, new):
        return []
    # Maps that share no key are two different things rather than one that changed.
    if isinstance(old, dict) and isinstance(new, dict) and (not old or old.keys() & new.keys()):
        return _of_maps(old, new, path)
    if isinstance(old, list) and isinstance(new, list) and (not old or new):
        return _of_lists(old, new, path)
    return [_replaced(old, new, path)]


def _of_maps(old: dict[str, Any], new: dict[str, Any], path: str) -> list[_Unit]:
    units: list[_Unit] = []
    for key, item in old.items():
        here = _join(path, key)
        units += _difference(item, new[key], here) if key in new else [_removed(item, here)]
    units += [[_added(item, _join(path, key))] for key, item in new.items() if key not in old]
    return units


def _of_lists(old: list[Any], new: list[Any], path: str) -> list[_Unit]:
    names = _names(old), _names(new)
    if names[0] and names[1] and names[0] != names[1]:
        return [_of_named(old, new, path)]
    if len(old) == len(new):
        return [unit for at, item in enumerate(old) for unit in _difference(item, new[at], _join(path, at))]
    return [_of_unnamed(old, new, path)]


def _names(items: list[Any]) -> list[str]:
    """The names of the items, where each has its own; else nothing."""
    names = [item.get("name") if isinstance(item, dict) else None for item in items]
    texts = [name for name in names if isinstance(name, str)]
    return texts if len(set(texts)) == len(items) else []


def _of_named(old: list[dict[str, Any]], new: list[dict[str, Any]], path: str) -> _Unit:
    """One walk through both lists, as the names pair their items; `at` is where it stands in the list as changed."""
    before, after = _names(old), _names(new)
    if [name for name in before if name in after] != [name for name in after if name in before]:
        return _replaced_list(old, new, path)
    unit: _Unit = []
    left, right, at = old[:], new[:], 0
    while left or right:
        here = _join(path, at)
        goes = bool(left) and left[0]["name"] not in after
        comes = bool(right) and right[0]["name"] not in before
        if goes and not comes:
            unit += _removed(left.pop(0), here)
            continue
        if comes and not goes:
            unit.append(_added(right.pop(0), here if left else f"{path}/-"))
        else:
            unit += _item(left.pop(0), right.pop(0), here)
        at += 1
    return unit


def _item(old: dict[str, Any], new: dict[str, Any], path: str) -> _Unit:
    unit = [operation for each in _difference(old, new, path) for operation in each]
    # An item under another name is another item, unless it differs in a single value.
    return unit if old["name"] == new["name"] or len(unit) == 2 else _replaced(old, new, path)


def _of_unnamed(old: list[Any], new: list[Any], path: str) -> _Unit:
    """Items put in or taken out at one place; anything else replaces the list."""
    start = _alike(old, new)
    end = min(_alike(old[::-1], new[::-1]), min(len(old), len(new)) - start)
    gone, come = old[start : len(old) - end], new[start : len(new) - end]
    if gone and come:
        return _replaced_list(old, new, path)
    if gone:
        return [operation for item in gone for operation in _removed(item, _join(path, start))]
    return [_added(item, _join(path, start + index) if end else f"{path}/-") for index, item in enumerate(come)]


def _alike(one: list[Any], other: list[Any]) -> int:
    """How many items are the same before the first that differs."""
    shorter = min(len(one), len(other))
    return next((index for index in range(shorter) if not _same(one[index], other[index])), shorter)


def _added(value: Any, path: str) -> _Operation:  # noqa: ANN401
    return {"op": "add", "path": path, "value": value}


def _removed(old: Any, path: str) -> _Unit:  # noqa: ANN401
    return [_test(old, path), {"op": "remove", "path": path}]


def _replaced(old: Any, new: Any, path: str) -> _Unit:  # noqa: ANN401
    return [_test(old, path), {"op": "replace", "path": path, "value": new}]


def _replaced_list(old: list[Any], new: list[Any], path: str) -> _Unit:
    """The test looks at the first item that differs: the items before it say nothing about which list this is."""
    index = _alike(old, new)
    return [_test(old[index], _join(path, index)), {"op": "replace", "path": path, "value": new}]


def _test(old: Any, path: str) -> _Operation:  # noqa: ANN401
    where, value = next(_leaves(old, path), (path, old))
    return {"op": "test", "path": where, "value": value}


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """The scalars in it, those first that tell most: a name, another text, a number; then what lies deeper."""
    if not isinstance(value, dict | list):
        yield path, value
        return
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in sorted(items, key=_rank):
        yield from _leaves(item, _join(path, key))


def _rank(pair: tuple[str | int, Any]) -> tuple[bool, ...]:
    key, item = pair
    return key != "name", isinstance(item, dict | list), not isinstance(item, str), not item


def _changes(old: _Bodies, new: _Bodies) -> dict[_Names, list[_Operation]]:
    """Objects of one kind, and the operations that these objects and no other have."""
    shared: dict[tuple[str, str, str], tuple[list[_Identity], _Unit]] = {}
    for name, body in old.items():
        for unit in _difference(body, new.get(name, body), ""):
            shared.setdefault((*name[:2], repr(unit)), ([], unit))[0].append(name)
    changes: dict[_Names, list[_Operation]] = {}
    for names, unit in shared.values():
        changes.setdefault(tuple(names), []).extend(unit)
    return changes


def _aimed(names: _Names, operations: list[_Operation], everything: _Names) -> Iterator[_Patch]:
    """The change as one patch; as one for each namespace where the same names elsewhere are not meant."""
    every = [{"kind": "Deployment"}] if names[0][1] == "Deployment" and len(names) > 1 else []
    for target in (*every, _target(names)):
        if _hit(target, everything) == names:
            yield _Patch(target, names, operations)
            return
    namespaces = dict.fromkeys(name[2] for name in names)
    if len(namespaces) == 1:
        raise OverlayError(f"no target of a patch names {', '.join(map(_shown, names))} alone")
    for namespace in namespaces:
        yield from _aimed(tuple(name for name in names if name[2] == namespace), operations, everything)


def _target(names: _Names) -> dict[str, str]:
    # re.escape takes a hyphen for special; it is so in brackets only.
    expression = "|".join(re.escape(name[3]).replace(r"\-", "-") for name in names)
    shared = {} if len({name[2] for name in names}) == 1 else {"namespace": ""}
    return {field: value for field, value in {**_fields(names[0]), "name": expression, **shared}.items() if value}


def _fields(name: _Identity) -> dict[str, str]:
    api_version, kind, namespace, own = name
    group, _, version = api_version.rpartition("/")
    return {"group": group, "version": version, "kind": kind, "name": own, "namespace": namespace}


def _hit(target: dict[str, str], everything: _Names) -> _Names:
    """What Kustomize selects: each field is an expression for the whole value, one left out holds for every value."""
    # Kustomize takes an object that has no namespace for one in `default`.
    fields = {name: _fields((name[0], name[1], name[2] or "default", name[3])) for name in everything}
    return tuple(name for name, has in fields.items() if all(re.fullmatch(target[each], has[each]) for each in target))


def _text(operations: list[_Operation]) -> str:
    text = sequence(operations)
    last = operations[-1].get("value", "")
    while isinstance(last, dict | list) and last:
        last = list(last.values())[-1] if isinstance(last, dict) else last[-1]
    # Kustomize trims a patch, which would take the last line feed from a block.
    return f"{text}# end\n" if isinstance(last, str) and last.endswith("\n") else text


def _deletion(name: _Identity) -> str:
    api_version, kind, namespace, own = name
    metadata = {"name": own, "namespace": namespace} if namespace else {"name": own}
    return document({"$patch": "delete", "apiVersion": api_version, "kind": kind, "metadata": metadata})


def _prove(old: _Bodies, new: _Bodies, patches: list[_Patch]) -> None:
    """The patches, applied to the base, give the objects that the variant shares with it."""
    if not patches:
        return
    from jsonpatch import JsonPatch, JsonPatchException  # noqa: PLC0415  # only a lab with variants pays for it
    from jsonpointer import JsonPointerException  # noqa: PLC0415

    made = dict(old)
    for patch in patches:
        for name in patch.names:
            try:
                made[name] = JsonPatch(patch.operations).apply(made[name])
            except (JsonPatchException, JsonPointerException) as error:
                raise OverlayError(f"a patch of {_shown(name)} does not apply: {error}") from error
    for name, body in made.items():
        if name in new and not _same(body, new[name]):
            raise OverlayError(f"the patches make of {_shown(name)} what the variant does not say")
