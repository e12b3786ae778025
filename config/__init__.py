"""Typed settings, read once by the command line, and the tree of errors."""

from config.errors import ConfigError, KeyUnavailable, Refuse, Retry, TellPerson, WarmlinkError
from config.loading import load, load_known, secret, shown
from config.settings import (
    ClinicSettings,
    FacilitySettings,
    FeedSettings,
    HttpSettings,
    MailSettings,
    MatcherSettings,
    Profile,
    ProgramSettings,
    Settings,
    TelemetrySettings,
)

__all__ = [
    "ClinicSettings",
    "ConfigError",
    "FacilitySettings",
    "FeedSettings",
    "HttpSettings",
    "KeyUnavailable",
    "MailSettings",
    "MatcherSettings",
    "Profile",
    "ProgramSettings",
    "Refuse",
    "Retry",
    "Settings",
    "TelemetrySettings",
    "TellPerson",
    "WarmlinkError",
    "load",
    "load_known",
    "secret",
    "shown",
]
