"""The same door for asyncio: each call runs on a bounded set of threads of its own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Self, TypeVar

from nstarx._administration import ApiKeys, Templates
from nstarx._client import JsonObject
from nstarx._drivers import Drivers
from nstarx._manager import Connection, ConnectionManager, IngestMode, TypeOfError
from nstarx._objects import Objects
from nstarx._result import Result

if TYPE_CHECKING:
    import ssl as tls

    import pandas as pd
    import polars as pl
    import pyarrow as pa

_P = ParamSpec("_P")
_T = TypeVar("_T")


class _Threads:
    """Runs blocking calls; at most ``count`` at a time, the others wait in line."""

    def __init__(self, count: int) -> None:
        self._executor = ThreadPoolExecutor(count, thread_name_prefix="nstarx")

    async def run(self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: call(*args, **kwargs))

    async def each(self, start: Callable[[], Iterator[_T]]) -> AsyncIterator[_T]:
        items = await self.run(start)
        end = object()
        while True:
            item: Any = await self.run(next, items, end)
            if item is end:
                return
            yield item

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)


class AsyncResult:
    """A `Result` whose consuming calls are awaited; iterate with ``async for``."""

    def __init__(self, result: Result, threads: _Threads) -> None:
        self._result = result
        self._threads = threads

    @property
    def schema(self) -> pa.Schema:
        """Schema of the rows."""
        return self._result.schema

    @property
    def rows_affected(self) -> int:
        """Rows that a writing statement changed; see `Result.rows_affected`."""
        return self._result.rows_affected

    async def to_arrow(self) -> pa.Table:
        """Return all rows as one table."""
        return await self._threads.run(self._result.to_arrow)

    async def to_pandas(self) -> pd.DataFrame:
        """Return all rows as a pandas DataFrame."""
        return await self._threads.run(self._result.to_pandas)

    async def to_polars(self) -> pl.DataFrame:
        """Return all rows as a polars DataFrame."""
        return await self._threads.run(self._result.to_polars)

    async def to_pylist(self) -> list[dict[str, Any]]:
        """Return all rows as a list of dictionaries."""
        return await self._threads.run(self._result.to_pylist)

    def to_batches(self) -> AsyncIterator[pa.RecordBatch]:
        """Yield record batches as they arrive."""
        return self._threads.each(self._result.to_batches)

    def __aiter__(self) -> AsyncIterator[pa.RecordBatch]:
        return self.to_batches()

    async def close(self) -> None:
        """Stop here; cancels what still runs."""
        await self._threads.run(self._result.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: TypeOfError | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class AsyncObjects:
    """Objects of a connection to object storage; see `Objects`."""

    def __init__(self, objects: Objects, threads: _Threads) -> None:
        self._objects = objects
        self._threads = threads

    def list(self, prefix: str = "", *, delimiter: str | None = None) -> AsyncIterator[JsonObject]:
        """Yield what lies under ``prefix``."""
        return self._threads.each(lambda: self._objects.list(prefix, delimiter=delimiter))

    async def stat(self, key: str) -> JsonObject:
        """Return size, time, ETag and media type of one object."""
        return await self._threads.run(self._objects.stat, key)

    async def get(self, key: str, *, offset: int = 0, length: int | None = None) -> bytes:
        """Return the content of one object, or a range of it."""
        return await self._threads.run(self._objects.get, key, offset=offset, length=length)

    async def put(self, key: str, content: Any, *, content_type: str = "") -> JsonObject:
        """Write one object from bytes or an open binary file."""
        return await self._threads.run(self._objects.put, key, content, content_type=content_type)

    async def delete(self, key: str) -> None:
        """Delete one object."""
        await self._threads.run(self._objects.delete, key)

    async def presign(self, key: str, *, method: str = "GET", expires_s: int = 3600) -> str:
        """Return a URL that lets its bearer ``GET`` or ``PUT`` the object for a while."""
        return await self._threads.run(
            self._objects.presign, key, method=method, expires_s=expires_s
        )


class AsyncConnection:
    """One saved connection; see `Connection`. Use with ``async with``."""

    def __init__(self, connection: Connection, threads: _Threads) -> None:
        self._connection = connection
        self._threads = threads

    @property
    def info(self) -> JsonObject:
        """The connection as the server shows it."""
        return self._connection.info

    @property
    def id(self) -> str:
        """The connection's id."""
        return self._connection.id

    @property
    def name(self) -> str:
        """The connection's name."""
        return self._connection.name

    @property
    def type(self) -> str:
        """The kind of data system."""
        return self._connection.type

    @property
    def objects(self) -> AsyncObjects:
        """Objects of a connection to object storage."""
        return AsyncObjects(self._connection.objects, self._threads)

    async def execute(
        self,
        query: str,
        parameters: Sequence[Any] | None = None,
        *,
        limit: int | None = None,
        timeout_ms: int | None = None,
    ) -> AsyncResult:
        """Run a statement and return its rows as a stream."""
        result = await self._threads.run(
            self._connection.execute, query, parameters, limit=limit, timeout_ms=timeout_ms
        )
        return AsyncResult(result, self._threads)

    async def query(
        self,
        query: str,
        parameters: Sequence[Any] | None = None,
        *,
        limit: int | None = None,
        timeout_ms: int | None = None,
    ) -> pd.DataFrame:
        """Run a statement and return its rows as a pandas DataFrame."""
        return await self._threads.run(
            self._connection.query, query, parameters, limit=limit, timeout_ms=timeout_ms
        )

    async def explain(self, query: str, parameters: Sequence[Any] | None = None) -> JsonObject:
        """Return the plan of a statement."""
        return await self._threads.run(self._connection.explain, query, parameters)

    async def browse(self, path: str = "", *, limit: int | None = None) -> list[JsonObject]:
        """List what lies under a path."""
        return await self._threads.run(self._connection.browse, path, limit=limit)

    async def describe(self, path: str) -> JsonObject:
        """Return columns, keys and indexes of a table or file."""
        return await self._threads.run(self._connection.describe, path)

    async def sample(self, path: str, *, limit: int = 100) -> AsyncResult:
        """Return the first rows of a table or file."""
        result = await self._threads.run(self._connection.sample, path, limit=limit)
        return AsyncResult(result, self._threads)

    async def ingest(self, table: str, source: Any, *, mode: IngestMode = "append") -> int:
        """Write rows by the data system's bulk path and return how many were written."""
        if isinstance(source, AsyncResult):
            source = source._result
        return await self._threads.run(self._connection.ingest, table, source, mode=mode)

    async def test(self) -> JsonObject:
        """Run the staged test."""
        return await self._threads.run(self._connection.test)

    async def close(self) -> None:
        """Do nothing: the connection stays saved."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: TypeOfError | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class AsyncTemplates:
    """Templates of the deployment; see `Templates`."""

    def __init__(self, templates: Templates, threads: _Threads) -> None:
        self._templates = templates
        self._threads = threads

    async def list(self, type: str | None = None) -> list[JsonObject]:
        """Return the variants of the types and the templates that the caller may see."""
        return await self._threads.run(self._templates.list, type)

    async def get(self, ref: str) -> JsonObject:
        """Return one by name or id."""
        return await self._threads.run(self._templates.get, ref)

    async def create(self, name: str, type: str | None = None, **parts: Any) -> JsonObject:
        """Keep a part of a connection under a name; see `Templates.create`."""
        return await self._threads.run(self._templates.create, name, type, **parts)

    async def update(self, ref: str, changes: Mapping[str, Any]) -> JsonObject:
        """Lay ``changes`` over a template."""
        return await self._threads.run(self._templates.update, ref, changes)

    async def delete(self, ref: str) -> None:
        """Delete a template."""
        await self._threads.run(self._templates.delete, ref)


class AsyncDrivers:
    """Drivers that adapters load; see `Drivers`."""

    def __init__(self, drivers: Drivers, threads: _Threads) -> None:
        self._drivers = drivers
        self._threads = threads

    async def list(self, *, installed: bool = False, refresh: bool = False) -> list[JsonObject]:
        """Return the drivers that are installed and those that the indexes offer."""
        return await self._threads.run(self._drivers.list, installed=installed, refresh=refresh)

    async def get(self, id: str, *, refresh: bool = False) -> JsonObject:
        """Return one; with ``refresh`` also the versions that there are to install."""
        return await self._threads.run(self._drivers.get, id, refresh=refresh)

    async def install(
        self, id: str, version: str | None = None, *, dry_run: bool = False
    ) -> JsonObject:
        """Install a version (the newest release), or switch to one that is installed."""
        return await self._threads.run(self._drivers.install, id, version, dry_run=dry_run)

    async def update(self, id: str, *, dry_run: bool = False) -> JsonObject:
        """Install the newest release, if it is newer than the current version."""
        return await self._threads.run(self._drivers.update, id, dry_run=dry_run)

    async def rollback(self, id: str) -> JsonObject:
        """Go back to the version that was used before."""
        return await self._threads.run(self._drivers.rollback, id)

    async def verify(self, id: str, version: str | None = None) -> JsonObject:
        """Hash the files again."""
        return await self._threads.run(self._drivers.verify, id, version)

    async def set_policy(
        self, id: str, auto_update: Literal["off", "patch", "minor"]
    ) -> JsonObject:
        """Set how far automatic updates go."""
        return await self._threads.run(self._drivers.set_policy, id, auto_update)

    async def remove(self, id: str, version: str | None = None, *, force: bool = False) -> None:
        """Remove a driver, or one version that is not the current one."""
        await self._threads.run(self._drivers.remove, id, version, force=force)

    async def export_bundle(
        self, id: str, path: str | os.PathLike[str], version: str | None = None
    ) -> None:
        """Write an installed version as a bundle for a machine without a network."""
        await self._threads.run(self._drivers.export_bundle, id, path, version)

    async def import_bundle(self, path: str | os.PathLike[str]) -> JsonObject:
        """Install what a bundle holds, checked as a download is."""
        return await self._threads.run(self._drivers.import_bundle, path)


class AsyncApiKeys:
    """API keys of the deployment; see `ApiKeys`."""

    def __init__(self, keys: ApiKeys, threads: _Threads) -> None:
        self._keys = keys
        self._threads = threads

    async def create(
        self,
        name: str,
        *,
        role: str | None = None,
        scopes: Sequence[str] | None = None,
        expires_at: str | None = None,
    ) -> JsonObject:
        """Issue a key, which is shown this once only."""
        return await self._threads.run(
            self._keys.create, name, role=role, scopes=scopes, expires_at=expires_at
        )

    async def list(self) -> list[JsonObject]:
        """Return the keys that the caller may see."""
        return await self._threads.run(self._keys.list)

    async def revoke(self, id: str) -> None:
        """Revoke a key at once."""
        await self._threads.run(self._keys.revoke, id)


class AsyncConnectionManager:
    """`ConnectionManager` for asyncio, with the same methods.

    Calls run on at most ``threads`` threads. A cancelled task stops waiting; the call that it
    waited for ends by itself, by ``timeout`` at the latest.

    Examples
    --------
    >>> async def main():  # doctest: +SKIP
    ...     async with AsyncConnectionManager() as conn_mgr:
    ...         conn = await conn_mgr.get_connection("analytics-db")
    ...         return await conn.query("SELECT * FROM sales_data")
    """

    def __init__(
        self,
        api_key: str | None = None,
        url: str | None = None,
        *,
        threads: int = 16,
        timeout: float = 600.0,
        connect_timeout: float = 10.0,
        compression: Literal["auto", "zstd", "lz4"] | None = "auto",
        ca_file: str | None = None,
        ssl_context: tls.SSLContext | None = None,
    ) -> None:
        self._manager = ConnectionManager(
            api_key,
            url,
            timeout=timeout,
            connect_timeout=connect_timeout,
            compression=compression,
            ca_file=ca_file,
            ssl_context=ssl_context,
        )
        self._threads = _Threads(threads)

    @property
    def url(self) -> str:
        """Root of the server."""
        return self._manager.url

    @property
    def api_keys(self) -> AsyncApiKeys:
        """API keys of the deployment."""
        return AsyncApiKeys(self._manager.api_keys, self._threads)

    @property
    def templates(self) -> AsyncTemplates:
        """Templates: parts of connections under a name."""
        return AsyncTemplates(self._manager.templates, self._threads)

    @property
    def drivers(self) -> AsyncDrivers:
        """Drivers that adapters load."""
        return AsyncDrivers(self._manager.drivers, self._threads)

    async def execute(
        self,
        query: str,
        parameters: Sequence[Any] | None = None,
        *,
        limit: int | None = None,
        timeout_ms: int | None = None,
    ) -> AsyncResult:
        """Run one SQL over connections and return its rows as a stream."""
        result = await self._threads.run(
            self._manager.execute, query, parameters, limit=limit, timeout_ms=timeout_ms
        )
        return AsyncResult(result, self._threads)

    async def query(
        self,
        query: str,
        parameters: Sequence[Any] | None = None,
        *,
        limit: int | None = None,
        timeout_ms: int | None = None,
    ) -> pd.DataFrame:
        """Run one SQL over connections and return its rows as a pandas DataFrame."""
        return await self._threads.run(
            self._manager.query, query, parameters, limit=limit, timeout_ms=timeout_ms
        )

    async def types(self) -> list[JsonObject]:
        """Return the kinds of data system that the server knows."""
        return await self._threads.run(self._manager.types)

    async def type(self, id: str) -> JsonObject:
        """Return one kind's specification."""
        return await self._threads.run(self._manager.type, id)

    async def create_connection(
        self,
        name: str,
        type: str | None = None,
        config: Mapping[str, Any] | None = None,
        auth: Mapping[str, Any] | None = None,
        *,
        uri: str | None = None,
        template: str | None = None,
        tags: Sequence[str] = (),
        description: str = "",
        pooling: Mapping[str, Any] | None = None,
        ssl: Mapping[str, Any] | None = None,
        sharing: Mapping[str, Any] | None = None,
    ) -> AsyncConnection:
        """Save a connection; see `ConnectionManager.create_connection`."""
        connection = await self._threads.run(
            self._manager.create_connection,
            name,
            type,
            config,
            auth,
            uri=uri,
            template=template,
            tags=tags,
            description=description,
            pooling=pooling,
            ssl=ssl,
            sharing=sharing,
        )
        return AsyncConnection(connection, self._threads)

    async def test_connection(
        self,
        type: str | None = None,
        config: Mapping[str, Any] | None = None,
        auth: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        uri: str | None = None,
        template: str | None = None,
        ssl: Mapping[str, Any] | None = None,
    ) -> JsonObject:
        """Run the staged test of a connection that is not saved."""
        return await self._threads.run(
            self._manager.test_connection,
            type,
            config,
            auth,
            name=name,
            uri=uri,
            template=template,
            ssl=ssl,
        )

    def list_connections(
        self,
        *,
        type: str | None = None,
        tag: str | None = None,
        status: str | None = None,
        scope: str | None = None,
        owner: str | None = None,
        q: str | None = None,
        archived: bool | None = None,
        sort: str | None = None,
        page_size: int | None = None,
    ) -> AsyncIterator[JsonObject]:
        """Yield the connections that the caller may see."""
        return self._threads.each(
            lambda: self._manager.list_connections(
                type=type,
                tag=tag,
                status=status,
                scope=scope,
                owner=owner,
                q=q,
                archived=archived,
                sort=sort,
                page_size=page_size,
            )
        )

    async def get_connection(self, ref: str) -> AsyncConnection:
        """Return a connection by name or id, ready for use."""
        connection = await self._threads.run(self._manager.get_connection, ref)
        return AsyncConnection(connection, self._threads)

    async def show(self, ref: str) -> JsonObject:
        """Return a connection as the server shows it."""
        return await self._threads.run(self._manager.show, ref)

    async def update_connection(
        self,
        ref: str,
        patch: Mapping[str, Any] | None = None,
        *,
        if_match: str | int | None = None,
        **changes: Any,
    ) -> JsonObject:
        """Change a connection; see `ConnectionManager.update_connection`."""
        return await self._threads.run(
            self._manager.update_connection, ref, patch, if_match=if_match, **changes
        )

    async def versions(self, ref: str) -> list[JsonObject]:
        """Return the history of a connection."""
        return await self._threads.run(self._manager.versions, ref)

    async def rollback(self, ref: str, version: int) -> JsonObject:
        """Make a new version with the content of an old one."""
        return await self._threads.run(self._manager.rollback, ref, version)

    async def archive(self, ref: str) -> JsonObject:
        """Put a connection away."""
        return await self._threads.run(self._manager.archive, ref)

    async def restore(self, ref: str) -> JsonObject:
        """Bring an archived connection back."""
        return await self._threads.run(self._manager.restore, ref)

    async def delete_connection(self, ref: str, *, if_match: str | int | None = None) -> None:
        """Delete a connection and its secrets for good."""
        await self._threads.run(self._manager.delete_connection, ref, if_match=if_match)

    async def test(self, ref: str) -> JsonObject:
        """Run the staged test of a saved connection."""
        return await self._threads.run(self._manager.test, ref)

    def audit(
        self,
        *,
        user: str | None = None,
        action: str | None = None,
        connection: str | None = None,
        since: str | None = None,
        until: str | None = None,
        page_size: int | None = None,
    ) -> AsyncIterator[JsonObject]:
        """Yield audit entries, newest first."""
        return self._threads.each(
            lambda: self._manager.audit(
                user=user,
                action=action,
                connection=connection,
                since=since,
                until=until,
                page_size=page_size,
            )
        )

    async def audit_verify(self) -> JsonObject:
        """Have the server check the whole audit journal's hash chain."""
        return await self._threads.run(self._manager.audit_verify)

    async def close(self) -> None:
        """Close idle network connections and let the threads end."""
        self._manager.close()
        self._threads.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: TypeOfError | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<nstarx.AsyncConnectionManager {self.url}>"
