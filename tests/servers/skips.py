"""Everything that the tests do not prove, and why: the one list, printed at the end of each run."""

from __future__ import annotations

from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Skip:
    """One thing that is not proven here."""

    what: str
    why: str


SKIPS: dict[str, Skip] = {
    "mysql-8": Skip(
        "MySQL 8 (caching_sha2_password)",
        "no MySQL 8 server in Debian 12; MariaDB 10.11 stands for the type",
    ),
    "real-aws": Skip(
        "Amazon S3 and STS themselves",
        "no account here; MinIO checks signatures and issues temporary keys",
    ),
    "real-glue": Skip(
        "AWS Glue itself",
        "no account here; moto, an emulator, checks keys, signatures and policies, and knows one account only",
    ),
    "real-kinesis": Skip(
        "Amazon Kinesis itself",
        "no account here; moto, an emulator, checks keys, signatures and policies; nothing throttles, and its "
        "places do not expire",
    ),
    "real-schema-registry": Skip(
        "Confluent's and other schema registries themselves",
        "none is to be had from a package registry; srfake of franz-go, an independent emulator of Confluent's REST "
        "interface, stands for them",
    ),
    "real-event-hubs": Skip(
        "Azure Event Hubs itself",
        "no account here; Apache Kafka with TLS and SASL PLAIN stands in: the protocol and the form of the login, "
        "not its throttling, quotas and tiers",
    ),
    "nessie": Skip(
        "custom catalogs against Nessie, where there is no Java 21",
        "Debian 12 has Java 17; the reference Iceberg REST servlet is the other real catalog",
    ),
    "real-datahub": Skip(
        "DataHub's metadata service itself",
        "no server on registries; a stand-in of ours, checked by DataHub's own Python package, takes its place",
    ),
    "atlas-logins": Skip(
        "Apache Atlas with tokens and over TLS",
        "the server here takes passwords; what is sent as token is checked, and TLS is that of every HTTP type",
    ),
    "real-azure": Skip(
        "Azure Blob Storage and Microsoft Entra ID themselves",
        "no account here; Azurite, Microsoft's emulator, checks Shared Key and SAS but no token's signature",
    ),
    "real-elasticsearch": Skip(
        "Elasticsearch itself and OpenSearch's security plugin",
        "not to be had from a package registry; OpenSearch behind a door of the tests that checks TLS and logins "
        "stands for the type, its SQL endpoint is not used",
    ),
    "real-gcs": Skip(
        "Google Cloud Storage itself",
        "no account here; fake-gcs-server checks no tokens and no signed URLs, the tests verify both signatures",
    ),
    "real-databricks": Skip(
        "Databricks itself (cancelling and polling on the warehouse, named parameters, nested and binary values, TLS)",
        "no account here; minilake, an independent emulator over DuckDB that runs statements at once, stands for it "
        "behind a proxy of the tests that checks tokens",
    ),
    "real-snowflake": Skip(
        "Snowflake itself (its warehouses, roles and network policies, bytes scanned and credits)",
        "no account here; fakesnow, an independent emulator over DuckDB, stands for it behind a door of the tests that "
        "checks logins and plays renewal, polling, aborts and chunks",
    ),
    "real-bigquery": Skip(
        "BigQuery itself (IAM roles, quotas and billing, bytes processed, regions, GEOGRAPHY and BIGNUMERIC columns)",
        "no account here; bqemulator, an independent emulator over DuckDB, stands for it behind a door of the tests "
        "that verifies assertions and tokens and plays polling, cancelling, limits of bytes and a busy service",
    ),
    "real-redshift": Skip(
        "Amazon Redshift itself (SUPER and its other own types, its system views' true contents, plans, serverless)",
        "no account here; PostgreSQL 15 with imitated system views stands in: proves wire protocol, SQL path, types"
        " that both have, the exchange of keys for a login against moto",
    ),
    "real-sqlserver": Skip(
        "SQL Server and Azure Synapse themselves: types, parameters, browsing, streaming, TLS and Entra ID logins",
        "no server can be had; Microsoft's own driver runs against a stand-in of ours for logins, rows, errors, cancel",
    ),
    "real-oracle": Skip(
        "Oracle Database itself: logins, queries, types, browsing, TLS",
        "no server can be had; Oracle's own driver meets the refusals of a listener of the tests",
    ),
}


def skip(key: str) -> None:
    """Skips the running test for a reason of the table."""
    row = SKIPS[key]
    pytest.skip(f"{row.what}: {row.why}")
