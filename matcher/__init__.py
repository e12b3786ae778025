"""The matcher: normalise, encode, block, compare, weigh, decide. Pure."""
