"""What a connection is created from, as the server takes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nstarx._answers import without_none
from nstarx._client import JsonObject
from nstarx.errors import InterfaceError


def draft_of(
    *,
    config: Mapping[str, Any] | None,
    auth: Mapping[str, Any] | None,
    uri: str | None = None,
    ssl: Mapping[str, Any] | None = None,
    tags: Iterable[str] = (),
    description: str = "",
    **others: Any,
) -> JsonObject:
    configuration, moved = split_ssl(config or {})
    if uri is not None:
        configuration["uri"] = uri
    body = without_none(**others)
    body["configuration"] = configuration
    if auth is not None:
        body["authentication"] = infer_authentication(auth)
    if moved or ssl:
        body["ssl"] = {**moved, **(ssl or {})}
    if isinstance(tags, str):
        raise InterfaceError("tags must be a sequence of strings, not one string")
    if tags := list(tags):
        body["tags"] = tags
    if description:
        body["description"] = description
    return body


def infer_authentication(auth: Mapping[str, Any]) -> JsonObject:
    """Add the ``type`` that the keys imply; leave it to the server when they imply none.

    Examples
    --------
    >>> infer_authentication({"role_arn": "arn:aws:iam::123456789012:role/DataAccess"})["type"]
    'iam'
    """
    fields = dict(auth)
    if "type" in fields:
        return fields
    for kind, keys in (
        ("basic", ("username", "password")),
        ("token", ("token", "api_key")),
        ("iam", ("role_arn", "access_key_id")),
    ):
        if any(key in fields for key in keys):
            return {"type": kind, **fields}
    return fields


def split_ssl(config: Mapping[str, Any]) -> tuple[JsonObject, JsonObject]:
    configuration = dict(config)
    mode = configuration.pop("ssl_mode", None)
    if mode is None:
        return configuration, {}
    if mode == "disable":
        return configuration, {"enabled": False}
    return configuration, {"enabled": True, "mode": mode}
