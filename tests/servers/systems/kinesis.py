"""The Kinesis service of moto, an emulator."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tests.servers.catalog import ServerCatalog
from tests.servers.moto import MotoServer
from tests.servers.process import ServerProcess


class KinesisServer(MotoServer):
    """A user that may use Kinesis, and one that may only read. Streams are in memory: gone when it restarts."""

    name = "kinesis"
    service = "kinesis"
    reader_actions = ("kinesis:Get*", "kinesis:List*", "kinesis:Describe*")

    def create_topic(self, name: str, partitions: int = 1) -> None:
        """Makes a stream of so many shards."""
        client = self.client()
        client.create_stream(StreamName=name, ShardCount=partitions)
        client.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})

    def shards(self, name: str) -> list[dict[str, Any]]:
        """Returns the shards in order of their numbers."""
        return sorted(self.client().list_shards(StreamName=name)["Shards"], key=lambda shard: shard["ShardId"])

    def write(self, topic: str, messages: list[dict[str, Any]]) -> None:
        """Writes records of `value`, `key` and `partition`."""
        client, shards = self.client(), self.shards(topic)
        for start in range(0, len(messages), 500):
            records = []
            for message in messages[start : start + 500]:
                record = {
                    "Data": message["value"],
                    "PartitionKey": (message.get("key") or f"{random.random():.9f}".encode()).decode(),
                }
                if "partition" in message:
                    record["ExplicitHashKey"] = shards[message["partition"]]["HashKeyRange"]["StartingHashKey"]
                records.append(record)
            answer = client.put_records(StreamName=topic, Records=records)
            assert answer.get("FailedRecordCount", 0) == 0, answer

    def read(self, topic: str, count: int) -> list[dict[str, Any]]:
        """Reads all records from the beginning, shard by shard."""
        client = self.client()
        found: list[dict[str, Any]] = []
        for number, shard in enumerate(self.shards(topic)):
            iterator = client.get_shard_iterator(
                StreamName=topic, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while iterator:
                page = client.get_records(ShardIterator=iterator)
                for record in page["Records"]:
                    found.append(
                        {"key": record["PartitionKey"].encode(), "value": record["Data"], "partition": number,
                         "offset": record["SequenceNumber"]}
                    )  # fmt: skip
                if not page["Records"] and page["MillisBehindLatest"] == 0:
                    break
                iterator = page.get("NextShardIterator")
        assert len(found) == count
        return found


def makers(catalog: ServerCatalog) -> dict[str, Callable[[], ServerProcess]]:
    """Returns the servers by name."""
    return {"kinesis": lambda: KinesisServer(checked=True), "kinesis_mortal": lambda: KinesisServer(checked=False)}
