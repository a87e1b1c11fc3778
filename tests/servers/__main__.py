"""``python -m tests.servers up postgresql mariadb minio``: starts real servers and keeps them until SIGTERM."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import time
from pathlib import Path

from tests.servers import minio
from tests.servers.catalog import ServerCatalog, system_modules
from tests.servers.lineitem import load_mariadb, load_postgresql
from tests.servers.process import ServerFailed


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.servers", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start servers and keep them until SIGTERM or Ctrl-C")
    up.add_argument("names", nargs="+", help="server names, see `list`")
    up.add_argument("--env-file", type=Path, help="write NAME=value lines here when all are ready")
    up.add_argument("--large", action="store_true", help="memory for benches (1 GB buffers)")
    up.add_argument("--lineitem", type=int, default=0, metavar="ROWS", help="load the lineitem table")
    commands.add_parser("list", help="print the server names")
    commands.add_parser("fetch", help="download and build what the servers need into the cache")
    return parser.parse_args(arguments)


def _up(options: argparse.Namespace) -> int:
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: stopping.append(received))
    catalog = ServerCatalog(large=options.large)
    unknown = sorted(set(options.names) - set(catalog.names()))
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are: {', '.join(catalog.names())}", file=sys.stderr)
        catalog.close()
        return 2
    lines: list[str] = []
    try:
        for name in options.names:
            begun = time.monotonic()
            server = catalog.get(name)
            print(f"{name} ready on {server.host}:{server.port} in {time.monotonic() - begun:.1f} s", flush=True)
            if options.lineitem and name in ("postgresql", "mariadb"):
                begun = time.monotonic()
                load = load_postgresql if name == "postgresql" else load_mariadb
                load(server, options.lineitem)
                print(f"{name} lineitem {options.lineitem} rows in {time.monotonic() - begun:.1f} s", flush=True)
            if hasattr(server, "describe"):
                lines += [f"{key}={shlex.quote(value)}" for key, value in server.describe().items()]
        if options.env_file:
            partial = options.env_file.with_name(options.env_file.name + ".partial")
            partial.touch(mode=0o600)
            partial.write_text("\n".join(lines) + "\n")
            partial.replace(options.env_file)  # Its appearance says that all are ready.
        else:
            print("\n".join(lines), flush=True)
        print("up; stop with SIGTERM", flush=True)
        while not stopping:
            time.sleep(0.2)  # Not signal.pause(): a signal just before it would be missed.
    except ServerFailed as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        if options.env_file:
            options.env_file.unlink(missing_ok=True)
        catalog.close()
    return 0


def _fetch() -> int:
    failures = 0
    for module in [minio, *system_modules()]:
        if not hasattr(module, "fetch"):
            continue
        begun = time.monotonic()
        try:
            module.fetch()
            print(f"{module.__name__} fetched in {time.monotonic() - begun:.1f} s", flush=True)
        except Exception as error:
            failures += 1
            print(f"{module.__name__}: {error}", file=sys.stderr, flush=True)
    return 1 if failures else 0


def main(arguments: list[str]) -> int:
    """Runs the command line."""
    options = _parse(arguments)
    if options.command == "up":
        return _up(options)
    if options.command == "fetch":
        return _fetch()
    catalog = ServerCatalog()
    print("\n".join(catalog.names()))
    catalog.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
