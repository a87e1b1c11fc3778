"""Pulsar's answers to the suite."""

from __future__ import annotations

from typing import Any

from tests.conformance.quirks.streams import StreamQuirks
from tests.servers.native_types import TypesTable

_NO_QUERIES = "messages have no query language: test_stream.py and test_message_ids.py prove reading them"
_TEXT = "positions are text (message ids) and headers are text: test_message_ids.py proves the same with those"


class PulsarQuirks(StreamQuirks):
    """One standalone server, reached with a token over TLS; the mortal one has no login."""

    type = "pulsar"
    system = "Apache Pulsar"
    server_name = "pulsar"
    mortal_name = "pulsar_mortal"
    types_table = TypesTable(table="public/default/conformance-browse", columns=())
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
        "ingest and read back": "messages are produced: test_message_ids.py proves rows written and read back",
        "messages written and read exactly": _TEXT,
        "offsets, timestamps, partitions, limit": _TEXT,
        "commit and lag; reading commits nothing": _TEXT,
        "describe and sample a topic": _TEXT,
        "1 M messages in bounded memory": "the other client writes 1 M messages in half a minute: test_message_ids.py "
        "proves bounded memory with 200 k",
    }  # fmt: skip

    def prepare(self) -> None:
        self.server.create_topic("conformance-browse")

    def base_draft(self, server: Any) -> dict[str, Any]:
        if not server.login:
            return {
                "configuration": {"host": server.host, "port": server.port, "admin_port": server.web_port},
                "authentication": {"type": "none"},
            }
        return {
            "configuration": {"host": server.host, "port": server.tls_port, "admin_port": server.web_tls_port},
            "authentication": {"type": "token", "token": server.token},
            "ssl": {"enabled": True, "mode": "verify-full", "certificate": server.ca_file.read_text()},
        }

    def wrong_password(self, name: str) -> dict[str, Any]:
        return self.draft(name, authentication={"token": "canary-wrong-token"})

    wrong_password_codes = ("login.wrong_token",)

    def secrets(self) -> list[str]:
        return [self.server.token]

    def table_path(self) -> str:
        return self.types_table.table

    def browse_path(self) -> str:
        return "public/default"

    def topics_path(self) -> str:
        return "public/default"

    def create_topic(self, name: str, partitions: int = 1) -> None:
        self.server.create_topic(name, partitions)

    def write(self, topic: str, messages: list[dict[str, Any]]) -> None:
        self.server.write(topic, messages)

    def read(self, topic: str, count: int) -> list[dict[str, Any]]:
        return [
            {
                "key": message.partition_key().encode() or None,
                "value": None if message.has_null_value() else message.data(),
                "headers": message.properties(),
                "partition": number,
            }
            for number, message in self.server.read(topic, count)
        ]
