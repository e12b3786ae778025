"""audit verify, export, key, checkpoint, proof, reproduce: proof that anybody can check."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from audit.export import consistency_file, entry_line, inclusion_file
from audit.timestamp import stamped_at
from audit.verify import verify_database
from config import Refuse
from records import BookingRef
from service import checkpoints, relinking, reports, reproduction
from service.cli.common import (
    ByOption,
    ConfigOption,
    JsonOption,
    NowOption,
    engine_of,
    os_user,
    out,
    print_json,
    settings_of,
    when,
)
from service.engine import Engine
from service.keys import checkpoint_keys, checkpoint_signer
from store import bookings

app = typer.Typer(no_args_is_help=True, help="The tamper-evident log of every decision.")
proof_app = typer.Typer(no_args_is_help=True, help="Proofs as files that anybody can check.")


def register(root: typer.Typer) -> None:
    app.add_typer(proof_app, name="proof")
    root.add_typer(app, name="audit", rich_help_panel="Prove")


@app.command()
def verify(
    anchor: Annotated[Path | None, typer.Option(help="A checkpoint that was kept elsewhere.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check every entry, the signed checkpoints and, with an anchor, that the log was not replaced as a whole.

    A timestamp beside the anchor (the same name, ending in .tsr) is checked too, where its authority is configured.
    """
    with engine_of(config) as engine:
        note = _note(anchor) if anchor else None
        stamped = _stamped(engine, anchor) if anchor else None
        with engine.database.read() as conn:
            found = verify_database(conn, engine.settings.audit.origin, checkpoint_keys(engine.settings), note)
    if as_json:
        print_json(found)
    else:
        out.print(
            f"[{'green' if found.good else 'bold red'}]{'intact' if found.good else 'NOT INTACT'}:[/] {found.words}"
        )
        if stamped is not None:
            out.print(f"The anchor existed at {when(stamped)}, says the timestamp authority.", soft_wrap=True)
    if not found.good:
        raise typer.Exit(78)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="Where the log goes (one JSON line an entry).")],
    by: ByOption = None,
    config: ConfigOption = None,
    now: NowOption = None,
) -> None:
    """Write the log and its newest checkpoint to files that the stand-alone verifier reads."""
    with engine_of(config, now) as engine:
        note = reports.export_log(engine, file, by or os_user())
    file.with_suffix(".checkpoint").write_text(note, "utf-8")
    out.print(f"Wrote {file} and {file.with_suffix('.checkpoint')}.", soft_wrap=True)


@app.command("key")
def show_key(config: ConfigOption = None) -> None:
    """Print the public key that checkpoints are verified with."""
    typer.echo(str(checkpoint_signer(settings_of(config)).verifier))


@app.command()
def checkpoint(config: ConfigOption = None, now: NowOption = None) -> None:
    """Sign the log as it stands and publish it now, to every place that is configured."""
    with engine_of(config, now) as engine:
        sizes = checkpoints.publish_now(engine)
        places = ", ".join(checkpoints.place_names(engine.settings))
    out.print(
        f"Published {', '.join(map(str, sizes))} to {places}." if sizes else "Nothing was added since the last one."
    )


@proof_app.command()
def inclusion(
    position: Annotated[int, typer.Argument(min=0, help="The entry's number.")],
    folder: Annotated[Path, typer.Option("--out", help="Folder for the entry and its proof.")] = Path(),
    config: ConfigOption = None,
) -> None:
    """Write one entry, and the proof that it is in the log, without showing any other."""
    with engine_of(config) as engine, engine.database.read() as conn:
        proof, entry = inclusion_file(conn, engine.audit, position), entry_line(conn, position)
    files = folder / f"entry-{position}.json", folder / f"entry-{position}.tlog-proof"
    files[0].write_bytes(entry)
    files[1].write_text(proof, "utf-8")
    out.print(f"Wrote {files[0]} and {files[1]}.", soft_wrap=True)


@proof_app.command()
def consistency(
    older: Annotated[Path, typer.Argument(help="A checkpoint that was kept.", metavar="OLD.checkpoint")],
    file: Annotated[Path | None, typer.Option("--out", help="Where the proof goes.")] = None,
    config: ConfigOption = None,
) -> None:
    """Write the proof that the log of a kept checkpoint only grew into the log of today."""
    with engine_of(config) as engine, engine.database.read() as conn:
        proof = consistency_file(conn, engine.audit, _note(older))
    target = file or older.with_suffix(".growth-proof")
    target.write_text(proof, "utf-8")
    out.print(f"Wrote {target}.", soft_wrap=True)


@app.command()
def reproduce(
    name: Annotated[
        str, typer.Argument(help="A decision or a booking, by its name from `warmlink explain`.", metavar="NAME")
    ],
    by: ByOption = None,
    config: ConfigOption = None,
    now: NowOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a past decision again under the rules of that time, or a booking's links under the model of that time, and compare."""
    with engine_of(config, now) as engine:
        zone = ZoneInfo(engine.settings.zone)
        if reproduction.is_decision(engine, name) or not _is_booking(engine, name):
            remade = reproduction.remake(engine, name, by or os_user())
            head = f"Entry {remade.found.position}, {when(remade.at, zone)}: {remade.effect} under {remade.rule_set}"
            told: list[tuple[Any, str, Sequence[str], Sequence[str]]] = [(remade, head, remade.found.differences, ())]
        else:
            told = [
                (
                    li,
                    f"Entry {li.position}, {when(li.at, zone)}: {li.verdict} by model {li.model[:12]}",
                    li.differences,
                    li.notes,
                )
                for li in relinking.relink(engine, name, by or os_user())
            ]
    for made, head, differences, notes in told:
        _tell(made, head, differences, notes, as_json=as_json)
    if any(differences for _, _, differences, _ in told):
        raise typer.Exit(78)


def _is_booking(engine: Engine, name: str) -> bool:
    with engine.database.read() as conn:
        return bookings.state_of(conn, BookingRef(name)) is not None


def _tell(made: object, head: str, differences: Sequence[str], notes: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        print_json(made)
        return
    out.print(head, soft_wrap=True)
    out.print("[bold red]It does not come out again:[/]" if differences else "[green]The same comes out today.[/]")
    for line in (*differences, *notes):
        out.print(f"  {line}", markup=False, soft_wrap=True)


def _stamped(engine: Engine, anchor: Path) -> datetime | None:
    stamp = anchor.with_suffix(".tsr")
    if not stamp.exists() or engine.settings.audit.timestamp.authority is None:
        return None
    return stamped_at(anchor.read_bytes(), stamp.read_bytes(), checkpoints.authority_of(engine.settings))


def _note(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise Refuse(f"{path.name} cannot be read as a checkpoint") from fault
