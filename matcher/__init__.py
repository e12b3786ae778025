"""The matcher: normalise, encode, block, compare, weigh, decide. Pure: keys and thresholds come in as arguments."""

from matcher.batch import EncodedBatch, EncodingHeader
from matcher.encode import Encoder
from matcher.errors import BadModel, BadSegment, HeaderMismatch
from matcher.index import RosterIndex
from matcher.keys import LinkageKey
from matcher.link import Prior, link, link_file
from matcher.model import Model, default_model
from matcher.verdict import NO_CONSTRAINTS, BookingLinks, Constraints, FieldLevel, Link, Verdict

__all__ = [
    "NO_CONSTRAINTS",
    "BadModel",
    "BadSegment",
    "BookingLinks",
    "Constraints",
    "EncodedBatch",
    "Encoder",
    "EncodingHeader",
    "FieldLevel",
    "HeaderMismatch",
    "Link",
    "LinkageKey",
    "Model",
    "Prior",
    "RosterIndex",
    "Verdict",
    "default_model",
    "link",
    "link_file",
]
