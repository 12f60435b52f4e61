"""What is said about app passwords: on their page, and to who has one more or one less."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AppPasswordTexts:
    """``{name}`` marks what is filled in with `str.format`; nothing here is HTML."""

    title: str = "App passwords"
    lead: str = (
        "For programs that cannot open our sign-in page, such as git, a network drive or a calendar. Each password "
        "opens one app. Never give a program the password of your account."
    )
    none: str = "You have no app password."
    off: str = "App passwords need a second factor, and your organisation asks for none."
    app: str = "App"
    used: str = "Last used"
    never: str = "never"
    made: str = "Made"
    ends: str = "Ends"
    limits: str = "Only"
    remove: str = "Remove"
    remove_of: str = "Remove {name}"

    make: str = "Make one"
    make_lead: str = "We show it once, on the next page."
    name: str = "A name, so that you know it again"
    name_hint: str = "Such as the computer and the program."
    days: str = "It ends after"
    more: str = "Limit it further"
    methods: str = "Only these methods"
    methods_hint: str = "Such as GET, PROPFIND. Empty: all."
    networks: str = "Only from these networks"
    networks_hint: str = "Such as 10.0.0.0/8. Empty: from everywhere."
    button: str = "Make the password"
    no_app: str = "Choose one of the apps."
    no_name: str = "Give it a name."
    wrong_methods: str = "Methods are written like GET, PROPFIND."
    wrong_networks: str = "Networks are written like 10.0.0.0/8, or as single addresses."
    too_many: str = "You have too many. Remove those that you no longer use."

    shown_title: str = "Your new app password"
    shown: str = "Copy it into your program now. We cannot show it again."
    shown_for: str = "It opens {app} until {end}. As the user name, take {username}."
    done: str = "I have copied it"
    removed: str = "Removed. Programs that used it are signed out."
    gone: str = "It was removed before."

    begins_again: str = "It begins again as long as its app password stands."

    subject: str = "An app password for your work sign-in"
    told_made: str = "An app password was made for your work sign-in."
    told_removed: str = "An app password for your work sign-in was removed."
    service_subject: str = "A service token for your work account"
    service_made: str = "A service token was made for your work account."
    service_removed: str = "A service token for your work account was removed."

    def length(self, days: int) -> str:
        return {7: "a week", 30: "30 days", 90: "90 days", 365: "a year"}[days]


APP_PASSWORD_WORDS = AppPasswordTexts()
