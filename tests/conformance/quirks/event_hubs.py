"""Event Hubs' answers to the suite, from a stand-in."""

from __future__ import annotations

from typing import Any

from tests.conformance.quirks.kafka import KafkaQuirks


class EventHubsQuirks(KafkaQuirks):
    """Kafka with Event Hubs' login."""

    type = "event_hubs"
    system = "Apache Kafka (stand-in for Azure Event Hubs)"
    server_name = "event_hubs"
    mortal_name = "event_hubs_mortal"

    def base_draft(self, server: Any) -> dict[str, Any]:
        return {
            "configuration": {"host": server.host, "port": server.sasl_tls_port},
            "authentication": {"type": "sas", "policy": server.policy, "key": server.key},
            "ssl": {"enabled": True, "mode": "verify-full", "certificate": server.ca_file.read_text()},
        }

    def wrong_password(self, name: str) -> dict[str, Any]:
        return self.draft(name, authentication={"key": "canary-wrong-key="})

    def secrets(self) -> list[str]:
        return [self.server.key]
