"""Kinds found by folder: one kind, one file; nothing else names it."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import TypeVar

Kind = TypeVar("Kind")


@cache
def modules_in(package: ModuleType) -> tuple[ModuleType, ...]:
    """The modules of a folder in the order of their names; those that begin with `_` serve the others and are no kinds."""
    names = sorted(module.name for module in iter_modules(package.__path__) if not module.name.startswith("_"))
    return tuple(import_module(f"{package.__name__}.{name}") for name in names)


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
