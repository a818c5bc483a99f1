"""What shows that a form is one of ours: a token made of the secret in its visitor's cookie (HMAC-SHA-256).

Another site can have a visitor's browser send the cookie, and can't know the token.
"""

from __future__ import annotations

import hashlib
import hmac

from fastapi import HTTPException, Request
from markupsafe import Markup

from workers.console.root import path_of

SESSION = "wirewatch_session"
"""The cookie with the secret of a session."""
OUTSIDE = ("/preferences/", "/websub/", "/api/")
"""Whose POSTs come from no form of ours, and are let in by what they carry: a signed link, a signature, a token."""
STRANGERS = ("/sign-in", "/link/")
"""Whose forms are made for another cookie, and checked where they are read: a dead session may have left its own."""
STALE = "This form is too old, or was not sent by this site. Go back, load the page again, and try again."
_CHANGES_NOTHING = ("GET", "HEAD", "OPTIONS")


def form_field(secret: str) -> Markup:
    """The field that each form holds which changes something; nothing for a visitor without a cookie of ours."""
    if not secret:
        return Markup()
    return Markup('<input type="hidden" name="form_token" value="{}">').format(_token(secret))


def is_ours(secret: str, token: str) -> bool:
    """Whether a form with this token was made for the holder of the secret."""
    return bool(secret) and hmac.compare_digest(_token(secret).encode(), token.encode())


async def checked_form(request: Request) -> None:
    """For every route: what changes something and comes with a session's cookie must hold its token, else 403.

    A request without the cookie has nothing that another site could make use of.
    """
    secret = request.cookies.get(SESSION, "")
    if request.method in _CHANGES_NOTHING or not secret or path_of(request).startswith(OUTSIDE + STRANGERS):
        return
    if not is_ours(secret, str((await request.form()).get("form_token", ""))):
        raise HTTPException(403, STALE)


def _token(secret: str) -> str:
    return hmac.new(secret.encode(), b"form", hashlib.sha256).hexdigest()
