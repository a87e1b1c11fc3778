"""Runs a server that binds every interface where there is none but loopback, and relays one port of it.

``python -m tests.servers.loopback_only OUTSIDE INSIDE COMMAND…`` listens on 127.0.0.1:OUTSIDE, moves itself into a new
network namespace, starts COMMAND there and passes each connection on to 127.0.0.1:INSIDE of the namespace. A socket
stays in the namespace in which it was made: that is the whole bridge. Needs root.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys

_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def _leave_network() -> None:
    """Moves this process into a network namespace of its own, with loopback up."""
    if _LIBC.unshare(_CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"a network namespace needs root: {os.strerror(code)}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(control, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | _IFF_UP))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(1 << 16):
            writer.write(piece)
            await writer.drain()
    with contextlib.suppress(OSError):
        if writer.can_write_eof():
            writer.write_eof()


async def _serve(listener: socket.socket, inside: int, child: subprocess.Popen[bytes]) -> int:
    relays: set[asyncio.Task[None] | None] = set()  # The loop itself holds tasks only weakly.

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relays.add(asyncio.current_task())
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", inside)
        except OSError:
            relays.discard(asyncio.current_task())
            writer.transport.abort()  # Nobody listens yet: the client sees a reset.
            return
        try:
            await asyncio.gather(_pass_on(reader, there_writer), _pass_on(there_reader, writer))
        finally:
            there_writer.close()
            writer.close()
            relays.discard(asyncio.current_task())

    server = await asyncio.start_server(relay, sock=listener)
    async with server:
        return await asyncio.to_thread(child.wait)


def main() -> int:
    """Starts the command and relays until it ends; returns its exit code."""
    outside, inside, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    listener = socket.create_server(("127.0.0.1", outside), backlog=128)
    _leave_network()
    child = subprocess.Popen(command, preexec_fn=lambda: _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: child.send_signal(received))
    return asyncio.run(_serve(listener, inside, child))


if __name__ == "__main__":
    sys.exit(main())
