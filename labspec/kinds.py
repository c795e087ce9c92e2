"""Kinds found by folder: one kind, one file; nothing else names it."""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import TypeVar

Kind = TypeVar("Kind")


def modules_in(package: ModuleType) -> Iterator[ModuleType]:
    """The modules of a folder in the order of their names; those that begin with `_` serve the others and are no kinds."""
    for module in sorted(iter_modules(package.__path__), key=lambda found: found.name):
        if not module.name.startswith("_"):
            yield import_module(f"{package.__name__}.{module.name}")


def classes_in(package: ModuleType, base: type[Kind]) -> tuple[type[Kind], ...]:
    """The subclasses of `base` that the modules of a folder define."""
    return tuple(
        value
        for module in modules_in(package)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, base) and value.__module__ == module.__name__
    )


def values_in(package: ModuleType, base: type[Kind]) -> tuple[Kind, ...]:
    """The values of type `base` that the modules of a folder define in upper case."""
    return tuple(
        value
        for module in modules_in(package)
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, base)
    )
