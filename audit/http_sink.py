"""A place for checkpoints behind HTTPS: an object store or a small web server of another organisation.

Each checkpoint is put once, under its size, on the condition that nothing is there yet. What is there already is read
and compared, so that a repeated delivery is quiet and a forked log is not.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import httpx2

from audit.checkpoint import Checkpoint
from audit.errors import NoteMalformed, SinkContradicts, SinkRefused, SinkUnavailable
from audit.note import Note

_PASSING = frozenset({408, 409, 425, 429})


@dataclass(frozen=True, slots=True)
class HttpSink:
    """Puts `SIZE.checkpoint` under the client's base URL. Credentials and certificates are the client's."""

    name: str
    client: httpx2.Client = field(repr=False)

    def keep(self, note: str) -> None:
        """Raises SinkUnavailable, SinkRefused, SinkContradicts."""
        ours = Checkpoint.parse(Note.parse(note).text)
        path = f"{ours.size:012d}.checkpoint"
        headers = {"If-None-Match": "*", "Content-Type": "text/plain; charset=utf-8"}
        answer = self._ask("PUT", path, content=note.encode(), headers=headers)
        if answer.status_code == httpx2.codes.PRECONDITION_FAILED:
            self._compare(ours, self._ask("GET", path))
        else:
            self._require_success(answer)

    def _ask(
        self, method: str, path: str, content: bytes | None = None, headers: dict[str, str] | None = None
    ) -> httpx2.Response:
        try:
            return self.client.request(method, path, content=content, headers=headers)
        except httpx2.HTTPError as fault:
            raise SinkUnavailable(f"checkpoint sink {self.name} does not answer ({type(fault).__name__})") from fault

    def _require_success(self, answer: httpx2.Response) -> None:
        if answer.is_success:
            return
        words = f"checkpoint sink {self.name} answered {answer.status_code}"
        if answer.is_server_error or answer.status_code in _PASSING:
            raise SinkUnavailable(words)
        raise SinkRefused(f"{words}; look at its address and credentials")

    def _compare(self, ours: Checkpoint, answer: httpx2.Response) -> None:
        self._require_success(answer)
        try:
            theirs = Checkpoint.parse(Note.parse(answer.text).text)
        except NoteMalformed as fault:
            raise SinkContradicts(
                f"checkpoint sink {self.name} holds something else in place of checkpoint {ours.size}"
            ) from fault
        if theirs != ours:
            raise SinkContradicts(
                f"checkpoint sink {self.name} holds another checkpoint of size {ours.size}: the log was rewritten"
            )
