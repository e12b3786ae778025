"""What each feed declares to be news, and how long a stay that nobody reported as ended can be believed to go on."""

from __future__ import annotations

from config import WarmlinkError
from connectors.schema import Scope
from service.engine import Engine


def scopes_of(engine: Engine) -> dict[str, Scope]:
    """What each feed declares to be news. A feed whose mapping is broken is told of elsewhere and has the usual scope."""
    found = {}
    for feed in engine.settings.feeds:
        try:
            found[feed.id] = engine.connector(feed).mapping.scope
        except WarmlinkError:
            continue
    return found
