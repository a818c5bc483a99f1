"""settings: one table, three places to set them, and a clear word for what can't be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import SettingError
from pipeline.settings import load, table

ROOT = Path(__file__).resolve().parents[1]


def test_defaults_stand_in_the_data_folder(tmp_path):
    settings = load({}, data=str(tmp_path))
    assert settings.store == f"sqlite:///{tmp_path}/wirewatch.db"
    assert settings.mail == f"maildir:///{tmp_path}/mail"


def test_the_command_line_comes_before_the_environment_before_the_file(tmp_path):
    file = tmp_path / "wirewatch.toml"
    file.write_text('lease = 60\nsweep_every = 3\nallow_private = ["10.0.0.0/8", "127.0.0.1/32"]\nvariants = false\n')
    settings = load({"WIREWATCH_SWEEP_EVERY": "5", "WIREWATCH_DATA": "/a"}, file, data="/b")
    assert (settings.lease, settings.sweep_every, str(settings.data), settings.variants) == (60, 5, "/b", False)
    assert len(settings.allow_private) == 2


WRONG = [
    ("store", "mysql://x", "sqlite://"),
    ("store", "http://localhost:99999", "from 1 to 65535"),
    ("store", "http://h:abc", "from 1 to 65535"),
    ("store", "http://h:0", "from 1 to 65535"),
    ("store", "http://", "name a server"),
    ("store", "http://[h", "IPv6"),
    ("broker", "redis://h:abc", "from 1 to 65535"),
    ("broker", "redis://", "name a server"),
    ("broker", "rediss://h/xx", "rediss://host:6379/0"),
    ("mail", "smtp://127.0.0.1:abc", "from 1 to 65535"),
    ("mail", "smtps://", "name a server"),
    ("store_prefix", "Wire/Watch", "lower-case"),
    ("store_prefix", "Upper", "lower-case"),
    ("store_prefix", "a*", "lower-case"),
    ("store_prefix", "-a", "lower-case"),
    ("store_prefix", "", "lower-case"),
    ("lease", "5", "WIREWATCH_EXTRACT_TIMEOUT"),
    ("poll_floor", "20000", "WIREWATCH_POLL_CEILING"),
    ("lease", "soon", "number"),
    ("lease", "0", "from 1"),
    ("allow_private", "here", "10.0.0.0/8"),
    ("pages", "sometimes", "always"),
    ("attempts", "2.5", "whole"),
    ("variants", "maybe", "true or false"),
    ("mail_from", "nobody", "mail address"),
]


@pytest.mark.parametrize(("name", "value", "cure"), WRONG)
def test_a_setting_that_cant_be_used_is_named_with_its_cure(name, value, cure):
    with pytest.raises(SettingError) as caught:
        load({f"WIREWATCH_{name.upper()}": value})
    assert f"WIREWATCH_{name.upper()}='{value}'" in str(caught.value)
    assert cure in str(caught.value)


def test_a_setting_that_there_is_not_is_named_and_not_told_as_a_secret_may_stand_in_it():
    with pytest.raises(SettingError, match=r"WIREWATCH_MAIL_PASWORD.*no such setting") as caught:
        load({"WIREWATCH_MAIL_PASWORD": "hunter2"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("address", ["smtp://me:hunter2@h:x", "smtp://me:hun?ter2@h", "smtp://me:hunter2#@h"])
def test_a_password_in_an_address_that_cant_be_used_is_not_told(address):
    with pytest.raises(SettingError, match="WIREWATCH_MAIL=") as caught:
        load({"WIREWATCH_MAIL": address})
    assert "hun" not in str(caught.value)


GOOD = [
    ("store", "https://elastic.example.org/behind/a/path"),
    ("store", "http://[::1]:9200"),
    ("store_prefix", "wire.watch_2-a"),
    ("broker", "redis://h"),
    ("broker", "rediss://:p%23w@h:6380/"),
    ("broker", "redis://h:6379/15?health_check_interval=5"),
    ("mail", "smtp://me@mail.example.org:587"),
]


@pytest.mark.parametrize(("name", "value"), GOOD)
def test_a_setting_that_can_be_used_stays_as_it_was_given(name, value):
    assert str(getattr(load({f"WIREWATCH_{name.upper()}": value}), name)) == value


def test_settings_that_can_just_be_used_together_are_taken():
    assert load({"WIREWATCH_POLL_FLOOR": "14400"}).poll_ceiling == 14400
    assert load({"WIREWATCH_LEASE": "12", "WIREWATCH_EXTRACT_TIMEOUT": "10"}).lease == 12


def test_a_config_file_that_cant_be_read_is_named(tmp_path):
    with pytest.raises(SettingError, match="No such file"):
        load({}, tmp_path / "nowhere.toml")
    (tmp_path / "bad.toml").write_text("not = = toml")
    with pytest.raises(SettingError, match="not TOML"):
        load({}, tmp_path / "bad.toml")


def test_every_setting_stands_in_the_docs():
    assert table() in (ROOT / "docs" / "settings.md").read_text()
