"""Google Cloud Storage's answers to the suite, given by fake-gcs-server."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.conformance.quirks.s3 import S3Quirks


class GcsQuirks(S3Quirks):
    """A bucket on the emulator; the login is the exchange of a signed assertion, which our token endpoint verifies."""

    type = "gcs"
    system = "fake-gcs-server (emulator; checks no access tokens)"
    server_name = "fake_gcs"
    mortal_name = "fake_gcs_mortal"
    wrong_password_codes = ("login.wrong_client",)

    def _write(self, table: pa.Table, key: str) -> None:
        sink = io.BytesIO()
        pq.write_table(table, sink, store_schema=False, row_group_size=100_000)
        self.server.upload(key, sink.getvalue())

    def base_draft(self, server: Any) -> dict[str, Any]:
        return {
            "configuration": {"bucket": server.bucket, "endpoint": server.endpoint},
            "authentication": {"type": "service_account", "service_account_key": server.tokens.key_file()},
        }

    def aimed_at(self, name: str, host: str, port: int) -> dict[str, Any]:
        return self.draft(name, configuration={"endpoint": f"http://{host}:{port}"})

    def wrong_password(self, name: str) -> dict[str, Any]:
        other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return self.draft(name, authentication={"service_account_key": self.server.tokens.key_file(other)})

    def secrets(self) -> list[str]:
        return [self.server.tokens.key_file()]
