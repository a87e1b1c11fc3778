"""A door of the tests before bqemulator, which takes everybody and answers every statement at once.

What the emulator lacks is played here in the shapes of BigQuery's REST API: Google's token endpoint and its tokens,
TLS, jobs that are polled for and cancelled, failures as HTTP errors, a limit of bytes billed, a busy service. It proves
the client's side only.

Runs as a program: PORT INNER_PORT GRPC_PORT PYTHON; DOOR (JSON) names who is let in and the certificate.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import sys
import threading
import time
from collections import deque
from typing import IO, Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.servers import google_tokens
from tests.servers.emulator_door import DoorConnection, Running, forward, serve, start_emulator

_PROJECTS = "/bigquery/v2/projects/"
_QUERY_FIELDS = ("query", "useLegacySql", "defaultDataset", "parameterMode", "queryParameters", "maximumBytesBilled")
_SCOPE = "https://www.googleapis.com/auth/bigquery"
#: So long an answer is held back at most; the service itself does so for as long as it is asked to.
_HOLD_S = 0.3
#: The emulator keeps all results in memory: only so many of the last.
_KEPT_MAX = 6
#: What a query is billed at least.
_BILLED_MIN = 10 << 20
_STATUS = {"notFound": 404, "accessDenied": 403, "duplicate": 409, "responseTooLarge": 403, "stopped": 499}
#: The emulator as it is, but that a line on its standard input interrupts what it runs, as it can not cancel, and that
#: it writes pages faster: texts and whole numbers, of which a page of 50,000 rows takes it a second otherwise.
_RUN = """
import functools, sys, threading
import orjson
from bqemulator.api.routes import jobs
from bqemulator.config import Settings
from bqemulator.server import run_forever
from bqemulator.storage import arrow_bridge
from bqemulator.storage.engine import DuckDBEngine
from starlette.responses import Response

started, results, formatted = DuckDBEngine.start, jobs.get_query_results, arrow_bridge._format_bq_value

async def start(self):
    await started(self)
    def listen():
        for _ in sys.stdin:
            self.connection.interrupt()
    threading.Thread(target=listen, daemon=True).start()

@functools.wraps(results)
def faster(*args, **options):
    return Response(orjson.dumps(results(*args, **options)), media_type="application/json")

def quick(value, arrow_type, *, field=None):
    if type(value) is str:
        return value
    return str(value) if type(value) is int else formatted(value, arrow_type, field=field)

DuckDBEngine.start = start
arrow_bridge._format_bq_value = quick
place = next(route for route in jobs.router.routes if route.endpoint is results)
jobs.router.routes.remove(place)
jobs.router.get(place.path.removeprefix(jobs.router.prefix))(faster)
run_forever(Settings(rest_port=int(sys.argv[1]), grpc_port=int(sys.argv[2]), log_level="warning"))
"""


def _error(status: int, reason: str, message: str) -> tuple[int, dict[str, Any]]:
    names = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}
    errors = [{"message": message, "domain": "global", "reason": reason}]
    return status, {"error": {"code": status, "message": message, "errors": errors, "status": names.get(status, "")}}


class Job(Running):
    """A statement and its names: the door's, and the emulator's once it is done."""

    def __init__(self, statement: str, project: str) -> None:
        super().__init__(statement)
        self.project = project
        self.name = f"job_{secrets.token_hex(8)}"
        self.inner = ""
        self.more: dict[str, Any] = {}
        self.begun = False

    def reference(self) -> dict[str, str]:
        """Returns the job's name."""
        return {"projectId": self.project, "jobId": self.name, "location": "US"}


