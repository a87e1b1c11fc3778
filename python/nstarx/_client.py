"""Where the server is, who calls, and requests as Python values: what all of the SDK builds on."""

from __future__ import annotations

import contextlib
import datetime
import decimal
import json
import os
import ssl as tls
import uuid
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import pyarrow as pa

from nstarx._result import ARROW_STREAM, Result
from nstarx._wire import Answer, Upload, WirePool
from nstarx.errors import InterfaceError, NotSupportedError

VERSION: Final = "0.1.0"
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
JsonObject = dict[str, Any]


def load_credentials(url: str | None, api_key: str | None) -> tuple[str, str]:
    """Return the server's URL and the API key: arguments, else environment, else the file.

    The file is ``$XDG_DATA_HOME/nstarx/credentials.json``, which the server writes on first start.
    """
    url = url or os.environ.get("NSTARX_URL") or None
    api_key = api_key or os.environ.get("NSTARX_API_KEY") or None
    if url is None or api_key is None:
        base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
        path = Path(base) / "nstarx" / "credentials.json"
        with contextlib.suppress(OSError, ValueError):
            stored = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(stored, dict):
                stored_url, stored_key = stored.get("url"), stored.get("api_key")
                # The stored key belongs to the stored server and is sent to no other.
                if api_key is None and (url is None or _same_server(url, stored_url)):
                    api_key = stored_key if isinstance(stored_key, str) else None
                if url is None and isinstance(stored_url, str):
                    url = stored_url
    if not api_key:
        raise InterfaceError(
            "no API key",
            code="client.no_api_key",
            action="fix_credentials",
            hints=[
                "Pass ConnectionManager(api_key=…) or set NSTARX_API_KEY.",
                "A local server writes one to $XDG_DATA_HOME/nstarx/credentials.json.",
            ],
        )
    return url or "http://127.0.0.1:8480", api_key


def _same_server(url: str, stored: object) -> bool:
    return isinstance(stored, str) and url.rstrip("/") == stored.rstrip("/")


class Client:
    """Requests to one server with one API key. Thread-safe."""

    def __init__(
        self,
        url: str | None,
        api_key: str | None,
        *,
        timeout_s: float,
        connect_timeout_s: float,
        compression: str | None,
        ca_file: str | None,
        tls_context: tls.SSLContext | None,
    ) -> None:
        self.url, key = load_credentials(url, api_key)
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InterfaceError(
                "the server's URL must look like http://host:port",
                code="client.bad_url",
                action="fix_input",
                hints=["Check NSTARX_URL or the `url` argument."],
            )
        if not key.isascii() or any(character.isspace() for character in key):
            raise InterfaceError(
                "the API key holds characters that no key has", code="client.bad_key"
            )
        self._prefix = parts.path.rstrip("/")
        secure = parts.scheme == "https"
        local = parts.hostname in _LOOPBACK
        if not secure and not local:
            warnings.warn(
                f"the API key travels unencrypted to {parts.hostname}: use https", stacklevel=4
            )
        if compression == "auto":
            compression = None if local else "lz4"
        if compression not in (None, "zstd", "lz4"):
            raise InterfaceError("compression must be 'auto', 'zstd', 'lz4' or None")
        self.arrow = ARROW_STREAM + (f";compression={compression}" if compression else "")
        context = None
        if secure:
            context = tls_context or tls.create_default_context(cafile=ca_file)
        port = parts.port or (443 if secure else 80)
        self.wires = WirePool(
            (parts.hostname, port),
            context,
            f"Host: {parts.netloc.rpartition('@')[2]}\r\n"
            f"Authorization: Bearer {key}\r\n"
            f"User-Agent: nstarx-python/{VERSION}\r\n"
            # Only who says so is told in a trailer why a stream failed in the middle.
            "TE: trailers\r\n",
            connect_timeout_s,
            timeout_s,
        )

    def target(self, *segments: str, **parameters: Any) -> str:
        """Return the request target of path segments (escaped here) and query parameters."""
        path = "/".join(quote(segment, safe="") for segment in segments)
        text = f"{self._prefix}/{path}"
        kept = {name: value for name, value in parameters.items() if value is not None}
        return f"{text}?{urlencode(kept, doseq=True, quote_via=quote)}" if kept else text

    def call(
        self,
        method: str,
        target: str,
        body: Any = None,
        *,
        fields: Mapping[str, str] | None = None,
    ) -> Any:
        """Send JSON, return the decoded JSON of the answer (None for an empty one)."""
        sent = {"Accept": "application/json"}
        if method != "GET":
            sent["Idempotency-Key"] = str(uuid.uuid4())
        data: bytes | None = None
        if body is not None:
            sent["Content-Type"] = "application/json"
            data = encode_json(body)
        elif method in ("POST", "PATCH", "PUT"):
            data = b""
        if fields:
            sent.update(fields)
        return self.decode(self.wires.request(method, target, sent, data, repeatable=True))

    def decode(self, answer: Answer) -> Any:
        """Return the decoded JSON of an answer (None for an empty one), or raise its error."""
        answer.raise_for_status()
        return _decode_json(answer)

    def rows(self, method: str, target: str, body: JsonObject | None = None) -> Result:
        """Send a request whose answer is a stream of rows."""
        if body is None:
            answer = self.wires.request(method, target, {"Accept": self.arrow}, repeatable=True)
        else:
            fields = {
                "Accept": self.arrow,
                "Content-Type": "application/json",
                "Idempotency-Key": str(uuid.uuid4()),
            }
            # Not repeated by itself: whether a statement ran is not known when its answer is lost.
            answer = self.wires.request(method, target, fields, encode_json(body))
        answer.raise_for_status()
        return Result(answer)

    def upload_rows(self, target: str, source: Any) -> Any:
        """Send ``source`` as an Arrow stream and return the decoded JSON of the answer."""
        reader = as_reader(source)
        upload = self.wires.upload(
            "POST",
            target,
            {
                "Accept": "application/json",
                "Content-Type": ARROW_STREAM,
                "Idempotency-Key": str(uuid.uuid4()),
            },
        )
        try:
            _send_batches(upload, reader)
        except BaseException:
            upload.abort()
            raise
        return self.decode(upload.finish())


