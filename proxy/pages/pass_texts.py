"""What is said about passes: on the pages of those who have one, and of those who give them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PassTexts:
    """``{name}`` marks what is filled in with `str.format`; nothing here is HTML."""

    have_one: str = "I have a pass from the help desk"
    ask: str = "The 20 digits of your pass"
    confines: str = "If you go on with a pass, you can open only the apps that it names, until it ends."
    none_title: str = "You have no pass"
    none_text: str = (
        "Nobody has given you a pass, or it has ended, or a second person has yet to confirm it. "
        "If you do not have your phone with you, call your IT help desk."
    )
    closed: str = "You signed in with a pass. It opens only {apps}. For the rest, sign in with your own phone."
    not_here_title: str = "Not with a pass"
    not_here: str = "You signed in with a pass, and it opens only your apps. For this, sign in with your own phone."
    until: str = "You signed in with a pass. It ends at {time}, and it opens only these apps."

    told_subject: str = "A pass for your work sign-in"
    told_given: str = "The help desk gave you a pass for your work sign-in. Did you not ask for it? Call them now."
    told_vouched: str = (
        "Your manager vouched for your work sign-in without your phone. Did you not ask? Call your IT help desk now."
    )
    told_ended: str = "The help desk ended your pass for your work sign-in. Do you still need one? Call them."
    told_ended_subject: str = "Your pass for your work sign-in has ended"
    told_more: str = "It opens: {apps}. It ends at {end} and was given by {by}. Reason: {reason}"

    nav: str = "Passes"
    give_title: str = "Give them a pass"
    give_lead: str = (
        "For somebody without their phone today: 20 digits, which they type after their password. "
        "Call them back on a number that you trust first. We tell them by mail and on their number."
    )
    reason: str = "Reason"
    reason_hint: str = "It is recorded with your name."
    hours: str = "Hours"
    hours_hint: str = "{most} at most."
    apps: str = "It opens"
    give: str = "Give a pass"
    has_one: str = "They have a pass until"
    to_list: str = "All passes"
    wrong_reason: str = "Write down the reason, in 200 characters at most."
    wrong_hours: str = "Enter whole hours, {most} at most."
    wrong_apps: str = "Choose at least one app."
    wrong_own: str = "This is your own, so a colleague has to do it."
    wrong_has_one: str = "They already have a pass. End it first."
    wrong_same_person: str = "You gave this pass, so a colleague has to confirm it."
    wrong_gone: str = "This pass has ended, or was confirmed before."

    given_title: str = "Read them this pass"
    given_lead: str = "It is shown only now. They sign in with their password, and choose “{link}” on the next page."
    given_second: str = "It counts once a colleague has confirmed it, under “Passes”."
    given_done: str = "Done"

    title: str = "Passes"
    lead: str = "Everybody who can sign in without their own second factor now, and until when."
    none: str = "There are no passes."
    person: str = "Person"
    opens: str = "It opens"
    ends: str = "Ends"
    given_by: str = "Given by"
    confirmed_by: str = "confirmed by {name}"
    waiting: str = "waits for a second person"
    confirm: str = "Confirm"
    confirm_for: str = "Confirm the pass of {person}"
    end: str = "End"
    end_of: str = "End the pass of {person}"
    confirmed: str = "The pass of {person} counts from now on."
    ended_one: str = "The pass of {person} has ended, and with it one session."
    ended_many: str = "The pass of {person} has ended, and with it {count} sessions."
    ended_untold: str = "We could not tell them: the directory did not say who they are."

    def ended(self, person: str, count: int) -> str:
        text = self.ended_one if count == 1 else self.ended_many
        return text.format(person=person, count=count)


PASS_WORDS = PassTexts()
