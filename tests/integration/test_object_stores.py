"""Object stores beside S3: objects, logins, refusals, signed URLs and TLS, against MinIO and the emulators."""

from __future__ import annotations

import base64
import datetime
import hashlib
import http.server
import io
import json
import os
import threading
import time
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pytest
import requests
from azure.storage.blob import generate_container_sas
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from pyarrow import orc

from tests.conformance.problem import assert_problem, failed_stage
from tests.conformance.quirks import QUIRKS
from tests.servers.catalog import ServerCatalog
from tests.servers.gateway import GatewayClient
from tests.servers.process import LOOPBACK

MIB = 1024 * 1024
TYPES = ("minio", "azure_blob", "gcs")
SECURE = {"minio": "minio_https", "azure_blob": "azurite_https", "gcs": "fake_gcs_https"}
NO_BUCKET = {"minio": "bucket", "azure_blob": "container", "gcs": "bucket"}


@pytest.fixture
def create(rest: GatewayClient) -> Iterator[Callable[..., str]]:
    """Creates connections that the test's end deletes."""
    names: list[str] = []

    def make(draft: dict[str, Any]) -> str:
        draft["name"] = f"{draft['type'].replace('_', '-')}-{uuid.uuid4().hex[:8]}"
        rest.create(draft)
        names.append(draft["name"])
        return draft["name"]

    yield make
    for name in names:
        rest.delete(f"/connections/{name}")


def draft_of(servers: ServerCatalog, kind: str, *, server: Any = None, **changes: Any) -> dict[str, Any]:
    """Returns a working draft of the type; `changes` are merged one level deep."""
    quirks = QUIRKS[kind](servers)
    return quirks.draft("x", server=server or quirks.server, **changes)


def objects(name: str, key: str = "") -> str:
    """Returns the path of an object."""
    return f"/connections/{name}/objects/{quote(key)}" if key else f"/connections/{name}/objects"


def refusal(rest: GatewayClient, draft: dict[str, Any]) -> tuple[str, str]:
    """Returns stage and code of the failed test of a draft."""
    draft["name"] = f"refused-{uuid.uuid4().hex[:8]}"
    report = rest.post("/connections/test", draft).json()
    stages = [stage for stage in report["stages"] if stage["status"] == "failed"]
    failed = failed_stage(report) if len(stages) == 1 else stages[0]
    assert failed["hints"], failed
    return failed["stage"], failed["code"]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_objects_of_all_sizes_come_back(
    kind: str, secure: bool, servers: ServerCatalog, rest: GatewayClient, create: Callable[..., str]
) -> None:
    server = servers.get(SECURE[kind]) if secure else None
    trusted = {"tls_ca": servers.certificates.ca_pem()} if secure else {}
    name = create(draft_of(servers, kind, server=server, configuration={"prefix": uuid.uuid4().hex, **trusted}))
    for key, size in {"empty": 0, "späce ünd +&?#%/漢字.bin": 1000, "parts/large.bin": 20 * MIB + 17}.items():
        content = os.urandom(size)
        put = rest.request("PUT", objects(name, key), data=content, headers={"Content-Type": "application/x-odd"})
        assert put.status_code in (200, 201), put.text
        got = rest.get(objects(name, key))
        assert hashlib.sha256(got.content).digest() == hashlib.sha256(content).digest()
        assert got.headers["Content-Type"] == "application/x-odd"
        if size:
            part = rest.get(objects(name, key), headers={"Range": "bytes=5-9"})
            assert (part.status_code, part.content) == (206, content[5:10])
    listed = rest.get(objects(name), params={"delimiter": "/"}).json()
    assert [item["key"] for item in listed["items"]] == ["empty"]
    assert sorted(listed["prefixes"]) == ["parts/", "späce ünd +&?#%/"]
    found, cursor = [], ""
    for _ in range(5):
        page = rest.get(objects(name), params={"limit": 2, "cursor": cursor}).json()
        found += [item["key"] for item in page["items"]]
        cursor = page.get("next") or ""
        if not cursor:
            break
    assert sorted(found) == sorted(["empty", "parts/large.bin", "späce ünd +&?#%/漢字.bin"])
    for key in found:
        assert rest.delete(objects(name, key)).status_code == 204
    assert_problem(rest.get(objects(name, "parts/large.bin")), "object.not_found", status=404)
    assert rest.get(objects(name)).json()["items"] == []


