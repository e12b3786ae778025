"""Backups: encrypted copies of the database, and how an installation goes on from one without telling anybody twice."""

from service.backups.note import BackupNote, latest, listed

__all__ = ["BackupNote", "latest", "listed"]
