"""Tries are counted for all processes of a console where Redis is the broker."""

from __future__ import annotations

import pytest
import trustme
from limits import RateLimitItemPerMinute

from pipeline.settings import load
from tests.servers import free_port
from tests.tls import PASSWORD, redis_over_tls
from workers.console.windows import Windows

TWO = RateLimitItemPerMinute(2)


@pytest.mark.redis
def test_two_processes_count_together_and_forget_together(redis_url):
    one, other = (Windows(load({}, broker=redis_url)) for _ in range(2))
    assert [one.hit(TWO, "ana@example.org"), other.hit(TWO, "ana@example.org")] == [True, True]
    assert [one.hit(TWO, "ana@example.org"), other.hit(TWO, "ana@example.org")] == [False, False]
    assert other.hit(TWO, "ben@example.org")
    assert one.left(TWO, "ben@example.org").remaining == 1
    other.forget(TWO, "ana@example.org")
    assert one.hit(TWO, "ana@example.org")


@pytest.mark.redis
def test_a_redis_over_tls_with_a_password_of_its_own_counts_for_all(tmp_path):
    with redis_over_tls(trustme.CA(), tmp_path, name="localhost") as port:
        given = {"broker_password": PASSWORD, "broker_ca": f"{tmp_path}/ca.pem"}
        one, other = (Windows(load({}, broker=f"rediss://localhost:{port}/0", **given)) for _ in range(2))
        assert [one.hit(TWO, "x"), other.hit(TWO, "x"), one.hit(TWO, "x")] == [True, True, False]


@pytest.mark.redis
def test_no_address_of_a_person_stands_in_redis(redis_url):
    from redis import Redis

    Windows(load({}, broker=redis_url)).hit(TWO, "eva@example.org")
    with Redis.from_url(redis_url) as redis:
        keys = [key.decode() for key in redis.keys("*wirewatch-tries*")]
    assert keys
    assert not any("eva" in key for key in keys)


def test_without_redis_each_process_counts_for_itself():
    windows = Windows(load({}, broker=f"redis://127.0.0.1:{free_port()}/0"))
    assert [windows.hit(TWO, "ana@example.org") for _ in range(3)] == [True, True, False]
    windows.forget(TWO, "ana@example.org")
    assert windows.hit(TWO, "ana@example.org")


def test_in_memory_each_has_its_own():
    one, other = (Windows(load({}, broker="memory://")) for _ in range(2))
    assert [one.hit(TWO, "x") for _ in range(3)] == [True, True, False]
    assert other.hit(TWO, "x")
