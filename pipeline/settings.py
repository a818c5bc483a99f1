"""One table of settings: name, default, parser, meaning. The only reader of the environment.

A setting is `WIREWATCH_<NAME>` in the environment, `<name>` in the TOML file given by `--config`, else its
default. `{data}` in a default is the data folder. A secret may stand in a file instead, which `<name>_file` or
`WIREWATCH_<NAME>_FILE` names, as Docker and Kubernetes hand secrets out. `docs/settings.md` is written from this table
(`python -m pipeline.settings`).
"""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from pipeline.errors import SettingError, without_secrets

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _plain(text: str) -> str:
    return text.strip()


SERVED = frozenset({"http", "https", "redis", "rediss", "smtp", "smtps"})
"""Schemes of addresses that name a server; the others name a file or a folder, or nothing."""


def _address_of(*schemes: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        address = text.strip()
        parts = urlsplit(address)
        if parts.scheme not in schemes:
            wanted = " or ".join(f"{scheme}://…" for scheme in schemes)
            raise ValueError(f"give {wanted}")
        if parts.scheme in SERVED:
            _check_server(parts)
        return address

    return parse


def _check_server(parts: SplitResult) -> None:
    """Raise ValueError where an address names no server that can be asked."""
    if not parts.hostname:
        raise ValueError(f"name a server: {parts.scheme}://host.example.org")
    if not _has_usable_port(parts):
        raise ValueError("its port must be a number from 1 to 65535; write %23, %2F, %3F for # / ? in a password")
    if parts.scheme in ("redis", "rediss") and not re.fullmatch(r"(/[0-9]*)?", parts.path):
        raise ValueError(f"give the database by its number: {parts.scheme}://host:6379/0")


def _has_usable_port(parts: SplitResult) -> bool:
    try:
        return parts.port is None or parts.port > 0
    except ValueError:  # no number, or none of a port
        return False


def _index_prefix(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,99}", text.strip()):
        raise ValueError("give lower-case letters and digits, with - _ . between, as Elasticsearch names its indices")
    return text.strip()


def _callback(text: str) -> str:
    if text.strip() and not _is_public(text):
        raise ValueError("give the address under which hubs reach us, such as https://wirewatch.example.org/websub/")
    return text.strip() and text.strip().rstrip("/") + "/"


def _public_address(text: str) -> str:
    if text.strip() and not _is_public(text):
        raise ValueError("give the address under which readers reach the console: https://wirewatch.example.org")
    return text.strip().rstrip("/")


def _is_public(text: str) -> bool:
    parts = urlsplit(text.strip())
    named = parts.scheme in ("http", "https") and parts.hostname and not parts.query and not parts.fragment
    return bool(named) and text.isascii() and not any(char.isspace() or char in "<>" for char in text.strip())


def _long_secret(text: str) -> str:
    if text.strip() and len(text.strip()) < 32:
        raise ValueError("give at least 32 characters, such as `openssl rand -hex 32` makes")
    return text.strip()


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"give one of {', '.join(words)}")
        return text

    return parse


def _tagger(text: str) -> str:
    kind, _, model = text.partition(":")
    if text != "rules" and not (kind == "spacy" and model.strip()):
        raise ValueError("give rules, or spacy:MODEL such as spacy:en_core_web_sm")
    return text


def _traces(text: str) -> str:
    if text.strip() and not _is_public(text):
        raise ValueError("give http://host:4318, the OTLP/HTTP port of a collector")
    return text.strip().rstrip("/")


