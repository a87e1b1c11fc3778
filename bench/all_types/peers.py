"""The library that users of each type would pick in Python, as a reader of the bench's rows into an Arrow table.

Each function takes the type's quirks (which know the running server) and the number of rows, makes its connection and
returns a `Peer`; its `read` is what is timed. Libraries that give Arrow are taken as they are; the others are used the
way their documentation does, and what they give becomes a table by pyarrow.
"""

from __future__ import annotations

import importlib.metadata
import io
import json
import ssl
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

TABLE = "all_types_rows"
TOPIC = "all-types-rows"
_FOREIGN = Path(__file__).with_name("foreign.py")


@dataclass
class Peer:
    """One library: what it is called, and how it reads. `read` gives a table, or (rows, seconds) of another process."""

    name: str
    read: Callable[[], Any]
    close: Callable[[], None] = field(default=lambda: None)


def _named(package: str, way: str = "") -> str:
    return f"{package} {importlib.metadata.version(package)}{way}"


def _columns(rows: Sequence[tuple[int, str]]) -> pa.Table:
    return pa.table({"n": [row[0] for row in rows], "pad": [row[1] for row in rows]})


def connectorx(uri: str) -> Peer:
    """connectorx, which gives Arrow."""
    import connectorx as cx

    sql = f"SELECT * FROM {TABLE}"
    return Peer(_named("connectorx"), lambda: pa.table(cx.read_sql(uri, sql, return_type="arrow")))


def postgresql(quirks: Any, rows: int) -> Peer:
    """connectorx over libpq's protocol."""
    return connectorx(quirks.server.uri())


def redshift(quirks: Any, rows: int) -> Peer:
    """psycopg; Amazon's own driver speaks the same protocol, row by row as well."""
    import psycopg

    connection = psycopg.connect(quirks.server.uri(scheme="postgresql"))

    def read() -> pa.Table:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {TABLE}")
            return _columns(cursor.fetchall())

    return Peer(_named("psycopg", ", tuples"), read, connection.close)


def mysql(quirks: Any, rows: int) -> Peer:
    """connectorx."""
    return connectorx(quirks.server.uri())


def sqlite(quirks: Any, rows: int) -> Peer:
    """ADBC's driver, which gives Arrow."""
    import adbc_driver_sqlite.dbapi as adbc

    connection = adbc.connect(str(quirks.draft("path")["configuration"]["path"]))

    def read() -> pa.Table:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {TABLE}")
            return cursor.fetch_arrow_table()

    return Peer(_named("adbc-driver-sqlite"), read, connection.close)


def mongodb(quirks: Any, rows: int) -> Peer:
    """pymongo's cursor."""
    client = quirks.server.client(60_000)
    collection = client[quirks.server.database]["rows"]

    def read() -> pa.Table:
        return pa.Table.from_pylist(list(collection.find({}, {"_id": 0}, limit=rows)))

    return Peer(_named("pymongo"), read, client.close)


def cassandra(quirks: Any, rows: int) -> Peer:
    """cassandra-driver with tuples, its quickest."""
    opened = quirks.server.connect()
    session = opened.__enter__()
    keyspace, statement = quirks.server.database, quirks.rows_query(rows).replace("FROM rows", "FROM {}.rows")

    def read() -> pa.Table:
        return _columns(list(session.execute(statement.format(keyspace))))

    return Peer(_named("cassandra-driver"), read, lambda: opened.__exit__(None, None, None))


def redis(quirks: Any, rows: int) -> Peer:
    """redis-py: SCAN, then a pipeline of HMGETs for each thousand keys."""
    client = quirks.server.client(1)

    def read() -> pa.Table:
        numbers, pads, cursor = [], [], 0
        while True:
            cursor, keys = client.scan(cursor, match="row:*", count=1000)
            pipeline = client.pipeline(transaction=False)
            for key in keys:
                pipeline.hmget(key, "n", "pad")
            for n, pad in pipeline.execute():
                numbers.append(int(n))
                pads.append(pad.decode())
            if cursor == 0:
                return pa.table({"n": numbers, "pad": pads})

    return Peer(_named("redis", ", pipelines"), read, client.close)


def elasticsearch(quirks: Any, rows: int) -> Peer:
    """opensearch-py's scan helper: elasticsearch-py refuses a server that is not Elastic's."""
    from opensearchpy import OpenSearch, helpers

    server = quirks.server
    client = OpenSearch(
        [{"host": server.host, "port": server.port}], http_auth=(server.user, server.password), use_ssl=True,
        ca_certs=str(server.ca_file), timeout=60,
    )  # fmt: skip

    def read() -> pa.Table:
        hits = helpers.scan(client, index="rows", query={"query": {"range": {"n": {"lt": rows}}}}, size=10_000)
        return pa.Table.from_pylist([hit["_source"] for hit in hits])

    return Peer(_named("opensearch-py"), read, client.close)


