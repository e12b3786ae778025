"""Connectors: transport x format x mapping, from a feed to canonical records."""
