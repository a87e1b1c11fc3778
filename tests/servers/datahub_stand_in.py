"""A stand-in of ours for DataHub's metadata service: what the connector uses of it, and no more.

Runs in the environment of the package acryl-datahub, whose classes check every aspect that is written. GraphQL
documents are checked against the part of DataHub's schema below. Started by ``systems/datahub.py``.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import graphql
from datahub.emitter.serialization_helper import post_json_transform
from datahub.metadata.schema_classes import ASPECT_NAME_MAP
from datahub.metadata.urns import Urn

_SCHEMA = """
scalar Long
enum EntityType { DATASET }
enum SortOrder { ASCENDING DESCENDING }
enum LineageDirection { UPSTREAM DOWNSTREAM }
enum FilterOperator { EQUAL CONTAIN }
input FacetFilterInput { field: String! values: [String!] negated: Boolean condition: FilterOperator }
input AndFilterInput { and: [FacetFilterInput!] }
input SearchFlags { skipCache: Boolean maxAggValues: Int skipAggregates: Boolean }
input SortCriterion { field: String! sortOrder: SortOrder! }
input SearchSortInput { sortCriterion: SortCriterion sortCriteria: [SortCriterion!] }
input ScrollAcrossEntitiesInput {
  types: [EntityType!] query: String! scrollId: String keepAlive: String count: Int orFilters: [AndFilterInput!]
  viewUrn: String searchFlags: SearchFlags sortInput: SearchSortInput
}
input AggregateAcrossEntitiesInput {
  types: [EntityType!] query: String! facets: [String] orFilters: [AndFilterInput!] viewUrn: String
  searchFlags: SearchFlags
}
input SearchAcrossLineageInput {
  urn: String direction: LineageDirection! types: [EntityType!] query: String start: Int count: Int
  orFilters: [AndFilterInput!] searchFlags: SearchFlags
}
interface Entity { urn: String! type: EntityType! }
type DatasetProperties { name: String! description: String }
type DatasetEditableProperties { name: String description: String }
type SubTypes { typeNames: [String!] }
type Dataset implements Entity {
  urn: String! type: EntityType! name: String! properties: DatasetProperties
  editableProperties: DatasetEditableProperties subTypes: SubTypes
}
type SearchResult { entity: Entity! }
type ScrollResults { nextScrollId: String count: Int! total: Int! searchResults: [SearchResult!]! }
type AggregationMetadata { value: String! count: Long! }
type FacetMetadata { field: String! aggregations: [AggregationMetadata!]! }
type AggregateResults { facets: [FacetMetadata!] }
type SearchAcrossLineageResult { entity: Entity! degree: Int! }
type SearchAcrossLineageResults { start: Int! count: Int! total: Int! searchResults: [SearchAcrossLineageResult!]! }
type CorpUser { urn: String! }
type AuthenticatedUser { corpUser: CorpUser! }
type Query {
  me: AuthenticatedUser
  scrollAcrossEntities(input: ScrollAcrossEntitiesInput!): ScrollResults
  aggregateAcrossEntities(input: AggregateAcrossEntitiesInput!): AggregateResults
  searchAcrossLineage(input: SearchAcrossLineageInput!): SearchAcrossLineageResults
}
"""


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Store:
    """Aspects of entities, and the answers to GraphQL."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._aspects: dict[str, dict[str, dict[str, Any]]] = {}
        self._schema = graphql.build_schema(_SCHEMA)
        self._schema.type_map["Entity"].resolve_type = lambda *_: "Dataset"

    def propose(self, proposal: dict[str, Any]) -> str:
        """Takes one aspect, if the real package's class for it does."""
        urn, name = proposal["entityUrn"], proposal["aspectName"]
        try:
            Urn.from_string(urn)
            value = json.loads(proposal["aspect"]["value"])
            if name not in ASPECT_NAME_MAP or proposal["changeType"] != "UPSERT":
                raise ValueError(f"no aspect {name} to {proposal['changeType']}")
            aspect = ASPECT_NAME_MAP[name].from_obj(post_json_transform(value))
            if not aspect.validate():
                raise ValueError(f"{name} does not fit its schema")
        except Exception as error:
            raise Refused(422, f"Failed to validate record with urn {urn}: {error}") from error
        with self._lock:
            self._aspects.setdefault(urn, {})[name] = value
        return urn

    def entity(self, urn: str, only: list[str] | None) -> dict[str, Any]:
        """Returns an entity as GET /entitiesV2 does: the key is there even when nothing else is."""
        kind = urn.split(":")[2]
        with self._lock:
            found = {f"{kind}Key": {"name": urn}, **self._aspects.get(urn, {})}
        stamp = {"actor": "urn:li:corpuser:steward", "time": int(time.time() * 1000)}
        shown = {
            name: {"name": name, "type": "VERSIONED", "version": 0, "value": value, "created": stamp}
            for name, value in found.items()
            if only is None or name in only
        }
        return {"urn": urn, "entityName": kind, "aspects": shown}

    def execute(self, body: dict[str, Any], user: str) -> dict[str, Any]:
        """Answers a GraphQL request."""
        root = {
            "me": {"corpUser": {"urn": f"urn:li:corpuser:{user}"}},
            "scrollAcrossEntities": self._scroll,
            "aggregateAcrossEntities": self._aggregate,
            "searchAcrossLineage": self._lineage,
        }
        done = graphql.graphql_sync(self._schema, body["query"], root, variable_values=body.get("variables"))
        answer: dict[str, Any] = {"data": done.data}
        if done.errors:
            answer["errors"] = [{"message": one.message, "extensions": {"code": 400}} for one in done.errors]
        return answer

    def _datasets(self, filters: list[dict[str, Any]] | None) -> list[str]:
        with self._lock:
            found = [
                urn for urn, aspects in self._aspects.items()
                if urn.startswith("urn:li:dataset:") and not aspects.get("status", {}).get("removed")
            ]  # fmt: skip
        platforms = {
            value for group in filters or [] for one in group["and"] if one["field"] == "platform"
            for value in one["values"]
        }  # fmt: skip
        return sorted(urn for urn in found if not filters or urn.split("(")[1].split(",")[0] in platforms)

    def _hit(self, urn: str) -> dict[str, Any]:
        with self._lock:
            aspects = self._aspects[urn]
        name = urn.split(",")[1]
        properties = aspects.get("datasetProperties")
        return {
            "urn": urn, "type": "DATASET", "name": name, "subTypes": aspects.get("subTypes"),
            "properties": properties and {"name": properties.get("name") or name, **properties},
            "editableProperties": aspects.get("editableDatasetProperties"),
        }  # fmt: skip

    def _scroll(self, _info: Any, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
        found = self._datasets(input.get("orFilters"))
        count, after = input.get("count", 10), input.get("scrollId", "")
        page = [urn for urn in found if urn > after][:count]
        last = len(page) < count or page[-1:] == found[-1:]
        return {
            "nextScrollId": None if last else page[-1], "count": len(page), "total": len(found),
            "searchResults": [{"entity": self._hit(urn)} for urn in page],
        }  # fmt: skip

    def _aggregate(self, _info: Any, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
        counts: dict[str, int] = {}
        for urn in self._datasets(input.get("orFilters")):
            platform = urn.split("(")[1].split(",")[0]
            counts[platform] = counts.get(platform, 0) + 1
        rows = [{"value": platform, "count": count} for platform, count in counts.items()]
        return {"facets": [{"field": "platform", "aggregations": rows}]}

    def _lineage(self, _info: Any, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
        with self._lock:
            upstreams = {urn: aspects.get("upstreamLineage", {}) for urn, aspects in self._aspects.items()}
        found = sorted(
            urn
            for urn, lineage in upstreams.items()
            if any(one["dataset"] == input["urn"] for one in lineage.get("upstreams", []))
        )
        rows = [{"degree": 1, "entity": self._hit(urn)} for urn in found]
        return {"start": 0, "count": len(rows), "total": len(rows), "searchResults": rows}


def _handler(store: Store, users: dict[str, str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(self._get)

        def do_POST(self) -> None:
            self._answer(self._post)

        def _get(self, path: str, query: dict[str, list[str]]) -> Any:
            if path == "/config":
                return {"noCode": "true", "versions": {"acryldata/datahub": {"version": "v0.0.0-stand-in"}}}
            self._user()
            if path.startswith("/entitiesV2/"):
                only = query.get("aspects", [""])[0].removeprefix("List(").removesuffix(")")
                return store.entity(unquote(path.removeprefix("/entitiesV2/")), only.split(",") if only else None)
            raise Refused(404, "")

        def _post(self, path: str, query: dict[str, list[str]]) -> Any:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            user = self._user()
            if path == "/api/graphql":
                return store.execute(body, user)
            if user != "steward":
                raise Refused(403, "User is unauthorized to modify entity")
            action = query.get("action", [""])[0]
            if path == "/aspects" and action == "ingestProposal":
                return {"value": store.propose(body["proposal"])}
            if path == "/aspects" and action == "ingestProposalBatch":
                return {"value": [store.propose(one) for one in body["proposals"]][-1]}
            raise Refused(404, "")

        def _user(self) -> str:
            token = (self.headers["Authorization"] or "").removeprefix("Bearer ")
            if token not in users:
                raise Refused(401, "Unauthorized to perform this action.")
            return users[token]

        def _answer(self, make: Any) -> None:
            url = urlsplit(self.path)
            try:
                status, answer = 200, make(url.path, parse_qs(url.query))
            except Refused as refused:
                status = refused.status
                answer = {"exceptionClass": "RestLiServiceException", "message": str(refused), "status": status}
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


if __name__ == "__main__":
    handler = _handler(Store(), json.loads(Path(sys.argv[2]).read_text()))
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), handler).serve_forever()
