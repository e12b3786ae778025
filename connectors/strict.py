"""The base of everything that is written in a feed's YAML file, and how its mistakes are explained."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import get_args

from pydantic import BaseModel, ConfigDict, ValidationError


class Strict(BaseModel):
    """A block of settings: no unknown key, no change after it was read, no value echoed in an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """Say each mistake on a line of its own, with the nearest right key for an unknown one."""
    return "; ".join(_sentence(item["loc"], item["type"], item["msg"], model) for item in error.errors())


def _sentence(loc: Sequence[int | str], kind: str, message: str, model: type[BaseModel]) -> str:
    where = ".".join(str(part) for part in loc) or "the file"
    if kind != "extra_forbidden":
        return f"{where}: {message}"
    near = difflib.get_close_matches(str(loc[-1]), sorted(_keys_at(model, loc[:-1])), n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else "see the mapping reference for the keys there are"
    return f"{where} is not a setting; {hint}"


def _keys_at(model: type[BaseModel], loc: Sequence[int | str]) -> set[str]:
    """The keys that would have been right at `loc`; union tags and list positions in it are stepped over."""
    models = [model]
    for part in loc:
        steps = [m for here in models for m in _step(here, str(part))]
        models = steps or models
    return {info.alias or name for here in models for name, info in here.model_fields.items()}


def _step(model: type[BaseModel], key: str) -> Iterator[type[BaseModel]]:
    for name, info in model.model_fields.items():
        if key in {name, info.alias}:
            yield from _models_in(info.annotation)
    tag = model.model_fields.get("type")
    if tag is not None and tag.default == key:
        yield model


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        if not isinstance(inner, Mapping):
            yield from _models_in(inner)
