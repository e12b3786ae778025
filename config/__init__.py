"""Typed settings, read once by the command line, and the tree of errors."""
