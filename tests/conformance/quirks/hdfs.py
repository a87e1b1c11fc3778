"""HDFS's answers to the suite, given by a name node and a data node of Hadoop."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.conformance.quirks.s3 import S3Quirks


class HdfsQuirks(S3Quirks):
    """A folder of a plain user."""

    type = "hdfs"
    system = "Apache Hadoop HDFS"
    server_name = "hdfs"
    mortal_name = "hdfs_mortal"
    not_applicable = {"wrong password": "simple authentication has no secret: the cluster believes the user name"}

    def _write(self, table: pa.Table, key: str) -> None:
        sink = io.BytesIO()
        pq.write_table(table, sink, store_schema=False, row_group_size=100_000)
        self.server.write(f"/data/{key}", sink.getvalue())

    def prepare(self) -> None:
        super().prepare()
        self.server.give("/data/conformance")

    def base_draft(self, server: Any) -> dict[str, Any]:
        return {
            "configuration": {"host": server.host, "port": server.port, "path": "/data"},
            "authentication": {"type": "simple", "user": server.user},
        }

    def aimed_at(self, name: str, host: str, port: int) -> dict[str, Any]:
        return self.draft(name, configuration={"host": host, "port": port})

    def secrets(self) -> list[str]:
        return []
