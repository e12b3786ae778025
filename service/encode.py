"""A population file becomes encodings under a linkage epoch, part by part: here, or on a cluster that is trusted with the key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from config import Refuse
from matcher import Encoder, EncodingHeader, LinkageKey, Model
from matcher.kernels import Kernel
from service.common_form import BadRow, Intake, Progress, Repeated, required, silent
from service.encodings import ID_COLUMNS, PEOPLE, Folder, Kind, vault_of
from service.parts import Part, parts, rows_of
from store.envelope import RandomBytes


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be encoded, and where the encodings go. Both are seen by whoever does it."""

    source: Path
    out: Path
    kind: Kind
    people: int = PEOPLE
    run: str = ""
    """A name of this run, by which its parts belong together."""

    @property
    def id_column(self) -> str:
        return ID_COLUMNS[self.kind]

    @property
    def needed(self) -> tuple[str, ...]:
        return required(self.id_column)


@dataclass(frozen=True, slots=True)
class PartDone:
    """How many people a part holds, and its rows that were left out."""

    number: int
    people: int
    bad: tuple[BadRow, ...]


@dataclass(frozen=True, slots=True)
class EncodeReport:
    """What encoding a file came to."""

    header: EncodingHeader
    people: int
    parts: int
    bad_rows: tuple[BadRow, ...]


Spread = Callable[[Work, Sequence[Part], LinkageKey, Model, Kernel], list[PartDone]]
"""Encodes all parts on other machines."""


def run_encode(
    work: Work,
    *,
    model: Model,
    key: LinkageKey,
    random: RandomBytes,
    kernel: Kernel = "numpy",
    rows_at_once: int = 50_000,
    progress: Progress = silent,
    spread: Spread | None = None,
) -> EncodeReport:
    """Encode `work.source` into the new folder `work.out`.

    The encodings are the same wherever they are made; they are sealed, with their ids. Raises TellPerson for a file that cannot
    be read, Refuse for a folder that is there already.
    """
    found = parts(work.source, work.needed, rows_at_once)
    try:
        work.out.mkdir(mode=0o700)
    except FileExistsError:
        raise Refuse(f"{work.out.name} is there already; encodings of two runs are not mixed") from None
    work, encoder = replace(work, run=random(8).hex()), Encoder(key, model, kernel=kernel)
    into = Folder(work.out, work.kind, encoder.header, vault_of(key, random), work.run)
    if spread is None:
        done = _here(work, found, encoder, into, progress)
    else:
        done = sorted(spread(work, found, key, model, kernel), key=lambda each: each.number)
    into.finish([each.people for each in done])
    bad = tuple(row for each in done for row in each.bad)
    return EncodeReport(encoder.header, sum(each.people for each in done), len(done), bad)


def _here(work: Work, found: Sequence[Part], encoder: Encoder, into: Folder, progress: Progress) -> list[PartDone]:
    repeated, done = Repeated(), list[PartDone]()
    for part in found:
        done.append(encode_part(work, part, encoder, into, repeated))
        progress(work.kind, sum(each.people for each in done))
    return done


def encode_part(
    work: Work, part: Part, encoder: Encoder, into: Folder, repeated: Callable[[int, str], bool]
) -> PartDone:
    """Encode and write one part. Done twice, it is the same part."""
    bad: list[BadRow] = []
    intake = Intake(work.source, work.kind, encoder, bad, repeated=repeated)
    encoded = intake.encoded(rows_of(work.source, part, work.needed), work.id_column)
    return PartDone(part.number, into.write(part.number, encoded, work.people), tuple(bad))
