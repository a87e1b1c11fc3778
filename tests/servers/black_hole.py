"""Addresses where nobody answers: a port whose packets vanish, and one that is closed."""

from __future__ import annotations

import socket

from tests.servers.process import LOOPBACK, ServerFailed, free_port


class BlackHole:
    """A loopback port on which connect() hangs, as behind a firewall that drops packets.

    The listening socket's queue is full and never emptied, so the kernel drops every further SYN.
    """

    label = ""

    def __init__(self) -> None:
        self._listener = socket.socket()
        self._listener.bind((LOOPBACK, 0))
        self._listener.listen(0)
        self.host = LOOPBACK
        self.port: int = self._listener.getsockname()[1]
        self._fillers: list[socket.socket] = []

    def start(self) -> None:
        """Fills the queue and proves that a further connect() times out."""
        for _ in range(8):
            filler = socket.socket()
            filler.settimeout(0.4)
            try:
                filler.connect((self.host, self.port))
            except TimeoutError:
                filler.close()
                return
            self._fillers.append(filler)
        raise ServerFailed("a full listen queue still accepts connections on this kernel")

    def close(self) -> None:
        """Closes the port."""
        for filler in self._fillers:
            filler.close()
        self._listener.close()


class SilentServer:
    """A port that accepts and then says nothing: for login and read deadlines."""

    label = ""

    def __init__(self) -> None:
        self._listener = socket.socket()
        self._listener.bind((LOOPBACK, 0))
        self._listener.listen(64)
        self.host = LOOPBACK
        self.port: int = self._listener.getsockname()[1]

    def start(self) -> None:
        """Listens already."""

    def close(self) -> None:
        """Closes the port."""
        self._listener.close()


def refused_port() -> int:
    """Returns a loopback port where connections are refused."""
    return free_port()
