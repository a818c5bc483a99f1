"""Mails into a Maildir (maildir(5)): one file each in new/, for readers, tests, and until SMTP is set."""

from __future__ import annotations

import os
from email.message import EmailMessage
from pathlib import Path

from pipeline.errors import DeliveryUnavailable
from pipeline.ids import identify


class MaildirMailer:
    """ports.Mailer. The file's name comes from the Message-ID, so a mail sent again replaces itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, message: EmailMessage) -> str:
        """Write the mail; the answer is the path of its file. Raises DeliveryUnavailable."""
        name = f"{identify('mail', str(message['Message-ID']))}.eml"
        try:
            for part in ("tmp", "new", "cur"):
                (self._folder / part).mkdir(parents=True, exist_ok=True)
            draft, place = self._folder / "tmp" / name, self._folder / "new" / name
            with draft.open("wb") as file:
                file.write(message.as_bytes())
                file.flush()
                os.fsync(file.fileno())
            draft.replace(place)
        except OSError as error:
            raise DeliveryUnavailable(str(message["To"]), f"{self._folder}: {error.strerror}") from None
        return str(place)
