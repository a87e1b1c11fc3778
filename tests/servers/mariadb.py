"""MariaDB with TLS and the users of the error matrix."""

from __future__ import annotations

from urllib.parse import quote

import pymysql
import pymysql.cursors

from tests.servers import logins
from tests.servers.certificates import TestCertificates
from tests.servers.process import ServerProcess, find_program


class MariadbServer(ServerProcess):
    """One instance. `tls` is one of TestCertificates.KINDS; `large` gives it memory for the benches."""

    name = "mariadb"
    run_as = "mysql"
    system = "MariaDB"

    def __init__(self, certificates: TestCertificates, tls: str = "on", *, large: bool = False) -> None:
        super().__init__()
        self._certificates = certificates
        self._tls = tls
        self._large = large
        self.data = self.folder / "data"
        self.socket = self.folder / "s.sock"
        self.database = logins.DATABASE
        self.ca_file = certificates.ca_file

    def prepare(self) -> None:
        """Makes the data folder and the server's certificate."""
        self.run([
            find_program("mariadb-install-db"), "--no-defaults", f"--datadir={self.data}",
            "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve",
            "--innodb-log-file-size=8M",
        ])  # fmt: skip
        if self._tls != "off":
            self._certificates.server(self._tls).write(self.folder, "server")
            (self.folder / "ca.crt").write_bytes(self.ca_file.read_bytes())

    def command(self) -> list[str]:
        """Returns the server's command line."""
        line = [
            find_program("mariadbd"), "--no-defaults", f"--datadir={self.data}", "--bind-address=127.0.0.1",
            f"--port={self.port}", f"--socket={self.socket}", f"--pid-file={self.folder / 'pid'}",
            f"--innodb-buffer-pool-size={'768M' if self._large else '64M'}", "--innodb-log-file-size=96M",
            "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=OFF", "--local-infile=ON",
            "--character-set-server=utf8mb4", "--collation-server=utf8mb4_unicode_ci",
            "--default-time-zone=+00:00", "--max-connections=60", "--skip-name-resolve",
            "--max-allowed-packet=64M",
        ]  # fmt: skip
        if self._tls == "off":
            return [*line, "--skip-ssl"]
        return [
            *line, f"--ssl-ca={self.folder / 'ca.crt'}", f"--ssl-cert={self.folder / 'server.crt'}",
            f"--ssl-key={self.folder / 'server.key'}",
        ]  # fmt: skip

    def connect(self, login: logins.Login = logins.ADMIN, database: str | None = None,
                **options: object) -> pymysql.Connection:  # fmt: skip
        """Opens a direct connection with autocommit."""
        return pymysql.connect(
            host=self.host, port=self.port, user=login.user, password=login.password,
            database=self.database if database is None else database or None, autocommit=True,
            connect_timeout=5, local_infile=True, charset="utf8mb4", **options,
        )  # fmt: skip

    def _root(self) -> pymysql.Connection:
        return pymysql.connect(unix_socket=str(self.socket), user="root", autocommit=True)

    def is_ready(self) -> bool:
        """Logs in over the socket, as root has no other way in."""
        self._root().close()
        return True

    def after_first_start(self) -> None:
        """Creates the database and the users."""
        with self._root() as connection, connection.cursor() as cursor:
            for login in logins.ALL:
                cursor.execute(f"CREATE USER '{login.user}'@'127.0.0.1' IDENTIFIED BY %s", (login.password,))
            cursor.execute(f"CREATE DATABASE {self.database}")
            cursor.execute(f"GRANT ALL ON *.* TO '{logins.ADMIN.user}'@'127.0.0.1' WITH GRANT OPTION")
            cursor.execute(f"GRANT ALL ON {self.database}.* TO '{logins.APP.user}'@'127.0.0.1'")
            cursor.execute(f"GRANT SELECT ON {self.database}.* TO '{logins.READER.user}'@'127.0.0.1'")
            cursor.execute(f"USE {self.database}")
            for table, note in (("visible", "all may read this"), ("hidden", "few may read this")):
                cursor.execute(f"CREATE TABLE {table} (id integer PRIMARY KEY, note text)")
                cursor.execute(f"INSERT INTO {table} VALUES (1, %s)", (note,))
            cursor.execute(f"GRANT SELECT ON {self.database}.visible TO '{logins.NOBODY.user}'@'127.0.0.1'")

    def uri(self, login: logins.Login = logins.APP, host: str | None = None) -> str:
        """Returns the connection URI of a login."""
        secret = quote(login.password, safe="")
        return f"mysql://{login.user}:{secret}@{host or self.host}:{self.port}/{self.database}"

    def version(self) -> str:
        """Returns the server's version number."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT version()")
            return cursor.fetchone()[0].split("-")[0]

    def describe(self) -> dict[str, str]:
        """Returns the environment file's lines."""
        prefix = self.environment_prefix()
        return {
            **super().describe(),
            f"{prefix}_DATABASE": self.database,
            f"{prefix}_USER": logins.APP.user,
            f"{prefix}_PASSWORD": logins.APP.password,
            f"{prefix}_CA_FILE": str(self.ca_file),
            f"{prefix}_URI": self.uri(),
            f"{prefix}_PID": str(self.pid),
        }
