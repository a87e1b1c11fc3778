"""Stand-in for Azure Event Hubs: Apache Kafka with TLS and SASL PLAIN, whose login has the form of Event Hubs'."""

from __future__ import annotations

from collections.abc import Callable

from tests.servers.catalog import ServerCatalog
from tests.servers.certificates import TestCertificates
from tests.servers.logins import CANARY
from tests.servers.process import ServerProcess
from tests.servers.systems.kafka import KafkaServer


class EventHubsStandIn(KafkaServer):
    """One user, `$ConnectionString`, whose password is a connection string for this host."""

    name = "event_hubs"

    def __init__(self, certificates: TestCertificates) -> None:
        super().__init__(certificates)
        self.policy, self.key = "RootManageSharedAccessKey", CANARY + "hub-31c7="
        self.user = "$ConnectionString"
        self.password = (
            f"Endpoint=sb://{self.host}/;SharedAccessKeyName={self.policy};SharedAccessKey={self.key}"
        )


def makers(catalog: ServerCatalog) -> dict[str, Callable[[], ServerProcess]]:
    """Returns the servers by name."""
    return {
        "event_hubs": lambda: EventHubsStandIn(catalog.certificates),
        "event_hubs_mortal": lambda: EventHubsStandIn(catalog.certificates),
    }
