"""Kinesis' answers to the suite, given by moto."""

from __future__ import annotations

from typing import Any

from tests.conformance.quirks.streams import StreamQuirks
from tests.servers.native_types import TypesTable

_NO_QUERIES = "records have no query language: tests/integration/test_kinesis.py proves reading them"
_OWN = "Kinesis has no offsets that count, headers or NULL: tests/integration/test_kinesis.py proves the same"


class KinesisQuirks(StreamQuirks):
    """An account whose keys, signatures and policies are checked."""

    type = "kinesis"
    system = "Amazon Kinesis (moto)"
    server_name = "kinesis"
    mortal_name = "kinesis_mortal"
    types_table = TypesTable(table="conformance-browse", columns=())
    primary_key = None
    wrong_password_codes = ("login.wrong_secret_key",)
    not_applicable = {
        **dict.fromkeys(
            (
                "query to Arrow", "types, NULLs and extremes exact", "empty result keeps its schema",
                "parameters and Unicode", "limit", "1 M rows in bounded memory", "cancel on hang-up", "back-pressure",
                "deadline", "SQL errors", "pool exhausted is a typed error", "pool reuse", "server restart",
                "server killed",
            ),
            _NO_QUERIES,
        ),
        **dict.fromkeys(
            (
                "messages written and read exactly", "offsets, timestamps, partitions, limit",
                "describe and sample a topic",
            ),
            _OWN,
        ),
        "describe": "a stream's columns are those of every record: tests/integration/test_kinesis.py proves them",
        "sample": "a stream's columns are those of every record: tests/integration/test_kinesis.py proves them",
        "ingest and read back": "messages are produced: tests/integration/test_kinesis.py proves rows read back",
        "commit and lag; reading commits nothing": "Kinesis keeps no positions of groups",
        "1 M messages in bounded memory": "the emulator keeps everything in Python's memory: "
        "tests/integration/test_kinesis.py reads 60 k records",
        "stream deadline, restart and kill": "the emulator forgets its streams when it ends: "
        "tests/integration/test_kinesis.py proves deadline and kill",
    }  # fmt: skip

    def prepare(self) -> None:
        self.server.create_topic(self.table_path())

    def base_draft(self, server: Any) -> dict[str, Any]:
        return {
            "configuration": {"region": server.region, "endpoint": server.endpoint, "poll_interval_ms": 50},
            "authentication": {
                "type": "access_key", "access_key_id": server.access_key, "secret_access_key": server.secret_key,
            },
        }  # fmt: skip

    def secrets(self) -> list[str]:
        return [self.server.secret_key]

    def aimed_at(self, name: str, host: str, port: int) -> dict[str, Any]:
        return self.draft(name, configuration={"endpoint": f"http://{host}:{port}"})

    def wrong_password(self, name: str) -> dict[str, Any]:
        return self.draft(name, authentication={"secret_access_key": "canary-wrong-secret"})

    def table_path(self) -> str:
        return self.types_table.table

    def browse_path(self) -> str:
        return ""

    def create_topic(self, name: str, partitions: int = 1) -> None:
        self.server.create_topic(name, partitions)

    def write(self, topic: str, messages: list[dict[str, Any]]) -> None:
        self.server.write(topic, messages)

    def read(self, topic: str, count: int) -> list[dict[str, Any]]:
        return self.server.read(topic, count)