def _send_batches(upload: Upload, reader: pa.RecordBatchReader) -> None:
    # Not `with`: leaving it on an error would write the mark of a whole stream.
    try:
        writer = pa.ipc.new_stream(pa.PythonFile(upload, "w"), reader.schema)
        for batch in reader:
            writer.write_batch(batch)
        writer.close()
    except Exception:
        # A server that refuses answers before it has read everything; its answer says why.
        if not upload.refused:
            raise


def _decode_json(answer: Answer) -> Any:
    data = answer.read_all()
    if not data:
        return None
    try:
        return json.loads(data)
    except ValueError as error:
        raise InterfaceError("the server's answer is no JSON", code="client.not_json") from error


def encode_json(value: Any) -> bytes:
    """Encode a request body; unknown types and surrogates are errors of the caller."""
    try:
        return json.dumps(
            value, ensure_ascii=False, separators=(",", ":"), allow_nan=False
        ).encode()
    except (TypeError, ValueError) as error:
        raise InterfaceError(f"the request cannot be written as JSON: {error}") from None


def encode_parameter(value: Any) -> Any:
    """Return the JSON value that stands for one statement parameter.

    Numbers beyond 64 bits, decimals, dates, times and UUIDs travel as text, which every data system
    casts back without loss.

    Examples
    --------
    >>> encode_parameter(decimal.Decimal("1.10")), encode_parameter(datetime.date(2024, 2, 29))
    ('1.10', '2024-02-29')
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**63 else str(int(value))
    if isinstance(value, float):
        return float(value) if value - value == 0 else str(float(value))
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal | uuid.UUID):
        return str(value)
    item = getattr(value, "item", None)  # NumPy scalars
    if callable(item) and not isinstance(value, bytes | bytearray | memoryview):
        return encode_parameter(item())
    raise NotSupportedError(
        f"a parameter of type {type(value).__name__} cannot be sent",
        code="client.parameter_type",
        action="fix_input",
        hints=["Use None, bool, int, float, str, Decimal, date, time, datetime or UUID."],
    )


def encode_parameters(values: Sequence[Any] | None) -> list[Any]:
    """Return the JSON values of positional parameters."""
    if values is None:
        return []
    if isinstance(values, str | bytes | Mapping):
        raise InterfaceError("parameters must be a sequence of values, one for each placeholder")
    return [encode_parameter(value) for value in values]


def as_reader(source: Any) -> pa.RecordBatchReader:
    """Return anything that holds rows as a stream of record batches.

    Takes tables, batches, readers, a `Result`, pandas and polars frames, every object with the
    Arrow C stream interface, a list of dictionaries, or an iterable of record batches.
    """
    if isinstance(source, pa.RecordBatchReader):
        return source
    if isinstance(source, pa.RecordBatch):
        return pa.RecordBatchReader.from_batches(source.schema, [source])
    if hasattr(source, "__arrow_c_stream__"):
        return pa.RecordBatchReader.from_stream(source)
    if type(source).__module__.partition(".")[0] == "pandas":
        return pa.Table.from_pandas(source, preserve_index=False).to_reader()
    if isinstance(source, Mapping):
        return pa.table(dict(source)).to_reader()
    if isinstance(source, list) and source and all(isinstance(row, Mapping) for row in source):
        return pa.Table.from_pylist(source).to_reader()
    if isinstance(source, Iterable) and not isinstance(source, str | bytes):
        batches = iter(source)
        first = next(batches, None)
        if isinstance(first, pa.RecordBatch):
            return pa.RecordBatchReader.from_batches(first.schema, _chain(first, batches))
    raise InterfaceError(
        f"{type(source).__name__} cannot be sent as rows",
        code="client.not_rows",
        action="fix_input",
        hints=["Pass an Arrow table, a DataFrame, record batches or a non-empty list of dicts."],
    )


def _chain(first: pa.RecordBatch, rest: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
    yield first
    yield from rest
