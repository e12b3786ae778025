"""What can go wrong with the audit log, said as what to do next."""

from __future__ import annotations

from config.errors import Refuse, Retry, TellPerson


class LeafRefused(Refuse):
    """A leaf has a fact that its kind does not know, lacks one, or holds something that is not a code, count,
    instant, hash or opaque reference. The message names the fact, never what it held.
    """


class ProofRefused(Refuse):
    """The proof that was asked for does not exist: the position or size lies outside the tree."""


class ReportRefused(Refuse):
    """There is no report of this name, or it needs a client to be named."""


class NoteMalformed(Refuse):
    """A text is not a signed note, a checkpoint or a key in C2SP form."""


class SignatureRefused(TellPerson):
    """A checkpoint is not signed by the key that was expected, or its signature does not fit its text."""


class LogBroken(TellPerson):
    """The log in the database contradicts itself or a checkpoint that was signed earlier. Nothing is signed on top."""


class SinkUnavailable(Retry):
    """A place that keeps checkpoints could not be written. The scheduler tries again."""


class SinkContradicts(TellPerson):
    """A place that keeps checkpoints holds another checkpoint of the same size: the log was forked or restored."""


class SinkRefused(TellPerson):
    """A place that keeps checkpoints does not accept ours: wrong address, no permission."""
