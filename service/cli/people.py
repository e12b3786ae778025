"""staff import, keys enroll: who may be told, and to which key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from config import Refuse
from records import StaffId
from service import directory, registry
from service.cli.common import ConfigOption, NowOption, engine_of, out

staff_app = typer.Typer(no_args_is_help=True, help="The staff directory.")
keys_app = typer.Typer(no_args_is_help=True, help="Keys of clinicians and of the installation.")


def register(root: typer.Typer) -> None:
    root.add_typer(staff_app, name="staff", rich_help_panel="People")
    root.add_typer(keys_app, name="keys", rich_help_panel="People")


@staff_app.command("import")
def import_staff(
    file: Annotated[
        Path,
        typer.Argument(help="CSV: " + ", ".join(directory.COLUMNS) + "; may have " + ", ".join(directory.OPTIONAL)),
    ],
    config: ConfigOption = None,
    now: NowOption = None,
) -> None:
    """Take over a staff directory, whole or not at all."""
    with engine_of(config, now) as engine:
        count = registry.import_staff(engine, directory.read(file))
    out.print(f"The directory holds {count} members.")


@keys_app.command()
def enroll(
    staff: Annotated[str, typer.Argument(help="The clinician's id in the directory.", metavar="STAFF")],
    public_key: Annotated[Path | None, typer.Option("--public", help="Their public key (JWK).")] = None,
    new_key: Annotated[
        Path | None, typer.Option("--generate", help="Make a key pair; the private half goes here.")
    ] = None,
    config: ConfigOption = None,
    now: NowOption = None,
) -> None:
    """Put a clinician's public key in force: new alerts are sealed to it."""
    if (public_key is None) == (new_key is None):
        raise Refuse("give either --public FILE or --generate FILE")
    with engine_of(config, now) as engine:
        key = registry.read_public(public_key) if public_key else registry.generate_key(new_key or Path())
        registry.enrol(engine, StaffId(staff), key)
    out.print(f"Key {key.kid} of {staff} is in force.")
