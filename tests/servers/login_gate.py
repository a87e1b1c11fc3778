"""A door of the tests in front of a server that has none: TLS, passwords, keys, tokens and client certificates.

It looks at the first request of each connection and then passes bytes on, so that a client that goes away is gone for
the server too. Run as a program: ``login_gate.py CONFIGURATION.json``.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

_REFUSED = {
    "error": {
        "root_cause": [{"type": "security_exception", "reason": "unable to authenticate for this request"}],
        "type": "security_exception",
        "reason": "unable to authenticate for this request",
    },
    "status": 401,
}


class LoginGate:
    """One door: checks who comes and passes on what they say."""

    def __init__(self, configuration: dict[str, Any]) -> None:
        user = f"{configuration['user']}:{configuration['password']}".encode()
        self._allowed = {
            f"Basic {base64.b64encode(user).decode()}",
            f"ApiKey {configuration['api_key']}",
            f"Bearer {configuration['token']}",
        }
        self._upstream_port: int = configuration["upstream_port"]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection."""
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = await reader.readuntil(b"\r\n\r\n")
            if self._knows(head.decode("latin-1"), writer):
                await self._pass_on(head, reader, writer)
            else:
                body = json.dumps(_REFUSED).encode()
                writer.write(
                    b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nConnection: close\r\n"
                    b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
                )
                await writer.drain()
        writer.close()

    def _knows(self, head: str, writer: asyncio.StreamWriter) -> bool:
        for line in head.split("\r\n")[1:]:
            name, _, value = line.partition(":")
            if name.lower() == "authorization":
                return value.strip() in self._allowed
        session = writer.get_extra_info("ssl_object")
        return bool(session and session.getpeercert())

    async def _pass_on(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, to_upstream = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        to_upstream.write(head)
        ways = [
            asyncio.create_task(_copy(reader, to_upstream)),
            asyncio.create_task(_copy(upstream, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            to_upstream.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await source.read(1 << 16):
            target.write(piece)
            await target.drain()


async def main(path: str) -> None:
    """Serves until it is killed."""
    configuration = json.loads(Path(path).read_text())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=configuration["ca_file"])
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_cert_chain(configuration["certificate"], configuration["key"])
    gate = LoginGate(configuration)
    server = await asyncio.start_server(gate.serve, "127.0.0.1", configuration["port"], ssl=context)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
