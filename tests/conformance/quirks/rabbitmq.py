"""RabbitMQ's answers to the suite."""

from __future__ import annotations

from typing import Any

from tests.conformance.quirks.streams import StreamQuirks
from tests.servers.native_types import TypesTable

_NO_QUERIES = "messages have no query language: test_stream.py and test_queues.py prove reading them"
_NO_PARTITIONS = "a queue has no partitions, keys of its own or NULL messages: test_queues.py proves the same"


class RabbitmqQuirks(StreamQuirks):
    """One node, reached with PLAIN over TLS; the shared stream tests read a stream (x-queue-type)."""

    type = "rabbitmq"
    system = "RabbitMQ"
    server_name = "rabbitmq"
    mortal_name = "rabbitmq_mortal"
    types_table = TypesTable(table="conformance-browse", columns=())
    primary_key = None
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
        "describe": "a queue's columns are those of every message: test_stream.py proves them",
        "sample": "a queue's columns are those of every message: test_stream.py proves them",
        "ingest and read back": "messages are produced: test_queues.py proves rows written and read back",
        "messages written and read exactly": _NO_PARTITIONS,
        "offsets, timestamps, partitions, limit": _NO_PARTITIONS,
        "commit and lag; reading commits nothing": "AMQP 0-9-1 keeps no offsets of groups: test_queues.py proves "
        "taking messages off",
        "1 M messages in bounded memory": "the other client writes 1 M messages in minutes: test_queues.py proves "
        "bounded memory with 200 k",
    }  # fmt: skip

    def prepare(self) -> None:
        self.server.create_topic(self.table_path())

    def base_draft(self, server: Any) -> dict[str, Any]:
        return {
            "configuration": {
                "host": server.host, "port": server.tls_port, "management_port": server.management_port,
                "stream_quiet_ms": 500,
            },
            "authentication": {"type": "basic", "username": server.user, "password": server.password},
            "ssl": {"enabled": True, "mode": "verify-full", "certificate": server.ca_file.read_text()},
        }  # fmt: skip

    def secrets(self) -> list[str]:
        return [self.server.password]

    def table_path(self) -> str:
        return self.types_table.table

    def browse_path(self) -> str:
        return ""

    def create_topic(self, name: str, partitions: int = 1) -> None:
        self.server.create_topic(name)

    def write(self, topic: str, messages: list[dict[str, Any]]) -> None:
        self.server.write(topic, messages)
