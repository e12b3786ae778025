"""Counts for those who steer: closed by the calendar, with small counts kept back so that nobody can work them out."""
