"""What the routes share: the engine, the door, the words; and where in a request they find it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock
from zoneinfo import ZoneInfo

from fastapi import Request

from config import Refuse
from console.oidc import Provider
from console.rights import Principal
from console.signin import SignIn
from console.tokens import Tokens
from service.engine import Engine
from service.name_search import SMALL, answer_waiting

FRESH = timedelta(minutes=10)


class NotFresh(Refuse):
    """The person signed in too long ago for this."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """Made once by `create_app`. `demo` adds the banner and the one-click accounts of the sample county."""

    engine: Engine
    sign_in: SignIn
    provider: Provider | None = None
    demo: bool = False
    dispatch: Callable[[], object] = field(default=lambda: None)
    """Work the outbox now instead of at the next cycle: called after something was queued by a person."""

    answering: Lock = field(default_factory=Lock)
    """Held while a search by name is answered here: the index is for one thread."""

    def answer_searches(self) -> None:
        """Answer searches here where the roster is small; else they wait for the process of the cycles."""
        with self.engine.database.read() as conn:
            few = self.engine.listed.count(conn) <= SMALL
        if few:
            with self.answering:
                answer_waiting(self.engine, self.engine.standing.follow(self.engine))

    @property
    def tokens(self) -> Tokens:
        return Tokens(self.engine)

    @property
    def origin(self) -> str:
        return self.engine.settings.console.origin

    @property
    def secure(self) -> bool:
        return self.origin.startswith("https://")

    @property
    def cookie(self) -> str:
        """`__Host-` binds a cookie to this host and to TLS; a browser refuses it without."""
        return "__Host-warmlink" if self.secure else "warmlink"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.engine.settings.zone)

    def require_fresh(self, who: Principal) -> None:
        """For what a borrowed session must not do: they have shown who they are within the last minutes."""
        if self.engine.clock() - who.session.proven_at > FRESH:
            raise NotFresh("sign in again first: this needs to know that it is you")

    def token_of(self, request: Request) -> str:
        return request.cookies.get(self.cookie, "")


def runtime_of(request: Request) -> Runtime:
    runtime: Runtime = request.app.state.runtime
    return runtime
