"""Redis: Debian's redis-server with TLS, client certificates and ACL users."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import redis

from tests.servers.certificates import TestCertificates
from tests.servers.logins import APP, CANARY, READER, Login
from tests.servers.process import ServerProcess, find_program

#: May read keys that begin with types: and nothing else.
NARROW = Login("nstarx_narrow", CANARY + "narrow-51be08")
#: Of the default user, where there are no ACL users.
PASSWORD = CANARY + "requirepass-f30c77"


class RedisServer(ServerProcess):
    """One instance: with TLS and ACL users when there are certificates, else with one password."""

    name = "redis"
    system = "Redis"

    def __init__(self, certificates: TestCertificates | None = None, *, client_certificates: bool = False,
                 old_protocol: bool = False) -> None:  # fmt: skip
        super().__init__()
        self._old_protocol = old_protocol
        self._certificates = certificates
        self._client_certificates = client_certificates
        self.ca_file = certificates.ca_file if certificates else None
        self.password = APP.password if certificates else PASSWORD
        self.user = APP.user if certificates else "default"

    def prepare(self) -> None:
        """Writes the configuration; it holds the passwords, which are in no command line."""
        lines = [
            f"bind {self.host}", f"dir {self.folder}", 'save ""', "appendonly no", "daemonize no",
            "hash-max-listpack-value 200", "maxclients 200",
        ]  # fmt: skip
        if self._certificates:
            certificate, key = self._certificates.server("on").write(self.folder / "certs", "server")
            lines += [
                "port 0", f"tls-port {self.port}", f"tls-cert-file {certificate}", f"tls-key-file {key}",
                f"tls-ca-cert-file {self.ca_file}",
                f"tls-auth-clients {'yes' if self._client_certificates else 'no'}",
                "user default off",
                f"user {APP.user} on >{APP.password} ~* &* +@all",
                f"user {READER.user} on >{READER.password} ~* +@read +@connection +info +command",
                f"user {NARROW.user} on >{NARROW.password} ~types:* +@connection +get +type",
            ]  # fmt: skip
        else:
            lines += [f"port {self.port}", f"requirepass {self.password}"]
        if self._old_protocol:
            lines.append('rename-command HELLO ""')
        file = self.folder / "redis.conf"
        file.write_text("\n".join(lines) + "\n")
        file.chmod(0o600)

    def command(self) -> list[str]:
        """Returns the server's command line."""
        return [find_program("redis-server"), str(self.folder / "redis.conf")]

    def client(self, database: int = 0) -> redis.Redis:
        """Returns a client of the user that may do all; answers are bytes."""
        tls: dict[str, Any] = {}
        if self._certificates:
            tls = {"ssl": True, "ssl_ca_certs": str(self.ca_file)}
            if self._client_certificates:
                certificate, key = self._certificates.client("redis").write(self.folder / "certs", "client")
                tls |= {"ssl_certfile": str(certificate), "ssl_keyfile": str(key)}
        return redis.Redis(
            host=self.host, port=self.port, db=database, username=self.user, password=self.password,
            socket_timeout=60, socket_connect_timeout=5, protocol=2, **tls,
        )  # fmt: skip

    def is_ready(self) -> bool:
        """Pings."""
        with self.client() as client:
            return bool(client.ping())

    def version(self) -> str:
        """Returns the server's version."""
        with self.client() as client:
            return str(client.info("server")["redis_version"])

    def describe(self) -> dict[str, str]:
        """Returns the environment file's lines."""
        prefix = self.environment_prefix()
        lines = {f"{prefix}_USER": self.user, f"{prefix}_PASSWORD": self.password, f"{prefix}_PID": str(self.pid)}
        if self.ca_file:
            lines[f"{prefix}_CA_FILE"] = str(self.ca_file)
        return {**super().describe(), **lines}


def makers(catalog: Any) -> dict[str, Callable[[], ServerProcess]]:
    """Returns the server with TLS and ACL, with a password only, without RESP3, with certificates, and a mortal one."""
    return {
        "redis": lambda: RedisServer(catalog.certificates),
        "redis_plain": lambda: RedisServer(),
        "redis_resp2": lambda: RedisServer(old_protocol=True),
        "redis_mutual": lambda: RedisServer(catalog.certificates, client_certificates=True),
        "redis_mortal": lambda: RedisServer(catalog.certificates),
    }
