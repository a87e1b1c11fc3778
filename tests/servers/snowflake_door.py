"""A door of the tests before fakesnow, which takes every login and answers every statement at once and in one piece.

What the emulator lacks is played here in the shapes that Snowflake's open-source drivers read: logins (password, JWT,
OAuth and programmatic access tokens), TLS, session tokens that end and are renewed, answers that are polled for,
aborted statements, results in chunks behind links, SHOW and DESCRIBE as JSON. It proves the client's side only.

Runs as a program: PORT INNER_PORT PYTHON; DOOR (JSON) names who is let in and the certificate, if TLS is spoken.
"""

from __future__ import annotations

import base64
import gzip
import hmac
import json
import os
import secrets
import sys
import threading
import time
import uuid
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.servers.emulator_door import LOOPBACK, DoorConnection, Running, forward, serve, start_emulator

_INLINE_MAX = 1 << 20
_INLINE_ROWS = 40
_CHUNK_ROWS = 20_000
#: So long an answer is held back; the service itself does so for 45 s.
_HOLD_S = 0.3
_ALGORITHM = "x-amz-server-side-encryption-customer-algorithm"
_KEY = "x-amz-server-side-encryption-customer-key"
#: The emulator as it is, but that aborting interrupts what the session runs: its own answer does nothing.
_RUN = """
import importlib
import sys
import uvicorn
from starlette.responses import JSONResponse
from starlette.routing import Route

server = importlib.import_module("fakesnow.server")

async def abort(request):
    server.to_conn(server.to_token(request))._duck_conn.interrupt()
    return JSONResponse({"success": True})

path = "/queries/v1/abort-request"
kept = [route for route in server.app.router.routes if route.path != path]
server.app.router.routes[:] = [*kept, Route(path, abort, methods=["POST"])]
uvicorn.run(server.app, host="127.0.0.1", port=int(sys.argv[1]))
"""


def _failure(code: str, message: str, **data: Any) -> dict[str, Any]:
    return {"data": data or None, "code": code, "message": message, "success": False, "headers": None}


def _success(**data: Any) -> dict[str, Any]:
    return {"data": data or None, "code": None, "message": None, "success": True}


