"""The console: what is served over HTTP. Each group of addresses has its room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI, Request

from pipeline.model import User
from pipeline.ports import Ports
from workers.console import (
    account,
    alerts,
    api,
    atom,
    explain,
    feeds,
    health,
    home,
    inbox,
    metrics,
    operations,
    preferences,
    refusals,
    sessions,
    shell,
    stories,
    trends,
    users,
    websub,
)
from workers.console.api.bodies import MOST_BYTES
from workers.console.forms import checked_form
from workers.console.root import Heads, Under
from workers.console.throttle import Throttle
from workers.console.windows import Windows


def make_app(
    ports: Ports,
    queue_entries: Callable[[Sequence[str]], None],
    recognise: Callable[[Request], User | None] | None = None,
) -> FastAPI:
    """The application; `queue_entries` has entries of these ids ingested.

    `recognise` tells who is looking: by default, whose session it is.
    """
    # A body is read before anybody is asked who they are. Where more may come, the route says so.
    app = FastAPI(title="Wirewatch", openapi_url=None, dependencies=[Depends(checked_form)], max_body_size=MOST_BYTES)
    throttle = Throttle(Windows(ports.settings))
    app.state.recognise = recognise or sessions.recogniser(ports)
    root = urlsplit(ports.settings.public_url).path.rstrip("/")
    app.add_middleware(Under, root=root)
    app.add_middleware(Heads)
    refusals.install(app, root)
    app.include_router(health.make_router(ports))
    app.include_router(metrics.make_router(ports))
    app.include_router(shell.make_static_router())
    app.include_router(sessions.make_router(ports, throttle))
    app.include_router(users.make_router(ports))
    app.include_router(account.make_router(ports, throttle))
    app.mount(api.PREFIX, api.make_api(ports, queue_entries))
    app.include_router(atom.make_router(ports))
    app.include_router(feeds.make_router(ports, queue_entries))
    app.include_router(operations.make_router(ports))
    app.include_router(inbox.make_router(ports))
    app.include_router(trends.make_router(ports))
    app.include_router(home.make_router(ports))
    app.include_router(alerts.make_router(ports))
    app.include_router(stories.make_router(ports))
    app.include_router(explain.make_router(ports))
    if ports.settings.websub_callback:
        app.include_router(websub.make_router(ports, queue_entries))
    if ports.settings.public_url and ports.settings.links_secret:
        app.include_router(preferences.make_router(ports))
    return app
