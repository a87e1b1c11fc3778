"""RabbitMQ of Debian: one node with streams and the management plugin, plain and TLS, on loopback alone."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pika
import requests

from tests.servers.catalog import ServerCatalog
from tests.servers.certificates import TestCertificates
from tests.servers.logins import CANARY
from tests.servers.process import ServerFailed, ServerProcess, free_port, wait_until

_ROOT = Path("/usr/lib/rabbitmq/lib")


def program() -> Path:
    """Returns the server's start script."""
    found = sorted(_ROOT.glob("rabbitmq_server-*/sbin/rabbitmq-server"))
    if not found:
        raise ServerFailed("the package rabbitmq-server is not installed")
    return found[-1]


class RabbitmqServer(ServerProcess):
    """Ports: `port` without TLS, `tls_port`, `management_port`."""

    name = "rabbitmq"
    start_timeout_s = 90.0

    def __init__(self, certificates: TestCertificates) -> None:
        super().__init__()
        self._certificates = certificates
        self.ca_file = certificates.ca_file
        self.user, self.password = "alice", CANARY + "rabbit-90d2aa"
        ports: set[int] = {self.port}
        while len(ports) < 6:
            ports.add(free_port())
        ports.discard(self.port)
        (self.tls_port, self.management_port, self.stream_port, self._dist_port, self._names_port) = sorted(ports)

    def prepare(self) -> None:
        """Writes the configuration."""
        certificate, key = self._certificates.server("on").write(self.folder, "server")
        lines = [
            f"listeners.tcp.1 = {self.host}:{self.port}", f"listeners.ssl.1 = {self.host}:{self.tls_port}",
            f"ssl_options.cacertfile = {self.ca_file}", f"ssl_options.certfile = {certificate}",
            f"ssl_options.keyfile = {key}", "ssl_options.verify = verify_peer",
            "ssl_options.fail_if_no_peer_cert = false",
            f"management.tcp.ip = {self.host}", f"management.tcp.port = {self.management_port}",
            f"stream.listeners.tcp.1 = {self.host}:{self.stream_port}",
            "disk_free_limit.absolute = 50MB", "max_message_size = 1048576",
            f"default_user = {self.user}", f"default_pass = {self.password}",
        ]  # fmt: skip
        (self.folder / "rabbitmq.conf").write_text("\n".join(lines) + "\n")
        (self.folder / "enabled_plugins").write_text("[rabbitmq_management,rabbitmq_stream].\n")

    def command(self) -> list[str]:
        """Returns the server's command line."""
        return [str(program())]

    def environment(self) -> Mapping[str, str]:
        """Returns a node of its own with its own name server."""
        folder = str(self.folder)
        return {
            "HOME": folder,
            "RABBITMQ_NODENAME": f"t{self.port}@localhost",
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/enabled_plugins",
            "RABBITMQ_MNESIA_BASE": f"{folder}/mnesia",
            "RABBITMQ_LOG_BASE": f"{folder}/log",
            "RABBITMQ_PID_FILE": f"{folder}/pid",
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "ERL_EPMD_PORT": str(self._names_port),
            "ERL_EPMD_ADDRESS": self.host,
            # Streams are counted every 200 ms instead of every 5 s.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none -kernel inet_dist_use_interface {127,0,0,1} "
            "-rabbit stream_tick_interval 200",
        }

    def close(self) -> None:
        """Stops the server and the name server that it started, which outlives it."""
        self.kill()  # an orderly stop takes seconds, for data that nobody reads again
        super().close()
        wanted = f"ERL_EPMD_PORT={self._names_port}\0".encode()
        for entry in Path("/proc").iterdir():
            try:
                if b"epmd" in (entry / "comm").read_bytes() and wanted in (entry / "environ").read_bytes():
                    os.kill(int(entry.name), signal.SIGTERM)
            except (OSError, ValueError):
                continue

    def connect(self) -> pika.BlockingConnection:
        """Returns a connection of another client."""
        login = pika.PlainCredentials(self.user, self.password)
        return pika.BlockingConnection(pika.ConnectionParameters(self.host, self.port, credentials=login))

    def is_ready(self) -> bool:
        """Logs in, and asks the management plugin."""
        self.connect().close()
        return self.ask("health/checks/local-alarms")["status"] == "ok"

    def ask(self, path: str) -> Any:
        """Returns an answer of the management plugin."""
        answer = requests.get(
            f"http://{self.host}:{self.management_port}/api/{path}", auth=(self.user, self.password), timeout=10
        )
        answer.raise_for_status()
        return answer.json()

    def create_queue(self, name: str, kind: str = "stream") -> None:
        """Makes a durable queue."""
        with self.connect() as connection:
            connection.channel().queue_declare(name, durable=True, arguments={"x-queue-type": kind})

    def create_topic(self, name: str) -> None:
        """Makes a stream."""
        self.create_queue(name)

    def create_user(self, name: str, password: str, **permissions: str) -> None:
        """Makes a user with permissions in the virtual host /."""
        base = f"http://{self.host}:{self.management_port}/api"
        login = (self.user, self.password)
        requests.put(f"{base}/users/{name}", json={"password": password, "tags": ""}, auth=login, timeout=10)
        body = {"configure": "", "write": "", "read": "", **permissions}
        requests.put(f"{base}/permissions/%2F/{name}", json=body, auth=login, timeout=10).raise_for_status()

    def write(self, queue: str, messages: list[dict[str, Any]]) -> None:
        """Writes messages of `value`, `headers` and `properties`, and waits until the server counts them."""
        with self.connect() as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            before = channel.queue_declare(queue, passive=True).method.message_count
            for message in messages:
                properties = pika.BasicProperties(headers=message.get("headers"), **message.get("properties", {}))
                channel.basic_publish("", queue, message["value"], properties, mandatory=True)
            wait_until("counted", lambda: self.count(channel, queue) >= before + len(messages), 30)

    @staticmethod
    def count(channel: Any, queue: str) -> int:
        """Returns how many messages the server counts as ready."""
        return channel.queue_declare(queue, passive=True).method.message_count

    def ready(self, queue: str) -> int:
        """Returns how many messages the server counts as ready."""
        with self.connect() as connection:
            return self.count(connection.channel(), queue)

    def read(self, queue: str, count: int) -> list[dict[str, Any]]:
        """Takes `count` messages off a queue that is no stream."""
        out: list[dict[str, Any]] = []
        with self.connect() as connection:
            channel = connection.channel()
            while len(out) < count:
                method, properties, body = channel.basic_get(queue, auto_ack=True)
                if method is None:
                    break
                out.append({"key": method.routing_key, "value": body, "headers": dict(properties.headers or {}),
                            "properties": properties})  # fmt: skip
        return out

    def version(self) -> str:
        """Returns the server's version."""
        return self.ask("overview")["rabbitmq_version"]


def makers(catalog: ServerCatalog) -> dict[str, Callable[[], ServerProcess]]:
    """Returns the servers by name."""
    return {
        "rabbitmq": lambda: RabbitmqServer(catalog.certificates),
        "rabbitmq_mortal": lambda: RabbitmqServer(catalog.certificates),
    }
