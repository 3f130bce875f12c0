"""Mail: a letter as a message that nobody can smuggle a header into, and the way to an SMTP server."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, formataddr

import aiosmtplib

from fissile.infra.settings import Settings

TEXT_LENGTH_MAX = 20_000
SUBJECT_LENGTH_MAX = 200
SECONDS = 15.0  # for the connection and for each answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A mail before it is a message; ``message_id`` stays the same at every attempt, so that receivers fold them."""

    to: str
    subject: str
    text: str
    html: str
    message_id: str
    written_at: datetime


class MailLater(Exception):
    """The server cannot take it now, or was not reached: it was not sent."""


class MailRefused(Exception):
    """The server will never take it."""


class MailUnknown(Exception):
    """The letter was on its way when the connection was lost: nobody knows whether it arrived."""


def one_line(text: str, *, most: int = SUBJECT_LENGTH_MAX) -> str:
    """Return a text as one line of at most ``most`` characters: what follows a line end is no header."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text[: most * 4]).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def message_of(letter: Letter, *, sender: str, name: str) -> EmailMessage:
    """Return a letter as plain text and HTML in one message, encoded so that old servers pass it on."""
    message = EmailMessage(policy=SMTP_POLICY)
    message["From"] = formataddr((one_line(name, most=80), sender))
    message["To"] = letter.to
    message["Subject"] = one_line(letter.subject)
    message["Date"] = format_datetime(letter.written_at)
    message["Message-ID"] = letter.message_id
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text[:TEXT_LENGTH_MAX], cte="base64")
    message.add_alternative(letter.html[: TEXT_LENGTH_MAX * 2], subtype="html", cte="base64")
    return message


async def send_letter(letter: Letter, *, settings: Settings, seconds: float = SECONDS) -> str:
    """
    Send a letter through the SMTP server of the settings and return the server's words.

    :raises MailLater: if it was certainly not sent and may be tried again (4xx, not reached, too slow)
    :raises MailRefused: if the server answers 5xx to the address or the letter
    :raises MailUnknown: if the connection was lost or silent after the letter went out
    """
    client = aiosmtplib.SMTP(
        hostname=settings.smtp_host,
        port=settings.smtp_port,
        timeout=seconds,
        use_tls=settings.smtp_tls == "tls",
        start_tls=settings.smtp_tls == "starttls",
        tls_context=ssl.create_default_context(),
        username=settings.smtp_user or None,
        password=settings.smtp_password or None,
    )
    try:
        await client.connect()
        options = [] if letter.to.isascii() else ["SMTPUTF8"]
        if options and not client.supports_extension("smtputf8"):
            raise MailRefused("The server takes no addresses beyond ASCII.")
        await client.mail(settings.mail_from, options=options, encoding="utf-8" if options else "ascii")
        await client.rcpt(letter.to, encoding="utf-8" if options else "ascii")
    except aiosmtplib.SMTPAuthenticationError as error:  # our settings, not the letter
        client.close()
        raise MailLater(str(error)) from error
    except aiosmtplib.SMTPResponseException as error:
        client.close()
        raise (MailRefused if 500 <= error.code < 600 else MailLater)(f"{error.code} {error.message}") from error
    except (aiosmtplib.SMTPException, OSError) as error:
        client.close()
        raise MailLater(str(error) or type(error).__name__) from error
    message = message_of(letter, sender=settings.mail_from, name=settings.shop_name)
    try:
        reply = await client.data(message.as_bytes())
    except aiosmtplib.SMTPResponseException as error:
        raise (MailRefused if 500 <= error.code < 600 else MailLater)(f"{error.code} {error.message}") from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise MailUnknown(str(error) or type(error).__name__) from error
    finally:
        client.close()
    return f"{reply.code} {reply.message}"
