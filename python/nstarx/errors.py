"""Exceptions: the tree of PEP 249, each carrying what the server knows about the failure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


class Warning(Exception):
    """An important warning, as PEP 249 names it; the SDK itself never raises it."""


class Error(Exception):
    """Root of everything that this package raises on purpose.

    Parameters
    ----------
    message
        One sentence; never holds a secret or a bound parameter.
    code
        Stable, documented code such as ``tls.certificate_expired``.
    stage
        Where it failed: resolve, tunnel, tcp, tls, login, privileges, query; empty when none.
    hints
        What to do next, most likely first.
    status
        HTTP status of the answer, 0 when there was none.
    request_id
        The server's id of the request, for its log and its audit journal.
    action
        ``retry``, ``fix_input``, ``fix_credentials``, ``ask_operator`` or ``report_bug``.
    sqlstate
        SQLSTATE of the data system; empty when it has none.
    vendor_code
        The data system's own code, e.g. ``1045``.
    connector
        Type of the connection that raised it, e.g. ``postgresql``.
    details
        Machine-readable extras such as the position in the statement.
    """

    def __init__(
        self,
        message: str = "",
        *,
        code: str = "",
        stage: str = "",
        hints: tuple[str, ...] | list[str] = (),
        status: int = 0,
        request_id: str = "",
        action: str = "",
        sqlstate: str = "",
        vendor_code: str = "",
        connector: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.stage = stage
        self.hints = tuple(hints)
        self.status = status
        self.request_id = request_id
        self.action = action
        self.sqlstate = sqlstate
        self.vendor_code = vendor_code
        self.connector = connector
        self.details: dict[str, Any] = dict(details or {})

    def __str__(self) -> str:
        head = self.message
        if self.code:
            head = f"[{self.code}] {head}"
        if self.stage:
            head += f" (stage {self.stage})"
        return "".join([head, *(f"\n  hint: {hint}" for hint in self.hints)])

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), dict(self.__dict__)))


class InterfaceError(Error):
    """The SDK was used in a way that cannot work, e.g. a result consumed twice."""


class DatabaseError(Error):
    """Parent of everything that the server or a data system reports."""


class DataError(DatabaseError):
    """A value does not fit: division by zero, numeric overflow, damaged data."""


class OperationalError(DatabaseError):
    """Not the caller's mistake: network, login, permission, deadline, limits."""


class IntegrityError(DatabaseError):
    """A constraint, a taken name or a change made meanwhile by somebody else."""


class InternalError(DatabaseError):
    """The server met a state that it did not expect."""


class ProgrammingError(DatabaseError):
    """The request is wrong: syntax, unknown table, unknown field, unknown connection."""


class NotSupportedError(DatabaseError):
    """The data system cannot do this."""


_CLASS_OF_KIND: dict[str, type[Error]] = {
    "invalid_argument": ProgrammingError,
    "unauthenticated": OperationalError,
    "permission_denied": OperationalError,
    "not_found": ProgrammingError,
    "already_exists": IntegrityError,
    "conflict": IntegrityError,
    "unimplemented": NotSupportedError,
    "unavailable": OperationalError,
    "deadline_exceeded": OperationalError,
    "cancelled": OperationalError,
    "resource_exhausted": OperationalError,
    "data_loss": DataError,
    "internal": InternalError,
}

_CLASS_OF_STATUS: dict[int, type[Error]] = {
    400: ProgrammingError,
    404: ProgrammingError,
    405: ProgrammingError,
    406: ProgrammingError,
    409: IntegrityError,
    412: IntegrityError,
    413: ProgrammingError,
    415: ProgrammingError,
    422: ProgrammingError,
    428: ProgrammingError,
    500: InternalError,
    501: NotSupportedError,
}

# SQLSTATE classes tell more than the kind does.
_CLASS_OF_SQLSTATE: dict[str, type[Error]] = {
    "0A": NotSupportedError,
    "21": ProgrammingError,
    "22": DataError,
    "23": IntegrityError,
    "42": ProgrammingError,
}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def from_problem(problem: Mapping[str, Any], *, status: int = 0, request_id: str = "") -> Error:
    """Build the exception that an ``application/problem+json`` object describes.

    Parameters
    ----------
    problem
        The decoded object; missing or wrongly typed members are tolerated.
    status
        HTTP status, used when the object has none.
    request_id
        From the response header, used when the object has none.

    Examples
    --------
    >>> error = from_problem({"code": "query.syntax", "detail": "near FORM", "status": 400})
    >>> type(error).__name__, error.code, str(error)
    ('ProgrammingError', 'query.syntax', '[query.syntax] near FORM')
    """
    raw_status = problem.get("status")
    if isinstance(raw_status, int):
        status = raw_status
    sqlstate = _text(problem.get("sqlstate"))
    kind = _text(problem.get("kind"))
    cls = _CLASS_OF_KIND.get(kind) or _CLASS_OF_STATUS.get(status, OperationalError)
    if kind in ("", "invalid_argument", "conflict", "already_exists", "not_found"):
        cls = _CLASS_OF_SQLSTATE.get(sqlstate[:2], cls)
    hints = problem.get("hints")
    details = problem.get("details")
    return cls(
        _text(problem.get("detail")) or _text(problem.get("title")) or f"HTTP status {status}",
        code=_text(problem.get("code")) or (f"http.{status}" if status else ""),
        stage=_text(problem.get("stage")),
        hints=[hint for hint in hints if isinstance(hint, str)] if isinstance(hints, list) else [],
        status=status,
        request_id=_text(problem.get("request_id")) or request_id,
        action=_text(problem.get("action")),
        sqlstate=sqlstate,
        vendor_code=_text(problem.get("vendor_code")),
        connector=_text(problem.get("connector")),
        details=details if isinstance(details, dict) else None,
    )


def from_answer(status: int, body: bytes, request_id: str = "") -> Error:
    """Build the exception of a failed answer, also when its body is no problem object."""
    try:
        problem = json.loads(body) if body else None
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        problem = {"detail": f"the server answered with HTTP status {status} and no explanation"}
    return from_problem(problem, status=status, request_id=request_id)


def _rebuild(cls: type[Error], state: dict[str, Any]) -> Error:
    error = cls(state.get("message", ""))
    error.__dict__.update(state)
    return error
