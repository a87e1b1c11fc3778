"""SQL Server, Synapse and Oracle: no server of theirs can be had here, so the suite asks only what needs none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.conformance.quirks.base import Quirks

_NEEDS_A_SERVER = (
    "open and test",
    "wrong password",
    "query to Arrow",
    "types, NULLs and extremes exact",
    "empty result keeps its schema",
    "parameters and Unicode",
    "limit",
    "1 M rows in bounded memory",
    "cancel on hang-up",
    "back-pressure",
    "deadline",
    "SQL errors",
    "pool exhausted is a typed error",
    "pool reuse",
    "server restart",
    "server killed",
    "browse",
    "describe",
    "sample",
    "a table of one SQL over connections",
    "secrets nowhere",
)
_NEEDS_THE_DRIVER = ("dead host", "refused port", "filtered port")


def _reasons(system: str, driven: str) -> Mapping[str, str]:
    none = f"not proven: no server can be had: {system}; {driven}"
    driver = "the suite's server has no vendor's driver installed; tests/integration/test_driver_types.py proves it"
    written = "the type has no ingest: none could be proven"
    return (
        dict.fromkeys(_NEEDS_A_SERVER, none)
        | dict.fromkeys(_NEEDS_THE_DRIVER, driver)
        | {"ingest and read back": written}
    )


class _DriverQuirks(Quirks):
    """What the three have in common."""

    def version(self) -> str:
        return "(no server)"

    def prepare(self) -> None:
        """There is nowhere to put rows."""

    def base_draft(self, server: Any) -> dict[str, Any]:
        place = {"service": "FREEPDB1"} if self.type == "oracle" else {"database": "sales"}
        return {
            "configuration": {"host": "127.0.0.1", "port": 1, **place},
            "authentication": {"type": "password", "user": "app", "password": "canary-driver-types"},
        }

    def secrets(self) -> list[str]:
        return ["canary-driver-types"]


_TDS = "Microsoft's driver logs in to a stand-in of the tests, reads rows, errors and a cancel"


class SqlserverQuirks(_DriverQuirks):
    """SQL Server."""

    type = "sqlserver"
    system = "SQL Server"
    not_applicable = _reasons("SQL Server", _TDS)


class SynapseQuirks(_DriverQuirks):
    """Azure Synapse."""

    type = "synapse"
    system = "Azure Synapse"
    not_applicable = _reasons("Azure Synapse", _TDS)


class OracleQuirks(_DriverQuirks):
    """Oracle."""

    type = "oracle"
    system = "Oracle"
    not_applicable = _reasons("Oracle Database", "Oracle's driver meets refusals of a listener only")
