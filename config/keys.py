"""Every key of the configuration, with its default and what it does; and how two versions of the program differ in them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

from config.settings import Section, Settings

NOT_IN_FILE = frozenset({"home"})


@dataclass(frozen=True, slots=True)
class Key:
    """One setting. `name` as in the file, `mail.host` or `feeds[].path`; `default` as JSON, empty where a value is needed."""

    name: str
    default: str
    does: str


@dataclass(frozen=True, slots=True)
class KeyChanges:
    """What another version of the program changed in the configuration, and what of it this file is concerned by."""

    compared: bool
    """Whether it is known which keys the program had that worked here last."""
    new: tuple[Key, ...]
    removed: tuple[Key, ...]
    defaults: tuple[tuple[Key, str], ...]
    """Keys that the file leaves to their default, which is another one now; with the former default."""
    refused: tuple[str, ...]
    """Keys that the file sets and this program does not know: it does not start with them."""


def keys() -> dict[str, Key]:
    """Every key that this program knows, in the order in which the settings state them."""
    return {key.name: key for key in _keys(Settings, "")}


def as_text(known: Mapping[str, Key]) -> str:
    """To be kept for the next version to compare with."""
    return json.dumps([[key.name, key.default, key.does] for key in known.values()])


def from_text(text: str) -> dict[str, Key]:
    return {name: Key(name, default, does) for name, default, does in json.loads(text)}


def changes(document: Mapping[str, Any], former: Mapping[str, Key] | None) -> KeyChanges:
    """From the program that worked here last to this one, for a file of these contents."""
    now, given = keys(), set(_given(document, Settings, ""))
    before = now if former is None else former
    return KeyChanges(
        compared=former is not None,
        new=tuple(key for name, key in now.items() if name not in before),
        removed=tuple(key for name, key in before.items() if name not in now),
        defaults=tuple(
            (key, before[name].default)
            for name, key in now.items()
            if name in before and name not in given and before[name].default != key.default
        ),
        refused=tuple(sorted(given - now.keys())),
    )


def without_refused(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document without keys that this program does not know: enough to find the database that is to be upgraded."""
    left = deepcopy(dict(document))
    _prune(left, Settings)
    return left


def _keys(model: type[BaseModel], lead: str) -> Iterator[Key]:
    for name, info in model.model_fields.items():
        inner, many = _section(info)
        if inner is not None:
            yield from _keys(inner, f"{lead}{name}{'[]' if many else ''}.")
        elif name not in NOT_IN_FILE:
            yield Key(lead + name, _default(info), info.description or "")


def _section(info: FieldInfo) -> tuple[type[Section] | None, bool]:
    """The section that a field holds, and whether it holds several."""
    annotation, many = info.annotation, False
    if get_origin(annotation) is tuple:
        annotation, many = get_args(annotation)[0], True
    for each in (annotation, *get_args(annotation)):
        if isinstance(each, type) and issubclass(each, Section):
            return each, many
    return None, False


def _default(info: FieldInfo) -> str:
    value = info.get_default(call_default_factory=True) if info.default_factory is None else info.default_factory()  # type: ignore[call-arg]
    if value is PydanticUndefined:
        return ""
    return json.dumps(to_jsonable_python(value.get_secret_value() if isinstance(value, SecretStr) else value))


def _given(document: Mapping[str, Any], model: type[BaseModel], lead: str) -> Iterator[str]:
    """The keys that a document sets; of an unknown section the section."""
    for name, value in document.items():
        inner, many = _section(model.model_fields[name]) if name in model.model_fields else (None, False)
        if inner is None:
            yield lead + name
            continue
        for each in value if many else [value]:
            if isinstance(each, Mapping):
                yield from _given(each, inner, f"{lead}{name}{'[]' if many else ''}.")


def _prune(document: dict[str, Any], model: type[BaseModel]) -> None:
    for name in list(document):
        if name not in model.model_fields:
            del document[name]
            continue
        inner, many = _section(model.model_fields[name])
        for each in document[name] if inner is not None and many else [document[name]]:
            if inner is not None and isinstance(each, dict):
                _prune(each, inner)
