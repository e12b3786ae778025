"""The rule book in force: the shipped one or the county's own, with the signatures that the county asks for."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from config import ConfigError, Settings
from consent import RuleBook, load_rulebook
from consent.prose import Document, prose
from consent.rulebook import parse_rulebook
from consent.signing import Signature, require_signatures, sign


def rulebook_in_force(settings: Settings) -> RuleBook:
    """Raises ConfigError for a book that is not sound, RuleBookNotSigned for one that lacks signatures."""
    book = unsigned_rulebook(settings)
    if settings.consent.signatures_needed:
        signatures = read_signatures(settings.at(settings.consent.signatures))
        require_signatures(book, signatures, officers(settings), needed=settings.consent.signatures_needed)
    return book


def unsigned_rulebook(settings: Settings) -> RuleBook:
    """The book as configured, before anybody signed it."""
    wanted = settings.consent
    if wanted.book is None:
        return load_rulebook(wanted.profile, dict(wanted.overrides))
    return read_rulebook(settings.at(wanted.book))


def read_rulebook(path: Path) -> RuleBook:
    try:
        return parse_rulebook(path.read_bytes())
    except OSError as fault:
        raise ConfigError(f"the rule book {path.name} cannot be read: {fault.strerror}") from fault


def officers(settings: Settings) -> Mapping[str, Ed25519PublicKey]:
    try:
        keys = {name: b64decode(text, validate=True) for name, text in settings.consent.officers.items()}
        return {name: Ed25519PublicKey.from_public_bytes(raw) for name, raw in keys.items()}
    except ValueError as fault:
        raise ConfigError("consent.officers: a key is 32 bytes of Ed25519 in base64") from fault


def read_signatures(path: Path) -> tuple[Signature, ...]:
    if not path.exists():
        return ()
    try:
        kept = json.loads(path.read_text("utf-8"))
        return tuple(Signature(str(s["signer"]), b64decode(s["value"], validate=True)) for s in kept)
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise ConfigError(f"{path.name} does not hold signatures of a rule book") from fault


def add_signature(settings: Settings, signer: str, key: Ed25519PrivateKey) -> RuleBook:
    """Sign the configured book as `signer`, beside those who signed it before."""
    book, path = unsigned_rulebook(settings), settings.at(settings.consent.signatures)
    kept = [s for s in read_signatures(path) if s.signer != signer]
    document = [{"signer": s.signer, "value": b64encode(s.value).decode()} for s in (*kept, sign(book, signer, key))]
    path.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    return book


def as_html(book: RuleBook) -> str:
    """The rule book as a page of its own, without script or anything to fetch."""
    return "".join(_html(prose(book)))


def _html(document: Document) -> Iterator[str]:
    title = escape(document.title)
    yield f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    yield f"</head><body><h1>{title}</h1>"
    yield from (f"<p>{escape(line)}</p>" for line in document.preface)
    for section in document.sections:
        yield f"<h2>{escape(section.heading)}</h2><dl>"
        for item in section.items:
            details = "".join(f"<li>{escape(line)}</li>" for line in item.details)
            yield f"<dt>{escape(item.label)}</dt><dd>{escape(item.text)}<ul>{details}</ul>"
            yield f"<cite>{escape(item.citation)}</cite></dd>"
        yield "</dl>"
    yield "</body></html>\n"


_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem;color:#1c2430}"
    "h2{margin-top:2.5rem;border-bottom:1px solid #c8d0da}dt{font-weight:600;margin-top:1.2rem}"
    "dd{margin-left:0}cite{color:#51606f}ul{margin:.3rem 0}"
)


def as_pdf(book: RuleBook, path: Path) -> None:
    """The rule book on paper, with page numbers and the hash it was printed from on each page."""
    from reportlab.lib.pagesizes import LETTER
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.platypus import Paragraph, SimpleDocTemplate

    styles, document = getSampleStyleSheet(), prose(book)
    story = [Paragraph(escape(document.title), styles["Title"])]
    story += [Paragraph(escape(line), styles["BodyText"]) for line in document.preface]
    for section in document.sections:
        story.append(Paragraph(escape(section.heading), styles["Heading2"]))
        for item in section.items:
            story.append(Paragraph(f"<b>{escape(item.label)}</b>: {escape(item.text)}", styles["BodyText"]))
            story += [Paragraph(escape(line), styles["Bullet"], bulletText="-") for line in item.details]
            story.append(Paragraph(f"<i>{escape(item.citation)}</i>", styles["BodyText"]))

    def footer(canvas: object, _page: object) -> None:
        number = canvas.getPageNumber()  # type: ignore[attr-defined]  # reportlab is untyped
        words = f"{document.title}, SHA-256 {book.hash[:16]}, page {number}"
        canvas.drawString(54, 30, words)  # type: ignore[attr-defined]

    SimpleDocTemplate(str(path), pagesize=LETTER, title=document.title).build(
        story, onFirstPage=footer, onLaterPages=footer
    )
