"""Named connections: create, find, change, test and use them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from nstarx._administration import ApiKeys, Templates
from nstarx._answers import as_object, pages
from nstarx._client import Client, JsonObject, encode_parameters
from nstarx._drafts import draft_of, split_ssl
from nstarx._drivers import Drivers
from nstarx._metadata import Metadata
from nstarx._objects import Objects
from nstarx._result import Result
from nstarx._streams import Streams
from nstarx.errors import InterfaceError

if TYPE_CHECKING:
    import ssl as tls

    import pandas as pd

IngestMode = Literal["append", "create", "replace"]
# Named here because `type` means something else inside the classes below.
TypeOfError = type[BaseException]


def _statement(
    query: str, parameters: Sequence[Any] | None, limit: int | None, timeout_ms: int | None
) -> JsonObject:
    body: JsonObject = {"query": query}
    if parameters:
        body["parameters"] = encode_parameters(parameters)
    if limit is not None:
        body["limit"] = limit
    if timeout_ms is not None:
        body["timeout_ms"] = timeout_ms
    return body


class Connection(Streams, Metadata):
    """One saved connection, ready for use; what `ConnectionManager.get_connection` returns.

    It holds no network resource of its own and no secret: sessions live in the server's pool, so
    leaving the ``with`` block costs nothing. Its methods may be called from many threads.

    Attributes
    ----------
    info
        The connection as the server shows it; secrets appear as ``{"configured": true, …}``.
    """

    def __init__(self, client: Client, info: JsonObject) -> None:
        self._client = client
        self.info = info
        # The name is what people and the audit journal read; the id stays when it is renamed.
        self._ref = str(info["id"])
        self._query_target = client.target("connections", self._ref, "query")

    @property
    def id(self) -> str:
        """The connection's id, which never changes."""
        return self._ref

    @property
    def name(self) -> str:
        """The connection's name."""
        return str(self.info["name"])

    @property
    def type(self) -> str:
        """The kind of data system, e.g. ``postgresql``."""
        return str(self.info["type"])

    @property
    def objects(self) -> Objects:
        """Objects of a connection to object storage."""
        return Objects(self._client, self._ref)

    def execute(
        self,
        query: str,
        parameters: Sequence[Any] | None = None,
        *,
        limit: int | None = None,
        timeout_ms: int | None = None,
    ) -> Result:
        """Run a statement and return its rows as a stream.

        Parameters
        ----------
        query
            Statement in the data system's own language.
        parameters
            One value for each placeholder.
        limit
            At most so many rows are returned.
        timeout_ms
            After this time the server cancels the statement.

        Returns
        -------
        Result
            Read it once, or close it.
        """
        body = _statement(query, parameters, limit, timeout_ms)
        return self._client.rows("POST", self._query_target, body)

    def query(
        self,
        query: str,
        parameters: Sequence[Any] | None = None,
        *,
        limit: int | None = None,
        timeout_ms: int | None = None,
    ) -> pd.DataFrame:
        """Run a statement and return its rows as a pandas DataFrame.

        The same as ``execute(…).to_pandas()``.
        """
        return self.execute(query, parameters, limit=limit, timeout_ms=timeout_ms).to_pandas()

    def explain(self, query: str, parameters: Sequence[Any] | None = None) -> JsonObject:
        """Return the plan of a statement, which is not run."""
        body: JsonObject = {"query": query}
        if parameters:
            body["parameters"] = encode_parameters(parameters)
        return as_object(self._client.call("POST", self._target("explain"), body))

    def browse(self, path: str = "", *, limit: int | None = None) -> list[JsonObject]:
        """List what lies under a path: schemas, tables, prefixes.

        Each entry has ``name``, ``path`` (what `browse`, `describe` and `sample` take), ``kind``
        and ``has_children``.
        """
        target = self._target("browse", path=path or None, limit=limit)
        answer = self._client.call("GET", target)
        items: list[JsonObject] = answer["items"]
        return items

    def describe(self, path: str) -> JsonObject:
        """Return columns, keys, indexes, comments and row estimate of a table or file."""
        return as_object(self._client.call("GET", self._target("describe", path=path)))

    def sample(self, path: str, *, limit: int = 100) -> Result:
        """Return the first rows of a table or file."""
        return self._client.rows("GET", self._target("sample", path=path, limit=limit))

    def ingest(self, table: str, source: Any, *, mode: IngestMode = "append") -> int:
        """Write rows by the data system's bulk path and return how many were written.

        Parameters
        ----------
        table
            Table, collection or prefix, as `browse` shows it.
        source
            Arrow table, batch or reader, pandas or polars frame, a `Result`, an iterable of record
            batches, or a list of dictionaries. It is streamed, so it may be larger than memory.
        mode
            ``append`` to what is there, ``create`` (an error when it exists) or ``replace``.
        """
        if mode not in ("append", "create", "replace"):
            raise InterfaceError("mode must be 'append', 'create' or 'replace'")
        answer = self._client.upload_rows(self._target("ingest", table=table, mode=mode), source)
        return int(answer["rows"])

    def test(self) -> JsonObject:
        """Run the staged test; see `ConnectionManager.test`."""
        return as_object(self._client.call("POST", self._target("test")))

    def close(self) -> None:
        """Do nothing: the connection stays saved, its sessions live in the server's pool."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: TypeOfError | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<nstarx.Connection {self.name!r} ({self.type})>"

    def _target(self, *segments: str, **parameters: Any) -> str:
        return self._client.target("connections", self._ref, *segments, **parameters)


class ConnectionManager:
    """The door to an nstarx server. Thread-safe; share one.

    Parameters
    ----------
    api_key
        Default: ``NSTARX_API_KEY``, else ``$XDG_DATA_HOME/nstarx/credentials.json``.
    url
        Default: ``NSTARX_URL``, else the same file, else ``http://127.0.0.1:8480``.
    timeout
        Seconds without any progress after which a call fails.
    connect_timeout
        Seconds that reaching the server may take.
    compression
        Of Arrow streams: ``"zstd"``, ``"lz4"``, None, or ``"auto"``: none on the same machine, lz4
        over a network.
    ca_file
        PEM file of the authorities that may have signed the server's certificate.
    ssl_context
        Instead of ``ca_file``, for client certificates and the like.

    Examples
    --------
    >>> conn_mgr = ConnectionManager(api_key="your-api-key")
    >>> with conn_mgr.get_connection("analytics-db") as conn:  # doctest: +SKIP
    ...     df = conn.query("SELECT * FROM sales_data")
    """

    def __init__(
        self,
        api_key: str | None = None,
        url: str | None = None,
        *,
        timeout: float = 600.0,
        connect_timeout: float = 10.0,
        compression: Literal["auto", "zstd", "lz4"] | None = "auto",
        ca_file: str | None = None,
        ssl_context: tls.SSLContext | None = None,
    ) -> None:
        if timeout <= 0 or connect_timeout <= 0:
            raise InterfaceError("a timeout must be more than 0 seconds")
        self._client = Client(
            url,
            api_key,
            timeout_s=timeout,
            connect_timeout_s=connect_timeout,
            compression=compression,
            ca_file=ca_file,
            tls_context=ssl_context,
        )

    @property
    def url(self) -> str:
        """Root of the server."""
        return self._client.url

    @property
    def api_keys(self) -> ApiKeys:
        """API keys of the deployment."""
        return ApiKeys(self._client)

    @property
    def templates(self) -> Templates:
        """Templates: parts of connections under a name."""
        return Templates(self._client)

    @property
    def drivers(self) -> Drivers:
        """Drivers that adapters load."""
        return Drivers(self._client)

    def execute(
        self,
        query: str,
        parameters: Sequence[Any] | None = None,
        *,
        limit: int | None = None,
        timeout_ms: int | None = None,
    ) -> Result:
        """Run one SQL over connections and return its rows as a stream.

        A table is ``"connection"."schema"."table"``, or ``"connection"."path"`` as `browse` shows
        it; the other parameters are those of `Connection.execute`.
        """
        body = _statement(query, parameters, limit, timeout_ms)
        return self._client.rows("POST", self._client.target("queries"), body)

    def query(
        self,
        query: str,
        parameters: Sequence[Any] | None = None,
        *,
        limit: int | None = None,
        timeout_ms: int | None = None,
    ) -> pd.DataFrame:
        """Run one SQL over connections and return its rows as a pandas DataFrame.

        The same as ``execute(…).to_pandas()``.
        """
        return self.execute(query, parameters, limit=limit, timeout_ms=timeout_ms).to_pandas()

    def types(self) -> list[JsonObject]:
        """Return the kinds of data system that the server knows."""
        return list(pages(self._client, "connection-types", {}))

    def type(self, id: str) -> JsonObject:
        """Return one kind's specification: fields, authentication methods, capabilities."""
        return as_object(self._client.call("GET", self._client.target("connection-types", id)))

    def create_connection(
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
    ) -> Connection:
        """Save a connection. Nothing is saved when anything is wrong.

        Parameters
        ----------
        name
            1 to 128 letters, digits, spaces and ``. _ -``; unique.
        type
            Kind of data system, e.g. ``postgresql``; see `types`.
        config
            Its configuration, e.g. host, port, database. ``ssl_mode`` is moved to ``ssl``. Values
            may hold ``${ENV_VAR}``, resolved by the server on use.
        auth
            Authentication. Without a ``type`` it is taken from the keys: username or password mean
            ``basic``, token or api_key ``token``, role_arn or access_key_id ``iam``.
        uri
            Instead of ``config``, e.g. ``postgresql://host/db``; it says the type as well.
        template
            Begin with the values of this one of `templates`; it says the type as well.
        tags, description, pooling, ssl, sharing
            As in the resource.

        Examples
        --------
        >>> conn_mgr.create_connection(  # doctest: +SKIP
        ...     name="analytics-db",
        ...     type="postgresql",
        ...     config={"host": "db.example.com", "database": "analytics", "ssl_mode": "require"},
        ...     auth={"username": "user", "password": "secure-password"},
        ... )
        <nstarx.Connection 'analytics-db' (postgresql)>
        """
        body = draft_of(
            name=name,
            type=type or self._type_of(uri),
            config=config,
            auth=auth,
            uri=uri,
            template=template,
            tags=tags,
            description=description,
            pooling=pooling,
            ssl=ssl,
            sharing=sharing,
        )
        answer = self._client.call("POST", self._client.target("connections"), body)
        return Connection(self._client, as_object(answer))

    def test_connection(
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
        """Run the staged test of a connection that is not saved; nothing is stored."""
        body = draft_of(
            name=name,
            type=type or self._type_of(uri),
            config=config,
            auth=auth,
            uri=uri,
            template=template,
            ssl=ssl,
        )
        return as_object(
            self._client.call("POST", self._client.target("connections", "test"), body)
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
    ) -> Iterator[JsonObject]:
        """Yield the connections that the caller may see, fetching page after page.

        ``archived=True`` yields the archived ones instead of the others.
        """
        filters = {
            "type": type,
            "tag": tag,
            "status": status,
            "scope": scope,
            "owner": owner,
            "q": q,
            "archived": None if archived is None else str(archived).lower(),
            "sort": sort,
            "limit": page_size,
        }
        return pages(self._client, "connections", filters)

    def get_connection(self, ref: str) -> Connection:
        """Return a connection by name or id, ready for use."""
        return Connection(self._client, self.show(ref))

    def show(self, ref: str) -> JsonObject:
        """Return a connection as the server shows it."""
        return as_object(self._client.call("GET", self._target(ref)))

    def update_connection(
        self,
        ref: str,
        patch: Mapping[str, Any] | None = None,
        *,
        if_match: str | int | None = None,
        **changes: Any,
    ) -> JsonObject:
        """Change a connection by a merge patch (RFC 7396) and return it.

        Parameters
        ----------
        ref
            Name or id.
        patch
            Object of the fields to change, as `show` has them; None removes one.
        if_match
            The version that the change is based on: `nstarx.IntegrityError` when somebody else
            changed it meanwhile.
        **changes
            The same as ``patch``, as keywords; ``config`` and ``auth`` are understood as in
            `create_connection`.
        """
        body = {**(patch or {}), **changes}
        config, auth = body.pop("config", None), body.pop("auth", None)
        if config is not None:
            configuration, moved = split_ssl(config)
            body["configuration"] = {**body.get("configuration", {}), **configuration}
            if moved:
                body["ssl"] = {**moved, **(body.get("ssl") or {})}
        if auth is not None:
            body["authentication"] = dict(auth)
        fields = {"Content-Type": "application/merge-patch+json"}
        if if_match is not None:
            fields["If-Match"] = _etag(if_match)
        return as_object(self._client.call("PATCH", self._target(ref), body, fields=fields))

    def versions(self, ref: str) -> list[JsonObject]:
        """Return the history of a connection."""
        answer = self._client.call("GET", self._target(ref, "versions"))
        items: list[JsonObject] = answer["items"]
        return items

    def rollback(self, ref: str, version: int) -> JsonObject:
        """Make a new version with the content of an old one; secrets stay as they are."""
        return as_object(
            self._client.call("POST", self._target(ref, "rollback"), {"version": version})
        )

    def archive(self, ref: str) -> JsonObject:
        """Put a connection away: it stays, and cannot be used until `restore`."""
        return as_object(self._client.call("POST", self._target(ref, "archive")))

    def restore(self, ref: str) -> JsonObject:
        """Bring an archived connection back."""
        return as_object(self._client.call("POST", self._target(ref, "restore")))

    def delete_connection(self, ref: str, *, if_match: str | int | None = None) -> None:
        """Delete a connection and its secrets for good, if it is still at version ``if_match``."""
        fields = None if if_match is None else {"If-Match": _etag(if_match)}
        self._client.call("DELETE", self._target(ref), fields=fields)

    def test(self, ref: str) -> JsonObject:
        """Run the staged test of a saved connection.

        Returns
        -------
        dict
            ``{"status": "ok" | "failed", "stages": [{"stage", "status", "ms", "facts", "code",
            "detail", "hints"}, …]}``. A test that finds a fault is an answer, not an exception.
        """
        return as_object(self._client.call("POST", self._target(ref, "test")))

    def audit(
        self,
        *,
        user: str | None = None,
        action: str | None = None,
        connection: str | None = None,
        since: str | None = None,
        until: str | None = None,
        page_size: int | None = None,
    ) -> Iterator[JsonObject]:
        """Yield audit entries, newest first."""
        filters = {
            "user": user,
            "action": action,
            "connection": connection,
            "since": since,
            "until": until,
            "limit": page_size,
        }
        return pages(self._client, "audit", filters, follow_by="before")

    def audit_verify(self) -> JsonObject:
        """Have the server check the whole audit journal's hash chain."""
        return as_object(self._client.call("GET", self._client.target("audit", "verify")))

    def close(self) -> None:
        """Close idle network connections; open results stay readable."""
        self._client.wires.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: TypeOfError | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<nstarx.ConnectionManager {self.url}>"

    def _type_of(self, uri: str | None) -> str | None:
        """Ask the server, whose specifications know the schemes, what a URI leads to."""
        if uri is None:
            return None
        target = self._client.target("connections", "uri")
        return str(as_object(self._client.call("POST", target, {"uri": uri}))["type"])

    def _target(self, ref: str, *segments: str) -> str:
        return self._client.target("connections", ref, *segments)


def _etag(value: str | int) -> str:
    text = str(value)
    return text if text == "*" or text.startswith(('"', "W/")) else f'"{text}"'
