"""The alert itself as encrypted mail. Outside it looks like every other mail of ours."""

from __future__ import annotations

from dataclasses import dataclass

from alerts.channels.parcel import Parcel, Receipt
from alerts.channels.smtp import SUBJECT, SmtpServer, new_message, transmit
from alerts.errors import ChannelRefused
from alerts.smime import SealedMail


@dataclass(frozen=True, slots=True)
class SmimeMail:
    """The channel `smime`."""

    server: SmtpServer

    def send(self, parcel: Parcel) -> Receipt:
        """As the notice does; the parcel must have been sealed for mail."""
        if not isinstance(parcel.sealed, SealedMail):
            raise ChannelRefused(f"alert {parcel.alert} was not sealed for S/MIME mail", "wrong_seal")
        message = new_message(self.server, parcel)
        message["Subject"] = SUBJECT
        message.set_content(
            parcel.sealed.body,
            maintype="application",
            subtype="pkcs7-mime",
            params={"smime-type": "enveloped-data", "name": "smime.p7m"},
            disposition="attachment",
            filename="smime.p7m",
        )
        return transmit(self.server, message)
