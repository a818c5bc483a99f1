"""The stages strung together over the ports: poll, ingest, notify, and the sweep that takes up what was left.

    poll     fetch → parse → entries written `pending`
    ingest   fetch the page → extract → enrich → dedupe → index → match → deliveries written `pending`
    notify   decide → render → send → recorded in the ledger
    subscribe  hubs are asked to push what their feeds publish; what they push goes the way of a poll (push.py)
    sweep    what is due, abandoned or half-written is named again
    watch    whether the ledger adds up and the feeds are heard; the operators are told

Each takes ids and returns a report with the ids for the next, so that it does not matter who carries them.
"""

from pipeline.flow.ingest import IngestReport, ingest
from pipeline.flow.notify import NotifyReport, notify
from pipeline.flow.poll import PollReport, poll
from pipeline.flow.subscribe import SubscribeReport, subscribe
from pipeline.flow.sweep import Work, sweep
from pipeline.flow.watchdog import watch

__all__ = [
    "IngestReport",
    "NotifyReport",
    "PollReport",
    "SubscribeReport",
    "Work",
    "ingest",
    "notify",
    "poll",
    "subscribe",
    "sweep",
    "watch",
]
