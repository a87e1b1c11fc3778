"""Datasets of a connection to a metadata catalog: what `Connection.dataset` and its siblings do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from nstarx._client import Client, JsonObject

Direction = Literal["upstream", "downstream"]


class Metadata:
    """Datasets: find, read, write, partitions, lineage. Base of `Connection`."""

    _client: Client
    _ref: str

    def datasets(self, search: str = "", *, path: str = "") -> Iterator[JsonObject]:
        """Find datasets; pages are asked for while the iterator is read.

        Parameters
        ----------
        search
            Only those with this text in path or comment.
        path
            Only inside of this database.

        Yields
        ------
        dict
            ``path``, ``name``, ``kind`` and, if there is one, ``comment``.
        """
        yield from self._pages("datasets", q=search or None, path=path or None)

    def dataset(self, path: str) -> JsonObject:
        """Return columns, partition columns, owners, tags, properties and location of a dataset."""
        target = self._client.target("connections", self._ref, "dataset", path=path)
        found: JsonObject = self._client.call("GET", target)
        return found

    def put_dataset(
        self,
        path: str,
        *,
        columns: Mapping[str, str] | Sequence[JsonObject] | None = None,
        partition_columns: Mapping[str, str] | Sequence[JsonObject] | None = None,
        comment: str | None = None,
        owner: str | None = None,
        tags: Sequence[str] | None = None,
        properties: Mapping[str, str | None] | None = None,
        location: str | None = None,
        format: str | None = None,
    ) -> JsonObject:
        """Make a dataset, or change what the catalog says of one; return it as it is then.

        What is left out stays as it is. Columns are a dictionary of name to type in the catalog's
        own words, or dictionaries with ``name``, ``native_type`` and ``comment``. A property that
        is None is removed.

        Examples
        --------
        >>> conn.put_dataset("a.b", columns={"id": "bigint"}, tags=["pii"])  # doctest: +SKIP
        """
        given: JsonObject = {
            "columns": _columns(columns),
            "partition_columns": _columns(partition_columns),
            "comment": comment,
            "owner": owner,
            "tags": None if tags is None else list(tags),
            "properties": None if properties is None else dict(properties),
            "location": location,
            "format": format,
        }
        body = {name: value for name, value in given.items() if value is not None}
        target = self._client.target("connections", self._ref, "dataset", path=path)
        made: JsonObject = self._client.call("PUT", target, body)
        return made

    def delete_dataset(self, path: str) -> None:
        """Remove a dataset from the catalog; data stays."""
        target = self._client.target("connections", self._ref, "dataset", path=path)
        self._client.call("DELETE", target)

    def partitions(self, path: str) -> Iterator[JsonObject]:
        """Yield the partitions of a dataset: ``values``, ``location``, ``properties``."""
        yield from self._pages("partitions", path=path)

    def lineage(self, path: str, direction: Direction = "upstream") -> list[JsonObject]:
        """Return the edges next to a dataset: ``from``, ``to`` and, if known, ``process``."""
        target = self._client.target(
            "connections", self._ref, "lineage", path=path, direction=direction
        )
        edges: list[JsonObject] = self._client.call("GET", target)["items"]
        return edges

    def put_lineage(self, path: str, upstream: Sequence[str | JsonObject]) -> None:
        """Write down what a dataset is made from, and forget what was written before.

        ``upstream`` holds names of datasets, or dictionaries with ``from`` and ``process``.
        """
        edges = [{"from": edge} if isinstance(edge, str) else dict(edge) for edge in upstream]
        target = self._client.target("connections", self._ref, "lineage", path=path)
        self._client.call("PUT", target, {"upstream": edges})

    def _pages(self, what: str, **parameters: Any) -> Iterator[JsonObject]:
        cursor: str | None = None
        while True:
            target = self._client.target(
                "connections", self._ref, what, cursor=cursor, **parameters
            )
            page = self._client.call("GET", target)
            yield from page["items"]
            cursor = page.get("next")
            if not cursor:
                return


def _columns(columns: Mapping[str, str] | Sequence[JsonObject] | None) -> list[JsonObject] | None:
    if columns is None:
        return None
    if isinstance(columns, Mapping):
        return [{"name": name, "native_type": kind} for name, kind in columns.items()]
    return [dict(column) for column in columns]
