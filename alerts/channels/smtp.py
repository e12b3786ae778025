"""An e-mail that says only that something waits in the inbox.

Every notice has the same subject and the same text. What differs is the address of a member of staff, the time, and
an opaque identifier that is the same on every try, so that the receiving side can drop a second copy.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from alerts.channels.parcel import Parcel, Receipt
from alerts.errors import ChannelDown, ChannelRefused, ChannelUnsafe
from config.errors import ConfigError

SUBJECT = "Warmlink: a message is waiting"
BODY = """\
A message is waiting in your Warmlink inbox.

Sign in the way you always do. This e-mail carries no link on purpose:
a message that asks you to follow one is not ours.
"""


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mail is handed over. `tls` trusts the server; None sends in the clear and is for development only."""

    host: str
    port: int
    sender: str
    tls: ssl.SSLContext | None
    production: bool = True
    username: str = ""
    password: str = field(default="", repr=False)
    timeout: float = 20.0
    """Seconds, for connecting and for each answer."""

    def __post_init__(self) -> None:
        if self.tls is None and self.production:
            raise ConfigError("mail.starttls = false is for development; a production server must offer STARTTLS")

    @property
    def domain(self) -> str:
        return self.sender.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class SmtpNotice:
    """The channel `mail`: a notice without content."""

    server: SmtpServer

    def send(self, parcel: Parcel) -> Receipt:
        """Raises ChannelDown for 4xx answers and lost connections, ChannelRefused for 5xx, ChannelUnsafe for TLS."""
        message = new_message(self.server, parcel)
        message["Subject"] = SUBJECT
        message.set_content(BODY)
        return transmit(self.server, message)


def new_message(server: SmtpServer, parcel: Parcel) -> EmailMessage:
    """The headers that every mail of ours has. `Auto-Submitted` keeps out-of-office answers away (RFC 3834)."""
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"] = server.sender, _address(parcel)
    message["Date"] = format_datetime(parcel.at)
    message["Message-ID"] = f"<{parcel.outbox}@{server.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    return message


def _address(parcel: Parcel) -> Address:
    try:
        return Address(addr_spec=parcel.address)
    except (ValueError, IndexError, HeaderParseError):
        raise ChannelRefused(f"the mail address of {parcel.recipient} is not one", "bad_address") from None


def transmit(server: SmtpServer, message: EmailMessage) -> Receipt:
    """Hand one message over. A refusal after DATA may have been a delivery: the Message-ID lets the receiver tell."""
    with _mapped_faults(server.host), _session(server) as session:
        if server.tls is not None:
            _secure(session, server)
        if server.username:
            session.login(server.username, server.password)
        session.send_message(message)
    return Receipt("accepted")


@contextmanager
def _session(server: SmtpServer) -> Iterator[smtplib.SMTP]:
    """A connection. How the server takes leave says nothing of the message: one that it took must not be sent again."""
    session = smtplib.SMTP(server.host, server.port, timeout=server.timeout)
    try:
        yield session
    finally:
        with suppress(smtplib.SMTPException, OSError):
            session.quit()
        session.close()


def _secure(session: smtplib.SMTP, server: SmtpServer) -> None:
    session.ehlo_or_helo_if_needed()
    if not session.has_extn("starttls"):
        raise ChannelUnsafe(f"mail server {server.host} offers no STARTTLS; nothing was sent", "no_starttls")
    session.starttls(context=server.tls)


@contextmanager
def _mapped_faults(host: str) -> Iterator[None]:
    """The errors of smtplib quote addresses and server text; only codes go further."""
    try:
        yield
    except smtplib.SMTPNotSupportedError:
        raise ChannelUnsafe(f"mail server {host} lacks sign-in or SMTPUTF8, which is needed", "unsupported") from None
    except ssl.SSLError:
        raise ChannelUnsafe(f"the certificate of mail server {host} does not verify; nothing was sent", "tls") from None
    except smtplib.SMTPAuthenticationError as fault:
        raise ChannelUnsafe(f"mail server {host} refused our sign-in ({fault.smtp_code})", "sign_in") from None
    except smtplib.SMTPRecipientsRefused as fault:
        raise _answered(host, max(code for code, _ in fault.recipients.values())) from None
    except smtplib.SMTPResponseException as fault:
        raise _answered(host, fault.smtp_code) from None
    except (smtplib.SMTPException, OSError):
        raise ChannelDown(f"mail server {host} cannot be reached, or hung up", "unreachable") from None


def _answered(host: str, code: int) -> ChannelDown | ChannelRefused:
    """RFC 5321, 4.2.1: 4yz asks to try again, 5yz is final. A code that is neither is a server in trouble."""
    kind = ChannelRefused if 500 <= code < 600 else ChannelDown
    return kind(f"mail server {host} answered {code}", f"smtp_{code}")
