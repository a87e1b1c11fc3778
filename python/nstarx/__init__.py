"""Python SDK of NStarX Connections.

Examples
--------
>>> import nstarx
>>> conn_mgr = nstarx.ConnectionManager(api_key="your-api-key")
>>> with conn_mgr.get_connection("analytics-db") as conn:  # doctest: +SKIP
...     df = conn.query("SELECT * FROM sales_data")
"""

from nstarx import _client
from nstarx._administration import ApiKeys, Templates
from nstarx._async import AsyncConnection, AsyncConnectionManager, AsyncResult
from nstarx._drivers import Drivers
from nstarx._manager import Connection, ConnectionManager
from nstarx._objects import ObjectReader, Objects
from nstarx._result import Result
from nstarx.errors import (
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    Warning,
)

__version__ = _client.VERSION

__all__ = [
    "ApiKeys",
    "AsyncConnection",
    "AsyncConnectionManager",
    "AsyncResult",
    "Connection",
    "ConnectionManager",
    "DataError",
    "DatabaseError",
    "Drivers",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "ObjectReader",
    "Objects",
    "OperationalError",
    "ProgrammingError",
    "Result",
    "Templates",
    "Warning",
    "__version__",
]
