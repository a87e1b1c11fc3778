from __future__ import annotations

import datetime
import pickle

import pyarrow as pa
import pytest
from conftest import CONNECTION, KEY, ipc_bytes

import nstarx
from nstarx import dbapi
from nstarx._placeholders import number_placeholders

TABLE = pa.table({"id": [1, 2, 3], "name": ["a", None, "c"]})
NO_ROWS = pa.table({})


@pytest.fixture
def conn(serve):
    def handler(request, peer):
        if request.method == "GET":
            peer.answer_json(CONNECTION)
        elif request.json()["query"].startswith("SELECT"):
            peer.answer_rows(ipc_bytes(TABLE, 2))
        else:
            peer.begin_stream()
            peer.stream(ipc_bytes(NO_ROWS))
            peer.end_stream(nstarx_rows_affected="2")

    server = serve(handler)
    with dbapi.connect("sales", api_key=KEY, url=server.url) as conn:
        conn.server = server
        yield conn


def test_module_globals():
    assert (dbapi.apilevel, dbapi.threadsafety, dbapi.paramstyle) == ("2.0", 2, "qmark")
    assert issubclass(dbapi.IntegrityError, dbapi.DatabaseError)
    assert dbapi.Error is nstarx.Error
    assert dbapi.DateFromTicks(0).year in (1969, 1970)


def test_fetching(conn):
    cursor = conn.cursor()
    assert cursor.description is None
    cursor.execute("SELECT id, name FROM t WHERE a = ?", (5,))
    assert conn.server.requests[-1].json()["query"].endswith("a = $1")
    assert [(column[0], column[1]) for column in cursor.description] == [
        ("id", pa.int64()),
        ("name", pa.string()),
    ]
    assert cursor.description[0][1] == dbapi.NUMBER
    assert cursor.description[1][1] == dbapi.STRING
    assert cursor.description[1][1] != dbapi.DATETIME
    assert cursor.fetchone() == (1, "a")
    assert cursor.fetchmany(1) == [(2, None)]
    assert cursor.fetchall() == [(3, "c")]
    assert cursor.fetchone() is None
    assert cursor.fetchall() == []
    assert list(cursor.execute("SELECT 1")) == [(1, "a"), (2, None), (3, "c")]
    assert cursor.execute("SELECT 1").fetch_record_batch().read_all().equals(TABLE)


def test_writing(conn):
    with conn.cursor() as cursor:
        cursor.execute("DELETE FROM t")
        assert cursor.rowcount == 2
        assert cursor.description is None
        with pytest.raises(dbapi.InterfaceError):
            cursor.fetchone()
        cursor.executemany("INSERT INTO t VALUES (?)", [(1,), (datetime.date(2024, 2, 29),)])
        assert cursor.rowcount == 4
        assert conn.server.requests[-1].json()["parameters"] == ["2024-02-29"]
    with pytest.raises(dbapi.InterfaceError):
        cursor.execute("SELECT 1")


def test_transactions(conn):
    conn.commit()
    with pytest.raises(dbapi.NotSupportedError):
        conn.rollback()
    conn.close()
    conn.close()
    for call in (conn.commit, conn.rollback):
        with pytest.raises(dbapi.InterfaceError):
            call()
    with pytest.raises(dbapi.InterfaceError):
        conn.cursor().execute("SELECT 1")


@pytest.mark.parametrize(
    ("statement", "numbered"),
    [
        ("a = ? AND b = ?", "a = $1 AND b = $2"),
        ("'?' || ?", "'?' || $1"),
        ("'it''s ?' || ?", "'it''s ?' || $1"),
        (r"E'\'?' || ?", r"E'\'?' || $1"),
        (r"'\' || ?", r"'\' || $1"),
        ('"col?" = ?', '"col?" = $1'),
        ("a -- ?\n, ?", "a -- ?\n, $1"),
        ("/* ? /* ? */ ? */ ?", "/* ? /* ? */ ? */ $1"),
        ("$$ ? $$, $x$ ? $$ ? $x$, ?", "$$ ? $$, $x$ ? $$ ? $x$, $1"),
        ("j ?? 'k' AND ?", "j ? 'k' AND $1"),
        ("type'?' , ?", "type'?' , $1"),
        ("'open ?", "'open $1"),
    ],
)
def test_placeholders(statement, numbered):
    assert number_placeholders(statement, "postgresql") == numbered
    assert number_placeholders(statement, "mysql") == statement


@pytest.mark.parametrize(
    ("kind", "status", "sqlstate", "expected"),
    [
        ("invalid_argument", 400, "", nstarx.ProgrammingError),
        ("invalid_argument", 400, "23505", nstarx.IntegrityError),
        ("invalid_argument", 400, "22012", nstarx.DataError),
        ("unauthenticated", 401, "28P01", nstarx.OperationalError),
        ("permission_denied", 403, "42501", nstarx.OperationalError),
        ("not_found", 404, "42P01", nstarx.ProgrammingError),
        ("already_exists", 409, "", nstarx.IntegrityError),
        ("conflict", 412, "", nstarx.IntegrityError),
        ("unimplemented", 422, "", nstarx.NotSupportedError),
        ("unavailable", 502, "", nstarx.OperationalError),
        ("deadline_exceeded", 504, "", nstarx.OperationalError),
        ("cancelled", 499, "57014", nstarx.OperationalError),
        ("resource_exhausted", 429, "", nstarx.OperationalError),
        ("data_loss", 500, "", nstarx.DataError),
        ("internal", 500, "", nstarx.InternalError),
        ("", 503, "", nstarx.OperationalError),
    ],
)
def test_the_class_of_an_error(kind, status, sqlstate, expected):
    problem = {"kind": kind, "status": status, "sqlstate": sqlstate, "hints": "no list", "code": 5}
    error = nstarx.errors.from_problem(problem)
    assert type(error) is expected
    assert error.code == f"http.{status}"
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.sqlstate, str(again)) == (expected, sqlstate, str(error))
