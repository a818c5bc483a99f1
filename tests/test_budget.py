"""The budget of a host: in one process, and shared through a real Redis by several."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from uuid import uuid4

import pytest

from pipeline.adapters import budget
from pipeline.adapters.budget import HostBudget, LocalBudget, TurnTooFar
from pipeline.adapters.redis_budget import RedisBudget
from pipeline.settings import Settings, load

Make = Callable[[Settings], HostBudget]


@pytest.fixture(params=["local", pytest.param("redis", marks=pytest.mark.redis)])
def make(request) -> Make:
    if request.param == "local":
        return LocalBudget
    url = request.getfixturevalue("redis_url")
    return lambda settings: RedisBudget(url, settings)


@pytest.fixture
def host() -> str:
    return f"{uuid4().hex}.example"


async def ask(asked: HostBudget, host: str, starts: list[float], hold: float = 0.0) -> None:
    async with asked.turn(host):
        starts.append(asyncio.get_running_loop().time())
        await asyncio.sleep(hold)


def test_starts_to_one_host_are_spaced(make, host):
    async def run() -> list[float]:
        asked = make(load({}, host_spacing="0.1"))
        starts: list[float] = []
        await asyncio.gather(*(ask(asked, host, starts) for _ in range(4)))
        await asked.close()
        return sorted(starts)

    starts = asyncio.run(run())
    assert all(later - earlier > 0.08 for earlier, later in pairwise(starts))


def test_no_more_than_its_places_are_taken_at_once(make, host):
    async def run() -> int:
        asked = make(load({}, host_spacing="0", host_parallel="2"))
        inside = most = 0

        async def visit() -> None:
            nonlocal inside, most
            async with asked.turn(host):
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0.05)
                inside -= 1

        await asyncio.gather(*(visit() for _ in range(7)))
        await asked.close()
        return most

    assert asyncio.run(run()) == 2


def test_a_busy_host_holds_nobody_else_up(make, host):
    async def run() -> float:
        asked = make(load({}, host_spacing="5"))
        starts: list[float] = []
        began = asyncio.get_running_loop().time()
        await ask(asked, host, starts)
        waiting = asyncio.ensure_future(ask(asked, host, starts))
        await ask(asked, f"other.{host}", starts)
        took = asyncio.get_running_loop().time() - began
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await asked.close()
        return took

    assert asyncio.run(run()) < 2


def test_a_host_that_asks_for_peace_gets_it_and_who_asks_is_told_how_long(make, host):
    async def run() -> None:
        asked = make(load({}, host_spacing="0"))
        await asked.leave_alone(host, 3_600)
        with pytest.raises(TurnTooFar) as told:
            await ask(asked, host, [])
        assert 3_500 < told.value.seconds <= 3_600
        await ask(asked, f"other.{host}", [])
        await asked.close()

    asyncio.run(run())


def test_those_who_wait_for_a_place_are_told_how_long_when_its_holder_is_asked_for_peace(make, host):
    async def run() -> None:
        asked = make(load({}, host_spacing="0", host_parallel="1"))
        async with asked.turn(host):
            waiting = [asyncio.ensure_future(ask(asked, host, [])) for _ in range(3)]
            await asyncio.sleep(0)  # until all of them wait
            await asked.leave_alone(host, 3_600)
        done, pending = await asyncio.wait(waiting, timeout=5)
        for one in pending:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await asked.close()
        assert not pending
        told = [one.exception() for one in done]
        assert all(isinstance(one, TurnTooFar) and 3_500 < one.seconds <= 3_600 for one in told)

    asyncio.run(run())


def test_a_turn_that_is_too_far_off_is_not_waited_for(make, host):
    async def run() -> None:
        asked = make(load({}, host_spacing="15"))
        await ask(asked, host, [])
        waiting = [asyncio.ensure_future(ask(asked, host, [])) for _ in range(3)]
        done, pending = await asyncio.wait(waiting, timeout=5, return_when=asyncio.FIRST_EXCEPTION)
        assert done
        assert all(isinstance(one.exception(), TurnTooFar) for one in done)
        for one in pending:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await asked.close()

    asyncio.run(run())


@pytest.mark.redis
def test_two_processes_share_one_budget(redis_url, host):
    async def run() -> list[float]:
        settings = load({}, host_spacing="0.1")
        one, other = RedisBudget(redis_url, settings), RedisBudget(redis_url, settings)
        starts: list[float] = []
        await asyncio.gather(*(ask(asked, host, starts) for asked in (one, other, one, other)))
        await one.close()
        await other.close()
        return sorted(starts)

    starts = asyncio.run(run())
    assert all(later - earlier > 0.08 for earlier, later in pairwise(starts))


@pytest.mark.redis
def test_a_place_of_a_process_that_died_is_free_again(redis_url, host, monkeypatch):
    monkeypatch.setattr(budget, "LONGEST_WAIT", 1.0)

    async def run() -> None:
        settings = load({}, host_spacing="0", host_parallel="1", fetch_timeout="0.2")
        died, lives = RedisBudget(redis_url, settings), RedisBudget(redis_url, settings)
        turn = died.turn(host)
        await turn.__aenter__()
        with pytest.raises(TurnTooFar):
            await ask(lives, host, [])
        await ask(lives, host, [])
        await died.close()
        await lives.close()

    asyncio.run(run())


def test_without_redis_each_process_keeps_its_own(host, free_port):
    async def run() -> list[float]:
        asked = RedisBudget(f"redis://127.0.0.1:{free_port}/0", load({}, host_spacing="0.1"))
        starts: list[float] = []
        await asyncio.gather(*(ask(asked, host, starts) for _ in range(3)))
        await asked.close()
        return sorted(starts)

    starts = asyncio.run(run())
    assert len(starts) == 3
    assert starts[2] - starts[0] > 0.18


@pytest.fixture
def free_port() -> int:
    from tests import servers

    return servers.free_port()
