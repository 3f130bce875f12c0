"""JSON bodies into structs: everything that is wrong is told at once, each with its place."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import msgspec

from fissile.api.problems import FieldError, InvalidBody
from fissile.kernel.errors import Refusal

Wanted = TypeVar("Wanted", bound=msgspec.Struct)


class MalformedBody(Refusal):
    """The body is not JSON: {reason}."""


def decode(body: bytes, wanted: type[Wanted]) -> Wanted:
    """
    Return the struct that a JSON body holds.

    :raises MalformedBody: if the body is not JSON
    :raises InvalidBody: with every field that does not fit
    """
    try:
        return _decoded(body, wanted)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedBody(reason=str(error)) from error
    except RecursionError as error:
        raise MalformedBody(reason="it is nested too deeply") from error


def _decoded(body: bytes, wanted: type[Wanted]) -> Wanted:
    try:
        result: Wanted = _decoder(wanted).decode(body)
    except msgspec.ValidationError as error:
        # The first wrong field ended the reading: what stands behind it need not even be JSON.
        found = list(_errors(msgspec.json.decode(body), wanted, "#"))
        # What only the whole can tell (a struct's own check) is found by nobody else.
        raise InvalidBody(errors=found or [_field_error(error, "#")]) from error
    return result


@cache
def _decoder(wanted: type[Wanted]) -> msgspec.json.Decoder[Wanted]:
    return msgspec.json.Decoder(wanted)


def _errors(given: Any, wanted: Any, pointer: str) -> Iterator[FieldError]:
    """Walk as far as structs and lists of structs go; a leaf is judged by msgspec itself."""
    struct, item = _struct_in(wanted), _item_in(wanted)
    if struct is not None and isinstance(given, dict):
        yield from _struct_errors(given, struct, pointer)
    elif item is not None and isinstance(given, list):
        inside = [error for place, one in enumerate(given) for error in _errors(one, item, f"{pointer}/{place}")]
        yield from inside or _leaf_errors(given, wanted, pointer)
    else:
        yield from _leaf_errors(given, wanted, pointer)


def _struct_errors(given: dict[str, Any], struct: type[msgspec.Struct], pointer: str) -> Iterator[FieldError]:
    fields = msgspec.structs.fields(struct)
    for field in fields:
        place = f"{pointer}/{_escaped(field.encode_name)}"
        if field.encode_name in given:
            yield from _errors(given[field.encode_name], field.type, place)
        elif field.required:
            yield FieldError(pointer=place, detail="This field is missing")
    if struct.__struct_config__.forbid_unknown_fields:
        for name in given.keys() - {field.encode_name for field in fields}:
            yield FieldError(pointer=f"{pointer}/{_escaped(name)}", detail="There is no such field")


def _leaf_errors(given: Any, wanted: Any, pointer: str) -> Iterator[FieldError]:
    try:
        # As the JSON decoder does it: dates and ids come as text.
        msgspec.convert(given, wanted, strict=True, str_keys=True)
    except msgspec.ValidationError as error:
        yield _field_error(error, pointer)


def _field_error(error: msgspec.ValidationError, pointer: str) -> FieldError:
    detail, _, inside = str(error).partition(" - at `$")
    tail = inside.rstrip("`").replace("[", "/").replace("]", "").replace(".", "/")
    return FieldError(pointer=f"{pointer}{tail}", detail=detail)


def _struct_in(wanted: Any) -> type[msgspec.Struct] | None:
    for one in _choices(wanted):
        if isinstance(one, type) and issubclass(one, msgspec.Struct):
            return one
    return None


def _item_in(wanted: Any) -> Any:
    for one in _choices(wanted):
        inner = get_args(one)
        if get_origin(one) is list or (get_origin(one) is tuple and inner[1:] == (...,)):
            return inner[0]
    return None


def _choices(wanted: Any) -> tuple[Any, ...]:
    """Return what a type may be: the members of a union, the type inside Annotated, or the type itself."""
    while hasattr(wanted, "__metadata__"):
        wanted = wanted.__origin__
    if get_origin(wanted) in (Union, UnionType):
        return tuple(one for part in get_args(wanted) for one in _choices(part))
    return (wanted,)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
