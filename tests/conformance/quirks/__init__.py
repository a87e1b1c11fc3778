"""What differs between the connection types, for the conformance suite; one module a type, found by itself."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable

from tests.conformance.quirks.base import Quirks
from tests.servers.catalog import ServerCatalog


def _find() -> dict[str, Callable[[ServerCatalog], Quirks]]:
    found: dict[str, Callable[[ServerCatalog], Quirks]] = {}
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, Quirks) and value.__module__ == module.name and value.type:
                found[value.type] = value
    return found


#: Every type of the program must be here; test_spec.py compares it with GET /connection-types.
QUIRKS = _find()

__all__ = ["QUIRKS", "Quirks"]
