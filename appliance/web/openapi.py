"""The API's description, made of the table of operations (OpenAPI 3.1). Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from appliance import __version__
from appliance.web.fields import LONGEST_TEXT, MOST_TEXTS, Field, Kind
from appliance.web.operation import Operation

_IN_PATH = re.compile(r"{(\w+)}")
_REFUSALS = {
    "400": "The request cannot be read",
    "401": "Nobody is logged in, and there is no token that is good",
    "403": "This role, or this token, may not do it",
    "404": "What was named is not there",
    "409": "It cannot be done; the sentence says why",
    "413": "More than anything here needs",
    "422": "Something typed cannot be used; a sentence for each field",
    "428": "Somebody has to press the button on the box first",
    "503": "Not now; it may work later by itself",
}


def describe(operations: Sequence[Operation], base: str) -> dict[str, Any]:
    """The whole description."""
    paths: dict[str, dict[str, Any]] = {}
    for each in operations:
        paths.setdefault(each.path, {})[each.method.lower()] = _one(each)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Pillarbox", "version": __version__},
        "servers": [{"url": base}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Refusal": _refusal()},
        },
        "security": [{"token": []}],
    }


def _one(operation: Operation) -> dict[str, Any]:
    in_path = set(_IN_PATH.findall(operation.path))
    elsewhere = [each for each in operation.fields if each.name not in in_path]
    found: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": f"For the role {operation.role.word}; scope {operation.scope}.",
        "tags": [operation.scope],
        "parameters": [
            _parameter(each, "path") for each in operation.fields if each.name in in_path
        ],
        "responses": _responses(operation),
    }
    if operation.method in {"GET", "DELETE"}:
        found["parameters"] += [_parameter(each, "query") for each in elsewhere]
    elif elsewhere:
        required = [each.name for each in elsewhere if _is_required(each)]
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {each.name: _schema(each) for each in elsewhere},
            "additionalProperties": False,
        }
        if required:
            schema["required"] = required
        body = {"application/json": {"schema": schema}}
        found["requestBody"] = {"required": bool(required), "content": body}
    return found


def _responses(operation: Operation) -> dict[str, Any]:
    refused = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    answers: dict[str, Any] = {
        "200": {"description": "Done", "content": {"application/json": {"schema": {}}}}
    }
    if operation.changes:
        answers["204"] = {"description": "Done; there is nothing to tell"}
    return answers | {
        status: {"description": why, "content": refused} for status, why in _REFUSALS.items()
    }


def _parameter(field: Field, where: str) -> dict[str, Any]:
    return {
        "name": field.name,
        "in": where,
        "required": where == "path" or _is_required(field),
        "description": field.help or field.label,
        "schema": _schema(field),
    }


def _is_required(field: Field) -> bool:
    return field.required and field.kind is not Kind.SWITCH


def _schema(field: Field) -> dict[str, Any]:
    offered = [value for value, _ in field.choices]
    match field.kind:
        case Kind.NUMBER:
            return {"type": "integer", "minimum": field.low, "maximum": field.high}
        case Kind.SWITCH:
            return {"type": "boolean"}
        case Kind.DATE:
            return {"type": "string", **({} if not field.required else {"format": "date"})}
        case Kind.SIZE:
            return {
                "oneOf": [
                    {"type": "integer", "minimum": 0, "maximum": (1 << 60) - 1},
                    {"type": "string", "pattern": r"^[0-9]{1,12}[KMGT]?$"},
                ]
            }
        case Kind.CHOICE | Kind.COUNTRY:
            return {"type": "string", "enum": offered}
        case Kind.CHOICES:
            return {"type": "array", "items": {"type": "string", "enum": offered}}
        case Kind.TEXTS:
            item = {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT}
            return {"type": "array", "items": item, "maxItems": MOST_TEXTS}
    most = field.longest if field.kind is Kind.LINES else LONGEST_TEXT
    least = {"minLength": 1} if field.required else {}
    return {"type": "string", "maxLength": most, **least}


def _refusal() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {"type": "string", "description": "One plain sentence"},
            "fields": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    }