@pytest.mark.parametrize("kind", TYPES)
def test_csv_json_and_hive_partitions_are_tables(
    kind: str, servers: ServerCatalog, rest: GatewayClient, create: Callable[..., str]
) -> None:
    name = create(draft_of(servers, kind, configuration={"prefix": uuid.uuid4().hex}))
    for key, text in {
        "sales/year=2025/a.csv": "id,name\n1,Zoë\n",
        "sales/year=2026/b.csv": "id,name\n2,Bob\n3,\n",
        "people.json": '{"id": 1, "city": "Łódź"}\n',
    }.items():
        assert rest.request("PUT", objects(name, key), data=text.encode()).status_code in (200, 201)
    rows = rest.arrow(name, "SELECT year, count(*)::INTEGER AS n FROM 'sales/**/*.csv' GROUP BY 1 ORDER BY 1")
    assert rows.to_pylist() == [{"year": 2025, "n": 1}, {"year": 2026, "n": 2}]
    rows = rest.arrow(name, "SELECT s.name, p.city FROM 'sales/' s JOIN 'people.json' p ON s.id = p.id")
    assert rows.to_pylist() == [{"name": "Zoë", "city": "Łódź"}]
    assert_problem(rest.query(name, "SELECT * FROM 'none/*.csv'"), "query.undefined_table")
    assert_problem(rest.query(name, "SELECT * FROM '../x.csv'"), "query.not_allowed")


@pytest.mark.parametrize("kind", TYPES)
def test_read_only_connections_write_nothing(
    kind: str, servers: ServerCatalog, rest: GatewayClient, create: Callable[..., str]
) -> None:
    name = create(draft_of(servers, kind, configuration={"prefix": uuid.uuid4().hex, "read_only": True}))
    assert_problem(rest.request("PUT", objects(name, "x"), data=b"x"), "query.read_only")
    assert_problem(rest.delete(objects(name, "x")), "query.read_only")
    answer = rest.post(f"/connections/{name}/presign", {"key": "x", "method": "PUT", "expires_in": 60})
    assert_problem(answer, "query.read_only")
    assert rest.get(objects(name)).json()["items"] == []


@pytest.mark.parametrize("kind", TYPES)
def test_a_missing_bucket_and_wrong_tls_have_their_own_codes(
    kind: str, servers: ServerCatalog, rest: GatewayClient
) -> None:
    draft = draft_of(servers, kind, configuration={NO_BUCKET[kind]: "no-such-bucket-here"})
    assert refusal(rest, draft) == ("login", f"{NO_BUCKET[kind]}.not_found")
    secure = servers.get(SECURE[kind])
    stage, code = refusal(rest, draft_of(servers, kind, server=secure))
    assert (stage, code) in {("tls", "tls.unknown_ca"), ("tls", "tls.self_signed")}
    plain = draft_of(servers, kind)
    plain["configuration"]["endpoint"] = plain["configuration"]["endpoint"].replace("http://", "https://")
    assert refusal(rest, plain)[0] == "tls"


@pytest.mark.parametrize("kind", TYPES)
def test_a_silent_server_ends_in_time(kind: str, servers: ServerCatalog, rest: GatewayClient) -> None:
    silent = servers.get("silent")
    quirks = QUIRKS[kind](servers)
    draft = quirks.aimed_at("x", silent.host, silent.port)
    draft["configuration"]["request_timeout_ms"] = 700
    begun = time.monotonic()
    assert refusal(rest, draft)[1] == "request.timeout"
    assert time.monotonic() - begun < 8


# ORC.


def orc_file(table: pa.Table, **options: Any) -> bytes:
    """Returns the table as an ORC file of pyarrow's."""
    out = io.BytesIO()
    orc.write_table(table, out, **options)
    return out.getvalue()


