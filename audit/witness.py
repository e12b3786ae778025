"""A witness: another organisation that signs a checkpoint too, once it has seen that the log only grew.

Ed25519 cosignatures of C2SP tlog-cosignature. A witness keeps the last checkpoint it signed; it signs the next one only
with a consistency proof from that one. A log that shows different people different histories needs the witness's help.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from audit.checkpoint import open_checkpoint
from audit.errors import ProofRefused, SignatureRefused
from audit.note import COSIGNATURE, Note, Signature, Signer, VerifierKey, key_id
from audit.verifier import Untrue, continued

_TIME_BYTES = 8


@dataclass(frozen=True, slots=True)
class Witness:
    """Signs for one log. Give it a key of its own: a cosignature does not state its witness's name."""

    signer: Signer
    log_keys: tuple[VerifierKey, ...]

    @property
    def verifier(self) -> VerifierKey:
        return VerifierKey(self.signer.name, self.signer.verifier.public, COSIGNATURE)

    def cosign(self, note: str, at: datetime, last: str | None = None, proof: str | None = None) -> str:
        """The note with our line added. `last` is what we signed before, `proof` shows how one grew into the other.

        Raises SignatureRefused when the log did not sign, ProofRefused when it did not only grow.
        """
        if open_checkpoint(note, self.log_keys).size == 0:
            raise ProofRefused("an empty log has no history to witness")
        if last is not None:
            self._require_growth(note, last, proof)
        seconds = int(at.timestamp())
        text = Note.parse(note).text
        signed = self.signer.private.sign(_message(text, seconds))
        identity = key_id(self.signer.name, COSIGNATURE, self.signer.verifier.public)
        line = Signature(self.signer.name, identity, seconds.to_bytes(_TIME_BYTES, "big") + signed)
        return note + line.line()

    def _require_growth(self, note: str, last: str, proof: str | None) -> None:
        if Note.parse(last).text == Note.parse(note).text:
            return
        if proof is None or not proof.endswith("\n\n" + note):
            raise ProofRefused("a consistency proof that ends in this very checkpoint is needed")
        try:
            continued(proof, last, "\n".join(map(str, self.log_keys)))
        except Untrue as fault:
            raise ProofRefused(str(fault)) from fault


def cosigned(note: str, witnesses: Sequence[VerifierKey]) -> tuple[tuple[VerifierKey, datetime], ...]:
    """The witnesses that signed this note, and when they did. Raises SignatureRefused for a false cosignature."""
    parsed = Note.parse(note)
    found = []
    for signature in parsed.signatures:
        for key in witnesses:
            if key.signature_type == COSIGNATURE and (signature.name, signature.key_id) == (key.name, key.id):
                seconds = int.from_bytes(signature.blob[:_TIME_BYTES], "big")
                if not key.verify(_message(parsed.text, seconds), signature.blob[_TIME_BYTES:]):
                    raise SignatureRefused(f"the cosignature of {key.name} does not fit the text of the note")
                found.append((key, datetime.fromtimestamp(seconds, UTC)))
    return tuple(found)


def _message(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()
