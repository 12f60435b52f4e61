"""How amounts are said on pages: waiting times, sizes, and how long something is past."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AmountTexts:
    """``_one`` and ``_many`` are the two numbers that a word may have."""

    seconds_one: str = "1 second"
    seconds_many: str = "{count} seconds"
    minutes_one: str = "1 minute"
    minutes_many: str = "{count} minutes"
    hours_many: str = "{count} hours"
    ago_now: str = "just now"
    ago_minutes_one: str = "1 minute ago"
    ago_minutes_many: str = "{count} minutes ago"
    days_many: str = "{count} days"
    ago_hours_one: str = "1 hour ago"
    ago_hours_many: str = "{count} hours ago"
    ago_days_one: str = "1 day ago"
    ago_days_many: str = "{count} days ago"
    size_bytes: str = "{count} bytes"
    size_kilobytes: str = "{count} kB"
    size_megabytes: str = "{count} MB"

    def duration(self, seconds: int) -> str:
        """A waiting time in words: seconds up to 90, minutes up to two hours, then hours, or whole days; rounded up."""
        if seconds <= 90:
            return self.seconds_one if seconds == 1 else self.seconds_many.format(count=seconds)
        minutes = -(-seconds // 60)
        if seconds >= 172_800 and seconds % 86_400 == 0:
            return self.days_many.format(count=seconds // 86_400)
        if minutes > 120:
            return self.hours_many.format(count=-(-minutes // 60))
        return self.minutes_one if minutes == 1 else self.minutes_many.format(count=minutes)

    def size(self, count: int) -> str:
        """A number of bytes in words."""
        if count < 1000:
            return self.size_bytes.format(count=count)
        if count < 1_000_000:
            return self.size_kilobytes.format(count=round(count / 1000))
        return self.size_megabytes.format(count=f"{count / 1_000_000:.1f}")

    def ago(self, seconds: int) -> str:
        """How long something is past, in words; rounded down."""
        if seconds < 60:
            return self.ago_now
        if seconds < 3600:
            count, one, many = seconds // 60, self.ago_minutes_one, self.ago_minutes_many
        elif seconds < 86_400:
            count, one, many = seconds // 3600, self.ago_hours_one, self.ago_hours_many
        else:
            count, one, many = seconds // 86_400, self.ago_days_one, self.ago_days_many
        return one if count == 1 else many.format(count=count)
