"""API keys and templates of a deployment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nstarx._answers import as_object, pages, without_none
from nstarx._client import Client, JsonObject
from nstarx._drafts import draft_of
from nstarx.errors import InterfaceError


class ApiKeys:
    """API keys of the deployment: ``conn_mgr.api_keys``."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(
        self,
        name: str,
        *,
        role: str | None = None,
        scopes: Sequence[str] | None = None,
        expires_at: str | None = None,
    ) -> JsonObject:
        """Issue a key. ``key`` in the answer is shown this once only.

        ``expires_at`` is a time as RFC 3339 writes it, e.g. ``2027-01-31T00:00:00Z``.
        """
        body = without_none(
            name=name,
            role=role,
            scopes=None if scopes is None else list(scopes),
            expires=expires_at,
        )
        issued = as_object(self._client.call("POST", self._client.target("api-keys"), body))
        if "api_key" in issued:
            issued["key"] = issued.pop("api_key")
        return issued

    def list(self) -> list[JsonObject]:
        """Return the keys that the caller may see, without their secrets."""
        return list(pages(self._client, "api-keys", {}))

    def revoke(self, id: str) -> None:
        """Revoke a key at once."""
        self._client.call("DELETE", self._client.target("api-keys", id))


class Templates:
    """Templates: parts of connections under a name, ``conn_mgr.templates``.

    A template holds no secret. A value like ``<team>.db.example.com`` shows its shape and must be
    given when a connection is made from it: ``conn_mgr.create_connection(…, template="corp-pg")``.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def list(self, type: str | None = None) -> list[JsonObject]:
        """Return the variants of the types and the templates that the caller may see."""
        return list(pages(self._client, "templates", {"type": type}))

    def get(self, ref: str) -> JsonObject:
        """Return one by name or id, or a type's variant by ``postgresql/rds``."""
        return as_object(self._client.call("GET", self._client.target("templates", ref)))

    def create(
        self,
        name: str,
        type: str | None = None,
        config: Mapping[str, Any] | None = None,
        auth: Mapping[str, Any] | None = None,
        *,
        connection: str | None = None,
        title: str | None = None,
        hints: Sequence[str] | None = None,
        tags: Sequence[str] = (),
        description: str = "",
        pooling: Mapping[str, Any] | None = None,
        ssl: Mapping[str, Any] | None = None,
        sharing: Mapping[str, Any] | None = None,
    ) -> JsonObject:
        """Keep a part of a connection under a name.

        Parameters
        ----------
        name
            Unique; 1 to 128 letters, digits, spaces and ``. _ -``.
        type
            Kind of data system; may be left out with ``connection``.
        config, auth, tags, description, pooling, ssl, sharing
            As of `ConnectionManager.create_connection`, each only as far as it is known.
        connection
            Begin with what this connection shows of itself.
        title, hints
            Shown to who makes a connection from it.
        """
        body = draft_of(
            name=name,
            type=type,
            config=config,
            auth=auth,
            connection=connection,
            title=title,
            hints=None if hints is None else list(hints),
            tags=tags,
            description=description,
            pooling=pooling,
            ssl=ssl,
            sharing=sharing,
        )
        return as_object(self._client.call("POST", self._client.target("templates"), body))

    def update(self, ref: str, changes: Mapping[str, Any]) -> JsonObject:
        """Lay ``changes`` over a template: members replace, None removes."""
        if not isinstance(changes, Mapping):
            raise InterfaceError("changes must be a mapping")
        target = self._client.target("templates", ref)
        return as_object(self._client.call("PATCH", target, dict(changes)))

    def delete(self, ref: str) -> None:
        """Delete a template. Connections that were made from it stay."""
        self._client.call("DELETE", self._client.target("templates", ref))
