"""Answers of the server as Python has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nstarx._client import Client, JsonObject
from nstarx.errors import InterfaceError


def pages(
    client: Client, resource: str, filters: Mapping[str, Any], follow_by: str = "cursor"
) -> Iterator[JsonObject]:
    cursor: str | None = None
    while True:
        page = client.call("GET", client.target(resource, **filters, **{follow_by: cursor}))
        yield from page["items"]
        following = page.get("next") or None
        if following is None or following == cursor:
            return
        cursor = following


def without_none(**values: Any) -> JsonObject:
    return {name: value for name, value in values.items() if value is not None}


def as_object(value: Any) -> JsonObject:
    if not isinstance(value, dict):
        raise InterfaceError("the server's answer is no JSON object", code="client.not_json")
    return value
