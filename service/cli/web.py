"""console and accounts: the web application, and who may sign in to it."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from tempfile import mkdtemp
from typing import Annotated, Any

import typer

from config import ConfigError
from service.cli.common import ConfigOption, engine_of, out

PANEL = "Operate"
accounts_app = typer.Typer(no_args_is_help=True, help="Accounts of the console.")


def register(app: typer.Typer) -> None:
    app.command(rich_help_panel=PANEL)(console)
    app.add_typer(accounts_app, name="accounts", rich_help_panel="People")


def console(
    demo: Annotated[bool, typer.Option("--demo", help="On the sample county, with an account for each desk.")] = False,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8443,
    folder: Annotated[
        Path | None, typer.Option("--in", help="With --demo: where the sample county is, or goes.")
    ] = None,
    certificate: Annotated[Path | None, typer.Option(help="TLS certificate chain (PEM).")] = None,
    key: Annotated[Path | None, typer.Option(help="Its private key (PEM).")] = None,
    config: ConfigOption = None,
) -> None:
    """Serve the web console: inbox, review queue, compliance desk, operations."""
    room = _console("serve")
    at = room.Listening(host, port, certificate, key)
    if demo:
        _serve_demo(room, at, folder)
        return
    with engine_of(config) as engine:
        out.print(f"The console listens on {host}:{port}; people reach it at {engine.settings.console.origin}")
        room.serve(engine, at)


def _serve_demo(room: Any, at: Any, folder: Path | None) -> None:
    if at.host not in {"127.0.0.1", "localhost", "::1"}:
        raise ConfigError("--demo listens on this machine only: anybody who reaches it may sign in")
    home = folder or Path(mkdtemp(prefix="warmlink-console-"))
    origin = f"http://localhost:{at.port}"
    engine = _console("demo").open_demo(home, origin, lambda words: out.print(f"  {words}"))
    try:
        out.print(f"The sample county is in [bold]{home}[/]. Open [bold]{origin}[/] and choose a desk. Ctrl-C stops.")
        room.serve(engine, at, demo=True)
    finally:
        engine.close()


@accounts_app.command("add")
def add(
    login: Annotated[str, typer.Argument(help="Small letters, digits, dots, dashes, or an e-mail address.")],
    role: Annotated[list[str], typer.Option(help="case_manager, supervisor, compliance, operator, administrator.")],
    staff: Annotated[str, typer.Option(help="Their id in the staff directory.")] = "",
    org: Annotated[str, typer.Option(help="Whose clients they may ask about; empty for the whole installation.")] = "",
    subject: Annotated[str | None, typer.Option(help="ISSUER#SUBJECT at the identity provider.")] = None,
    config: ConfigOption = None,
) -> None:
    """Make an account and print its first password, which is shown once. The first administrator is made so."""
    people, proofs, rights = (_console(name) for name in ("people", "proofs", "rights"))
    try:
        roles = [rights.Role(name) for name in role]
    except ValueError as fault:
        raise ConfigError(f"a role is one of {', '.join(r.value for r in rights.Role)}") from fault
    with engine_of(config) as engine:
        password = people.new_password(os.urandom)
        hashed = proofs.Passwords().hash(password, login)
        people.add_account(engine, login, roles, hashed, staff=staff, org=org, subject=subject, by="terminal")
    out.print(f"The account {login} was made. Its first password, shown once: [bold]{password}[/]")


def _console(name: str) -> Any:
    """A module of the room above. Found when it is wanted: the service does not depend on its web application."""
    return import_module(f"console.{name}")
