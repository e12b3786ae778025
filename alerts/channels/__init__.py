"""The ways an alert reaches its recipient. A channel sends one parcel, and raises only what alerts/errors.py names."""

from alerts.channels.fhir import FhirCommunication
from alerts.channels.folder import Folder
from alerts.channels.http import HttpSender
from alerts.channels.inbox import Inbox
from alerts.channels.parcel import Channel, Parcel, Receipt
from alerts.channels.smime import SmimeMail
from alerts.channels.smtp import SmtpNotice, SmtpServer
from alerts.channels.webhook import Webhook

__all__ = [
    "Channel",
    "FhirCommunication",
    "Folder",
    "HttpSender",
    "Inbox",
    "Parcel",
    "Receipt",
    "SmimeMail",
    "SmtpNotice",
    "SmtpServer",
    "Webhook",
]
