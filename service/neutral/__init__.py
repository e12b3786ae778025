"""The neutral unit: a third party that compares encodings it cannot read, between jails and providers that share a key.

The cores (`jail`, `provider`, `unit`) are state machines over messages: time, randomness and keys are arguments. `wire` carries their
frames over mutual TLS. See docs/neutral-unit.md for its use and docs/threat-model.md for who learns what.
"""
