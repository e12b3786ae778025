"""Alerts: compose, seal, queue, deliver, follow up."""
