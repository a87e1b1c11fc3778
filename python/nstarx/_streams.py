"""Messages of a connection to a message system: what `Connection.produce` and `.consume` do."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from nstarx._client import Client, JsonObject, encode_json
from nstarx._result import Result
from nstarx.errors import InterfaceError

MessageFormat = Literal["auto", "text", "bytes", "json", "avro"]
_MEMBERS = frozenset({"key", "value", "headers", "partition", "timestamp"})


class Streams:
    """Topics: write, read, commit, lag. Base of `Connection`."""

    _client: Client
    _ref: str

    def produce(self, topic: str, messages: Any) -> JsonObject:
        """Write messages and return when the system has taken all of them.

        Parameters
        ----------
        topic
            Where to.
        messages
            A list of messages: texts, or dictionaries with ``value`` and, if wanted, ``key``,
            ``headers``, ``partition`` and ``timestamp`` (milliseconds or `datetime.datetime`). Or
            an Arrow table, batch or reader, or a pandas or polars frame: of columns named like
            these, or else each row becomes a JSON object. Frames are streamed.

        Returns
        -------
        dict
            ``topic``, ``count`` and ``offsets``: for each partition the ``last`` offset written.

        Examples
        --------
        >>> conn.produce("orders", [{"key": "42", "value": {"id": 42}}])  # doctest: +SKIP
        """
        target = self._client.target("connections", self._ref, "produce", topic=topic)
        if isinstance(messages, Sequence):
            fields = {
                "Accept": "application/json",
                "Content-Type": "application/x-ndjson",
                "Idempotency-Key": str(uuid.uuid4()),
            }
            lines = b"".join(encode_json(_message(message)) + b"\n" for message in messages)
            # Not repeated by itself: a lost answer does not say whether messages were written.
            answer = self._client.wires.request("POST", target, fields, lines)
            report: JsonObject = self._client.decode(answer)
            return report
        uploaded: JsonObject = self._client.upload_rows(target, messages)
        return uploaded

    def consume(
        self,
        topic: str,
        *,
        start: str = "earliest",
        limit: int | None = None,
        partitions: Sequence[int] | None = None,
        group: str | None = None,
        wait_ms: int | None = None,
        follow: bool = False,
        format: MessageFormat = "auto",
        timeout_ms: int | None = None,
    ) -> Result:
        """Read messages as rows: topic, partition, offset, timestamp, key, headers, value.

        Nothing is committed by reading; see `commit`.

        Parameters
        ----------
        topic
            What to read.
        start
            ``earliest``, ``latest``, ``committed`` (needs ``group``), ``offset:N`` (or the system's
            own position) or ``timestamp:T`` (milliseconds or RFC 3339).
        limit
            At most so many messages.
        partitions
            Only these.
        group
            Consumer group whose committed offsets are meant.
        wait_ms
            At the end, wait so long for more.
        follow
            Go on until the result is closed; iterate over it.
        format
            What values are: ``text``, ``bytes``, ``json`` (checked text), ``avro`` (by the
            connection's schema registry); ``auto`` tells text from bytes by the first messages,
            and knows Avro where there is a registry.
        timeout_ms
            Of the whole answer, unless it follows.

        Returns
        -------
        Result
            Like that of a query: read it once, or close it.
        """
        target = self._client.target(
            "connections",
            self._ref,
            "consume",
            topic=topic,
            limit=limit,
            partitions=",".join(map(str, partitions)) if partitions else None,
            group=group,
            wait_ms=wait_ms,
            follow="true" if follow else None,
            format=format,
            timeout_ms=timeout_ms,
            **{"from": start},
        )
        return self._client.rows("GET", target)

    def commit(self, topic: str, group: str, offsets: Mapping[int, int | str]) -> None:
        """Commit where a consumer group goes on.

        ``offsets`` has, for each partition, the offset of the next message to read: text
        where the system does not count messages.
        """
        rows = [{"partition": number, "offset": offset} for number, offset in offsets.items()]
        target = self._client.target("connections", self._ref, "commit")
        self._client.call("POST", target, {"topic": topic, "group": group, "offsets": rows})

    def lag(self, topic: str, group: str) -> JsonObject:
        """Return how far a consumer group is behind, in all and for each partition."""
        target = self._client.target("connections", self._ref, "lag", topic=topic, group=group)
        report: JsonObject = self._client.call("GET", target)
        return report


def _message(message: Any) -> JsonObject:
    if isinstance(message, str):
        return {"value": message}
    if not isinstance(message, Mapping) or not _MEMBERS.issuperset(message):
        raise InterfaceError(
            "a message is a text, or a dictionary of key, value, headers, partition and timestamp",
            code="client.bad_message",
            action="fix_input",
            hints=["Bytes travel in Arrow tables: pa.table({'value': [b'…']})."],
        )
    made = dict(message)
    at = made.get("timestamp")
    if isinstance(at, datetime.datetime):
        made["timestamp"] = round(at.timestamp() * 1000)
    return made
