"""Kafka's answers to the suite."""

from __future__ import annotations

from typing import Any

from tests.conformance.quirks.streams import StreamQuirks
from tests.servers.native_types import TypesTable

_NO_QUERIES = "messages have no query language: test_stream.py proves reading them"


class KafkaQuirks(StreamQuirks):
    """One broker, reached with a SASL login over TLS."""

    type = "kafka"
    system = "Apache Kafka"
    server_name = "kafka"
    mortal_name = "kafka_mortal"
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
        "describe": "a topic's columns are those of every message: test_stream.py proves them",
        "sample": "a topic's columns are those of every message: test_stream.py proves them",
        "ingest and read back": "messages are produced: test_stream.py proves rows written and read back",
    }  # fmt: skip

    def prepare(self) -> None:
        self.server.create_topic(self.table_path())

    def base_draft(self, server: Any) -> dict[str, Any]:
        return {
            "configuration": {"host": server.host, "port": server.sasl_tls_port},
            "authentication": {"type": "basic", "username": server.user, "password": server.password},
            "ssl": {"enabled": True, "mode": "verify-full", "certificate": server.ca_file.read_text()},
        }

    def secrets(self) -> list[str]:
        return [self.server.password]

    def table_path(self) -> str:
        return self.types_table.table

    def browse_path(self) -> str:
        return ""

    def create_topic(self, name: str, partitions: int = 1) -> None:
        self.server.create_topic(name, partitions)

    def write(self, topic: str, messages: list[dict[str, Any]]) -> None:
        self.server.write(topic, messages)

    def read(self, topic: str, count: int) -> list[dict[str, Any]]:
        return [
            {"key": m.key(), "value": m.value(), "headers": dict(m.headers() or []), "partition": m.partition()}
            for m in self.server.read(topic, count)
        ]
