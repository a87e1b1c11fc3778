"""The Glue service of moto, an emulator."""

from __future__ import annotations

from collections.abc import Callable

from tests.servers.catalog import ServerCatalog
from tests.servers.moto import MotoServer
from tests.servers.process import ServerProcess


class GlueServer(MotoServer):
    """A user that may use Glue, and one that may only read."""

    name = "glue"
    service = "glue"
    reader_actions = ("glue:Get*",)


def makers(catalog: ServerCatalog) -> dict[str, Callable[[], ServerProcess]]:
    """Returns the servers by name."""
    return {"glue": lambda: GlueServer(checked=True), "glue_mortal": lambda: GlueServer(checked=False)}