def orc_types() -> pa.Table:
    """Returns every type that ORC files have and pyarrow writes: NULL, then extremes and Unicode."""
    text = "naïve Ω 漢字 🦆 e\u0301 עברית '\"\\ \t\n\u200b end"
    instants = [None, -1, 1767323045123456, -(2**62) // 1000]
    columns: dict[str, tuple[pa.DataType, list[Any]]] = {
        "bool": (pa.bool_(), [None, True, False, True]),
        "int8": (pa.int8(), [None, -128, 127, 0]),
        "int16": (pa.int16(), [None, -(2**15), 2**15 - 1, 0]),
        "int32": (pa.int32(), [None, -(2**31), 2**31 - 1, 0]),
        "int64": (pa.int64(), [None, -(2**63), 2**63 - 1, 0]),
        "float": (pa.float32(), [None, -0.0, float("inf"), 1.5]),
        "double": (pa.float64(), [None, 5e-324, 1.7976931348623157e308, -0.1]),
        "text": (pa.string(), [None, "", text, "\x00"]),
        "binary": (pa.binary(), [None, b"", b"\x00\xff", bytes(range(256))]),
        "date": (
            pa.date32(),
            [None, datetime.date(1, 1, 1), datetime.date(9999, 12, 31), datetime.date(1582, 10, 15)],
        ),
        "small": (pa.decimal128(4, 2), [None, Decimal("-99.99"), Decimal("99.99"), Decimal("0.01")]),
        "large": (pa.decimal128(38, 10), [None, Decimal(f"-{'9' * 28}.{'9' * 10}"), Decimal("1E-10"), Decimal(0)]),
        "clock": (pa.timestamp("ns"), [None, -1, 1767323045123456789, 2**63 - 1]),
        "instant": (pa.timestamp("us", "UTC"), instants),
        "list": (pa.list_(pa.field("l", pa.string())), [None, [], ["ü", None], ["x"]]),
        "map": (pa.map_(pa.string(), pa.int64()), [None, [], [("k", 1), ("é", None)], [("z", 0)]]),
        "struct": (
            pa.struct([("a", pa.int32()), ("b", pa.list_(pa.field("l", pa.float64())))]),
            [None, {"a": None, "b": None}, {"a": 1, "b": [0.5, None]}, {"a": 2, "b": []}],
        ),
    }  # fmt: skip
    return pa.table({name: pa.array(values, kind) for name, (kind, values) in columns.items()})


@pytest.mark.parametrize("kind", TYPES)
def test_orc_files_are_tables_with_exact_types(
    kind: str, servers: ServerCatalog, rest: GatewayClient, create: Callable[..., str]
) -> None:
    name = create(draft_of(servers, kind, configuration={"prefix": uuid.uuid4().hex}))
    table = orc_types()
    for compression in ("uncompressed", "snappy", "zlib", "lz4", "zstd"):
        content = orc_file(table, compression=compression)
        assert rest.request("PUT", objects(name, f"{compression}.orc"), data=content).status_code in (200, 201)
    for compression in ("uncompressed", "snappy", "zlib", "lz4", "zstd"):
        got = rest.arrow(name, f"SELECT * FROM '{compression}.orc'")
        assert got.schema.names == table.schema.names
        for field in table.schema:
            if field.name not in ("map",):
                assert got.schema.field(field.name).type == field.type, field
            assert got[field.name].cast(field.type).equals(table[field.name]), field
    union = pa.UnionArray.from_sparse(pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["a", "ü"])])
    content = orc_file(pa.table({"u": union}))
    assert rest.request("PUT", objects(name, "union.orc"), data=content).status_code in (200, 201)
    assert rest.arrow(name, "SELECT u::VARCHAR AS u FROM 'union.orc'").to_pylist() == [{"u": "1"}, {"u": "ü"}]


