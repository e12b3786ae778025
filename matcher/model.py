"""The linkage model: what each agreement level is worth, and where the thresholds lie. A JSON file with a hash."""

from __future__ import annotations

import hashlib
import json
import math
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from matcher import normalise
from matcher.errors import BadModel
from matcher.levels import FIELDS, PARTITIONS, label
from matcher.passes import PASSES
from matcher.rules import RULES

Probability = Annotated[float, Field(gt=0, lt=1)]
Bits = Annotated[float, Field(ge=0)]
LOGIC = 2
"""Version of the comparison and of the decision. Raise it with every change after which a verdict may differ."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Encoding(_Strict):
    """How values are encoded. Part of the schema hash: a change means that everything is encoded anew."""

    version: Literal["fl1"] = "fl1"
    name_hashes: int = Field(20, ge=4, le=40)
    street_hashes: int = Field(20, ge=4, le=40)


class Level(_Strict):
    """One agreement level of a field."""

    level: str
    m: Probability
    """How often pairs of one person fall here, among pairs where both sides say something."""
    u: Probability
    """The same for pairs of two people. The index replaces it by what it measures in the roster."""
    frequency: bool = False
    """Whether u follows the frequency of the value: a rare name says more."""


class FieldModel(_Strict):
    field: str
    levels: tuple[Level, ...]


class Thresholds(_Strict):
    """Verdicts follow from the probability of a link, its margin over the next best, and the rules of `decide`."""

    alert: Probability
    review: Probability
    floor: Probability
    """Links below this probability are not reported at all."""
    margin: float = Field(ge=0)
    """Bits by which an ALERT must lead every rival."""


class Relatives(_Strict):
    """Relatives and namesakes at a client's address, who share much with the client and are not the client."""

    share: float = Field(gt=0)
    """Bookings of them, for each booking of a client."""
    namesake: Probability
    """How many of them have the client's first name, ..."""
    twin: Probability
    """... birth date, ..."""
    phone: Probability
    """... and phone."""


class Variants(_Strict):
    """-log2 of the share of a name's variants that is one given variant: four nicknames, 64 one-stroke errors."""

    nickname: Bits
    close: Bits
    similar: Bits
    bonus: Bits
    """Bits by which a variant that is no known name may exceed its level's average."""


class Chance(_Strict):
    """What stands in for the clients that a roster does not have, where chance agreement is measured in it."""

    outside: float = Field(gt=0)
    """Weight of a name's commonness class, in clients."""
    unlisted: int = Field(gt=0)
    """Commonness class of a name that is on no list."""
    agreements: float = Field(gt=0)
    """Agreements that the model's u counts for: a level too rare for the sample keeps the model's order of magnitude."""


class Duplicates(_Strict):
    """Which candidates of one booking are looked at as records of one person."""

    within: Bits
    """Bits behind the leader from which a candidate is no rival and its group does not matter."""
    at_most: int = Field(gt=0)


class Model(_Strict):
    """Everything that decides a verdict beside the two encodings and the roster, and the encoding it belongs to."""

    name: str
    encoding: Encoding
    prior: Probability
    """Share of bookings that are of somebody on the roster, before anything is compared."""
    close: Probability
    similar: Probability
    """Dice similarities from which two names are close, or similar."""
    fields: tuple[FieldModel, ...]
    thresholds: Thresholds
    rules: tuple[str, ...]
    """Which of `matcher.rules` keep a link from alerting."""
    relatives: Relatives
    variants: Variants
    chance: Chance
    duplicates: Duplicates
    caps: dict[str, Annotated[int, Field(gt=0)]]
    """By blocking pass: blocks with more roster rows than this are skipped and reported."""

    @model_validator(mode="after")
    def _complete(self) -> Model:
        if [f.field for f in self.fields] != list(FIELDS):
            raise ValueError(f"fields must be {', '.join(FIELDS)}, in this order")
        for each in self.fields:
            wanted = [label(each.field, n) for n in range(1, len(FIELDS[each.field]))]
            if [v.level for v in each.levels] != wanted:
                raise ValueError(f"{each.field}: levels must be {', '.join(wanted)}, in this order")
            for part in PARTITIONS[each.field]:
                if not math.isclose(sum(each.levels[n - 1].m for n in part), 1, abs_tol=0.01):
                    raise ValueError(f"{each.field}: m of {', '.join(wanted[n - 1] for n in part)} must add up to 1")
        if not self.thresholds.floor <= self.thresholds.review <= self.thresholds.alert:
            raise ValueError("thresholds must rise from floor to review to alert")
        if unknown := set(self.rules) - RULES.keys():
            raise ValueError(f"rules: no such rule as {', '.join(sorted(unknown))}; there are {', '.join(RULES)}")
        if list(self.caps) != [p.name for p in PASSES]:
            raise ValueError(f"caps must be of {', '.join(p.name for p in PASSES)}, in this order")
        return self

    @classmethod
    def from_json(cls, text: str) -> Model:
        """Reads a model file. Raises BadModel naming each place that is wrong."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            places = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'model'}: {e['msg']}" for e in error.errors())
            raise BadModel(f"model file: {places}") from error

    def to_json(self) -> str:
        """The model file's text, which `from_json` reads back to an equal model."""
        return self.model_dump_json(indent=1) + "\n"

    @property
    def hash(self) -> str:
        """Names this model, in hex: SHA-256 over its canonical JSON, the encoding's schema and LOGIC. Every link carries it."""
        return _digest([self.model_dump(mode="json"), self.schema_hash, LOGIC])

    @property
    def schema_hash(self) -> str:
        """Names the encoding: normalisation, hashing and blocking keys, whatever the weights are."""
        passes = [[p.name, p.slots] for p in PASSES]
        return _digest([self.encoding.model_dump(mode="json"), normalise.VERSION, passes])[:16]


def _digest(value: object) -> str:
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.sha256(canonical).hexdigest()


@cache
def default_model() -> Model:
    """The model that ships with the product."""
    return Model.from_json(files("matcher").joinpath("default_model.json").read_text("utf-8"))
