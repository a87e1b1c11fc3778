"""What the suite asks about types that carry messages."""

from __future__ import annotations

from typing import Any

from tests.conformance.quirks.base import Quirks


class StreamQuirks(Quirks):
    """A type with the capability `stream`: reaches the system without NStarX."""

    def topics_path(self) -> str:
        """Returns the path whose children are the topics."""
        return ""

    def create_topic(self, name: str, partitions: int = 1) -> None:
        """Makes an empty topic."""
        raise NotImplementedError

    def write(self, topic: str, messages: list[dict[str, Any]]) -> None:
        """Writes messages with `key`, `value` (bytes), `headers`, `partition`."""
        raise NotImplementedError

    def read(self, topic: str, count: int) -> list[dict[str, Any]]:
        """Reads messages as dictionaries of key, value, headers, partition."""
        raise NotImplementedError
