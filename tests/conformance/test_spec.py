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


def find_properties(node: object) -> list[tuple[str, dict]]:
    """Returns every property declared anywhere in a JSON Schema."""
    found: list[tuple[str, dict]] = []
    if isinstance(node, dict):
        for name, value in (node.get("properties") or {}).items():
            if isinstance(value, dict):
                found.append((name, value))
        for value in node.values():
            found += find_properties(value)
    elif isinstance(node, list):
        for value in node:
            found += find_properties(value)
    return found


@pytest.mark.check("spec valid")
def test_spec_is_a_valid_schema_with_described_fields(quirks: Quirks, rest: GatewayClient) -> None:
    answer = rest.get(f"/connection-types/{quirks.type}")
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document["type"] == quirks.type
    schema = document.get("spec", document)
    jsonschema_rs.meta.validate({**schema, "$schema": "http://json-schema.org/draft-07/schema#", "type": "object"})
    properties = find_properties(schema)
    names = {name for name, _ in properties}
    assert names, "the spec declares no field"
    for draft_part in ("configuration", "authentication"):
        wanted = set(quirks.draft("x").get(draft_part, {})) - {"type"}
        assert wanted <= names, f"{draft_part}: {wanted - names} not in the spec"
    secret = {name for name, value in properties if value.get("x-secret")}
    for name in quirks.draft("x").get("authentication", {}):
        if name in ("password", "secret_access_key"):
            assert name in secret


@pytest.mark.check("spec valid")
def test_capabilities_are_declared(quirks: Quirks, rest: GatewayClient) -> None:
    document = rest.get(f"/connection-types/{quirks.type}").json()
    capabilities = document.get("capabilities") or document["spec"]["capabilities"]
    assert "query" in capabilities
    assert "browse" in capabilities
