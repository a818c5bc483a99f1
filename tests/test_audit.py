"""What `make audit` makes of what pip-audit found."""

from __future__ import annotations

from tools.audit import judged

FOUND = {
    "dependencies": [
        {"name": "fine", "version": "1", "vulns": []},
        {"name": "bad", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]},
        {"name": "skipped", "skip_reason": "not on the index"},
    ]
}


def test_a_finding_is_named_with_the_version_that_mends_it():
    assert judged(FOUND, {}) == ["bad 2: PYSEC-1, mended in 3"]


def test_a_finding_that_is_accepted_with_a_reason_is_none():
    assert judged(FOUND, {"PYSEC-1": "never called"}) == []


def test_what_is_accepted_and_found_no_more_is_to_be_taken_out():
    assert judged(FOUND, {"PYSEC-1": "never called", "PYSEC-2": "old"}) == [
        "PYSEC-2 is accepted and not found: take it out of accepted.toml"
    ]
