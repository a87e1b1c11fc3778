"""Cost of bringing an Arrow stream over loopback HTTP into a table, on the client's side alone.

A child process sends 400 MB of IPC in chunks of 1 MiB from memory. Each way to read it runs in a
fresh process; printed are wall and CPU seconds of the first (cold) and the best (warm) of four.

    python bench/transport.py [megabytes]
"""

from __future__ import annotations

import io
import multiprocessing
import resource
import socket
import sys
import time
from collections.abc import Callable

import pyarrow as pa

CHUNK = 1 << 20


def stream_of(megabytes: int) -> bytes:
    rows = 65_536
    columns = {f"n{i}": pa.array(range(i, rows + i), pa.int64()) for i in range(8)}
    columns |= {f"d{i}": columns["n0"].cast(pa.decimal128(20, 0)) for i in range(4)}
    columns |= {f"s{i}": pa.array([f"text {j}" for j in range(rows)]) for i in range(4)}
    batch = pa.record_batch(columns)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        for _ in range(megabytes * 1_000_000 // batch.nbytes):
            writer.write_batch(batch)
    return sink.getvalue()


def serve(ports: multiprocessing.SimpleQueue[int], megabytes: int) -> None:
    data = stream_of(megabytes)
    pieces = [data[start : start + CHUNK] for start in range(0, len(data), CHUNK)]
    framed = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
    listener = socket.create_server(("127.0.0.1", 0))
    ports.put(listener.getsockname()[1])
    while True:
        peer, _ = listener.accept()
        with peer, peer.makefile("rb") as requests:
            while requests.readline():
                while requests.readline() not in (b"\r\n", b""):
                    pass
                peer.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.apache.arrow.stream\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\n"
                )
                for piece in framed:
                    peer.sendall(piece)
                peer.sendall(b"0\r\n\r\n")


def with_nstarx(port: int) -> pa.Table:
    from nstarx._result import Result
    from nstarx._wire import WirePool

    pool = WirePool(("127.0.0.1", port), None, "Host: bench\r\n", 5, 60)
    return Result(pool.request("GET", "/")).to_arrow()


def with_http_client(port: int) -> pa.Table:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/")
    return pa.ipc.open_stream(pa.PythonFile(connection.getresponse(), "r")).read_all()


def with_urllib3(port: int) -> pa.Table:
    import urllib3

    answer = urllib3.PoolManager().request("GET", f"http://127.0.0.1:{port}", preload_content=False)
    return pa.ipc.open_stream(pa.PythonFile(answer, "r")).read_all()


def with_requests(port: int) -> pa.Table:
    import requests

    body = requests.get(f"http://127.0.0.1:{port}", timeout=60).content
    return pa.ipc.open_stream(body).read_all()


def drained(port: int) -> int:
    """Receive and forget: the limit of the socket."""
    scratch = bytearray(CHUNK)
    total = 0
    with socket.create_connection(("127.0.0.1", port)) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
        count = 0
        while not scratch.endswith(b"0\r\n\r\n", 0, count):
            count = peer.recv_into(scratch)
            total += count
    return total


def measure(read: Callable[[int], object], port: int) -> None:
    runs: list[tuple[float, float]] = []
    for _ in range(4):
        before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        got = read(port)
        wall = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_SELF)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        size = got.nbytes if isinstance(got, pa.Table) else int(str(got))
        runs.append((wall, cpu))
        del got
    (cold_wall, cold_cpu), (wall, cpu) = runs[0], min(runs)
    print(
        f"{read.__name__:18} cold {cold_wall:6.3f} s, CPU {cold_cpu:6.3f} s | "
        f"warm {wall:6.3f} s, CPU {cpu:6.3f} s, {size / wall / 1e6:6.0f} MB/s",
        flush=True,
    )


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    context = multiprocessing.get_context("spawn")
    ports: multiprocessing.SimpleQueue[int] = context.SimpleQueue()
    server = context.Process(target=serve, args=(ports, megabytes), daemon=True)
    server.start()
    port = ports.get()
    for read in (drained, with_nstarx, with_http_client, with_urllib3, with_requests):
        client = context.Process(target=measure, args=(read, port))
        client.start()
        client.join()
    server.terminate()
    server.join()


if __name__ == "__main__":
    main()
