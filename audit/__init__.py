"""The audit log: append-only, tamper-evident, provable to an outsider."""

from audit.errors import (
    LeafRefused,
    LogBroken,
    NoteMalformed,
    ProofRefused,
    SignatureRefused,
    SinkContradicts,
    SinkRefused,
    SinkUnavailable,
)
from audit.facts import as_code
from audit.leaves import Entry, Kind, Leaf, decode, leaf
from audit.log import AuditLog, TreeHead
from audit.note import Signer, VerifierKey
from audit.publish import FolderSink, Sink, publish
from audit.verify import Verification, verify, verify_database

__all__ = [
    "AuditLog",
    "Entry",
    "FolderSink",
    "Kind",
    "Leaf",
    "LeafRefused",
    "LogBroken",
    "NoteMalformed",
    "ProofRefused",
    "SignatureRefused",
    "Signer",
    "Sink",
    "SinkContradicts",
    "SinkRefused",
    "SinkUnavailable",
    "TreeHead",
    "Verification",
    "VerifierKey",
    "as_code",
    "decode",
    "leaf",
    "publish",
    "verify",
    "verify_database",
]
