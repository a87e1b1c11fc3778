"""Azure Blob Storage's answers to the suite, given by Azurite, Microsoft's emulator."""

from __future__ import annotations

import base64
import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.conformance.quirks.s3 import S3Quirks


class AzureBlobQuirks(S3Quirks):
    """A container on Azurite, with Shared Key signatures checked."""

    type = "azure_blob"
    system = "Azurite (Microsoft's emulator)"
    server_name = "azurite"
    mortal_name = "azurite_mortal"
    wrong_password_codes = ("login.wrong_account_key",)

    def _write(self, table: pa.Table, key: str) -> None:
        sink = io.BytesIO()
        pq.write_table(table, sink, store_schema=False, row_group_size=100_000)
        client = self.server.client().get_container_client(self.server.container)
        client.upload_blob(key, sink.getvalue(), overwrite=True)

    def base_draft(self, server: Any) -> dict[str, Any]:
        return {
            "configuration": {
                "container": server.container,
                "account": server.account,
                "endpoint": server.endpoint,
            },
            "authentication": {"type": "shared_key", "account_key": server.account_key},
        }

    def aimed_at(self, name: str, host: str, port: int) -> dict[str, Any]:
        return self.draft(name, configuration={"endpoint": f"http://{host}:{port}/{self.server.account}"})

    def wrong_password(self, name: str) -> dict[str, Any]:
        key = base64.b64encode(b"canary-wrong-account-key").decode()
        return self.draft(name, authentication={"account_key": key})

    def secrets(self) -> list[str]:
        return [self.server.account_key]
