"""Objects of a connection to object storage."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from nstarx._client import Client, JsonObject
from nstarx._wire import Answer


class ObjectReader:
    """The content of one object, read piece by piece. A context manager; not thread-safe."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def read(self, count: int = -1) -> bytes:
        """Return ``count`` bytes, fewer at the end; the rest when ``count`` is negative."""
        if count < 0:
            return b"".join(iter(lambda: self.read(4 * 1024 * 1024), b""))
        return bytes(self._answer.read(count))

    def close(self) -> None:
        """Drop what was not read."""
        self._answer.close()

    def __enter__(self) -> ObjectReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Objects:
    """List, read and write objects: ``conn.objects``."""

    def __init__(self, client: Client, ref: str) -> None:
        self._client = client
        self._ref = ref

    def list(self, prefix: str = "", *, delimiter: str | None = None) -> Iterator[JsonObject]:
        """Yield ``{"key", "size", "modified", "etag"}`` of all keys under ``prefix``.

        With a ``delimiter`` such as ``"/"``, what lies deeper is folded into
        ``{"prefix": "…/"}`` entries.
        """
        cursor: str | None = None
        while True:
            page = self._client.call(
                "GET",
                self._client.target(
                    "connections",
                    self._ref,
                    "objects",
                    prefix=prefix or None,
                    delimiter=delimiter,
                    cursor=cursor,
                ),
            )
            for folded in page.get("prefixes") or []:
                yield {"prefix": folded}
            yield from page["items"]
            cursor = page.get("next")
            if not cursor:
                return

    def stat(self, key: str) -> JsonObject:
        """Return ``{"key", "size", "modified", "etag", "content_type"}`` of one object."""
        answer = self._client.wires.request("HEAD", self._target(key), repeatable=True)
        answer.raise_for_status()
        fields = answer.fields
        return {
            "key": key,
            "size": int(fields.get("content-length", "0")),
            "modified": fields.get("last-modified", ""),
            "etag": fields.get("etag", "").strip('"'),
            "content_type": fields.get("content-type", ""),
        }

    def open(self, key: str, *, offset: int = 0, length: int | None = None) -> ObjectReader:
        """Return a reader of one object, or of a range of it, for content of any size."""
        fields = {"Accept": "*/*"}
        if offset or length is not None:
            last = "" if length is None else str(offset + length - 1)
            fields["Range"] = f"bytes={offset}-{last}"
        answer = self._client.wires.request("GET", self._target(key), fields, repeatable=True)
        answer.raise_for_status()
        return ObjectReader(answer)

    def get(self, key: str, *, offset: int = 0, length: int | None = None) -> bytes:
        """Return the content of one object, or a range of it."""
        if length == 0:
            return b""
        with self.open(key, offset=offset, length=length) as reader:
            return reader.read()

    def put(self, key: str, content: Any, *, content_type: str = "") -> JsonObject:
        """Write one object from bytes, or piece by piece from an open binary file."""
        fields = {
            "Accept": "application/json",
            "Content-Type": content_type or "application/octet-stream",
            "Idempotency-Key": str(uuid.uuid4()),
        }
        wires = self._client.wires
        if hasattr(content, "read"):
            upload = wires.upload("PUT", self._target(key), fields)
            answer = send_file(upload, content)
        else:
            data = content.encode() if isinstance(content, str) else memoryview(content).cast("B")
            answer = wires.request("PUT", self._target(key), fields, data, repeatable=True)
        return self._client.decode(answer) or {"key": key}

    def delete(self, key: str) -> None:
        """Delete one object."""
        self._client.call("DELETE", self._target(key))

    def presign(self, key: str, *, method: str = "GET", expires_s: int = 3600) -> str:
        """Return a URL that lets its bearer ``GET`` or ``PUT`` the object for a while."""
        answer = self._client.call(
            "POST",
            self._client.target("connections", self._ref, "presign"),
            {"key": key, "method": method, "expires_s": expires_s},
        )
        return str(answer["url"])

    def _target(self, key: str) -> str:
        return self._client.target("connections", self._ref, "objects") + "/" + quote(key, safe="/")


def send_file(upload: Any, content: Any) -> Answer:
    try:
        while piece := content.read(1024 * 1024):
            if not upload.offer(piece):
                break
    except BaseException:
        upload.abort()
        raise
    answer: Answer = upload.finish()
    return answer
