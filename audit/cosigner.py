"""Asks a witness to sign checkpoints too, over HTTPS (C2SP tlog-witness, `add-checkpoint`).

We send what the witness signed last, a consistency proof from there, and the checkpoint. Where it signed another one
than we remember it says so with 409 and its size, and is asked once more from there.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx2

from audit.checkpoint import Checkpoint
from audit.errors import NoteMalformed, SignatureRefused, SinkContradicts, SinkRefused, SinkUnavailable
from audit.note import Note, VerifierKey
from audit.witness import cosigned

Prove = Callable[[int, int], Sequence[bytes]]
"""The consistency proof from the tree of the first size to the tree of the second."""

_CONFLICT, _UNPROCESSABLE = 409, 422


@dataclass(frozen=True, slots=True)
class Cosigner:
    """One witness. The client's base URL is its submission prefix; `key` is what its cosignatures are checked with."""

    key: VerifierKey
    client: httpx2.Client = field(repr=False)

    def cosign(self, note: str, last: int, prove: Prove) -> str:
        """The note with the witness's line added. `last` is the size that we believe it signed last; 0 for none.

        Raises SinkUnavailable, SinkRefused, and SinkContradicts when the witness saw another history.
        """
        size = Checkpoint.parse(Note.parse(note).text).size
        answer = self._ask(note, last, prove(last, size) if last else ())
        if answer.status_code == _CONFLICT:
            theirs = self._size(answer)
            if theirs > size:
                raise SinkContradicts(
                    f"the witness {self.key.name} signed {theirs} entries, more than the log's {size}"
                )
            answer = self._ask(note, theirs, prove(theirs, size) if theirs else ())
        if answer.status_code == _UNPROCESSABLE:
            raise SinkContradicts(f"the witness {self.key.name} signed a history that this log is no continuation of")
        self._require_success(answer)
        return self._checked(note + answer.text)

    def _ask(self, note: str, old: int, proof: Sequence[bytes]) -> httpx2.Response:
        lines = "".join(b64encode(step).decode() + "\n" for step in proof)
        try:
            return self.client.post("add-checkpoint", content=f"old {old}\n{lines}\n{note}".encode())
        except httpx2.HTTPError as fault:
            raise SinkUnavailable(f"the witness {self.key.name} does not answer ({type(fault).__name__})") from fault

    def _size(self, answer: httpx2.Response) -> int:
        text = answer.text.strip()
        if not (text.isascii() and text.isdigit()):
            raise SinkRefused(f"the witness {self.key.name} is busy with another checkpoint, or is no witness")
        return int(text)

    def _require_success(self, answer: httpx2.Response) -> None:
        if answer.is_success:
            return
        words = f"the witness {self.key.name} answered {answer.status_code}"
        if answer.is_server_error:
            raise SinkUnavailable(words)
        raise SinkRefused(f"{words}; does it know this log and its key?")

    def _checked(self, note: str) -> str:
        try:
            seen = cosigned(note, [self.key])
        except (NoteMalformed, SignatureRefused) as fault:
            raise SinkRefused(f"the witness {self.key.name} gave a signature that is not its own") from fault
        if not seen:
            raise SinkRefused(f"the witness {self.key.name} gave no signature of the key that is configured")
        return note
