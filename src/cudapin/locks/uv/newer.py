"""`exclude-newer` as uv writes it: a moment, a date, or a span of time before now.

A moment may move forward without making a lock stale, a span must stay the same. Spans are compared by their units
as written (`7 days` is `P7D`, but not `1 week`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

__all__ = ["Newer", "is_satisfied", "parse_newer", "read_locked_newer"]

_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})")
_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)?([Zz]|[+-][0-9]{2}:?[0-9]{2})"
)
_ISO = re.compile(
    r"P(?:([0-9]+)Y)?(?:([0-9]+)M)?(?:([0-9]+)W)?(?:([0-9]+)D)?"
    r"(?:T(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+)S)?)?",
    re.IGNORECASE,
)
_FRIENDLY = re.compile(r"([0-9]+)\s*([a-z]+)", re.IGNORECASE)
_UNITS = (
    ("y", "yr", "yrs", "year", "years"),
    ("mo", "mos", "month", "months"),
    ("w", "wk", "wks", "week", "weeks"),
    ("d", "day", "days"),
    ("h", "hr", "hrs", "hour", "hours"),
    ("m", "min", "mins", "minute", "minutes"),
    ("s", "sec", "secs", "second", "seconds"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Newer:
    """A limit: `span` in its units, or the earliest and latest moment it can mean; neither of both: no limit.

    A bare date ends with the day in the time zone of whoever locked, which nobody else knows.
    """

    text: str
    span: tuple[int, ...] | None = None
    earliest: datetime | None = None
    latest: datetime | None = None


def parse_newer(value: object) -> Newer | None:  # noqa: PLR0911
    """Return what a setting means, None when that cannot be told."""
    if value is False:
        return Newer(text="false")
    if not isinstance(value, str):
        return None
    text = value.strip()
    if (span := _span(text)) is not None:
        return Newer(text=text, span=span)
    try:
        if match := _DATE.fullmatch(text):
            end = datetime.fromisoformat(match[1]).replace(tzinfo=timezone.utc) + timedelta(days=1)
            return Newer(text=text, earliest=end - timedelta(hours=14), latest=end + timedelta(hours=12))
        if match := _MOMENT.fullmatch(text):
            zone = "+00:00" if match[4] in "Zz" else match[4]
            zone = zone if ":" in zone else f"{zone[:3]}:{zone[3:]}"
            fraction = f".{match[3][1:7]:0<6}" if match[3] else ""
            moment = datetime.fromisoformat(f"{match[1]}T{match[2]}{fraction}{zone}")
            return Newer(text=text, earliest=moment, latest=moment)
    except (ValueError, OverflowError):
        return None
    return None


def _span(text: str) -> tuple[int, ...] | None:
    if text[:1] in {"P", "p"} and (match := _ISO.fullmatch(text)) and any(match.groups()):
        return tuple(int(part or 0) for part in match.groups())
    body = re.sub(r"[\s,]*(?:\bago)?$", "", text)
    parts = _FRIENDLY.findall(body)
    if not parts or re.sub(r"[\s,]+", "", body) != "".join(number + unit for number, unit in parts):
        return None
    counts = [0] * len(_UNITS)
    for number, unit in parts:
        place = next((at for at, names in enumerate(_UNITS) if unit.lower() in names), None)
        if place is None:
            return None
        counts[place] += int(number)
    return tuple(counts)


def read_locked_newer(value: object, span: object = None) -> Newer | None:
    """Return what a lock recorded: a moment, `false`, or a table or pair with the span that counts."""
    if isinstance(value, dict):
        return read_locked_newer(value.get("timestamp"), value.get("span"))
    return parse_newer(value if span is None else span)


def is_satisfied(wanted: Newer, locked: Newer) -> bool:
    """Tell whether a lock made under one limit still stands under the wanted one."""
    if wanted.span is not None or locked.span is not None:
        return wanted.span == locked.span
    if wanted.latest is None or locked.earliest is None:
        return wanted.latest is locked.earliest
    return wanted.latest >= locked.earliest