def _number(least: float, most: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise ValueError("give a number") from None
        if not least <= value <= most:
            raise ValueError(f"give a number from {least:g} to {most:g}")
        return value

    return parse


def _count(least: int, most: int) -> Callable[[str], int]:
    number = _number(least, most)

    def parse(text: str) -> int:
        value = number(text)
        if value != int(value):
            raise ValueError("give a whole number")
        return int(value)

    return parse


def bytes_of(text: str) -> int:
    """Bytes as a person writes them: 50g, 800m, 1.5t. Raises ValueError with the cure."""
    units = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
    found = re.fullmatch(r"(\d{1,15}(?:\.\d{1,6})?)([kmgt]?)b?", text.strip().lower())
    if found is None:
        raise ValueError("give bytes, such as 50g or 800m")
    return int(float(found[1]) * units[found[2]])


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise ValueError(f"give address ranges such as 10.0.0.0/8,127.0.0.1/32 ({error})") from None


def _flag(text: str) -> bool:
    known = {
        "true": True,
        "yes": True,
        "1": True,
        "on": True,
        "false": False,
        "no": False,
        "0": False,
        "off": False,
    }
    if text.lower() not in known:
        raise ValueError("give true or false")
    return known[text.lower()]


def _mail_address(text: str) -> str:
    if text.count("@") != 1 or any(char.isspace() for char in text):
        raise ValueError("give one mail address, such as wirewatch@example.org")
    return text


def _mail_addresses(text: str) -> tuple[str, ...]:
    return tuple(_mail_address(part.strip()) for part in text.split(",") if part.strip())


def _setting(default: str, parse: Callable[[str], Any], meaning: str, *, secret: bool = False) -> Any:
    return field(metadata={"default": default, "parse": parse, "meaning": meaning, "secret": secret})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting, parsed. `load` is the way to get one."""

    data: Path = _setting("data", Path, "folder of the embedded store, the Maildir and the keys")
    store: str = _setting(
        "sqlite:///{data}/wirewatch.db",
        _address_of("sqlite", "http", "https"),
        "where things are kept: sqlite:///FILE, or http(s)://[user@]host:9200 of Elasticsearch",
    )
    store_password: str = _setting("", _plain, "password of the Elasticsearch user", secret=True)
    store_api_key: str = _setting(
        "",
        _plain,
        "API key of Elasticsearch, as it is encoded for requests, in place of user and password",
        secret=True,
    )
    store_ca: str = _setting(
        "", _plain, "file of the authority that vouches for https://… of Elasticsearch; empty for the public ones"
    )
    store_prefix: str = _setting("wirewatch", _index_prefix, "what the names of Elasticsearch indices begin with")
    store_shards: int = _setting(
        "1",
        _count(1, 1024),
        "shards of each Elasticsearch index that grows with the stories, for 40 GB each; another number takes "
        "effect with the next month, or with `wirewatch reindex` (docs/elasticsearch.md)",
    )
    store_timeout: float = _setting("20", _number(1, 600), "seconds to wait for one answer of Elasticsearch")
    broker: str = _setting(
        "memory://",
        _address_of("memory", "redis", "rediss"),
        "Celery's broker: memory://, redis://[user@]host:6379/0, or rediss://… over TLS",
    )
    broker_password: str = _setting("", _plain, "password of Redis", secret=True)
    broker_ca: str = _setting(
        "", _plain, "file of the authority that vouches for rediss://… of Redis; empty for the public ones"
    )
    mail: str = _setting(
        "maildir:///{data}/mail",
        _address_of("maildir", "smtp", "smtps"),
        "where mails go: maildir:///FOLDER, smtp://[user@]host:25 (STARTTLS when offered) or smtps://host:465",
    )
    mail_password: str = _setting("", _plain, "password of the SMTP user", secret=True)
    mail_from: str = _setting("wirewatch@localhost.localdomain", _mail_address, "sender of the mails")
    mail_timeout: float = _setting("30", _number(1, 300), "seconds to wait for one answer of the mail server")
    public_url: str = _setting(
        "",
        _public_address,
        "address of the console as readers reach it, such as https://wirewatch.example.org, for links in mails; empty "
        "for none",
    )
    links_secret: str = _setting(
        "",
        _long_secret,
        "key that signs the links in mails, one for all workers; on SQLite it is made once and kept in the data folder",
        secret=True,
    )
    excerpt_letters: int = _setting(
        "320",
        _count(40, 5_000),
        "letters of an excerpt in a mail at the most, for publishers' rights; a story has three at the most",
    )
    operators: tuple[str, ...] = _setting(
        "",
        _mail_addresses,
        "mail addresses, with commas between, that are told when the ledger does not add up or too many feeds are down",
    )
    coverage_alarm: float = _setting(
        "0.3",
        _number(0, 1),
        "share of the polled feeds that may be silent or down before the operators hear of it; 1 for never",
    )
    console_host: str = _setting("127.0.0.1", _plain, "address on which the console listens")
    console_port: int = _setting("8070", _count(0, 65_535), "port on which the console listens; 0 for any free one")
    websub_callback: str = _setting(
        "",
        _callback,
        "public address of the console's /websub/, where hubs push news to (docs/websub.md); empty for none",
    )
    contact: str = _setting(
        "https://wirewatch.example/bot", _plain, "address in the User-Agent where publishers can complain"
    )
    allow_private: tuple[Network, ...] = _setting(
        "", _networks, "address ranges that may be fetched although private, such as 127.0.0.1/32"
    )
    pages: str = _setting(
        "when-short",
        _one_of("always", "when-short", "never"),
        "whether to fetch the page of an entry: always, when the feed's text is short, or never",
    )
    robots: bool = _setting("true", _flag, "whether pages are left alone that robots.txt does not open to Wirewatch")
    poll_floor: float = _setting("300", _number(0, 86_400), "seconds between polls of a feed, at the least")
    poll_ceiling: float = _setting("14400", _number(1, 2_592_000), "seconds between polls of a feed, at the most")
    poll_patience: float = _setting(
        "90",
        _number(0, 1_000_000),
        "seconds that the stories waiting in a feed may wait, added up, before a poll is worth it: twice as many make "
        "0.7 times as many polls (docs/scheduling.md)",
    )
    host_spacing: float = _setting("1", _number(0, 60), "seconds between the starts of two requests to one host")
    host_parallel: int = _setting("2", _count(1, 32), "requests to one host at once")
    fetch_parallel: int = _setting("64", _count(1, 1000), "requests of one process at once")
    connect_timeout: float = _setting("10", _number(0.1, 120), "seconds to wait for a connection")
    read_timeout: float = _setting("15", _number(0.1, 300), "seconds to wait for the next bytes")
    fetch_timeout: float = _setting("60", _number(0.1, 600), "seconds one fetch may take in all")
    feed_bytes: int = _setting("10000000", _count(1000, 1_000_000_000), "bytes of a feed, unpacked, at the most")
    page_bytes: int = _setting("5000000", _count(1000, 1_000_000_000), "bytes of a page, unpacked, at the most")
    extract_timeout: float = _setting("20", _number(0.1, 300), "seconds one page may take to extract")
    attempts: int = _setting("3", _count(1, 20), "how often an entry or a mail server that fails is tried")
    lease: float = _setting(
        "120", _number(1, 3600), "seconds a worker has for a piece of work before others may take it"
    )
    sweep_every: float = _setting("10", _number(0.1, 3600), "seconds between two looks for due and abandoned work")
    ingest_backlog: int = _setting(
        "5000",
        _count(1, 100_000_000),
        "entries of news that may wait to be ingested: with more, feeds are polled less often, with twice as many not "
        "at all (docs/scale.md)",
    )
    disk_reserve: int = _setting(
        "2000000000",
        _count(0, 1_000_000_000_000_000),
        "bytes of the store's disk, above what it needs to take writes, that polling leaves free: with less than twice "
        "as many left feeds are polled less often; 0 for no look at the disk",
    )
    look_again: float = _setting(
        "3600", _number(0, 86_400), "seconds after which a young page is fetched once more; 0 for never"
    )
    old_before_added: float = _setting(
        "172800",
        _number(0, 10_000_000_000),
        "seconds before its feed was added: what was published earlier alerts nobody (docs/freshness.md)",
    )
    old_when_seen: float = _setting(
        "604800",
        _number(0, 10_000_000_000),
        "seconds before it was first seen: what was published earlier alerts nobody",
    )
    variants: bool = _setting("true", _flag, "whether queries find spelling and name variants unless told otherwise")
    variants_file: str = _setting(
        "", _plain, "file of your own spellings, a line for each thing: Kyiv|Kiev (docs/query.md)"
    )
    entities: str = _setting(
        "rules", _tagger, "who finds people, places and organisations: rules, or spacy:MODEL (docs/entities.md)"
    )
    entities_file: str = _setting(
        "", _plain, "file of your own people, places and organisations, which come first (docs/entities.md)"
    )
    keep: float = _setting(
        "0",
        _number(0, 36_500),
        "days for which stories are kept, with their entries, matches and settled deliveries; 0: for ever "
        "(docs/operations.md)",
    )
    keep_size: int = _setting(
        "0",
        bytes_of,
        "bytes that the store may take up, such as 50g: beyond, the oldest stories go; 0: as many as there are",
    )
    keep_audits: float = _setting("0", _number(0, 36_500), "days for which the audit log is kept; 0: for ever")
    log_level: str = _setting("INFO", _one_of("DEBUG", "INFO", "WARNING", "ERROR"), "how much is logged")
    log_format: str = _setting(
        "auto",
        _one_of("auto", "json", "text"),
        "how it is logged: json, text, or auto for text on a terminal and else json (docs/logs.md)",
    )
    metrics_host: str = _setting("127.0.0.1", _plain, "address on which each process serves its metrics, to anybody")
    metrics_port: int = _setting(
        "0", _count(0, 65_535), "port on which each process serves its metrics (docs/metrics.md); 0 for none"
    )
    traces: str = _setting(
        "", _traces, "where spans are sent: http(s)://host:4318 of an OpenTelemetry collector; empty for nowhere"
    )


def load(environment: Mapping[str, str] | None = None, config: Path | None = None, **overrides: str | None) -> Settings:
    """Read the settings: `overrides` (command line) before environment before config file before defaults.

    Raises SettingError naming the setting and the cure.
    """
    environment = os.environ if environment is None else environment
    given = _from_file(config) if config else {}
    names = {item.name for item in fields(Settings)}
    secrets = {item.name for item in fields(Settings) if item.metadata["secret"]}
    for key, value in environment.items():
        if key.startswith("WIREWATCH_") and key != "WIREWATCH_CONFIG":
            given[key.removeprefix("WIREWATCH_").lower()] = value
    given |= {name: value for name, value in overrides.items() if value is not None}
    for name in secrets:
        _take_from_file(name, given)
    for name in given.keys() - names:
        # A secret may stand under a name that was mistyped.
        raise SettingError(name, "…", "there is no such setting: see docs/settings.md")
    data = given.get("data", "data")
    made = Settings(**{item.name: _parse(item, given, data) for item in fields(Settings)})
    _check_together(made)
    return made


TASK_PART = 0.9
"""Of a lease, after which the process of a task is ended, so that no lease runs out under work that goes on."""


def _check_together(made: Settings) -> None:
    """Raise SettingError for what can be used alone, and not beside the others."""
    if made.poll_floor > made.poll_ceiling:
        cure = f"give no more than WIREWATCH_POLL_CEILING, which is {made.poll_ceiling:g}, or set that too"
        raise SettingError("poll_floor", f"{made.poll_floor:g}", cure)
    if made.lease * TASK_PART <= made.extract_timeout:
        cure = (
            f"a task is ended at {TASK_PART:g} of it, and one page may take WIREWATCH_EXTRACT_TIMEOUT, "
            f"{made.extract_timeout:g} s: give more than {made.extract_timeout / TASK_PART:.0f}, better 120"
        )
        raise SettingError("lease", f"{made.lease:g}", cure)
    store = urlsplit(made.store)
    if store.username and not (store.password or made.store_password or made.store_api_key):
        cure = f"WIREWATCH_STORE names the user {store.username!r}: give their password (in .env for docker-compose: "
        raise SettingError("store_password", "", f"{cure}copy .env.example and set ELASTIC_PASSWORD)")


def changed(settings: Settings, **given: str) -> Settings:
    """`settings` with those in `given`, as a person writes them. Raises SettingError."""
    items = {item.name: item for item in fields(Settings)}
    return replace(settings, **{name: _parse(items[name], given, str(settings.data)) for name in given})


def _take_from_file(name: str, given: dict[str, str]) -> None:
    """Put what stands in the file of a secret in its place."""
    file = given.pop(f"{name}_file", "")
    if not file:
        return
    if given.get(name):
        raise SettingError(f"{name}_file", file, f"WIREWATCH_{name.upper()} is set too: give one of them")
    try:
        given[name] = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{name}_file", file, getattr(error, "strerror", None) or "is no text") from None
    if not given[name]:
        raise SettingError(f"{name}_file", file, "it is empty")


def _parse(item: Any, given: Mapping[str, str], data: str) -> Any:
    text = given.get(item.name, item.metadata["default"]).replace("{data}", str(Path(data).absolute()))
    try:
        return item.metadata["parse"](text)
    except ValueError as error:
        shown = "…" if item.metadata["secret"] else text
        raise SettingError(item.name, shown, str(error)) from None


def _from_file(path: Path) -> dict[str, str]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingError("config", str(path), error.strerror or "can't be read") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError("config", str(path), f"not TOML: {error}") from None
    return {name: _as_text(value) for name, value in content.items()}


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value)


@dataclass(frozen=True, slots=True)
class InForce:
    """A setting as it may be shown: `value` and `default` are text, without anything secret."""

    name: str
    value: str
    default: str
    meaning: str

    @property
    def changed(self) -> bool:
        """Whether somebody has set it."""
        return self.value != self.default


def in_force(settings: Settings) -> list[InForce]:
    """Every setting as it is, for operators to look at: what is secret is said to be set, and no more."""
    return [_in_force(item, getattr(settings, item.name), str(settings.data)) for item in fields(Settings)]


def _in_force(item: Any, value: object, data: str) -> InForce:
    default = item.metadata["default"].replace("{data}", data)
    if item.metadata["secret"]:
        return InForce(item.name, "set, not shown" if value else "", "", item.metadata["meaning"])
    parsed = Path(data) if item.name == "data" else item.metadata["parse"](default)
    return InForce(item.name, _shown(value), _shown(parsed), item.metadata["meaning"])


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return without_secrets(f"{value:g}" if isinstance(value, float) else str(value))


def table() -> str:
    """Render all settings as the Markdown table of docs/settings.md."""
    lines = ["| setting | default | meaning |", "|-|-|-|"]
    for item in fields(Settings):
        default = f"`{item.metadata['default']}`" if item.metadata["default"] else "–"
        name = f"WIREWATCH_{item.name.upper()}"
        names = f"`{name}`, `{name}_FILE`" if item.metadata["secret"] else f"`{name}`"
        lines.append(f"| {names} | {default} | {item.metadata['meaning']} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())  # noqa: T201
