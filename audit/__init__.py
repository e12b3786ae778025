"""The audit log: append-only, tamper-evident, provable to an outsider."""