class Door:
    """What all connections share."""

    def __init__(self, inner_port: int, known: dict[str, Any]) -> None:
        self.inner_port = inner_port
        self.known = known
        self.lock = threading.Lock()
        self.inner_tokens: dict[str, str] = {}
        self.masters: dict[str, str] = {}
        self.ended: set[str] = set()
        self.running: dict[str, Running] = {}
        self.polled: dict[str, Running] = {}
        self.chunks: dict[str, tuple[bytes, str]] = {}
        #: What the tests may ask for.
        self.seen: dict[str, int] = {"renewals": 0, "aborts": 0, "polls": 0, "chunks": 0, "closed": 0, "limits": 0}

    def forward(self, method: str, path: str, body: bytes, token: str = "") -> tuple[int, dict[str, Any]]:
        """Asks the emulator."""
        headers = {"Authorization": f'Snowflake Token="{token}"'} if token else {}
        status, text = forward(self.inner_port, method, path, body, headers)
        try:
            return status, json.loads(text)
        except ValueError:
            return status, _failure("261000", text.decode(errors="replace")[:300])

    # Logins.

    def log_in(self, query: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """Checks who comes; then the emulator makes a session."""
        asked = parse_qs(query)
        given = json.loads(body)["data"]
        if (refusal := self._refusal(given)) is not None:
            return 200, refusal
        role = asked.get("roleName", ["PUBLIC"])[0]
        if role.upper() not in self.known["roles"]:
            return 200, _failure("390189", f"Role '{role}' specified in the connect string does not exist or not "
                                 "authorized. Contact your local system administrator, or attempt to login with "
                                 "another role, e.g. PUBLIC.")  # fmt: skip
        status, reply = self.forward("POST", f"/session/v1/login-request?{query}", body)
        if status != 200:
            return status, reply
        data = reply["data"]
        token, master = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        with self.lock:
            self.inner_tokens[token] = data["token"]
            self.masters[master] = token
        data |= {
            "token": token, "masterToken": master, "validityInSeconds": 3600, "masterValidityInSeconds": 14400,
            "displayUserName": given.get("LOGIN_NAME", self.known["user"]).upper(), "sessionId": 4711,
        }  # fmt: skip
        data["sessionInfo"] |= {"warehouseName": asked.get("warehouse", [None])[0], "roleName": role}
        return 200, reply

    def _refusal(self, given: dict[str, Any]) -> dict[str, Any] | None:
        if given.get("ACCOUNT_NAME", "").upper() != self.known["account"]:
            return _failure("390102", "The account is not known here.")
        kind = given.get("AUTHENTICATOR", "SNOWFLAKE")
        user = given.get("LOGIN_NAME", "")
        if kind == "SNOWFLAKE_JWT":
            if not self._signed(given.get("TOKEN", ""), user):
                return _failure("390144", "JWT token is invalid. [0badcafe-0000]")
            return None
        if kind in ("OAUTH", "PROGRAMMATIC_ACCESS_TOKEN"):
            if not hmac.compare_digest(given.get("TOKEN", ""), self.known[kind]):
                names = {"OAUTH": ("390303", "Invalid OAuth access token. [0badcafe-0001]"),
                         "PROGRAMMATIC_ACCESS_TOKEN": ("394400", "Programmatic access token is invalid.")}  # fmt: skip
                return _failure(*names[kind])
            return None
        known = hmac.compare_digest(given.get("PASSWORD", "").encode(), self.known["password"].encode())
        if user.upper() != self.known["user"].upper() or not known:
            return _failure("390100", "Incorrect username or password was specified.")
        return None

    def _signed(self, token: str, user: str) -> bool:
        def part(text: str) -> bytes:
            return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

        try:
            head, claims, signature = token.split(".")
            key = serialization.load_pem_public_key(self.known["public_key"].encode())
            if not isinstance(key, rsa.RSAPublicKey) or json.loads(part(head))["alg"] != "RS256":
                return False
            key.verify(part(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
            said = json.loads(part(claims))
        except Exception:  # Whatever is wrong with it: it is refused.
            return False
        der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        subject = f"{self.known['account']}.{user.upper()}"
        issuer = f"{subject}.SHA256:{base64.b64encode(sha256(der).digest()).decode()}"
        now = time.time()
        return (said["iss"], said["sub"]) == (issuer, subject) and said["iat"] - 60 <= now < said["exp"] <= now + 3600

    # Sessions.

    def inner_of(self, token: str) -> str | dict[str, Any]:
        """Returns the emulator's token, or a refusal."""
        with self.lock:
            if token in self.ended:
                return _failure("390112", "Your session has expired. Please login again.")
            if token not in self.inner_tokens:
                return _failure("390104", "User must login again to access the service.")
            return self.inner_tokens[token]

    def renew(self, master: str, body: bytes) -> dict[str, Any]:
        """Gives a new session token for the master token."""
        with self.lock:
            old = self.masters.get(master)
            if old is None or json.loads(body) != {"oldSessionToken": old, "requestType": "RENEW"}:
                return _failure("390113", "Master token is invalid.")
            self.seen["renewals"] += 1
            token, new_master = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
            self.inner_tokens[token] = self.inner_tokens.pop(old)
            self.masters[new_master] = token
            del self.masters[master]
            self.ended.discard(old)
        return _success(sessionToken=token, validityInSecondsST=3600, masterToken=new_master, validityInSecondsMT=14400)

    def end_all(self) -> None:
        """Lets all session tokens run out, as time does."""
        with self.lock:
            self.ended |= set(self.inner_tokens)

    # Statements.

    def start(self, request_id: str, query: str, body: bytes, token: str, origin: str) -> Running:
        """Runs a statement on a thread of its own."""
        asked = json.loads(body)
        statement = asked["sqlText"]
        self.seen["limits"] += "ROWS_PER_RESULTSET" in asked.get("parameters", {})
        running = Running(statement)
        with self.lock:
            self.running[request_id] = running

        def work() -> None:
            try:
                status, answer = self.forward("POST", f"/queries/v1/query-request?{query}", body, token)
                if status == 200 and answer.get("success"):
                    self._reshape(answer["data"], statement, origin)
                running.status, running.answer = status, answer
            except OSError as error:
                running.status, running.answer = 503, _failure("261000", str(error))
            finally:
                running.done.set()
                with self.lock:
                    self.running.pop(request_id, None)

        threading.Thread(target=work, daemon=True).start()
        return running

    def wait(self, running: Running, seconds: float) -> tuple[int, dict[str, Any]]:
        """Returns the answer, or where to ask for it later."""
        until = time.monotonic() + seconds
        while not running.done.wait(0.02) and not running.aborted and time.monotonic() < until:
            pass
        if running.aborted:
            return 200, _failure("000604", "SQL execution canceled", queryId=str(uuid.uuid4()), sqlState="57014")
        if running.done.is_set():
            return running.status, running.answer
        place = str(uuid.uuid4())
        with self.lock:
            self.polled[place] = running
        reply = _success(queryId=place, getResultUrl=f"/queries/{place}/result", queryAbortsAfterSecs=300)
        return 200, reply | {"code": "333334", "success": False, "message": "Query execution in progress."}

    def abort(self, body: bytes, token: str) -> dict[str, Any]:
        """Ends a statement in the emulator."""
        with self.lock:
            self.seen["aborts"] += 1
            running = self.running.get(json.loads(body)["requestId"])
        if running is None:
            return _failure("000605", "Identified SQL statement is not currently executing.")
        running.aborted = True
        self.forward("POST", "/queries/v1/abort-request", b"{}", token)
        running.done.wait(0.5)
        return _success()

    def _reshape(self, data: dict[str, Any], statement: str, origin: str) -> None:
        encoded = data.get("rowsetBase64")
        if not encoded:
            return
        word = statement.split(None, 1)[0].upper()
        if word in ("SHOW", "DESCRIBE", "DESC"):
            table = pa.ipc.open_stream(base64.b64decode(encoded)).read_all()
            del data["rowsetBase64"]
            data["queryResultFormat"] = "json"
            columns = [[_text(value) for value in column.to_pylist()] for column in table.columns]
            data["rowset"] = [list(row) for row in zip(*columns, strict=True)]
            self._split_rows(data, origin)
        elif len(encoded) > _INLINE_MAX:
            self._split(data, encoded, origin)

    def _split_rows(self, data: dict[str, Any], origin: str) -> None:
        rows = data["rowset"]
        if len(rows) <= _INLINE_ROWS:
            return
        data["rowset"] = rows[:_INLINE_ROWS]
        # Rows without the brackets around them.
        plain = json.dumps(rows[_INLINE_ROWS:]).encode()[1:-1]
        name, packed, key = secrets.token_urlsafe(12), gzip.compress(plain, 1), secrets.token_urlsafe(32)
        with self.lock:
            self.chunks[name] = (packed, key)
        chunk = {"url": f"{origin}/chunks/{name}", "rowCount": len(rows) - _INLINE_ROWS,
                 "uncompressedSize": len(plain), "compressedSize": len(packed)}  # fmt: skip
        data |= {"chunks": [chunk], "qrmk": key}

    def _split(self, data: dict[str, Any], encoded: str, origin: str) -> None:
        table = pa.ipc.open_stream(base64.b64decode(encoded)).read_all()
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        chunks = []
        data["rowsetBase64"] = base64.b64encode(_stream(table.slice(0, 100))).decode()
        for begin in range(100, table.num_rows, _CHUNK_ROWS):
            part = table.slice(begin, _CHUNK_ROWS)
            plain = _stream(part)
            packed = gzip.compress(plain, 1)
            name = secrets.token_urlsafe(12)
            with self.lock:
                self.chunks[name] = (packed, key)
                while len(self.chunks) > 400:
                    del self.chunks[next(iter(self.chunks))]
            chunks.append({"url": f"{origin}/chunks/{name}?signature=a%2Fb%3D", "rowCount": part.num_rows,
                           "uncompressedSize": len(plain), "compressedSize": len(packed)})  # fmt: skip
        data |= {"chunks": chunks, "qrmk": key, "chunkHeaders": {_ALGORITHM: "AES256", _KEY: key}}


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict):
        if value["epoch"] is None:
            return None
        zone = f" {value['timezone']}" if "timezone" in value else ""
        return f"{value['epoch']}.{value['fraction']:09d}{zone}"
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value)


def _stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


class Connection(DoorConnection):
    """One connection of a client."""

    door: Door
    origin = ""

    def _token(self) -> str:
        given = self.headers.get("Authorization") or ""
        prefix = 'Snowflake Token="'
        return given[len(prefix) : -1] if given.startswith(prefix) else ""

    def _chunk(self, name: str) -> None:
        found = self.door.chunks.get(name)
        # A link carries its own permission: whoever sends the session's token there is refused.
        if found is None or self.headers.get("Authorization") or self.headers.get(_KEY) != found[1]:
            self.answer(403, b"<Error><Code>AccessDenied</Code></Error>")
            return
        self.door.seen["chunks"] += 1
        self.answer(200, found[0])

    def _handle(self) -> None:
        body = self.body()
        address = urlsplit(self.path)
        path, door = address.path, self.door
        if path == "/door/seen":
            self.answer(200, dict(door.seen))
        elif path == "/door/running":
            marker = parse_qs(address.query)["marker"][0]
            with door.lock:
                count = sum(marker in each.statement for each in door.running.values())
            self.answer(200, {"count": count})
        elif path == "/door/end-sessions":
            door.end_all()
            self.answer(200, {})
        elif path == "/session/v1/login-request":
            self.answer(*door.log_in(address.query, body))
        elif path == "/session/token-request":
            self.answer(200, door.renew(self._token(), body))
        elif path.startswith("/chunks/"):
            self._chunk(path.removeprefix("/chunks/"))
        else:
            self._in_session(path, address.query, body)

    def _in_session(self, path: str, query: str, body: bytes) -> None:
        door = self.door
        token = door.inner_of(self._token())
        if isinstance(token, dict):
            self.answer(200, token)
        elif path == "/queries/v1/query-request":
            request_id = parse_qs(query).get("requestId", [""])[0]
            self.answer(*door.wait(door.start(request_id, query, body, token, self.origin), _HOLD_S))
        elif path == "/queries/v1/abort-request":
            self.answer(200, door.abort(body, token))
        elif path.startswith("/queries/"):
            door.seen["polls"] += 1
            self.answer(*door.wait(door.polled[path.split("/")[2]], _HOLD_S))
        elif path in ("/session", "/session/heartbeat"):
            if "delete=true" in query:
                door.seen["closed"] += 1
                with door.lock:
                    door.inner_tokens.pop(self._token(), None)
            self.answer(*door.forward("POST", f"{path}?{query}", body, token))
        else:
            self.answer(404, b"not here")

    do_GET = do_POST = _handle


def main() -> None:
    """Starts the emulator, then serves until SIGTERM, which ends both."""
    port, inner_port, python = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    known = json.loads(os.environ.pop("DOOR"))
    start_emulator([python, "-c", _RUN, str(inner_port)])
    Connection.door = Door(inner_port, known)
    Connection.origin = f"{'https' if known['certificate'] else 'http'}://{LOOPBACK}:{port}"
    serve(port, Connection, known["certificate"], known["key"])


if __name__ == "__main__":
    main()
