"""Layers of a spec, applied one after another by JSON merge patch (RFC 7396), with the place that each value comes from.

From below: the defaults for a kind of service, the spec, and for a variant its own defaults and its own part of the spec.
The defaults of all layers come before any service.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from labspec.finding import Path, Position
from labspec.source import Document

ONLY_ABOVE = ("apiVersion", "name", "extends", "variants")
"""Keys that a variant cannot have."""
_OPEN = ("env", "labels", "annotations", "probe")
"""Keys of a service whose values are maps of the author's own keys, or of which one is chosen."""
_ABSENT = object()


def merged(target: object, patch: object) -> object:
    """`target` with `patch` applied: objects merge, lists are replaced whole, null removes what is there.

    A null that removes nothing stays, for the model to judge: as a mistake in itself, or as nothing.
    """
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None and key in result:
            del result[key]
        else:
            result[key] = merged(result.get(key), value)
    return result


class Layer(NamedTuple):
    """A part of the document that is laid over what lies below."""

    place: Path
    """Where it stands in the document."""
    value: object


class Layered:
    """A spec, or one of its variants, with its layers applied; it answers for positions as a Document does."""

    def __init__(self, document: Document, variant: str | None) -> None:
        self.document = document
        self.variant = variant
        self.name = document.name
        self.heading: str | None = None
        """What the variant is about, where it says so."""
        self._layers = [Layer((), _without(document.value, ("variants",)))]
        if variant is not None:
            own = _at(document.value, ("variants", variant))
            about = own.get("description")
            self.heading = about if isinstance(about, str) else None
            # The heading of a variant is not the lab's description.
            self._layers.append(Layer(("variants", variant), _without(own, (*ONLY_ABOVE, "description"))))
        value: Any = {}
        for layer in self._layers:
            value = merged(value, _without(layer.value, ("defaults",)))
        if isinstance(value.get("services"), dict):
            value["services"] = {name: self._service(name, service) for name, service in value["services"].items()}
        self.value: dict[str, Any] = value if variant is None else _without_idle_nulls(value)

    def _service(self, name: str, service: object) -> object:
        kind = service.get("kind") if isinstance(service, dict) else None
        defaults = self._defaults(kind) if isinstance(kind, str) else []
        if not defaults:
            return service
        whole: object = {}
        for layer in defaults:
            whole = merged(whole, layer.value)
        for layer in self._layers:
            own = _at(layer.value, ("services", name))
            whole = whole if own is _ABSENT else merged(whole, own)
        return whole

    def _defaults(self, kind: str) -> list[Layer]:
        """The defaults for services of `kind`; null removes those of the layers below."""
        found: list[Layer] = []
        for layer in self._layers:
            own = _at(layer.value, ("defaults", kind))
            if isinstance(own, dict):
                found.append(Layer((*layer.place, "defaults", kind), own))
            elif own is None or _at(layer.value, ("defaults",)) is None:
                found.clear()
        return found

    def _below(self, path: Path) -> Iterator[tuple[Path, object, Path]]:
        """Where the value at `path` may come from, the topmost first: the place of a layer, its value, the path in it."""
        for layer in reversed(self._layers):
            yield layer.place, layer.value, path
        if len(path) > 2 and path[0] == "services":
            kind = _at(self.value, ("services", path[1], "kind"))
            for layer in reversed(self._defaults(kind) if isinstance(kind, str) else []):
                yield layer.place, layer.value, path[2:]

    def _said(self, path: Path) -> Iterator[tuple[Path, object]]:
        """What the layers say at `path` or above it, the topmost first, down to the one that lets nothing below through."""
        for place, value, inner in self._below(path):
            found: object = value
            for step in inner:
                if not isinstance(found, dict):
                    break
                found = found.get(step, _ABSENT)
            else:
                if found is not _ABSENT:
                    yield (*place, *inner), found
            if found is not _ABSENT and not isinstance(found, dict):
                if found is not _at(value, inner):
                    yield (*place, *inner), found
                return

    def origin(self, path: Path) -> Path:
        """The place in the document of what stands at `path` here, or of the nearest part above it.

        A map to which several layers give something stands where it stood first.
        """
        for length in range(len(path), 0, -1):
            said = list(self._said(path[:length]))
            maps = [place for place, value in said if isinstance(value, dict)]
            if said:
                is_map = isinstance(_at(self.value, path[:length]), dict) and maps
                return (*(maps[-1] if is_map else said[0][0]), *path[length:])
        return path

    def is_of_variant(self, path: Path) -> bool:
        """Whether the variant gave what stands at `path`."""
        return self.variant is not None and self.origin(path)[:2] == ("variants", self.variant)

    def position(self, path: Path, *, key: bool = False, offset: int | None = None, width: int = 1) -> Position:
        """As `Document.position`, for a path in the layered spec."""
        return self.document.position(self.origin(path), key=key, offset=offset, width=width)

    def scalar(self, path: Path) -> str | None:
        """As `Document.scalar`."""
        return self.document.scalar(self.origin(path))


def variants_of(document: Document) -> list[str]:
    """The names of the variants that are maps, in the order of the document."""
    found = _at(document.value, ("variants",))
    return [name for name, value in found.items() if isinstance(value, dict)] if isinstance(found, dict) else []


def _without_idle_nulls(value: dict[str, Any]) -> dict[str, Any]:
    """`value` without the nulls that remove nothing from a map whose keys the author chooses, or from the collector's kind."""
    result = dict(value)
    for key in ("services", "accept"):
        if isinstance(result.get(key), dict):
            result[key] = {name: inner for name, inner in result[key].items() if inner is not None}
    if isinstance(result.get("services"), dict):
        result["services"] = {name: _service_without(service) for name, service in result["services"].items()}
    for key, inner in (("logs", "format"), ("collector", "kind")):
        part = result.get(key)
        if isinstance(part, dict) and inner in part:
            lower = part[inner]
            kept = (
                {name: text for name, text in lower.items() if text is not None} if isinstance(lower, dict) else lower
            )
            result[key] = _without(part, (inner,)) if kept is None else {**part, inner: kept}
    return result


def _service_without(service: object) -> object:
    """A service without the nulls that remove nothing from its maps of the author's own keys, or of choices."""
    if not isinstance(service, dict):
        return service
    return {key: _deeply(inner) if key in _OPEN else inner for key, inner in service.items()}


def _deeply(value: object) -> object:
    if not isinstance(value, dict):
        return value
    return {key: _deeply(inner) for key, inner in value.items() if inner is not None}


def _without(value: object, keys: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {}
    return {key: inner for key, inner in value.items() if key not in keys}


def _at(value: object, path: Path) -> Any:  # noqa: ANN401  # any YAML value
    for step in path:
        if (isinstance(value, dict) and step in value) or (
            isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value)
        ):
            value = value[step]  # type: ignore[index]  # one of the two
        else:
            return _ABSENT
    return value
