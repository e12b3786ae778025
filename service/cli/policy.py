"""policy show, diff, simulate, sign, write: the compliance officer's rule book."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from config import Refuse
from consent.compare import diff as compare
from consent.prose import as_text, prose
from consent.rulebook import write_rulebook
from service import rules
from service.cli.common import ConfigOption, JsonOption, NowOption, engine_of, out, print_json, settings_of
from service.simulation import simulate as try_out

app = typer.Typer(no_args_is_help=True, help="The rules of consent: read, compare, try out, sign.")

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def register(root: typer.Typer) -> None:
    root.add_typer(app, name="policy", rich_help_panel="Consent and policy")


def duration(text: str) -> timedelta:
    """`12h`, `7d`, `6w` or `6y`."""
    found = re.fullmatch(r"(\d{1,4})([hdwy])", text)
    if found is None:
        raise Refuse("a span of time looks like 12h, 7d, 6w or 6y")
    count, unit = int(found[1]), found[2]
    return timedelta(days=365.25 * count) if unit == "y" else timedelta(**{_UNITS[unit]: count})


@app.command()
def show(
    config: ConfigOption = None,
    form: Annotated[Literal["text", "html", "pdf"], typer.Option("--format", help="text, html or pdf.")] = "text",
    to: Annotated[Path | None, typer.Option("--out", help="A file instead of the terminal.")] = None,
) -> None:
    """Print the rule book in force in plain words, every rule with what it stands on."""
    book = rules.unsigned_rulebook(settings_of(config))
    if form == "pdf":
        if to is None:
            raise Refuse("a PDF needs --out FILE")
        rules.as_pdf(book, to)
    elif to is None:
        typer.echo(as_text(prose(book)) if form == "text" else rules.as_html(book), nl=False)
    else:
        to.write_text(as_text(prose(book)) if form == "text" else rules.as_html(book), "utf-8")


@app.command()
def write(
    to: Annotated[Path, typer.Argument(help="Where the rule book goes, as YAML to edit.")], config: ConfigOption = None
) -> None:
    """Write the rule book in force to a file, as the start of a draft."""
    to.write_text(write_rulebook(rules.unsigned_rulebook(settings_of(config))), "utf-8")
    out.print(f"Wrote {to}. Edit it, then: warmlink policy simulate --with {to}")


@app.command()
def diff(
    a: Annotated[Path, typer.Argument(help="A rule book.")], b: Annotated[Path, typer.Argument(help="Another.")]
) -> None:
    """Say in plain words what the second rule book changes."""
    changes = compare(rules.read_rulebook(a), rules.read_rulebook(b))
    for change in changes:
        out.print(str(change), soft_wrap=True, markup=False)
    if not changes:
        out.print("The two rule books say the same.")


@app.command()
def simulate(
    draft: Annotated[Path, typer.Option("--with", help="The draft rule book.")],
    since: Annotated[str, typer.Option(help="How far back: 12h, 7d, 6w.")] = "7d",
    config: ConfigOption = None,
    now: NowOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask past questions again under a draft: which decisions would change. Nothing is sent."""
    book = rules.read_rulebook(draft)
    with engine_of(config, now) as engine:
        found = try_out(engine, book, duration(since))
    if as_json:
        rows = [
            {
                "decision": s.ref,
                "before": s.before.decision,
                "after": s.after.decision,
                "told": s.newly_disclosed,
                "kept": s.newly_withheld,
            }
            for s in found
        ]
        print_json(rows)
        return
    for s in found:
        out.print(f"{s.ref}  {s.before.decision.value} -> {s.after.decision.value}")
        for words, fields in (("would tell", s.newly_disclosed), ("would keep back", s.newly_withheld)):
            if fields:
                out.print(f"    {words}: {', '.join(fields)}")
    out.print(f"{len(found)} decisions of the last {since} would come out otherwise.")


@app.command("sign")
def sign_book(
    signer: Annotated[str, typer.Option("--as", help="Your name among consent.officers.")],
    key: Annotated[Path, typer.Option(help="Your Ed25519 private key (PEM).")],
    config: ConfigOption = None,
) -> None:
    """Sign the configured rule book. With consent.signatures_needed, it is not in force before enough have signed."""
    try:
        private = load_pem_private_key(key.read_bytes(), None)
    except (OSError, ValueError, TypeError) as fault:
        raise Refuse(f"{key.name} is not an unencrypted private key in PEM form") from fault
    settings = settings_of(config)
    book = rules.add_signature(settings, signer, private)  # type: ignore[arg-type]  # checked by signing itself
    out.print(f"{signer} signed rule set {book.version} ({book.hash[:12]}).")
