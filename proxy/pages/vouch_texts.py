"""What is said about vouching: to the person without a phone, and to their manager."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VouchTexts:
    """``{name}`` marks what is filled in with `str.format`; nothing here is HTML."""

    no_phone: str = "I don’t have my phone"

    ask_title: str = "Ask your manager"
    ask_lead: str = "{manager} can vouch for you, so that you can go on without your phone today."
    confines: str = "You can then open only the apps that you choose here, until the hours are over."
    reason: str = "Why do you not have your phone?"
    reason_hint: str = "{manager} sees this, and it is recorded."
    hours: str = "Hours"
    hours_hint: str = "{most} at most."
    apps: str = "Apps that you need"
    ask: str = "Ask {manager}"
    to_code: str = "Back to your code"
    wrong_reason: str = "Write down the reason, in 200 characters at most."
    wrong_hours: str = "Enter whole hours, {most} at most."
    wrong_apps: str = "Choose at least one app."

    nobody_title: str = "Nobody can vouch for you"
    nobody: str = "The directory names no manager of yours who can vouch for you now. Call your IT help desk."
    type_it: str = "The help desk gave you a pass. Go back and choose “{link}”."
    too_often: str = "You have asked too often. Your IT help desk can help you sooner."

    wait_title: str = "Call {manager}"
    wait_lead: str = "Tell {manager} these two words, in person or from another phone:"
    wait_where: str = (
        "{manager} signs in at {host}, follows “{link}” there, chooses the same words and says yes. "
        "Tell the words to nobody else, least of all to somebody who calls you."
    )
    wait_status: str = "We are waiting for {manager}. This page goes on by itself."
    wait_until: str = "They can answer until {time}."
    look: str = "Look again"

    yes_title: str = "{manager} vouched for you"
    yes: str = "Continue to {apps}. You can open nothing else, and it ends at {time}."
    go_on: str = "Continue"
    no_title: str = "Nobody vouched for you"
    ask_again: str = "Ask again, or go back to your code"
    no: str = "Your manager said no. If that was a mistake, call them before you ask again."
    wrong_words: str = "Your manager chose other words than yours. Call them, and ask again."
    over: str = "Nobody answered in time, or what was given has ended. You can ask again."

    asks_one: str = "Somebody asks you to vouch for them"
    asks_many: str = "{count} people ask you to vouch for them"
    title: str = "Vouch for somebody"
    off: str = "There is no second factor here that somebody could vouch for."
    lead: str = (
        "These people have proven their password, and say that they do not have their phone. "
        "Say yes only if you have spoken with them and they told you the words on their page."
    )
    none: str = "Nobody asks you."
    login: str = "User name"
    opens: str = "They want to open"
    why: str = "Their reason"
    asked: str = "Asked"
    words: str = "Which words did they tell you?"
    words_hint: str = "You can choose once. If they told you none, say no."
    yes_button: str = "Yes, I vouch for {name}"
    no_button: str = "No"
    said_yes: str = "You vouched. They were told, and can go on now."
    said_no: str = "You said no. Nothing was opened."
    gone: str = "This has been answered already, or is over. Nothing was changed."
    not_manager: str = "The directory does not name you as their manager, so you cannot vouch for them."
    wrong: str = "These are not the words on their page. Nothing was opened. If they asked you, let them ask again."
    given_meanwhile: str = "The help desk has given them a pass in the meantime."
    throttled: str = "There were too many wrong answers. Try again later."

    pending: str = "People whose managers are asked to vouch for them"
    asks: str = "Asks"
    until: str = "Until"


VOUCH_WORDS = VouchTexts()
