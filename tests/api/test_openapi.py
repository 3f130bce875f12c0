"""The OpenAPI document of both: Litestar's handlers and the fast endpoints."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from typing import Any

import msgspec
import pytest
from litestar import Litestar, get

from fissile.api.endpoint import FastEndpoint, Request, Response, json_response
from fissile.api.front import Front
from fissile.api.openapi import PATH, document, document_endpoint
from fissile.infra.batcher import Busy


class Parcel(msgspec.Struct):
    weight_grams: int


class Label(msgspec.Struct):
    parcel: Parcel
    code: str


async def _handle(request: Request) -> Response:
    return json_response(Label(parcel=Parcel(weight_grams=1), code="a"))


LABELS = FastEndpoint(
    method="POST",
    path="/api/labels",
    summary="Print a label",
    handler=_handle,
    body=Parcel,
    answer=Label,
    problems=(Busy,),
    status=201,
    idempotent=True,
)
SHARE = FastEndpoint(method="GET", path="/s/{token}", summary="Follow", handler=_handle, status=302)


@get("/health", sync_to_thread=False)
def _health() -> Parcel:
    return Parcel(weight_grams=1)


def _base() -> dict[str, Any]:
    return Litestar([_health]).openapi_schema.to_schema()


class TestDocument:
    def test_holds_the_operations_of_both(self) -> None:
        made = document(_base(), [LABELS, SHARE])

        assert sorted(made["paths"]) == ["/api/labels", "/health", "/s/{token}"]
        assert set(made["components"]["schemas"]) >= {"Problem", "Parcel", "Label"}
        assert made["openapi"] == "3.1.0"

    def test_describes_body_key_answer_and_every_refusal_by_status(self) -> None:
        operation = document(_base(), [LABELS])["paths"]["/api/labels"]["post"]

        assert operation["requestBody"]["content"]["application/json"]["schema"] == {
            "$ref": "#/components/schemas/Parcel"
        }
        assert [one["name"] for one in operation["parameters"]] == ["Idempotency-Key"]
        assert list(operation["responses"]) == ["201", "400", "413", "415", "422", "503"]
        refused = operation["responses"]["400"]["content"]["application/problem+json"]["schema"]
        assert refused["allOf"][1]["properties"]["code"]["enum"] == [
            "idempotency_key_missing",
            "idempotency_key_unusable",
            "body_cut_off",
            "malformed_body",
        ]
        assert "`busy`: Too many requests" in operation["responses"]["503"]["description"]

    def test_describes_the_parameter_of_a_path_and_where_a_redirect_goes(self) -> None:
        operation = document(_base(), [SHARE])["paths"]["/s/{token}"]["get"]

        assert [(one["name"], one["in"]) for one in operation["parameters"]] == [("token", "path")]
        assert list(operation["responses"]) == ["302"]
        assert "Location" in operation["responses"]["302"]["headers"]

    def test_gives_every_operation_an_id_of_its_own_and_resolves_every_reference(self) -> None:
        made = document(_base(), [LABELS, SHARE])
        operations = [each for item in made["paths"].values() for each in item.values() if "operationId" in each]

        assert len({each["operationId"] for each in operations}) == len(operations) == 3
        for part in json.dumps(made).split('"#/components/schemas/')[1:]:
            assert part.partition('"')[0] in made["components"]["schemas"]

    def test_refuses_two_different_structs_of_one_name(self) -> None:
        base = {"components": {"schemas": {"Label": {"type": "string"}}}}

        with pytest.raises(AssertionError, match="called Label"):
            document(base, [LABELS])


class TestDocumentEndpoint:
    async def test_serves_the_document_with_itself(self) -> None:
        sent: list[MutableMapping[str, Any]] = []

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": b""}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        app = Litestar([_health])
        front = Front([LABELS, document_endpoint(app.openapi_schema.to_schema, [LABELS])], app)
        scope = {"type": "http", "method": "GET", "path": PATH, "query_string": b"", "headers": []}
        await front(scope, receive, send)

        served = json.loads(sent[1]["body"])
        assert sorted(served["paths"]) == ["/api/labels", "/api/openapi.json", "/health"]
