"""The spec of each type is complete, valid and the same on every door."""

from __future__ import annotations

import jsonschema_rs
import pytest

from tests.conformance.quirks import QUIRKS, Quirks
from tests.servers.gateway import GatewayClient


def test_every_type_has_quirks(rest: GatewayClient) -> None:
    answer = rest.get("/connection-types")
    assert answer.status_code == 200
    assert {item["type"] for item in answer.json()["items"]} == set(QUIRKS)


def check_schema(schema: dict) -> None:
    """Fails unless the part of the spec is a valid JSON Schema (draft-07)."""
    jsonschema_rs.meta.validate({**schema, "$schema": "http://json-schema.org/draft-07/schema#"})


@pytest.mark.check("spec valid")
def test_spec_is_valid_and_describes_every_field(quirks: Quirks, rest: GatewayClient) -> None:
    answer = rest.get(f"/connection-types/{quirks.type}")
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document["type"] == quirks.type
    check_schema(document["configuration"])
    check_schema(document["authentication"])
    methods = document["authentication"]["oneOf"]
    draft = quirks.draft("x")
    assert set(draft["configuration"]) <= set(document["configuration"]["properties"])
    fields = [document["configuration"]["properties"], *(method["properties"] for method in methods)]
    for name, field in ((name, field) for group in fields for name, field in group.items() if name != "type"):
        assert field.get("title"), name
        assert field.get("description"), name
    chosen = [m for m in methods if m["properties"]["type"]["const"] == draft["authentication"]["type"]]
    assert len(chosen) == 1
    for name, value in draft["authentication"].items():
        assert name in chosen[0]["properties"]
        assert bool(chosen[0]["properties"][name].get("x-secret")) == (value in quirks.secrets()), name


@pytest.mark.check("spec valid")
def test_known_errors_have_causes_and_hints(quirks: Quirks, rest: GatewayClient) -> None:
    rows = rest.get(f"/connection-types/{quirks.type}").json()["errors"]
    assert len({row["code"] for row in rows}) == len(rows)
    for row in rows:
        assert row["code"].count(".") == 1
        assert row["cause"]
        assert row["hints"]


@pytest.mark.check("spec valid")
def test_variants_are_templates(quirks: Quirks, rest: GatewayClient) -> None:
    rows = rest.get("/templates", params={"type": quirks.type}).json()["items"]
    for row in rows:
        if row["built_in"]:
            assert row["name"].startswith(f"{quirks.type}/")
            assert len(row["name"]) > len(quirks.type) + 1
            assert rest.get(f"/templates/{row['name'].replace('/', '%2F')}").json() == row


@pytest.mark.check("spec valid")
def test_capabilities_are_declared(quirks: Quirks, rest: GatewayClient) -> None:
    capabilities = rest.get(f"/connection-types/{quirks.type}").json()["capabilities"]
    assert {"query", "stream", "metadata"} & set(capabilities)
    assert "browse" in capabilities
