"""Lay a composed alert out as plain text or HTML."""

from __future__ import annotations

from functools import cache
from textwrap import fill

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, select_autoescape

from alerts.content import AlertContent
from alerts.wording import wording

WIDTH = 78


def render_text(content: AlertContent) -> str:
    """For terminals and mail. Lines are wrapped at 78 characters (RFC 5322, 2.1.1)."""
    return _render("alert.txt.j2", content)


def render_html(content: AlertContent) -> str:
    """A complete page without script, style sheet, image or address to fetch."""
    return _render("alert.html.j2", content)


def _render(name: str, content: AlertContent) -> str:
    label_width = max((len(row.label) for row in content.rows), default=0) + 2
    return _template(name).render(alert=content, layout=wording(content.language).layout, label_width=label_width)


@cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=PackageLoader("alerts"),
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["hang"] = _hang
    return environment.get_template(name)


def _hang(text: str, first: str, width: int) -> str:
    """Wrap with `first` before the text and later lines indented by `width`."""
    return fill(text, WIDTH, initial_indent=first.ljust(width), subsequent_indent=" " * width, break_long_words=False)
