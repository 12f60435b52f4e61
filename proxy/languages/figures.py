"""Numbers and days as the language in use writes them. English needs no library for it."""

from __future__ import annotations

from datetime import date

from proxy.languages.current import current_language


def figure(number: float, *, decimals: int = 0) -> str:
    """With its thousands told apart. The digits are those of English everywhere, as those of codes and times are."""
    tag = current_language().tag
    if tag == "en":
        return f"{number:,.{decimals}f}"
    from babel.numbers import format_decimal  # only where another language is configured

    return format_decimal(number, format=f"#,##0.{'0' * decimals}" if decimals else "#,##0", locale=tag)


def percent(share: float) -> str:
    """`share` of 100, with one decimal."""
    tag = current_language().tag
    if tag == "en":
        return f"{share:.1f}%"
    from babel import Locale
    from babel.numbers import format_percent

    pattern = Locale.parse(tag).percent_formats[None].pattern  # whether there is a space before the sign
    return format_percent(share / 100, format=pattern.replace("0", "0.0"), locale=tag)


def day_text(day: date, *, with_year: bool) -> str:
    """Such as ``3 December``."""
    tag = current_language().tag
    if tag == "en":
        return f"{day.day} {day:%B} {day.year}" if with_year else f"{day.day} {day:%B}"
    from babel.dates import format_skeleton

    return format_skeleton("yMMMMd" if with_year else "MMMMd", day, locale=tag)
