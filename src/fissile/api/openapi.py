"""OpenAPI 3.1 of the fast endpoints, put into the document of the application behind them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any

import msgspec

from fissile.api.endpoint import KEY_MAX_CHARACTERS, FastEndpoint, Request, Response
from fissile.api.problems import MEDIA_TYPE, Problem, status_of
from fissile.kernel.errors import Refusal

PATH = "/api/openapi.json"
_REFERENCE = "#/components/schemas/{name}"


def document(base: dict[str, Any], endpoints: Iterable[FastEndpoint]) -> dict[str, Any]:
    """
    Return an OpenAPI document with the fast endpoints' operations added; ``base`` stays as it was.

    An operation that both declare is the fast endpoint's, for it answers first.
    """
    endpoints = tuple(endpoints)
    paths = {path: dict(item) for path, item in base.get("paths", {}).items()}
    structs = [one for each in endpoints for one in (each.body, each.answer, each.batch) if one is not None]
    # One call for all of them, so that structs of the same name get names of their own.
    ours, schemas = msgspec.json.schema_components([Problem, *structs], ref_template=_REFERENCE)
    known = dict(zip([Problem, *structs], ours, strict=True))
    for one in endpoints:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, known)
    components = dict(base.get("components", {}))
    theirs = components.get("schemas", {})
    clash = sorted(name for name in theirs.keys() & schemas.keys() if theirs[name] != schemas[name])
    assert not clash, f"two different structs are called {', '.join(clash)}"
    components["schemas"] = {**theirs, **schemas}
    return {**base, "openapi": "3.1.0", "paths": paths, "components": components}


def document_endpoint(
    base: Callable[[], dict[str, Any]], endpoints: Iterable[FastEndpoint], *, path: str = PATH
) -> FastEndpoint:
    """Return the endpoint that serves the document; it is built at the first request, then kept."""
    endpoints = tuple(endpoints)
    kept: list[bytes] = []

    async def serve(request: Request) -> Response:
        if not kept:
            kept.append(msgspec.json.encode(document(base(), (*endpoints, endpoint)), enc_hook=str))
        return Response(headers=[(b"content-type", b"application/vnd.oai.openapi+json")], body=kept[0])

    endpoint = FastEndpoint(method="GET", path=path, summary="This description (OpenAPI 3.1)", handler=serve)
    return endpoint


def _operation(one: FastEndpoint, known: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": one.summary,
        "operationId": _operation_id(one),
        "responses": {str(one.status): _success(one, known)} | _refusals(one.all_problems()),
    }
    if parameters := _parameters(one):
        operation["parameters"] = parameters
    if one.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _one_or_many(one, known[one.body])}},
        }
    return operation


def _operation_id(one: FastEndpoint) -> str:
    words = re.findall(r"\w+", one.path)
    return one.method.lower() + "".join(word.capitalize() for word in words)


def _success(one: FastEndpoint, known: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    response: dict[str, Any] = {"description": one.summary}
    if one.answer is not None:
        items = [known[one.answer], *([known[one.batch]] if one.batch else [])]
        response["content"] = {"application/json": {"schema": _one_or_many(one, *items)}}
    if 300 <= one.status < 400:
        response["headers"] = {"Location": {"required": True, "schema": {"type": "string"}}}
    return response


def _one_or_many(one: FastEndpoint, single: dict[str, Any], *others: dict[str, Any]) -> dict[str, Any]:
    if one.batch is None:
        return single
    return {"oneOf": [single, {"type": "array", "items": {"anyOf": [single, *others]} if others else single}]}


def _refusals(problems: Iterable[type[Refusal]]) -> dict[str, Any]:
    def status(refusal: type[Refusal]) -> int:
        return status_of(refusal.code)

    responses = {}
    for number, group in groupby(sorted(problems, key=status), key=status):
        listed = list(group)
        schema = {
            "allOf": [
                {"$ref": _REFERENCE.format(name="Problem")},
                {"properties": {"code": {"enum": [refusal.code for refusal in listed]}}},
            ]
        }
        responses[str(number)] = {
            "description": "\n".join(f"- `{refusal.code}`: {refusal.template()}" for refusal in listed),
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
    return responses


def _parameters(one: FastEndpoint) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = []
    if one.parameter:
        parameters.append({"name": one.parameter, "in": "path", "required": True, "schema": {"type": "string"}})
    parameters += [
        {"name": each.name, "in": "query", "description": each.description, "schema": {"type": "string"}}
        for each in one.query
    ]
    if one.idempotent:
        schema = {"type": "string", "minLength": 1, "maxLength": KEY_MAX_CHARACTERS}
        text = "A new random word for each thing you want done; the same one to try again."
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": True,
                "description": text,
                "schema": schema,
            }
        )
    return parameters