@pytest.mark.parametrize("kind", TYPES)
def test_tables_are_written_as_parquet_only(
    kind: str, servers: ServerCatalog, rest: GatewayClient, create: Callable[..., str]
) -> None:
    name = create(draft_of(servers, kind, configuration={"prefix": uuid.uuid4().hex}))
    given = pa.table({"n": [1]})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, given.schema) as writer:
        writer.write_table(given)
    for path in ("rows.orc", "rows.csv", "rows.json.gz"):
        refused = rest.post(
            f"/connections/{name}/ingest", params={"path": path, "mode": "create"}, data=sink.getvalue(),
            headers={"Content-Type": "application/vnd.apache.arrow.stream"},
        )  # fmt: skip
        assert_problem(refused, "ingest.unsupported_format", status=400)
    assert rest.get(f"/connections/{name}/objects").json()["items"] == []


@pytest.mark.parametrize("kind", TYPES)
def test_orc_partitions_are_described_sampled_and_pruned(
    kind: str, servers: ServerCatalog, rest: GatewayClient, create: Callable[..., str]
) -> None:
    name = create(draft_of(servers, kind, configuration={"prefix": uuid.uuid4().hex}))
    for year, count in ((2025, 3000), (2026, 5000)):
        part = pa.table({"id": range(count), "name": [f"né{number % 97}" for number in range(count)]})
        content = orc_file(part, stripe_size=1 << 16, batch_size=500)
        assert rest.request("PUT", objects(name, f"sales/year={year}/part.orc"), data=content).status_code in (200, 201)
    rows = rest.arrow(
        name, "SELECT year, count(*)::INTEGER AS n, sum(id)::BIGINT AS s FROM 'sales/' GROUP BY 1 ORDER BY 1"
    )
    assert rows.to_pylist() == [{"year": 2025, "n": 3000, "s": 4498500}, {"year": 2026, "n": 5000, "s": 12497500}]
    assert rest.arrow(name, "SELECT * FROM 'sales/**/*.orc'").num_rows == 8000
    described = rest.get(f"/connections/{name}/describe", params={"path": "sales/"}).json()
    assert described["row_estimate"] == 8000
    assert [column["name"] for column in described["columns"]] == ["id", "name", "year"]
    assert described["partitions"] == ["year=2025", "year=2026"]
    broken = b"ORC" + bytes(200)
    assert rest.request("PUT", objects(name, "sales/year=2027/part.orc"), data=broken).status_code in (200, 201)
    # The broken partition is not opened when it is not asked for.
    rows = rest.arrow(name, "SELECT count(name)::INTEGER AS n FROM 'sales/**/*.orc' WHERE year = 2026")
    assert rows.to_pylist() == [{"n": 5000}]
    refused = rest.query(name, "SELECT count(name) FROM 'sales/year=2027/part.orc'")
    assert_problem(refused, "query.unreadable_file")
    assert "sales/year=2027/part.orc" in refused.json()["detail"]
    assert rest.request("PUT", objects(name, "cut.orc"), data=content[: len(content) // 2]).status_code in (200, 201)
    assert_problem(rest.query(name, "SELECT * FROM 'cut.orc'"), "query.unreadable_file")
    for outside in ("/etc/x.orc", "../x.orc", "s3://bucket/x.orc"):
        assert_problem(rest.query(name, f"SELECT * FROM read_orc('{outside}')"), "query.not_allowed")


# Azure.


def sas(server: Any, permission: str, hours: float = 1.0, **more: Any) -> str:
    """Returns a container SAS made by Microsoft's own library."""
    expiry = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=hours)
    return generate_container_sas(
        server.account, server.container, server.account_key, permission=permission, expiry=expiry, **more
    )


def sas_draft(servers: ServerCatalog, token: str) -> dict[str, Any]:
    """Returns a draft that logs in with a SAS."""
    draft = draft_of(servers, "azure_blob", configuration={"prefix": uuid.uuid4().hex})
    draft["authentication"] = {"type": "sas", "sas_token": token}
    return draft


def test_azure_sas_may_do_what_it_says(servers: ServerCatalog, rest: GatewayClient, create: Callable[..., str]) -> None:
    server = servers.get("azurite")
    draft = sas_draft(servers, "?" + sas(server, "rwdl"))
    writer = create(draft)
    assert rest.request("PUT", objects(writer, "x.csv"), data=b"id\n1\n").status_code in (200, 201)
    reader = sas_draft(servers, sas(server, "rl"))
    reader["configuration"]["prefix"] = draft["configuration"]["prefix"]
    name = create(reader)
    assert rest.get(objects(name, "x.csv")).content == b"id\n1\n"
    assert rest.arrow(name, "SELECT id FROM '*.csv'").to_pylist() == [{"id": 1}]
    assert_problem(rest.request("PUT", objects(name, "y"), data=b"y"), "object.no_privilege", status=403)
    assert_problem(rest.delete(objects(name, "x.csv")), "object.no_privilege", status=403)
    answer = rest.post(f"/connections/{name}/presign", {"key": "x.csv", "method": "GET", "expires_in": 60})
    assert_problem(answer, "object.presign_unavailable")


def test_azure_wrong_sas_tokens_have_their_own_codes(servers: ServerCatalog, rest: GatewayClient) -> None:
    server = servers.get("azurite")
    good = sas(server, "rl")
    assert refusal(rest, sas_draft(servers, sas(server, "rl", hours=-1))) == ("login", "login.sas_expired")
    assert refusal(rest, sas_draft(servers, good.replace("sig=", "sig=A"))) == ("login", "login.wrong_sas")
    assert refusal(rest, sas_draft(servers, good.split("&sig")[0])) == ("login", "login.malformed_sas")
    assert refusal(rest, sas_draft(servers, sas(server, "r")))[1] == "privileges.missing"


def test_azure_presigned_urls_are_good_for_a_while(
    servers: ServerCatalog, rest: GatewayClient, create: Callable[..., str]
) -> None:
    name = create(draft_of(servers, "azure_blob", configuration={"prefix": uuid.uuid4().hex}))

    def url(method: str, seconds: int) -> str:
        answer = rest.post(f"/connections/{name}/presign", {"key": "ä b.txt", "method": method, "expires_in": seconds})
        assert answer.status_code == 200, answer.text
        return answer.json()["url"]

    put = requests.put(url("PUT", 60), data=b"hello", headers={"x-ms-blob-type": "BlockBlob"}, timeout=10)
    assert put.status_code == 201, put.text
    assert requests.get(url("GET", 60), timeout=10).content == b"hello"
    assert (
        requests.put(url("GET", 60), data=b"x", headers={"x-ms-blob-type": "BlockBlob"}, timeout=10).status_code == 403
    )
    short = url("GET", 1)
    time.sleep(2.1)  # The URL's own expiry is the thing under test.
    assert requests.get(short, timeout=10).status_code == 403


class EntraLike:
    """A token endpoint for client credentials; its tokens have the claims that Azurite looks at."""

    def __init__(self) -> None:
        self.audience = "https://storage.azure.com"
        self.seen: list[dict[str, str]] = []
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = dict(urllib.parse.parse_qsl(body))
                endpoint.seen.append(form)
                good = form.get("client_secret") == "canary-client-secret" and form.get("client_id") == "app"
                answer = {"access_token": endpoint.token(), "expires_in": 3600} if good else {"error": "invalid_client"}
                text = json.dumps(answer).encode()
                self.send_response(200 if good else 401)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self.server = http.server.ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://{LOOPBACK}:{self.server.server_address[1]}/tenant/oauth2/v2.0/token"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def token(self) -> str:
        """Returns a JWT; Azurite does not check its signature."""
        now = int(time.time())
        claims = {
            "aud": self.audience, "iss": "https://sts.windows.net/tenant/", "iat": now, "nbf": now, "exp": now + 3600,
        }  # fmt: skip
        parts = ({"alg": "RS256", "typ": "JWT"}, claims)
        text = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
        return ".".join([*text, "c2lnbmF0dXJl"])


def test_azure_client_credentials_are_exchanged_for_a_token(
    servers: ServerCatalog, rest: GatewayClient, create: Callable[..., str]
) -> None:
    secure, entra = servers.get("azurite_https"), EntraLike()
    authentication = {
        "type": "oauth", "tenant_id": "tenant", "client_id": "app", "client_secret": "canary-client-secret",
        "token_endpoint": entra.url,
    }  # fmt: skip

    def draft(**changes: str) -> dict[str, Any]:
        made = draft_of(servers, "azure_blob", server=secure)
        made["configuration"] |= {"tls_ca": servers.certificates.ca_pem(), "prefix": "oauth"}
        made["authentication"] = {**authentication, **changes}
        return made

    try:
        name = create(draft())
        assert rest.request("PUT", objects(name, "x"), data=b"x").status_code in (200, 201)
        assert rest.get(objects(name, "x")).content == b"x"
        assert entra.seen[0]["scope"] == "https://storage.azure.com/.default"
        assert entra.seen[0]["grant_type"] == "client_credentials"
        assert len(entra.seen) == 1, "one token serves all requests"
        assert refusal(rest, draft(client_secret="canary-wrong")) == ("login", "login.wrong_client")
        entra.audience = "https://elsewhere.test"
        assert refusal(rest, draft(scope="other")) == ("login", "login.token_refused")
    finally:
        entra.server.shutdown()
        entra.server.server_close()
    assert refusal(rest, draft(scope="third")) == ("login", "tcp.refused"), "the store itself is reached"


def test_azure_malformed_keys_are_named(servers: ServerCatalog, rest: GatewayClient) -> None:
    draft = draft_of(servers, "azure_blob", authentication={"account_key": "AccountKey=canary"})
    assert refusal(rest, draft) == ("login", "login.malformed_account_key")


# Google Cloud Storage.


def test_gcs_signed_urls_hold_a_true_signature(
    servers: ServerCatalog, rest: GatewayClient, create: Callable[..., str]
) -> None:
    """The emulator checks no signatures: the test builds the canonical request by Google's rules and verifies."""
    server = servers.get("fake_gcs")
    name = create(draft_of(servers, "gcs", configuration={"prefix": "signed"}))
    rest.request("PUT", objects(name, "ä b.txt"), data=b"hello")
    answer = rest.post(f"/connections/{name}/presign", {"key": "ä b.txt", "method": "GET", "expires_in": 60})
    assert answer.status_code == 200, answer.text
    assert requests.get(answer.json()["url"], timeout=10).content == b"hello"
    url = urllib.parse.urlsplit(answer.json()["url"])
    query, signature = url.query.split("&X-Goog-Signature=")
    fields = dict(urllib.parse.parse_qsl(query))
    assert fields["X-Goog-Credential"].startswith(f"{server.tokens.email}/")
    canonical = "\n".join(["GET", url.path, query, f"host:{url.netloc}", "", "host", "UNSIGNED-PAYLOAD"])
    scope = fields["X-Goog-Credential"].split("/", 1)[1]
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    signed = "\n".join(["GOOG4-RSA-SHA256", fields["X-Goog-Date"], scope, digest])
    key = server.tokens.key.public_key()
    key.verify(bytes.fromhex(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())


def test_gcs_logins_other_than_a_key_file(
    servers: ServerCatalog, rest: GatewayClient, create: Callable[..., str]
) -> None:
    draft = draft_of(servers, "gcs", configuration={"prefix": "anonymous"})
    draft["authentication"] = {"type": "anonymous"}
    name = create(draft)
    assert rest.request("PUT", objects(name, "x"), data=b"x").status_code in (200, 201)
    token = draft_of(servers, "gcs", configuration={"prefix": "anonymous"})
    token["authentication"] = {"type": "access_token", "access_token": "canary-token"}
    bearer = create(token)
    assert rest.get(objects(bearer, "x")).content == b"x"
    answer = rest.post(f"/connections/{bearer}/presign", {"key": "x", "method": "GET", "expires_in": 60})
    assert_problem(answer, "object.presign_unavailable")
    wrong = draft_of(servers, "gcs", authentication={"service_account_key": '{"type": "authorized_user"}'})
    assert refusal(rest, wrong) == ("login", "login.malformed_key_file")