def dynamodb(quirks: Any, rows: int) -> Peer:
    """boto3's resource, whose pages are followed."""
    import boto3
    from boto3.dynamodb.conditions import Key

    server = quirks.server
    table = boto3.resource(
        "dynamodb", endpoint_url=server.endpoint, region_name=server.region,
        aws_access_key_id=server.access_key, aws_secret_access_key=server.secret_key,
    ).Table("rows")  # fmt: skip
    asked = {
        "KeyConditionExpression": Key("b").eq(0) & Key("n").lt(rows),
        "ProjectionExpression": "n, #pad",
        "ExpressionAttributeNames": {"#pad": "pad"},
    }

    def read() -> pa.Table:
        page = table.query(**asked)
        items = page["Items"]
        while "LastEvaluatedKey" in page:
            page = table.query(**asked, ExclusiveStartKey=page["LastEvaluatedKey"])
            items += page["Items"]
        return pa.table({"n": [int(item["n"]) for item in items], "pad": [item["pad"] for item in items]})

    return Peer(_named("boto3"), read)


def s3(quirks: Any, rows: int, prefix: str = "") -> Peer:
    """pyarrow's S3 file system."""
    from pyarrow import fs

    server = quirks.server
    system = fs.S3FileSystem(
        access_key=server.access_key, secret_key=server.secret_key, region=server.region,
        endpoint_override=server.endpoint,
    )  # fmt: skip
    path = f"{server.bucket}/{prefix}{TABLE}.parquet"
    return Peer(f"pyarrow.fs {pa.__version__}", lambda: pq.read_table(path, filesystem=system))


def minio(quirks: Any, rows: int) -> Peer:
    """pyarrow's S3 file system."""
    return s3(quirks, rows, "through-minio/")


def gcs(quirks: Any, rows: int) -> Peer:
    """pyarrow's GCS file system; the emulator takes an anonymous caller as well."""
    from pyarrow import fs

    server = quirks.server
    system = fs.GcsFileSystem(anonymous=True, scheme="http", endpoint_override=f"{server.host}:{server.port}")
    path = f"{server.bucket}/{TABLE}.parquet"
    return Peer(f"pyarrow.fs {pa.__version__}", lambda: pq.read_table(path, filesystem=system))


def azure_blob(quirks: Any, rows: int) -> Peer:
    """azure-storage-blob's download, read by pyarrow."""
    client = quirks.server.client()
    blob = client.get_blob_client(quirks.server.container, f"{TABLE}.parquet")
    return Peer(
        _named("azure-storage-blob"), lambda: pq.read_table(io.BytesIO(blob.download_blob().readall())), client.close
    )


def hdfs(quirks: Any, rows: int) -> Peer:
    """The hdfs package over WebHDFS, read by pyarrow."""
    from hdfs import InsecureClient

    server = quirks.server
    client = InsecureClient(f"http://{server.host}:{server.port}", user=server.user)

    def read() -> pa.Table:
        with client.read(f"/data/{TABLE}.parquet") as reader:
            return pq.read_table(io.BytesIO(reader.read()))

    return Peer(_named("hdfs"), read)


def _messages(values: list[bytes]) -> pa.Table:
    return pa.table({"value": values})


def kafka(quirks: Any, rows: int) -> Peer:
    """confluent-kafka's consume, a thousand messages a call."""
    from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

    server = quirks.server
    consumer = Consumer(
        {
            "bootstrap.servers": f"{server.host}:{server.sasl_tls_port}", "security.protocol": "SASL_SSL",
            "sasl.mechanism": "PLAIN", "sasl.username": server.user, "sasl.password": server.password,
            "ssl.ca.location": str(server.ca_file), "group.id": "all-types", "enable.auto.commit": False,
        }
    )  # fmt: skip

    def read() -> pa.Table:
        consumer.assign([TopicPartition(TOPIC, 0, OFFSET_BEGINNING)])
        values: list[bytes] = []
        while len(values) < rows:
            values += [message.value() for message in consumer.consume(min(1000, rows - len(values)), timeout=20)]
        consumer.unassign()
        return _messages(values)

    return Peer(_named("confluent-kafka"), read, consumer.close)


event_hubs = kafka


