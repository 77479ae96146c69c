"""Section 8, Maintenance: absences that were announced ahead."""

from . import state
from .numbers import ONE

HEIGHT_MAX = (1 << 64) - 1


def maintain(led, sender, event):
    led.require_participant(sender)
    participant = led.state.edit(state.participant(sender))
    known, time = participant["maintenance"], led.params["time"]
    begun = known is not None and known["from_height"] <= led.height
    first, blocks = event["from_height"], event["blocks"]
    if blocks == 0:
        led.require(known is not None and not begun, "TooLate")
        before = known["before_until"]
        participant["maintenance"] = {"from_height": before, "until_height": before, "before_until": 0} if before else None
        return led.tell("MaintenanceAnnounced", participant=sender, from_height=0, until_height=0)
    last = 0 if known is None else known["until_height"] if begun else known["before_until"]
    led.require(blocks <= time["maintenance_blocks_max"] and first + blocks <= HEIGHT_MAX, "OutOfBounds")
    led.require(first >= led.height + max(time["maintenance_notice_blocks"], 1), "TooLate")
    if last > 0:
        led.require(first >= last + time["maintenance_gap_blocks"], "TooEarly")
        led.require(last < led.table(led.chain["epoch_settled"])["first_height"], "TooEarly")
    participant["maintenance"] = {"from_height": first, "until_height": first + blocks - 1, "before_until": last}
    led.tell("MaintenanceAnnounced", participant=sender, from_height=first, until_height=first + blocks - 1)


def blocks_away(led, who, first, until):
    """Of these blocks, both ends included."""
    participant = led.state.get(state.participant(who))
    known = participant["maintenance"] if participant else None
    if known is None:
        return 0
    return max(0, min(until, known["until_height"]) - max(first, known["from_height"]) + 1)


def was_away(led, who, first, until):
    return blocks_away(led, who, first, until) > 0


def is_passed_over(led, who):
    return was_away(led, who, max(0, led.height - led.params["time"]["grace_blocks"]), led.height)


def present_in(led, epoch, who):
    first, end = (led.table(number)["first_height"] for number in (epoch, epoch + 1))
    return (end - first - blocks_away(led, who, first, end - 1)) * ONE // (end - first)
