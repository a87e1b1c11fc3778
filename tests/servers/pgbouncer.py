"""PgBouncer in front of a PostgreSQL server: the peer of the pool's benches."""

from __future__ import annotations

import psycopg

from tests.servers import logins
from tests.servers.postgresql import PostgresqlServer
from tests.servers.process import ServerProcess, find_program


class PgbouncerServer(ServerProcess):
    """Transaction pooling with four server connections, as a bench compares it."""

    name = "pgbouncer"
    run_as = "postgres"
    system = "PgBouncer"

    def __init__(self, behind: PostgresqlServer) -> None:
        super().__init__()
        self._behind = behind
        self.database = behind.database

    def prepare(self) -> None:
        """Writes the configuration and the list of users."""
        users = "".join(f'"{login.user}" "{login.password}"\n' for login in logins.ALL)
        (self.folder / "users.txt").write_text(users)
        (self.folder / "pgbouncer.ini").write_text(
            f"[databases]\n{self.database} = host={self._behind.host} port={self._behind.port}\n"
            f"[pgbouncer]\nlisten_addr = {self.host}\nlisten_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = scram-sha-256\nauth_file = {self.folder / 'users.txt'}\n"
            "pool_mode = transaction\ndefault_pool_size = 4\nmax_client_conn = 200\n"
            "ignore_startup_parameters = extra_float_digits\n"
        )

    def command(self) -> list[str]:
        """Returns the server's command line."""
        return [find_program("pgbouncer"), "-q", str(self.folder / "pgbouncer.ini")]

    def connect(self, login: logins.Login = logins.APP) -> psycopg.Connection:
        """Opens a connection through the pool."""
        return psycopg.connect(
            host=self.host, port=self.port, dbname=self.database, user=login.user, password=login.password,
            autocommit=True, connect_timeout=5, prepare_threshold=None,
        )  # fmt: skip

    def is_ready(self) -> bool:
        """Runs a query through the pool."""
        with self.connect() as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