def kinesis(quirks: Any, rows: int) -> Peer:
    """boto3's get_records."""
    client = quirks.server.client()

    def read() -> pa.Table:
        shard = quirks.server.shards(TOPIC)[0]["ShardId"]
        iterator = client.get_shard_iterator(StreamName=TOPIC, ShardId=shard, ShardIteratorType="TRIM_HORIZON")[
            "ShardIterator"
        ]
        values: list[bytes] = []
        while len(values) < rows:
            page = client.get_records(ShardIterator=iterator)
            values += [record["Data"] for record in page["Records"]]
            iterator = page["NextShardIterator"]
        return _messages(values)

    return Peer(_named("boto3"), read)


def pulsar(quirks: Any, rows: int) -> Peer:
    """pulsar-client's reader."""
    import pulsar as vendor

    server = quirks.server
    client = vendor.Client(
        f"pulsar+ssl://{server.host}:{server.tls_port}", authentication=vendor.AuthenticationToken(server.token),
        tls_trust_certs_file_path=str(server.ca_file),
        logger=vendor.FileLogger(vendor.LoggerLevel.Error, str(server.folder / "bench.log")),
    )  # fmt: skip

    def read() -> pa.Table:
        reader = client.create_reader(
            f"persistent://public/default/{TOPIC}", vendor.MessageId.earliest, receiver_queue_size=10_000
        )
        values = [reader.read_next(20_000).data() for _ in range(rows)]
        reader.close()
        return _messages(values)

    return Peer(_named("pulsar-client"), read, client.close)


def rabbitmq(quirks: Any, rows: int) -> Peer:
    """pika, which takes from the stream with a thousand messages ahead."""
    import pika

    server = quirks.server
    context = ssl.create_default_context(cafile=str(server.ca_file))
    connection = pika.BlockingConnection(
        pika.ConnectionParameters(
            server.host, server.tls_port, credentials=pika.PlainCredentials(server.user, server.password),
            ssl_options=pika.SSLOptions(context, "localhost"),
        )
    )  # fmt: skip

    def read() -> pa.Table:
        channel = connection.channel()
        channel.basic_qos(prefetch_count=1000)
        values: list[bytes] = []
        for method, _, body in channel.consume(TOPIC, arguments={"x-stream-offset": "first"}):
            values.append(body)
            if len(values) % 500 == 0:
                channel.basic_ack(method.delivery_tag, multiple=True)
            if len(values) == rows:
                break
        channel.close()
        return _messages(values)

    return Peer(_named("pika"), read, connection.close)


def _foreign(python: Path, name: str, **arguments: Any) -> Peer:
    """A reader in another Python environment, which times itself."""
    process = subprocess.Popen(
        [str(python), str(_FOREIGN), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def ask(line: str) -> dict[str, Any]:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(line + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{name}: the reader ended with exit code {process.wait()}")
        found: dict[str, Any] = json.loads(answer)
        return found

    def read() -> tuple[int, float]:
        found = ask("read")
        return found["rows"], found["seconds"]

    def close() -> None:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)

    return Peer(ask(json.dumps(arguments))["library"], read, close)


def _cached(name: str) -> Path:
    return Path.home() / ".cache/nstarx/servers" / name / "bin/python"


def snowflake(quirks: Any, rows: int) -> Peer:
    """Snowflake's connector, which gives Arrow, in the emulator's environment and past the door (which closes on it)."""
    from tests.servers.systems import snowflake as system

    server = quirks.server
    return _foreign(
        system.fetch(), "snowflake", host=server.host, port=server.inner_port, account=server.account, user=server.user,
        password=server.password, statement=quirks.rows_query(rows),
    )  # fmt: skip


def bigquery(quirks: Any, rows: int) -> Peer:
    """google-cloud-bigquery's to_arrow over REST: the emulator's Storage API refuses anonymous results."""
    server = quirks.server
    return _foreign(
        Path("build/bench-venv/bin/python").absolute(), "bigquery", endpoint=server.endpoint, project=server.project,
        token=server.access_token, ca=str(server.ca_file), statement=quirks.rows_query(rows),
    )  # fmt: skip


def databricks(quirks: Any, rows: int) -> Peer:
    """databricks-sdk's statements with Arrow links, decoded by pyarrow."""
    server = quirks.server
    return _foreign(
        Path("build/bench-venv/bin/python").absolute(), "databricks", endpoint=server.endpoint, token=server.token,
        warehouse=server.warehouse_id, statement=quirks.rows_query(rows),
    )  # fmt: skip