class Door:
    """What all connections share."""

    def __init__(self, inner_port: int, known: dict[str, Any], interrupt: IO[bytes]) -> None:
        self.inner_port = inner_port
        self.known = known
        self.interrupt = interrupt
        self.lock = threading.Lock()
        #: The emulator runs one statement at a time.
        self.turn = threading.Lock()
        self.tokens: set[str] = {known["access_token"]}
        self.jobs: dict[str, Job] = {}
        self.kept: deque[Job] = deque()
        self.refused: dict[str, int] = {}
        #: What the tests may ask for.
        self.seen = dict.fromkeys(("tokens", "cancels", "polls", "pages", "dry_runs", "busy"), 0)
        self.last: dict[str, Any] = {}

    def count(self, what: str) -> None:
        """Notes that something was asked for."""
        with self.lock:
            self.seen[what] += 1

    # Logins.

    def grant(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Exchanges an assertion or a refresh token for an access token."""
        known = self.known
        if form.get("grant_type") == "refresh_token":
            same = [form.get(name) == known[name] for name in ("client_id", "client_secret", "refresh_token")]
            problem = "" if all(same) else "Token has been expired or revoked."
        else:
            key = serialization.load_pem_public_key(known["public_key"].encode())
            assert isinstance(key, rsa.RSAPublicKey)
            problem = google_tokens.problem_of(form, key, known["email"], known["token_uri"], _SCOPE)
        if problem:
            return 400, {"error": "invalid_grant", "error_description": problem}
        token = known["canary"] + secrets.token_urlsafe(32)
        with self.lock:
            self.tokens.add(token)
            self.seen["tokens"] += 1
        return 200, {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}

    def knows(self, authorization: str) -> bool:
        """Returns whether the token is good."""
        with self.lock:
            return any(hmac.compare_digest(authorization, f"Bearer {token}") for token in self.tokens)

    # Statements.

    def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, dict[str, Any]]:
        """Asks the emulator."""
        status, text = forward(self.inner_port, method, path, body, {})
        try:
            return status, json.loads(text or b"{}")
        except ValueError:
            return _error(502, "backendError", text.decode(errors="replace")[:300])

    def _refusal(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        most = int(body.get("maximumBytesBilled", 1 << 62))
        if most < _BILLED_MIN:
            said = f"Query exceeded limit for bytes billed: {most}. {_BILLED_MIN} or higher required."
            return _error(400, "bytesBilledLimitExceeded", said)
        text = body["query"]
        if "busy twice" in text and self.refused.setdefault(text, 0) < 2:
            self.refused[text] += 1
            self.count("busy")
            return _error(403, "rateLimitExceeded", "Exceeded rate limits: too many concurrent queries.")
        return None

    def query(self, project: str, text: bytes) -> tuple[int, dict[str, Any]]:
        """jobs.query"""
        body = json.loads(text)
        with self.lock:
            self.last = body
        if (refusal := self._refusal(body)) is not None:
            return refusal
        job = Job(body["query"], project)
        with self.lock:
            self.jobs[job.name] = job
        threading.Thread(target=self._work, args=(job, body), daemon=True).start()
        return self.wait(job, min(_HOLD_S, body.get("timeoutMs", 10_000) / 1000))

    def _work(self, job: Job, body: dict[str, Any]) -> None:
        try:
            with self.turn:
                if not job.aborted:
                    job.begun = True
                    self._run(job, body)
                    job.begun = False
        except OSError as error:
            job.status, job.answer = _error(503, "backendError", str(error))
        finally:
            job.done.set()
            self._forget()

    def _run(self, job: Job, body: dict[str, Any]) -> None:
        """Of the emulator's two ways to run a statement only jobs.insert knows a default dataset."""
        path = f"{_PROJECTS}{job.project}"
        fields = {name: body[name] for name in _QUERY_FIELDS if name in body}
        status, told = self.ask("POST", path + "/jobs", json.dumps({"configuration": {"query": fields}}).encode())
        if job.aborted:
            return
        failure = told.get("status", {}).get("errorResult")
        if status != 200:
            job.status, job.answer = status, told
        elif failure:
            first = failure["reason"]
            job.status, job.answer = _error(_STATUS.get(first, 400), first, failure["message"])
        else:
            job.inner = told["jobReference"]["jobId"]
            with self.lock:
                self.kept.append(job)
            told_more = told["statistics"].get("query", {})
            job.more = {name: told_more[name] for name in ("statementType", "numDmlAffectedRows") if name in told_more}
            most = body.get("maxResults", 10_000)
            _, text = forward(self.inner_port, "GET", f"{path}/queries/{job.inner}?maxResults={most}", b"", {})
            job.answer = {**json.loads(text), **job.more, "jobReference": job.reference()}

    def _forget(self) -> None:
        while True:
            with self.lock:
                if len(self.kept) <= _KEPT_MAX:
                    return
                old = self.kept.popleft()
                self.jobs.pop(old.name, None)
            self.ask("DELETE", f"{_PROJECTS}{old.project}/jobs/{old.inner}/delete")

    def wait(self, job: Job, seconds: float) -> tuple[int, dict[str, Any]]:
        """Returns the answer, or that the job still runs."""
        until = time.monotonic() + seconds
        while not job.done.wait(0.02) and not job.aborted and time.monotonic() < until:
            pass
        if job.aborted:
            return _error(499, "stopped", "Job execution was cancelled: User requested cancellation")
        if job.done.is_set():
            return job.status, job.answer
        return 200, {"kind": "bigquery#queryResponse", "jobReference": job.reference(), "jobComplete": False}

    def results(self, job: Job, query: str) -> tuple[int, dict[str, Any] | bytes]:
        """jobs.getQueryResults"""
        path = f"{_PROJECTS}{job.project}/queries/{job.inner}?{query}"
        if "pageToken" in parse_qs(query):
            self.count("pages")
            status, text = forward(self.inner_port, "GET", path, b"", {})
            return status, text.replace(job.inner.encode(), job.name.encode(), 1)
        self.count("polls")
        return self.wait(job, _HOLD_S)

    def cancel(self, job: Job) -> tuple[int, dict[str, Any]]:
        """jobs.cancel"""
        self.count("cancels")
        if not job.done.is_set():
            job.aborted = True
            if job.begun:
                self.interrupt.write(b"\n")
                self.interrupt.flush()
        return 200, {"kind": "bigquery#jobCancelResponse", "job": {"jobReference": job.reference()}}


class Connection(DoorConnection):
    """One connection of a client."""

    door: Door

    def _handle(self) -> None:
        body = self.body()
        address = urlsplit(self.path)
        path, door = address.path, self.door
        if path == "/token":
            self.answer(*door.grant(dict(parse_qsl(body.decode()))))
        elif path == "/door/seen":
            self.answer(200, {**door.seen, "last": door.last})
        elif path == "/door/running":
            marker = parse_qs(address.query)["marker"][0]
            with door.lock:
                jobs = list(door.jobs.values())
            self.answer(200, {"count": sum(marker in job.statement and not job.done.is_set() for job in jobs)})
        elif path == "/door/end-tokens":  # All but the one that the tests themselves have.
            door.tokens = {door.known["access_token"]}
            self.answer(200, {})
        elif not door.knows(self.headers.get("Authorization") or ""):
            self.answer(*_error(401, "authError", "Request had invalid authentication credentials."))
        elif not path.startswith(_PROJECTS):
            self.answer(*_error(404, "notFound", "Not found"))
        else:
            self._of_project(path, address.query, body)

    def _of_project(self, path: str, query: str, body: bytes) -> None:
        door = self.door
        project, *rest = path.removeprefix(_PROJECTS).split("/")
        job = door.jobs.get(rest[1]) if len(rest) > 1 else None
        if project != "test":
            self.answer(*_error(404, "notFound", f"Not found: Project {project}"))
        elif rest == ["queries"]:
            self.answer(*door.query(project, body))
        elif rest[:1] == ["queries"] and job is not None:
            self.answer(*door.results(job, query))
        elif rest[:1] == ["jobs"] and rest[2:] == ["cancel"] and job is not None:
            self.answer(*door.cancel(job))
        else:
            if rest == ["jobs"]:
                door.count("dry_runs")
            with door.turn:
                self.answer(*door.ask(self.command, self.path, body))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle


def main() -> None:
    """Starts the emulator, then serves until SIGTERM, which ends both."""
    port, inner_port, grpc_port, python = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    known = json.loads(os.environ.pop("DOOR"))
    _, interrupt = start_emulator([python, "-c", _RUN, str(inner_port), grpc_port])
    Connection.door = Door(inner_port, known, interrupt)
    serve(port, Connection, known["certificate"], known["key"])


if __name__ == "__main__":
    main()
