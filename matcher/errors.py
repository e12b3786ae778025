"""What the matcher refuses, by what the caller should do next."""

from __future__ import annotations

from config.errors import Refuse


class HeaderMismatch(Refuse):
    """Two encodings that must not be compared: the message names the parameter that differs."""


class BadSegment(Refuse):
    """Bytes that are not a whole, well-formed encoding segment. Names the part, never its content."""


class BadModel(Refuse):
    """A model file that does not say what a model must say. Names the place in the file."""


class BadConstraint(Refuse):
    """A pair that is both a must-link and a cannot-link: a reviewer has to settle it."""


class KernelUnavailable(Refuse):
    """The compiled kernel was asked for and numba is not installed. Names the extra to install."""
