"""The test servers are what the suites take them for, seen by independent clients."""

from __future__ import annotations

import socket
import ssl
import time

import psycopg
import pymysql
import pytest
from botocore.exceptions import ClientError

from tests.servers import lineitem, logins, native_types
from tests.servers.catalog import ServerCatalog
from tests.servers.postgresql import PostgresqlServer
from tests.servers.process import ServerFailed, wait_until


def _psql(server, **options):
    given = {"host": "localhost", "port": server.port, "dbname": server.database, "user": logins.APP.user,
             "password": logins.APP.password, "sslmode": "verify-full", "sslrootcert": str(server.ca_file),
             "connect_timeout": 5}  # fmt: skip
    return psycopg.connect(**{**given, **options})


def test_postgresql_speaks_tls_and_scram(servers: ServerCatalog) -> None:
    server = servers.get("postgresql")
    with _psql(server, channel_binding="require") as connection:
        used = connection.execute("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
    assert used[0] is True
    assert used[1] == "TLSv1.3"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        _psql(server, password="wrong")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("expired", "certificate has expired"),
        ("self_signed", "self-signed certificate|self signed certificate"),
        ("other_authority", "unable to get local issuer certificate"),
        ("other_host", "Hostname mismatch"),
    ],
)
def test_postgresql_certificates_are_refused_for_the_right_reason(servers, kind: str, reason: str) -> None:
    server = servers.get(f"postgresql_{kind}")
    with socket.create_connection((server.host, server.port), 5) as plain:
        plain.sendall(bytes.fromhex("0000000804d2162f"))  # SSLRequest
        assert plain.recv(1) == b"S"
        context = ssl.create_default_context(cafile=str(server.ca_file))
        with pytest.raises(ssl.SSLCertVerificationError, match=reason):
            context.wrap_socket(plain, server_hostname="localhost")


def test_postgresql_without_tls_refuses_it(servers) -> None:
    with pytest.raises(psycopg.OperationalError, match="does not support SSL"):
        _psql(servers.get("postgresql_off"))


def test_postgresql_roles(servers) -> None:
    server = servers.get("postgresql")
    with server.connect(logins.NOBODY) as connection:
        assert connection.execute("SELECT count(*) FROM visible").fetchone() == (1,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM hidden")
    with server.connect(logins.READER) as connection:
        assert connection.execute("SELECT count(*) FROM hidden").fetchone() == (1,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("INSERT INTO hidden VALUES (2, 'no')")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        server.connect(logins.BARRED)


def test_mariadb_speaks_tls_and_knows_its_users(servers) -> None:
    server = servers.get("mariadb")
    with server.connect(logins.APP, ssl={"ca": str(server.ca_file)}) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW STATUS LIKE 'Ssl_version'")
        assert cursor.fetchone()[1].startswith("TLS")
    with server.connect(logins.NOBODY) as connection, connection.cursor() as cursor:
        with pytest.raises(pymysql.err.OperationalError, match="1142"):
            cursor.execute("SELECT * FROM hidden")
    with pytest.raises(pymysql.err.OperationalError, match="1044"):
        server.connect(logins.BARRED)


def test_minio_checks_signatures_and_assumes_roles(servers) -> None:
    server = servers.get("minio")
    given = server.client("sts").assume_role(RoleArn=server.role_arn, RoleSessionName="test")["Credentials"]
    temporary = server.client(
        aws_access_key_id=given["AccessKeyId"], aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )  # fmt: skip
    temporary.put_object(Bucket=server.bucket, Key="harness/a.txt", Body=b"text")
    assert server.client().get_object(Bucket=server.bucket, Key="harness/a.txt")["Body"].read() == b"text"
    wait_until("the role's call in the audit", lambda: server.audit.keys[given["AccessKeyId"]] >= 1)
    assert server.audit.calls["AssumeRole"] >= 1
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        server.client(aws_secret_access_key="wrong-secret").list_buckets()


def test_black_hole_times_out_and_silence_accepts(servers) -> None:
    for _ in range(3):
        begun = time.monotonic()
        with socket.socket() as probe, pytest.raises(TimeoutError):
            probe.settimeout(0.5)
            probe.connect((servers.get("black_hole").host, servers.get("black_hole").port))
        assert time.monotonic() - begun >= 0.45
    socket.create_connection(("127.0.0.1", servers.get("silent").port), 2).close()


def test_a_server_survives_restart_and_dies_by_kill(servers) -> None:
    server = servers.get("postgresql_mortal")
    server.restart()
    assert server.connect().execute("SELECT 1").fetchone() == (1,)
    server.kill()
    with pytest.raises(psycopg.OperationalError):
        server.connect()
    server.start()
    assert server.connect(logins.APP).execute("SELECT count(*) FROM visible").fetchone() == (1,)


def test_lineitem_is_deterministic_and_the_same_everywhere(servers) -> None:
    assert lineitem.chunk(3).equals(lineitem.chunk(3))
    assert not lineitem.chunk(3).equals(lineitem.chunk(4))
    sums = "count(*), sum(l_extendedprice), sum(l_quantity), min(l_shipdate), max(l_comment)"
    lineitem.load_postgresql(servers.get("postgresql"), 20_000, "lineitem_probe")
    lineitem.load_mariadb(servers.get("mariadb"), 20_000, "lineitem_probe")
    with servers.get("postgresql").connect() as connection:
        left = connection.execute(f"SELECT {sums} FROM lineitem_probe").fetchone()
    with servers.get("mariadb").connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT {sums} FROM lineitem_probe")
        right = cursor.fetchone()
    assert left == right
    assert left[0] == 20_000


def test_types_tables_are_accepted_by_their_systems(servers) -> None:
    with servers.get("postgresql").connect(logins.APP) as connection:
        for statement in native_types.POSTGRESQL.statements():
            connection.execute(statement)
        found = connection.execute("SELECT c_text, c_numeric_60_20 FROM types WHERE id = 1").fetchone()
    assert found[0] == native_types.UNICODE
    assert found[1] == native_types.POSTGRESQL.expected(native_types.POSTGRESQL.columns[8])[1]
    with servers.get("mariadb").connect() as connection, connection.cursor() as cursor:
        for statement in native_types.MYSQL.statements():
            cursor.execute(statement)
        cursor.execute("SELECT c_varchar, c_ubigint FROM types WHERE id = 1")
        assert cursor.fetchone() == (native_types.UNICODE, 2**64 - 1)


def test_pgbouncer_pools_transactions(servers) -> None:
    with servers.get("pgbouncer").connect() as connection:
        assert connection.execute("SELECT count(*) FROM visible").fetchone() == (1,)


def test_a_server_that_cannot_start_says_why(servers) -> None:
    class Broken(PostgresqlServer):
        def command(self) -> list[str]:
            return [*super().command(), "-c", "no_such_setting=1"]

    broken = Broken(servers.certificates, "off", template=servers.postgresql_template())
    with pytest.raises(ServerFailed, match="no_such_setting"):
        broken.start()
    broken.close()
