"""Recipients, groups and channels as a person describes them, and what each recipient says of their own mails."""

from __future__ import annotations

from msgspec.structs import replace

from pipeline.deliver.channel import shown
from pipeline.deliver.links import Action
from pipeline.errors import BadInput
from pipeline.flow.accounts.audit import record
from pipeline.flow.readers import channels, people, preferences
from pipeline.flow.readers.people import NewGroup, NewRecipient, checked_address
from pipeline.flow.readers.recipients import group_id, recipients_of
from pipeline.model import EVERY_ALERT, Delivery, Group, Recipient
from pipeline.ports import Ports


def put_recipient(ports: Ports, who: str, new: NewRecipient, *, reinstate: bool = False) -> Recipient:
    """Save what is said of a recipient; the rest stays. `reinstate` lifts that it was given up. Raises BadInput."""
    before = _known(ports, checked_address(ports, new.address))
    return _logged(ports, who, before, people.put_recipient(ports, new, reinstate=reinstate))


def set_subscribed(ports: Ports, who: str, address: str, what: str = EVERY_ALERT, *, subscribed: bool) -> Recipient:
    """Subscribe or unsubscribe somebody from an alert (`what` is its id) or from all. Raises BadInput."""
    address = checked_address(ports, address)
    before = _known(ports, address)
    return _logged(ports, who, before, preferences.set_subscribed(ports, address, what, subscribed=subscribed))


def change_own_alert(ports: Ports, address: str, alert_id: str, action: Action) -> Recipient:
    """Subscribe or mute an alert that goes to whoever asks, or undo that. Raises BadInput for an action on a story."""
    before = _known(ports, address)
    return _logged(ports, address, before, preferences.change_alert_for(ports, address, alert_id, action))


def call_story(ports: Ports, delivery: Delivery, action: Action) -> None:
    """Call what a delivery was about relevant or not, for its recipient. Raises BadInput for an action on an alert."""
    if action not in (Action.RELEVANT, Action.IRRELEVANT):
        raise BadInput(f"{action} is said of an alert, not of a story: go to your preferences")
    preferences.change_for(ports, delivery, action)
    story = ports.stores.stories.get([delivery.story_id]).get(delivery.story_id)
    about = story.url if story else delivery.story_id
    record(ports, delivery.recipient, f"call story {action}", about, None, None)


def put_group(ports: Ports, who: str, new: NewGroup) -> Group:
    """Make or replace a group. Raises BadInput."""
    before = ports.stores.groups.get([group_id(new.name)]).get(group_id(new.name))
    after = people.put_group(ports, new)
    record(ports, who, "change group" if before else "add group", after.name, before, after)
    return after


def remove_group(ports: Ports, who: str, name: str) -> None:
    """Remove a group that no alert names. Raises NotFound, BadInput."""
    before = ports.stores.groups.get([group_id(name)]).get(group_id(name))
    people.remove_group(ports, name)
    record(ports, who, "remove group", before.name if before else name, before, None)


def put_channel(ports: Ports, who: str, address: str, *, secret: str = "", name: str = "") -> Recipient:
    """Keep the recipient at an address that posts go to. Raises BadInput."""
    after = channels.put_channel(ports, address, secret=secret, name=name)
    record(ports, who, "put channel", shown(address), None, None)
    return after


def _known(ports: Ports, address: str) -> Recipient:
    return recipients_of(ports, [address])[address]


def _logged(ports: Ports, who: str, before: Recipient, after: Recipient) -> Recipient:
    """Write it down where anything was changed."""
    if after != replace(before, updated_at=after.updated_at):
        did = "change preferences" if who == after.address else "change recipient"
        record(ports, who, did, shown(after.address), before, after)
    return after
