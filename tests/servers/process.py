"""One child process with a log file: started, waited for, killed, and never left behind."""

from __future__ import annotations

import contextlib
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

LOOPBACK = "127.0.0.1"
#: Ports that free_port has returned: their servers may not listen yet.
_given: set[int] = set()


class ServerFailed(RuntimeError):
    """A server did not start or did not stop; the message ends with the tail of its log."""


def free_port() -> int:
    """Returns a TCP port of loopback that nothing listens on now.

    None that the kernel gives to outgoing connections: one of them could have it while a server is down or starting.
    """
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for port in random.SystemRandom().sample(range(12_000, lowest), 1000):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((LOOPBACK, port))
            if port not in _given:
                _given.add(port)
                return port
    raise ServerFailed(f"no port is free between 12000 and {lowest}")


def find_program(name: str, *folders: str) -> str:
    """Returns the path of a program from PATH or `folders`; says what to install when it is absent."""
    path = os.pathsep.join([*folders, os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    found = shutil.which(name, path=path)
    if found is None:
        raise ServerFailed(f"program {name!r} is not installed (looked in {path})")
    return found


def wait_until(what: str, ready: Callable[[], object], timeout_s: float = 10.0) -> None:
    """Calls `ready` until it returns something true; raises TimeoutError with the last exception."""
    deadline = time.monotonic() + timeout_s
    last: Exception | None = None
    while time.monotonic() < deadline:
        try:
            if ready():
                return
        except Exception as error:  # The condition is a real client call: any failure means 'not yet'.
            last = error
        time.sleep(0.02)
    raise TimeoutError(f"{what} not within {timeout_s:g} s" + (f" (last: {last!r})" if last else ""))


def user_exists(name: str) -> bool:
    """Returns whether the system has this user."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


class ServerProcess:
    """A real server under a supervisor's eye: one process, one folder, one log.

    Subclasses set `name` and implement `command()` and `is_ready()`; `prepare()` runs once, before the
    first start. The child dies with this process (parent-death signal). Not thread-safe; start from the
    main thread.
    """

    name = "server"
    #: System user that the server runs as when the harness is root; None keeps the user.
    run_as: str | None = None
    #: Signal of an orderly stop.
    stop_signal = signal.SIGTERM
    start_timeout_s = 30.0
    stop_timeout_s = 20.0

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or Path(tempfile.mkdtemp(prefix=f"nstarx-{self.name}-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        self.log_file = self.folder / "server.log"
        self.host = LOOPBACK
        self.port = free_port()
        #: What the catalog calls this instance, e.g. postgresql_expired.
        self.label = self.name
        self._process: subprocess.Popen[bytes] | None = None
        self._prepared = False

    # What a subclass says about itself.

    def command(self) -> Sequence[str]:
        """Returns the command line that runs the server in the foreground."""
        raise NotImplementedError

    def is_ready(self) -> bool:
        """Returns whether a real client call succeeds."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Makes the data folder and configuration; called once before the first start."""

    def after_first_start(self) -> None:
        """Creates roles, databases and data; called once after the first start."""

    def environment(self) -> Mapping[str, str]:
        """Returns what is added to the server's environment."""
        return {}

    def environment_prefix(self) -> str:
        """Returns what the names in an environment file begin with: NSTARX_TEST_ and the label."""
        return f"NSTARX_TEST_{self.label.upper()}"

    def describe(self) -> dict[str, str]:
        """Returns NAME=value pairs for an environment file."""
        prefix = self.environment_prefix()
        return {f"{prefix}_HOST": self.host, f"{prefix}_PORT": str(self.port)}

    # Life.

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        if self._process is None:
            raise ServerFailed(f"{self.name} is not running")
        return self._process.pid

    def is_running(self) -> bool:
        """Returns whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts the server and waits until it is ready; raises ServerFailed with its log otherwise."""
        first = not self._prepared
        if first:
            self.prepare()
            self._prepared = True
        self._own_folder()
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._prefix(), *self.command()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env={**os.environ, **self.environment()},
                start_new_session=True,
            )
        try:
            wait_until(f"{self.name} ready", self._ready_or_dead, self.start_timeout_s)
            if not self.is_running():
                raise ServerFailed(f"exit code {self._process.returncode}")
            if first:
                self.after_first_start()
        except Exception as error:
            self.kill()
            raise ServerFailed(f"{self.name} did not start: {error}\n{self.log_tail()}") from error

    def _ready_or_dead(self) -> bool:
        return not self.is_running() or self.is_ready()

    def stop(self) -> int:
        """Stops in an orderly way; kills after `stop_timeout_s`. Returns the exit code."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(self.stop_signal)
            try:
                self._process.wait(self.stop_timeout_s)
            except subprocess.TimeoutExpired as error:
                self.kill()
                raise ServerFailed(f"{self.name} ignored its stop signal\n{self.log_tail()}") from error
        code = self._process.returncode
        self._process = None
        return code

    def kill(self) -> None:
        """Kills the process and its children at once (kill -9)."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)
        self._process = None

    def restart(self) -> None:
        """Stops and starts on the same port and data."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stops and removes the folder."""
        try:
            self.stop()
        finally:
            self.kill()
            shutil.rmtree(self.folder, ignore_errors=True)

    def log_tail(self, lines: int = 40) -> str:
        """Returns the last lines of the log."""
        if not self.log_file.exists():
            return "(no log)"
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])

    # Child processes as the server's user.

    def run(self, command: Sequence[str], timeout_s: float = 60.0) -> None:
        """Runs a preparing command as the server's user; its output is part of the failure."""
        self._own_folder()
        done = subprocess.run(
            [*self._prefix(), *command],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if done.returncode != 0:
            raise ServerFailed(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")

    def _switches_user(self) -> bool:
        return self.run_as is not None and os.geteuid() == 0 and user_exists(self.run_as)

    def _prefix(self) -> list[str]:
        prefix = [find_program("setpriv")]
        if self._switches_user():
            user = pwd.getpwnam(self.run_as or "")
            prefix += [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups"]
        return [*prefix, "--pdeathsig", "KILL", "--"]

    def _own_folder(self) -> None:
        if not self._switches_user():
            return
        user = pwd.getpwnam(self.run_as or "")
        subprocess.run(["chown", "-R", f"{user.pw_uid}:{user.pw_gid}", str(self.folder)], check=True, timeout=30)
