"""PostgreSQL with SCRAM, TLS and the roles of the error matrix."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from urllib.parse import quote

import psycopg

from tests.servers import logins
from tests.servers.certificates import TestCertificates
from tests.servers.process import ServerProcess, find_program

_BIN_FOLDERS = tuple(f"/usr/lib/postgresql/{version}/bin" for version in (17, 16, 15))

_CONFIGURATION = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
password_encryption = 'scram-sha-256'
fsync = off
synchronous_commit = off
full_page_writes = off
max_wal_size = 2GB
shared_buffers = {shared_buffers}
max_connections = 60
log_min_messages = warning
timezone = 'UTC'
lc_messages = 'C'
"""


class PostgresqlServer(ServerProcess):
    """One instance. `tls` is one of TestCertificates.KINDS; `large` gives it memory for the benches."""

    name = "postgresql"
    run_as = "postgres"
    stop_signal = signal.SIGINT  # Fast shutdown: does not wait for clients.
    system = "PostgreSQL"

    def __init__(self, certificates: TestCertificates, tls: str = "on", *, template: Path | None = None,
                 large: bool = False) -> None:  # fmt: skip
        super().__init__()
        self._certificates = certificates
        self._tls = tls
        self._template = template
        self._large = large
        self.data = self.folder / "data"
        self.database = logins.DATABASE
        self.ca_file = certificates.ca_file

    def prepare(self) -> None:
        """Makes the cluster (copied from a template when there is one) and its configuration."""
        if self._template is not None:
            shutil.copytree(self._template, self.data)
            self.data.chmod(0o700)
        else:
            self.init_cluster()
        settings = _CONFIGURATION.format(
            port=self.port, folder=self.folder, shared_buffers="1GB" if self._large else "64MB"
        )
        access = "local all all trust\n"
        if self._tls == "off":
            access += "host all all 127.0.0.1/32 scram-sha-256\n"
        else:
            certificate, key = self._certificates.server(self._tls).write(self.folder, "server")
            settings += f"ssl = on\nssl_cert_file = '{certificate}'\nssl_key_file = '{key}'\n"
            settings += f"ssl_ca_file = '{self._write_ca()}'\n"
            access += "hostssl all nstarx_cert 127.0.0.1/32 cert\n"
            access += "host all all 127.0.0.1/32 scram-sha-256\n"
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(settings)
        (self.data / "pg_hba.conf").write_text(access)

    def init_cluster(self) -> None:
        """Runs initdb; the superuser's password is the admin's."""
        password_file = self.folder / "password"
        password_file.write_text(logins.ADMIN.password)
        self.run([
            find_program("initdb", *_BIN_FOLDERS), "-D", str(self.data), "-U", logins.ADMIN.user,
            "-A", "scram-sha-256", f"--pwfile={password_file}", "-E", "UTF8", "--locale=C.UTF-8",
            "--no-sync",
        ])  # fmt: skip

    def _write_ca(self) -> Path:
        target = self.folder / "ca.crt"
        target.write_bytes(self.ca_file.read_bytes())
        return target

    def command(self) -> list[str]:
        """Returns the server's command line."""
        return [find_program("postgres", *_BIN_FOLDERS), "-D", str(self.data)]

    def connect(self, login: logins.Login = logins.ADMIN, database: str | None = None) -> psycopg.Connection:
        """Opens a direct connection with autocommit."""
        return psycopg.connect(
            host=self.host, port=self.port, dbname=database or self.database, user=login.user,
            password=login.password, autocommit=True, connect_timeout=5,
        )  # fmt: skip

    def is_ready(self) -> bool:
        """Logs in."""
        with self.connect(database="postgres"):
            return True

    def after_first_start(self) -> None:
        """Creates the database and the roles."""
        with self.connect(database="postgres") as connection:
            for login in logins.ALL[1:]:
                connection.execute(f"CREATE ROLE {login.user} LOGIN PASSWORD '{login.password}'")
            connection.execute("CREATE ROLE nstarx_cert LOGIN")
            connection.execute(f"CREATE DATABASE {self.database} OWNER {logins.APP.user}")
            connection.execute(f"REVOKE CONNECT ON DATABASE {self.database} FROM PUBLIC")
            allowed = f"{logins.READER.user}, {logins.NOBODY.user}, nstarx_cert"
            connection.execute(f"GRANT CONNECT ON DATABASE {self.database} TO {allowed}")
            connection.execute(f"GRANT pg_read_all_data TO {logins.READER.user}")
        with self.connect(logins.APP) as connection:
            connection.execute("CREATE SCHEMA sales")
            connection.execute("CREATE TABLE visible (id integer PRIMARY KEY, note text)")
            connection.execute("INSERT INTO visible VALUES (1, 'all may read this')")
            connection.execute("CREATE TABLE hidden (id integer PRIMARY KEY, note text)")
            connection.execute("INSERT INTO hidden VALUES (1, 'few may read this')")
            connection.execute(f"GRANT SELECT ON visible TO {logins.NOBODY.user}")

    def uri(self, login: logins.Login = logins.APP, host: str | None = None, scheme: str = "postgresql") -> str:
        """Returns the connection URI of a login."""
        secret = quote(login.password, safe="")
        return f"{scheme}://{login.user}:{secret}@{host or self.host}:{self.port}/{self.database}"

    def version(self) -> str:
        """Returns the server's version number."""
        with self.connect(database="postgres") as connection:
            return str(connection.execute("SHOW server_version").fetchone()[0]).split()[0]

    def describe(self) -> dict[str, str]:
        """Returns the environment file's lines."""
        prefix = self.environment_prefix()
        return {
            **super().describe(),
            f"{prefix}_DATABASE": self.database,
            f"{prefix}_USER": logins.APP.user,
            f"{prefix}_PASSWORD": logins.APP.password,
            f"{prefix}_ADMIN_USER": logins.ADMIN.user,
            f"{prefix}_ADMIN_PASSWORD": logins.ADMIN.password,
            f"{prefix}_CA_FILE": str(self.ca_file),
            f"{prefix}_URI": self.uri(),
            f"{prefix}_PID": str(self.pid),
        }
