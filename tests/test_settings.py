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
    ("lease", "soon", "number"),
    ("lease", "0", "from 1"),
    ("allow_private", "here", "10.0.0.0/8"),
    ("pages", "sometimes", "always"),
    ("attempts", "2.5", "whole"),
    ("variants", "maybe", "true or false"),
    ("mail_from", "nobody", "mail address"),
    ("leese", "1", "no such setting"),
]


@pytest.mark.parametrize(("name", "value", "cure"), WRONG)
def test_a_setting_that_cant_be_used_is_named_with_its_cure(name, value, cure):
    with pytest.raises(SettingError) as caught:
        load({f"WIREWATCH_{name.upper()}": value})
    assert f"WIREWATCH_{name.upper()}='{value}'" in str(caught.value)
    assert cure in str(caught.value)


def test_a_config_file_that_cant_be_read_is_named(tmp_path):
    with pytest.raises(SettingError, match="No such file"):
        load({}, tmp_path / "nowhere.toml")
    (tmp_path / "bad.toml").write_text("not = = toml")
    with pytest.raises(SettingError, match="not TOML"):
        load({}, tmp_path / "bad.toml")


def test_every_setting_stands_in_the_docs():
    assert table() in (ROOT / "docs" / "settings.md").read_text()
