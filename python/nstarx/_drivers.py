"""Drivers of a deployment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from nstarx._answers import as_object, pages, without_none
from nstarx._client import Client, JsonObject
from nstarx._objects import send_file

_PIECE = 1024 * 1024


class Drivers:
    """Drivers that adapters load: ``conn_mgr.drivers``. Changes need an admin's key.

    Nothing is downloaded but by `install` and `update`, and by the server for drivers whose policy
    says so.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def list(self, *, installed: bool = False, refresh: bool = False) -> list[JsonObject]:
        """Return the drivers that are installed and those that the indexes offer.

        ``refresh`` asks the HTTP indexes now.
        """
        filters = {"installed": _flag(installed), "refresh": _flag(refresh), "limit": 1000}
        return list(pages(self._client, "drivers", filters))

    def get(self, id: str, *, refresh: bool = False) -> JsonObject:
        """Return one; with ``refresh`` also the versions that there are to install."""
        target = self._client.target("drivers", id, refresh=_flag(refresh))
        return as_object(self._client.call("GET", target))

    def install(self, id: str, version: str | None = None, *, dry_run: bool = False) -> JsonObject:
        """Install a version (the newest release), or switch to one that is installed."""
        body = without_none(version=version, dry_run=dry_run or None)
        return self._change(id, "install", body)

    def update(self, id: str, *, dry_run: bool = False) -> JsonObject:
        """Install the newest release, if it is newer than the current version."""
        return self._change(id, "update", without_none(dry_run=dry_run or None))

    def rollback(self, id: str) -> JsonObject:
        """Go back to the version that was used before."""
        return self._change(id, "rollback", None)

    def verify(self, id: str, version: str | None = None) -> JsonObject:
        """Hash the files again: ``{"intact": True, …}``, or which file differs first."""
        target = self._client.target("drivers", id, "verify", version=version)
        return as_object(self._client.call("POST", target))

    def set_policy(self, id: str, auto_update: Literal["off", "patch", "minor"]) -> JsonObject:
        """Set how far automatic updates go."""
        target = self._client.target("drivers", id)
        return as_object(self._client.call("PATCH", target, {"auto_update": auto_update}))

    def remove(self, id: str, version: str | None = None, *, force: bool = False) -> None:
        """Remove a driver, or one version that is not the current one."""
        target = self._client.target("drivers", id, version=version, force=_flag(force))
        self._client.call("DELETE", target)

    def export_bundle(
        self, id: str, path: str | os.PathLike[str], version: str | None = None
    ) -> None:
        """Write an installed version as a bundle for a machine without a network."""
        target = self._client.target("drivers", id, "bundle", version=version)
        answer = self._client.wires.request("GET", target, {"Accept": "*/*"}, repeatable=True)
        answer.raise_for_status()
        aside = Path(f"{os.fspath(path)}.part")
        try:
            with aside.open("wb") as file:
                while piece := answer.read(_PIECE):
                    file.write(piece)
            aside.replace(path)
        finally:
            answer.close()
            aside.unlink(missing_ok=True)

    def import_bundle(self, path: str | os.PathLike[str]) -> JsonObject:
        """Install what a bundle holds, checked as a download is."""
        fields = {"Accept": "application/json", "Content-Type": "application/octet-stream"}
        with Path(path).open("rb") as file:
            upload = self._client.wires.upload(
                "POST", self._client.target("drivers", "import"), fields
            )
            return as_object(self._client.decode(send_file(upload, file)))

    def _change(self, id: str, action: str, body: JsonObject | None) -> JsonObject:
        target = self._client.target("drivers", id, action)
        return as_object(self._client.call("POST", target, body))


def _flag(value: bool) -> str | None:
    return "true" if value else None
