"""encode: a whole population becomes encodings under the current linkage epoch; and what an upgrade does with the stored ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from config import KeyUnavailable, Refuse, WarmlinkError
from matcher import default_model
from service import reencoding
from service.cli.common import ConfigOption, JsonOption, engine_of, out, print_json
from service.encode import EncodeReport, Work, run_encode
from service.kernel import chosen
from service.spark import spreading
from store import upgrading

PANEL = "Measure the matcher"


def register(app: typer.Typer) -> None:
    app.command(rich_help_panel=PANEL)(encode)


def encode(
    source: Annotated[Path, typer.Argument(help="People in the common form: .parquet, .csv, .csv.gz.", metavar="FILE")],
    output: Annotated[Path, typer.Option("--out", help="A new folder for the encodings.")],
    kind: Annotated[Literal["roster", "bookings"], typer.Option(help="What the file lists.")] = "roster",
    epoch: Annotated[str | None, typer.Option(help="The epoch that is expected to be current.")] = None,
    engine: Annotated[
        Literal["local", "spark"], typer.Option(help="spark spreads it over a cluster that is trusted with the key.")
    ] = "local",
    master: Annotated[
        str, typer.Option(help="The cluster: spark://HOST:PORT, or local[N].", metavar="URL")
    ] = "local[*]",
    credential: Annotated[
        str | None,
        typer.Option(help="Where workers and this machine find the cluster's credential: a path, or a systemd name."),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Encode a population under the current linkage epoch, for `warmlink link`. The encodings are sealed; names are not kept."""
    with engine_of(config) as installation:
        key, settings = installation.linkage_key, installation.settings.matcher
    if epoch is not None and epoch != key.epoch:
        raise Refuse(f"the current epoch is {key.epoch}, not {epoch}; see `warmlink keys rotate --linkage`")
    if (credential is not None) != (engine == "spark"):
        raise Refuse("--engine spark and --credential go together: the workers have to be trusted with the linkage key")
    work, model = Work(source, output, kind), default_model()
    how = {"model": model, "key": key, "random": os.urandom, "kernel": chosen(settings, 0)}
    if credential is None:
        report = run_encode(work, **how)  # type: ignore[arg-type]  # as typed there
    else:
        with spreading(master, credential) as spread:
            report = run_encode(work, spread=spread, **how)  # type: ignore[arg-type]  # as typed there
    if as_json:
        print_json(report)
    else:
        _print(report, output)


def _print(report: EncodeReport, output: Path) -> None:
    out.print(
        f"{report.people:,} people in {report.parts} parts, encoded under epoch [bold]{report.header.epoch}[/]; in {output}",
        soft_wrap=True,
    )
    for bad in report.bad_rows[:20]:
        out.print(f"  [yellow]left out[/] {bad.file} line {bad.line}: {bad.reason}")
    if len(report.bad_rows) > 20:
        out.print(f"  [yellow]... and {len(report.bad_rows) - 20} more rows[/]")


def bring_up(config: Path | None) -> None:
    """After an upgrade: stored encodings that this program cannot compare are made anew."""
    try:
        with engine_of(config) as engine:
            done = reencoding.settle(engine, lambda so_far, of: out.print(f"  {so_far} of {of} encoded anew"))
    except KeyUnavailable as missing:
        out.print(f"Stored encodings are looked at when the service starts ({missing}).", soft_wrap=True)
        return
    if done.clients or done.bookings:
        out.print(f"{done.clients} clients and {done.bookings - done.lost} bookings were encoded anew.")
    _print_lost(done.lost)


def print_expected(plan: upgrading.Plan, config: Path | None) -> None:
    """What an upgrade would come upon among the stored encodings: counted where the database can be opened, else from its rows."""
    try:
        with engine_of(config) as engine:
            found = reencoding.survey(engine)
    except WarmlinkError:  # a database of before, a configuration or a key that is still to be mended
        _print_rows(plan.encodings)
        return
    if found.clients or found.bookings:
        out.print(
            f"{found.clients} clients and {found.bookings} bookings are to be encoded anew; the service does it when it starts."
        )
    _print_lost(found.lost)


def _print_rows(found: upgrading.Encodings) -> None:
    if found.same:
        out.print("People are encoded as before.")
        return
    why = "is not known" if found.same is None else "is another"
    out.print(
        f"The encoding of people {why}: up to {found.clients} clients and {found.bookings} bookings will be encoded anew."
        " Bookings whose deliveries are not archived any more (`audit.match_window_days`) cannot be: they link to nobody"
        " until they are delivered again, and `warmlink doctor` counts them.",
        soft_wrap=True,
    )


def _print_lost(lost: int) -> None:
    if lost:
        out.print(
            f"[yellow]{lost} bookings cannot be encoded anew[/]: their deliveries are gone. They link to nobody until the jails"
            " deliver them again; then `warmlink upgrade` once more.",
            soft_wrap=True,
        )
