"""audit verify, audit export, audit key: proof that anybody can check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from audit.export import export as export_log
from audit.verify import verify_database
from service.cli.common import ConfigOption, JsonOption, engine_of, out, print_json, settings_of
from service.keys import checkpoint_signer

app = typer.Typer(no_args_is_help=True, help="The tamper-evident log of every decision.")


def register(root: typer.Typer) -> None:
    root.add_typer(app, name="audit", rich_help_panel="Prove")


@app.command()
def verify(
    anchor: Annotated[Path | None, typer.Option(help="A checkpoint that was kept elsewhere.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check every entry, the signed checkpoints and, with an anchor, that the log was not replaced as a whole."""
    with engine_of(config) as engine:
        keys = [checkpoint_signer(engine.settings).verifier]
        note = anchor.read_text("utf-8") if anchor else None
        with engine.database.read() as conn:
            found = verify_database(conn, engine.settings.audit.origin, keys, note)
    if as_json:
        print_json(found)
    else:
        out.print(
            f"[{'green' if found.good else 'bold red'}]{'intact' if found.good else 'NOT INTACT'}:[/] {found.words}"
        )
    if not found.good:
        raise typer.Exit(78)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="Where the log goes (one JSON line an entry).")],
    config: ConfigOption = None,
) -> None:
    """Write the log and its newest checkpoint to files that the stand-alone verifier reads."""
    with engine_of(config) as engine, engine.database.read() as conn, file.open("wb") as stream:
        note = export_log(conn, engine.settings.audit.origin, stream)
    file.with_suffix(".checkpoint").write_text(note, "utf-8")
    out.print(f"Wrote {file} and {file.with_suffix('.checkpoint')}.")


@app.command("key")
def show_key(config: ConfigOption = None) -> None:
    """Print the public key that checkpoints are verified with."""
    typer.echo(str(checkpoint_signer(settings_of(config)).verifier))
