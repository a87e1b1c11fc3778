"""Save a PostgreSQL connection, test it, query it.

Set PGHOST, PGPORT, PGDATABASE, PGUSER and PGPASSWORD for the database; NSTARX_URL and
NSTARX_API_KEY for the server unless one runs on this machine.
"""

import os

from nstarx import ConnectionManager, Error

# Initialize connection manager
conn_mgr = ConnectionManager(api_key=os.environ.get("NSTARX_API_KEY"))

NAME = os.environ.get("NSTARX_CONNECTION", "analytics-db")
QUERY = os.environ.get("NSTARX_QUERY", "SELECT * FROM sales_data")

if NAME not in {saved["name"] for saved in conn_mgr.list_connections(type="postgresql")}:
    # Create PostgreSQL connection
    pg_conn = conn_mgr.create_connection(
        name=NAME,
        type="postgresql",
        config={
            "host": os.environ.get("PGHOST", "127.0.0.1"),
            "port": int(os.environ.get("PGPORT", "5432")),
            "database": os.environ.get("PGDATABASE", "analytics"),
            "ssl_mode": os.environ.get("PGSSLMODE", "require"),
        },
        auth={
            "username": os.environ["PGUSER"],
            "password": os.environ["PGPASSWORD"],
        },
    )
    for stage in pg_conn.test()["stages"]:
        print(f"{stage['stage']:12} {stage['status']:8} {stage['ms']:8.1f} ms")

# Use connection in workflow
try:
    with conn_mgr.get_connection(NAME) as conn:
        df = conn.query(QUERY)
        print(df)
except Error as error:
    raise SystemExit(str(error)) from None
