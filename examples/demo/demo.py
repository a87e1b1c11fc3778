"""Makes the demo's data and registers it as real connections: what ./run shows a newcomer.

A SQLite sales database, a folder of Parquet files, and a local PostgreSQL when one really lets us in
(by PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE or libpq's defaults).
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import random
import shutil
import sqlite3
import subprocess
from pathlib import Path

import nstarx
import pyarrow as pa
import pyarrow.parquet as pq

REGIONS = ["north", "south", "east", "west"]
PRODUCTS = [("Laptop", 129900), ("Phone", 79900), ("Desk", 34900), ("Chair", 18900), ("Lamp", 4900), ("Monitor", 25900)]


def make_sales_database(path: Path) -> None:
    """Write customers, products and 20,000 orders; the same on every machine."""
    if path.exists():
        return
    chance = random.Random(42)
    scratch = path.with_suffix(".new")
    scratch.unlink(missing_ok=True)
    database = sqlite3.connect(scratch)
    database.executescript("""
        CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, region TEXT NOT NULL, since DATE NOT NULL);
        CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, price DECIMAL(12,2) NOT NULL);
        CREATE TABLE orders (
            id INTEGER PRIMARY KEY,
            customer_id INTEGER NOT NULL REFERENCES customers(id),
            product_id INTEGER NOT NULL REFERENCES products(id),
            quantity INTEGER NOT NULL,
            amount DECIMAL(12,2) NOT NULL,
            ordered_at TIMESTAMP NOT NULL);
        CREATE INDEX orders_by_customer ON orders(customer_id);
    """)
    day = dt.date(2025, 1, 1)
    customers = [
        (i, f"Customer {i:04}", chance.choice(REGIONS), str(day + dt.timedelta(days=chance.randrange(300))))
        for i in range(1, 501)
    ]
    database.executemany("INSERT INTO customers VALUES (?,?,?,?)", customers)
    database.executemany(
        "INSERT INTO products VALUES (?,?,?)", [(i, name, cents / 100) for i, (name, cents) in enumerate(PRODUCTS, 1)]
    )
    orders = []
    for i in range(1, 20_001):
        product = chance.randrange(len(PRODUCTS))
        quantity = chance.randrange(1, 6)
        moment = dt.datetime(2025, 1, 1) + dt.timedelta(seconds=chance.randrange(300 * 86400))
        amount = quantity * PRODUCTS[product][1] / 100
        orders.append((i, chance.randrange(1, 501), product + 1, quantity, amount, str(moment)))
    database.executemany("INSERT INTO orders VALUES (?,?,?,?,?,?)", orders)
    database.commit()
    database.close()
    scratch.rename(path)


def make_events_folder(folder: Path) -> None:
    """Write 3 Parquet files of 50,000 click events each."""
    if (folder / "events-3.parquet").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(7)
    pages = ["/", "/pricing", "/docs", "/blog", "/signup"]
    for month in (1, 2, 3):
        start = dt.datetime(2026, month, 1, tzinfo=dt.UTC)
        count = 50_000
        table = pa.table(
            {
                "event_id": pa.array(range(month * 1_000_000, month * 1_000_000 + count), pa.int64()),
                "at": pa.array(
                    [start + dt.timedelta(seconds=chance.randrange(28 * 86400)) for _ in range(count)],
                    pa.timestamp("us", tz="UTC"),
                ),
                "page": pa.array([chance.choice(pages) for _ in range(count)]),
                "duration_ms": pa.array([chance.randrange(10, 60_000) for _ in range(count)], pa.int32()),
            }
        )
        pq.write_table(table, folder / f"events-{month}.parquet", compression="zstd")


def local_postgresql() -> tuple[dict[str, object], dict[str, object]] | None:
    """Configuration and login of a PostgreSQL that psql can really enter from here without asking; else None."""
    if shutil.which("psql") is None:
        return None
    host = os.environ.get("PGHOST", "127.0.0.1")
    environment = dict(os.environ, PGHOST=host, PGCONNECT_TIMEOUT="2")
    answer = subprocess.run(
        ["psql", "-w", "-X", "-A", "-t", "-c", "SELECT current_user || '|' || current_database()"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    if answer.returncode != 0 or host.startswith("/"):
        return None
    user, _, database = answer.stdout.strip().partition("|")
    config = {"host": host, "port": int(os.environ.get("PGPORT", "5432")), "database": database}
    return config, {"username": user, "password": os.environ.get("PGPASSWORD", "")}


def register(manager: nstarx.ConnectionManager, name: str, kind: str, config: dict, auth: dict, about: str) -> str:
    """Create the connection if it is not there, test it, and say how that went."""
    try:
        manager.show(name)
    except nstarx.Error:
        manager.create_connection(name=name, type=kind, config=config, auth=auth, description=about, tags=["demo"])
    report = manager.test(name)
    return f"  {name:<16} {kind:<11} {about}  [{report['status']}]"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--data", required=True, help="the server's data directory")
    arguments.add_argument("--folder", required=True, help="where the demo's data goes")
    options = arguments.parse_args()
    folder = Path(options.folder)
    folder.mkdir(parents=True, exist_ok=True)
    make_sales_database(folder / "sales.db")
    make_events_folder(folder / "events")
    login = json.loads((Path(options.data) / "credentials.json").read_text())
    manager = nstarx.ConnectionManager(api_key=login["api_key"], url=login["url"])
    lines = [
        register(manager, "demo-sales", "sqlite", {"path": str(folder / "sales.db")}, {"type": "none"},
                 "customers, products, 20,000 orders"),
        register(manager, "demo-events", "files", {"path": str(folder)}, {"type": "none"},
                 "150,000 click events in Parquet"),
    ]
    postgresql = local_postgresql()
    if postgresql is None:
        lines.append("  (no local PostgreSQL lets us in without a question; set PGHOST, PGUSER, PGPASSWORD to add yours)")
    else:
        lines.append(register(manager, "local-postgres", "postgresql", *postgresql, "the PostgreSQL on this machine"))
    print(f"""
NStarX Connections is running.

  address   {login["url"]}
  API key   {login["api_key"]}   (also in {options.data}/credentials.json)

Connections:
""" + "\n".join(lines) + f"""

Try:
  build/release/nstarx query demo-sales "SELECT region, sum(amount) AS total FROM orders o JOIN customers c ON c.id = o.customer_id GROUP BY region"
  build/release/nstarx query demo-events "SELECT page, count(*) AS views FROM 'events/*.parquet' GROUP BY page ORDER BY views DESC"
  curl -H "Authorization: Bearer {login["api_key"]}" {login["url"]}/connections
""")


if __name__ == "__main__":
    main()
