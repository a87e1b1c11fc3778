"""The three doors into the program, each with the same two calls and the same kind of refusal."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Protocol

import requests

from tests.servers.gateway import GatewayServer


@dataclass(frozen=True)
class Refusal:
    """How a call failed, whatever the door."""

    code: str
    stage: str
    detail: str
    hints: list[str]
    extra: dict[str, Any] = field(default_factory=dict)


class Door(Protocol):
    """Creates and queries; returns None when it worked."""

    def create(self, draft: dict[str, Any]) -> Refusal | None:
        """Creates a connection."""

    def query(self, name: str, sql: str) -> Refusal | None:
        """Runs a statement."""


def _from_problem(problem: dict[str, Any]) -> Refusal:
    return Refusal(
        code=problem["code"], stage=problem.get("stage") or "", detail=problem["detail"],
        hints=list(problem.get("hints") or []), extra=problem,
    )  # fmt: skip


class RestDoor:
    """REST by plain HTTP."""

    def __init__(self, server: GatewayServer) -> None:
        self._client = server.client()

    @staticmethod
    def _refusal(answer: requests.Response) -> Refusal | None:
        if answer.status_code < 400:
            return None
        assert answer.headers["Content-Type"].startswith("application/problem+json"), answer.text
        return _from_problem(answer.json())

    def create(self, draft: dict[str, Any]) -> Refusal | None:
        """POST /connections."""
        return self._refusal(self._client.post("/connections", draft))

    def query(self, name: str, sql: str) -> Refusal | None:
        """POST /connections/{name}/query."""
        return self._refusal(self._client.query(name, sql, timeout_ms=9000))


class CommandLineDoor:
    """The program's own client; `-o json` puts the problem document on stderr."""

    def __init__(self, server: GatewayServer) -> None:
        self._server = server

    def _run(self, *arguments: str) -> Refusal | None:
        plain = self._server.cli(*arguments)
        if plain.returncode == 0:
            return None
        done = self._server.cli(*arguments, "-o", "json")
        assert done.returncode == plain.returncode, (plain, done)
        assert done.stdout == "", done.stdout
        refusal = _from_problem(json.loads(done.stderr))
        assert refusal.code in plain.stderr, plain.stderr
        for hint in refusal.hints:
            assert hint in plain.stderr, plain.stderr
        return refusal

    def create(self, draft: dict[str, Any]) -> Refusal | None:
        """`nstarx add`, from a URI or from flags, saved without a test as the other doors do."""
        given = ["add"]
        configuration = dict(draft.get("configuration", {}))
        uri = configuration.pop("uri", None)
        given += [uri] if uri is not None else ["--type", draft["type"]]
        given += ["--name", draft["name"], "--no-test"]
        for key, value in configuration.items():
            given += ["--set", f"{key}={value}"]
        for key, value in draft.get("authentication", {}).items():
            given += ["--auth", value if key == "type" else f"{key}={value}"]
        return self._run(*given)

    def query(self, name: str, sql: str) -> Refusal | None:
        """`nstarx query NAME SQL`."""
        return self._run("query", name, sql)


class PythonDoor:
    """The Python SDK."""

    def __init__(self, server: GatewayServer) -> None:
        import nstarx

        self._nstarx = nstarx
        self._manager = nstarx.ConnectionManager(api_key=server.api_key, url=server.url)

    def _refusal(self, call: Any) -> Refusal | None:
        try:
            call()
        except self._nstarx.Error as error:
            assert error.code in str(error)
            return Refusal(error.code, error.stage, error.message, list(error.hints), dict(vars(error)))
        return None

    def create(self, draft: dict[str, Any]) -> Refusal | None:
        """`ConnectionManager.create_connection(…)`."""
        given = {key: value for key, value in draft.items() if key not in ("configuration", "authentication")}
        return self._refusal(
            lambda: self._manager.create_connection(
                config=draft.get("configuration"), auth=draft.get("authentication"), **given
            )
        )

    def query(self, name: str, sql: str) -> Refusal | None:
        """`get_connection(name).query(sql)`."""

        def ask() -> None:
            with self._manager.get_connection(name) as connection:
                connection.query(sql)

        return self._refusal(ask)


DOORS = {"rest": RestDoor, "cli": CommandLineDoor, "sdk": PythonDoor}
