"""The ways an alert reaches its recipient. A channel sends one parcel, and raises only what alerts/errors.py names."""

from alerts.channels.inbox import Inbox
from alerts.channels.parcel import Channel, Parcel, Receipt
from alerts.channels.smtp import SmtpNotice, SmtpServer

__all__ = ["Channel", "Inbox", "Parcel", "Receipt", "SmtpNotice", "SmtpServer"]
