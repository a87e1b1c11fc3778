"""`nstarx add` on a terminal: a guided wizard, driven through a pseudo-terminal as a person would."""

from __future__ import annotations

import os
import pty
import re
import select
import time
from collections.abc import Iterator

import pytest

from tests.servers import logins
from tests.servers.gateway import GatewayClient, GatewayServer, program

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A program on a pseudo-terminal: what it shows can be awaited, lines can be typed."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.pid, self._descriptor = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, {**environment, "TERM": "xterm"})
        self.shown = ""
        self._seen = 0
        self.exit_code: int | None = None

    def read(self, timeout_s: float) -> bool:
        """Takes in what is shown next; False at the end of the program."""
        ready, _, _ = select.select([self._descriptor], [], [], timeout_s)
        if not ready:
            return True
        try:
            piece = os.read(self._descriptor, 65536)
        except OSError:
            return False
        self.shown += _ESCAPES.sub("", piece.decode(errors="replace"))
        return bool(piece)

    def await_prompt(self, timeout_s: float = 10.0) -> str:
        """Returns the new text once the program has waited for input for a moment."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            before = len(self.shown)
            alive = self.read(0.3)
            if not alive:
                break
            text = self.shown[self._seen :]
            if len(self.shown) == before and text.rstrip(" ").endswith((":", "?", ">", "]", ")")):
                break
        text, self._seen = self.shown[self._seen :], len(self.shown)
        return text

    def type_line(self, text: str) -> None:
        """Types a line."""
        os.write(self._descriptor, text.encode() + b"\n")

    def finish(self, timeout_s: float = 20.0) -> int:
        """Reads to the end and returns the exit code."""
        deadline = time.monotonic() + timeout_s
        while self.read(0.2):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the wizard still waits:\n{self.shown}")
        _, status = os.waitpid(self.pid, 0)
        self.exit_code = os.waitstatus_to_exitcode(status)
        return self.exit_code

    def close(self) -> None:
        """Ends the program if it still runs."""
        if self.exit_code is None:
            os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
        os.close(self._descriptor)


@pytest.fixture
def wizard(nstarx_server: GatewayServer) -> Iterator[Terminal]:
    """`nstarx add` on a terminal."""
    terminal = Terminal([str(program()), "add"], nstarx_server.client_environment())
    yield terminal
    terminal.close()


def answer(question: str, answers: list[tuple[str, str]]) -> str:
    """Returns the answer whose pattern the last lines of the question match; empty takes the default."""
    asked = question.strip().splitlines()[-1] if question.strip() else ""
    for pattern, text in answers:
        if re.search(pattern, asked, re.IGNORECASE):
            return text
    return ""


def test_wizard_creates_a_tested_connection(wizard: Terminal, rest: GatewayClient, postgresql) -> None:
    name = "by-wizard"
    rest.delete(f"/connections/{name}")
    answers = [
        (r"^Type \(", "postgresql"),
        (r"\(host\)", postgresql.host),
        (r"\(port\)", str(postgresql.port)),
        (r"\(database\)", postgresql.database),
        (r"\(username\)", logins.APP.user),
        (r"\(password\)", logins.APP.password),
        (r"^TLS mode", "require"),
        (r"^Name of the connection", name),
        (r"^Save\?", "y"),
    ]
    for _ in range(60):
        question = wizard.await_prompt()
        if not question.strip():
            break
        try:
            wizard.type_line(answer(question, answers))
        except OSError:
            break
    code = wizard.finish()
    try:
        assert code == 0, wizard.shown
        assert rest.query(name, "SELECT 1 AS a").json()["rows"] == [[1]], wizard.shown
        assert logins.APP.password not in wizard.shown, "a typed password must not be echoed"
        assert "login" in wizard.shown, "the staged test is shown before saving"
    finally:
        rest.delete(f"/connections/{name}")


def test_interrupt_saves_nothing(wizard: Terminal, rest: GatewayClient) -> None:
    before = rest.metric("nstarx_connections")
    wizard.await_prompt()
    os.kill(wizard.pid, 2)
    assert wizard.finish() != 0
    assert rest.metric("nstarx_connections") == before
