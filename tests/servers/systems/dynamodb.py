"""DynamoDB Local: Amazon's own emulator, in memory. The service itself can't be run."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.servers import maven
from tests.servers.logins import CANARY
from tests.servers.process import ServerProcess

VERSION = "2.5.4"
_MAIN = Path(__file__).with_name("DynamodbEmulator.java")


def fetch() -> Path:
    """Fetches the jars once (51 MB) and returns their folder."""
    return maven.jars("dynamodb-local", maven.dependency(f"com.amazonaws:DynamoDBLocal:{VERSION}"))


class DynamodbEmulator(ServerProcess):
    """One instance without TLS; it looks at the form of an access key, not at signatures."""

    name = "dynamodb"
    system = "DynamoDB Local (emulator)"
    start_timeout_s = 90.0

    def __init__(self) -> None:
        super().__init__()
        self.region = "us-east-1"
        self.access_key, self.secret_key = "AKIDNSTARXTEST", CANARY + "dynamodb-40c1"

    @property
    def endpoint(self) -> str:
        """The emulator's URL."""
        return f"http://{self.host}:{self.port}"

    def prepare(self) -> None:
        """Compiles the program that starts the emulator."""
        javac = Path(maven.java()).resolve().with_name("javac")
        self.run([str(javac), "-cp", f"{fetch()}/*", "-d", str(self.folder), str(_MAIN)])

    def command(self) -> list[str]:
        """Returns the command line of the Java program."""
        jars = fetch()
        return [
            maven.java(), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m", f"-Djava.library.path={jars}",
            "-cp", f"{jars}/*:{self.folder}", _MAIN.stem, str(self.port),
        ]  # fmt: skip

    def is_ready(self) -> bool:
        """Lists the tables."""
        return "TableNames" in self.call("ListTables", {}, timeout_s=2)

    def call(self, operation: str, arguments: dict[str, Any], timeout_s: float = 30) -> dict[str, Any]:
        """Sends one operation; the emulator does not check the signature."""
        request = urllib.request.Request(
            self.endpoint,
            json.dumps(arguments).encode(),
            {
                "Content-Type": "application/x-amz-json-1.0",
                "X-Amz-Target": f"DynamoDB_20120810.{operation}",
                "Authorization": f"AWS4-HMAC-SHA256 Credential={self.access_key}/20260101/{self.region}/dynamodb/"
                "aws4_request, SignedHeaders=host, Signature=0",
            },
        )
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            return json.load(answer)

    def make_table(self, name: str, **keys: str) -> None:
        """Makes a table anew; `keys` are its hash key and, if there is one, its range key, with their types."""
        if name in self.call("ListTables", {})["TableNames"]:
            self.call("DeleteTable", {"TableName": name})
        self.call(
            "CreateTable",
            {
                "TableName": name,
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": k, "AttributeType": t} for k, t in keys.items()],
                "KeySchema": [
                    {"AttributeName": k, "KeyType": kind} for k, kind in zip(keys, ("HASH", "RANGE"), strict=False)
                ],
            },
        )

    def put(self, table: str, items: list[dict[str, Any]]) -> None:
        """Writes items, 25 at a time."""
        for begin in range(0, len(items), 25):
            requests = [{"PutRequest": {"Item": item}} for item in items[begin : begin + 25]]
            self.call("BatchWriteItem", {"RequestItems": {table: requests}})

    def version(self) -> str:
        """Returns the version of the jars."""
        return VERSION

    def describe(self) -> dict[str, str]:
        """Returns the environment file's lines."""
        prefix = self.environment_prefix()
        return {**super().describe(), f"{prefix}_ENDPOINT": self.endpoint, f"{prefix}_PID": str(self.pid)}


def makers(catalog: Any) -> dict[str, Callable[[], ServerProcess]]:
    """Returns the emulator and one that tests may kill."""
    return {"dynamodb": DynamodbEmulator, "dynamodb_mortal": DynamodbEmulator}
