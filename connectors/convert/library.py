"""Mapping files: the ready ones that ship with the product, and the deployer's own."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import yaml
from pydantic import ValidationError

from connectors.errors import MappingError
from connectors.schema import Mapping
from connectors.strict import explain


def ready_mappings() -> tuple[str, ...]:
    """The names of the mappings that ship with the product."""
    return tuple(sorted(f.name.removesuffix(".yaml") for f in _shelf().iterdir() if f.name.endswith(".yaml")))


def load_mapping(name: str | Path) -> Mapping:
    """A mapping by the name of a ready one, or by the path of a file. Raises `MappingError`."""
    if isinstance(name, str) and name in ready_mappings():
        return parse_mapping((_shelf() / f"{name}.yaml").read_text("utf-8"), name)
    path = Path(name)
    try:
        return parse_mapping(path.read_text("utf-8"), path.name)
    except (OSError, UnicodeError) as error:
        raise MappingError(f"mapping {name}: no such file; ready ones are {', '.join(ready_mappings())}") from error


def parse_mapping(text: str, name: str) -> Mapping:
    """A mapping from YAML. `name` is for the message of the `MappingError`."""
    try:
        return Mapping.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise MappingError(f"mapping {name}: not YAML{f' at line {mark.line + 1}' if mark else ''}") from error
    except ValidationError as error:
        raise MappingError(f"mapping {name}: {explain(error, Mapping)}") from error


def _shelf() -> Traversable:
    return files("connectors") / "mappings"
