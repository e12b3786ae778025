"""Consent: who may learn what, and why. A pure evaluator over rules that are data."""
