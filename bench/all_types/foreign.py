"""Readers whose libraries need a Python environment of their own; `peers.py` starts this file in it.

The first line of standard input has the arguments as JSON, each further line asks for one reading. Each is answered by
a line of JSON: {"library"}, then {"rows", "seconds"}.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any


def snowflake(host: str, port: int, account: str, user: str, password: str, statement: str) -> Callable[[], int]:
    """Snowflake's connector: fetch_arrow_all."""
    import snowflake.connector

    connection = snowflake.connector.connect(
        host=host, port=port, protocol="http", account=account, user=user, password=password, database="LAKE",
        schema="ANALYTICS", session_parameters={"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False},
    )  # fmt: skip

    def read() -> int:
        with connection.cursor() as cursor:
            return cursor.execute(statement).fetch_arrow_all().num_rows

    return read


def bigquery(endpoint: str, project: str, token: str, ca: str, statement: str) -> Callable[[], int]:
    """google-cloud-bigquery: query(…).to_arrow without the Storage API."""
    os.environ["REQUESTS_CA_BUNDLE"] = ca
    import google.oauth2.credentials
    from google.cloud import bigquery as vendor

    client = vendor.Client(
        project=project, credentials=google.oauth2.credentials.Credentials(token),
        client_options={"api_endpoint": endpoint},
    )  # fmt: skip

    def read() -> int:
        return client.query(statement).to_arrow(create_bqstorage_client=False).num_rows

    return read


def databricks(endpoint: str, token: str, warehouse: str, statement: str) -> Callable[[], int]:
    """databricks-sdk: execute_statement, then each chunk's link."""
    import pyarrow as pa
    import requests
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.service.sql import Disposition, Format

    client = WorkspaceClient(host=endpoint, token=token)
    http = requests.Session()

    def read() -> int:
        answer = client.statement_execution.execute_statement(
            statement, warehouse, disposition=Disposition.EXTERNAL_LINKS, format=Format.ARROW_STREAM, wait_timeout="50s"
        )
        tables, chunk = [], answer.result
        while chunk is not None and chunk.external_links:
            link = chunk.external_links[0]
            content = http.get(link.external_link, headers=link.http_headers).content
            tables.append(pa.ipc.open_stream(content).read_all())
            following = link.next_chunk_index
            chunk = (
                None
                if following is None
                else client.statement_execution.get_statement_result_chunk_n(answer.statement_id, following)
            )
        return sum(table.num_rows for table in tables)

    return read


_READERS: dict[str, tuple[str, Callable[..., Callable[[], int]]]] = {
    "snowflake": ("snowflake-connector-python", snowflake),
    "bigquery": ("google-cloud-bigquery", bigquery),
    "databricks": ("databricks-sdk", databricks),
}


def main() -> None:
    """Answer until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # Libraries may print.
    package, make = _READERS[sys.argv[1]]
    arguments: dict[str, Any] = json.loads(sys.stdin.readline())
    read = make(**arguments)
    print(json.dumps({"library": f"{package} {importlib.metadata.version(package)}"}), file=answers, flush=True)
    for _ in sys.stdin:
        begun = time.perf_counter()
        rows = read()
        print(json.dumps({"rows": rows, "seconds": time.perf_counter() - begun}), file=answers, flush=True)


if __name__ == "__main__":
    main()
