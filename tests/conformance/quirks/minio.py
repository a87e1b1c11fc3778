"""MinIO's answers to the suite, given by MinIO itself."""

from __future__ import annotations

from typing import Any

from tests.conformance.quirks.s3 import S3Quirks


class MinioQuirks(S3Quirks):
    """A bucket on MinIO, reached by the connector of that name."""

    type = "minio"

    def base_draft(self, server: Any) -> dict[str, Any]:
        draft = super().base_draft(server)
        draft["configuration"]["prefix"] = "through-minio/"
        return draft

    def _write(self, table: Any, key: str) -> None:
        super()._write(table, f"through-minio/{key}")
