"""Where Redis is, as its client and kombu's read it: with the password, and with whom to trust."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

from pipeline.errors import SettingError
from pipeline.settings import Settings


def redis_address(settings: Settings) -> str:
    """The broker's address with `broker_password` in it, and over TLS with `broker_ca`. Raises SettingError.

    A certificate is always verified, and with it the name of the host.
    """
    parts = urlsplit(settings.broker)
    if settings.broker_password:
        user, _, host = parts.netloc.rpartition("@")
        parts = parts._replace(netloc=f"{user.partition(':')[0]}:{quote(settings.broker_password, safe='')}@{host}")
    if parts.scheme != "rediss":
        return parts.geturl()
    trusted = {"ssl_cert_reqs": "required", "ssl_check_hostname": "true"}
    if settings.broker_ca:
        if not Path(settings.broker_ca).is_file():
            raise SettingError("broker_ca", settings.broker_ca, "there is no such file")
        trusted["ssl_ca_certs"] = settings.broker_ca
    return parts._replace(query="&".join(filter(None, (parts.query, urlencode(trusted))))).geturl()
