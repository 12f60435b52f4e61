"""Every word of the admin pages, apart from the steps of an explanation and what `proxy.mobile_formats` says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AdminTexts:
    """``{name}`` marks what is filled in with `str.format`; nothing here is HTML."""

    title: str = "Administration"
    link: str = "Administration"
    nav: str = "Administration"
    nav_overview: str = "Overview"
    nav_person: str = "Why can't they sign in?"
    nav_undelivered: str = "Undelivered codes"
    nav_mobiles: str = "Mobile numbers"

    works: str = "Everything works"
    works_partly: str = "Something is broken"
    works_not: str = "Nobody can sign in"
    works_soon: str = "Still checking"
    works_unknown: str = "Nothing is watched here"
    dependencies: str = "What Gatepost depends on"
    dependencies_lead: str = "As all workers of this node see it, checked every few seconds."
    dependency: str = "Part"
    state: str = "State"
    asked: str = "Checked"
    ok: str = "works"
    fails: str = "fails"
    never: str = "not yet"
    counted_persons: str = "people with a session"
    counted_failures: str = "codes undelivered in 24 hours"
    counted_sends: str = "of {most} codes sent in 24 hours"

    person_lead: str = "Checks each step of a sign-in, without a password and without sending anything."
    person_login: str = "User name"
    person_login_hint: str = "As the person types it: alice, alice@corp.example or CORP\\alice"
    person_address: str = "Address they come from"
    person_address_hint: str = "Their IP address, if you know it. Some ways of signing in depend on it."
    person_app: str = "App they want to reach"
    person_any_app: str = "Any app"
    person_button: str = "Explain"
    person_no_login: str = "Enter the user name."
    person_no_address: str = "This is not an IP address."
    person_no_app: str = "There is no such app."
    person_too_many: str = "You have looked up many people in a short time."
    verdict_until: str = "Until"
    verdict_what: str = "What to do"
    verdict_who: str = "Who does it"
    verdict_more_one: str = "One more thing blocks the sign-in: see below."
    verdict_more_many: str = "{count} more things block the sign-in: see below."
    blocks_title: str = "What blocks the sign-in"
    rest_title: str = "Everything else that was checked"
    step_ok: str = "OK"
    step_no: str = "blocks sign-in"
    step_note: str = "note"
    person_another: str = "Look up somebody else"
    person_again: str = "Check again"
    person_ask_again: str = "Check again"
    hint_app: str = "choose the app below"
    hint_address: str = "enter the address below"
    hint_unlock: str = "use the button below"
    hint_confirm: str = "use the button below, for the number ending in {ending}"
    hint_country: str = "allow numbers of {country}, if codes may be sent there"

    help_title: str = "What you can do"
    sessions_none: str = "They have no session."
    sessions_one: str = "They have one session."
    sessions_many: str = "They have {count} sessions."
    sessions_ways: str = "Not of a browser: {ways}."
    sessions_unknown: str = (
        "Sessions are also kept by user name, so you can end those of somebody whom the directory no longer has."
    )
    sessions_end: str = "End all their sessions"
    sessions_yours: str = "This is you: if you end your sessions, you are signed out here too."
    sessions_ended_title: str = "Sessions ended"
    sessions_ended_none: str = "There was no session to end."
    sessions_ended_one: str = "One session has ended, everywhere."
    sessions_ended_many: str = "{count} sessions have ended, everywhere."
    sessions_grace: str = "Only a node that is cut off from the store may let them continue, for {wait} at most."
    sessions_not_by_account: str = "The directory could not say whose they are, so we found them by the user name."
    sessions_own_title: str = "You have signed yourself out"
    sessions_own: str = "Those were your own sessions: {ended} You can sign in again."
    unlock_button: str = "Reset limits"
    reported_title: str = "“That was not me”"
    reported_list: str = (
        "These people say that somebody else has signed in as them. Their sessions have ended. Call them, and see that "
        "they get a new password."
    )
    reported_open: str = "Open"
    reported_open_of: str = "Open {login}"
    reported_lead: str = "They said that a sign-in was not theirs, at"
    reported_what: str = (
        "Their sessions have ended. See that they get a new password before you take them off the list."
    )
    settle_button: str = "Take them off the list"
    settle_own: str = "This is about you: somebody else takes you off the list."
    settled: str = "They are off the list."
    browsers_lead: str = "Browsers that are remembered for them. No code is asked for there."
    browser_made: str = "remembered"
    browser_used: str = "last used"
    browsers_forget: str = "Forget all"
    browsers_forgotten_none: str = "No browser was remembered any more."
    browsers_forgotten: str = "Their browsers are forgotten: a code is asked for everywhere."
    unlock_lead: str = (
        "Resets the limits on passwords and codes, and so ends every pause after wrong passwords, wrong codes or too"
        " many codes sent."
    )
    unlock_lead_address: str = "It also resets those of the address below."
    unlocked: str = "Their limits were reset."
    unlocked_but: str = "Wrong passwords still count: {why}."
    unlocked_but_until: str = "That ends at"
    factors_title: str = "Second factors that they added"
    factor_made: str = "added"
    factor_used: str = "last used"
    factor_left: str = "{count} left"
    factor_remove: str = "Remove"
    factor_remove_of: str = "Remove {name}"
    factor_own: str = "These are your own: change them under “Ways to sign in”."
    factor_removed: str = "It was removed. We tell them by mail and text message."
    factor_gone: str = "Nothing was removed: they no longer had it."
    confirm_lead: str = (
        "Their mobile number was changed recently. Call them back on a number that you trust before you confirm it. "
        "We tell their previous number and their mail address."
    )
    confirm_button: str = "Confirm the number ending in {ending}"
    confirm_own: str = "This is your own number, so a colleague has to confirm it."
    confirmed: str = "The number {number} is confirmed: codes go there from now on."
    confirmed_not: str = "Nothing was confirmed: the number has changed again, or no longer needs it. Check again."

    undelivered_lead: str = (
        "Messages with a code that were reported as not delivered, the latest first. Kept for 3 days."
    )
    undelivered_off: str = "Gatepost reads no failure reports: see [bounces] in the configuration."
    undelivered_none: str = "There are no failed deliveries."
    undelivered_read: str = "Read"
    undelivered_person: str = "Person"
    undelivered_where: str = "Sent to"
    undelivered_reason: str = "Reason"
    undelivered_advice: str = "What to do"
    undelivered_said: str = "Report"
    undelivered_why: str = "Explain {person}"
    undelivered_why_short: str = "Explain"

    mobiles_lead: str = "Who can receive a code, and whose mobile field needs fixing in the directory."
    mobiles_can: str = "{percent} can receive a code"
    mobiles_none: str = "There is no report yet. To make one, Gatepost reads every person in each directory."
    mobiles_make: str = "Make the report"
    mobiles_make_again: str = "Make it again"
    mobiles_making: str = "We are making the report, since"
    mobiles_making_more: str = "This page updates itself."
    mobiles_too_many: str = "You have made many reports in a short time."
    mobiles_look: str = "Check again"
    mobiles_failed: str = "The report could not be made: {reason}"
    mobiles_made: str = "Made"
    mobiles_kept: str = "It is kept until {until} and does not show later changes in the directory."
    mobiles_files: str = "Download this list"
    mobiles_files_more: str = (
        "People whose field is right are counted, not listed. The ps1 file is a script for the AD admin to review."
        " It fixes repairable fields, and changes nothing without -Apply."
    )
    mobiles_search: str = "Find"
    mobiles_search_label: str = "Name, OU, department, number"
    mobiles_search_clear: str = "Show all"
    mobiles_department: str = "Department"
    mobiles_service: str = "service accounts"
    mobiles_service_apart: str = "Service accounts, not counted: {count}"
    mobiles_left_out: str = "Only the first {shown} of {count} are kept here. gatepost mobiles shows all."
    mobiles_shared: str = "shared by several"
    mobiles_changed: str = "changed recently"
    mobiles_disabled: str = "Disabled accounts, left out: {count}"
    mobiles_all: str = "everybody"
    mobiles_show: str = "Show"
    mobiles_problems: str = "Needs attention"
    mobiles_nothing: str = "There is nobody in this list."
    mobiles_by_ou: str = "By OU"
    mobiles_by_department: str = "By department"
    mobiles_no_department: str = "(none)"
    mobiles_good_of: str = "{good} of {persons}"
    name: str = "Name"
    username: str = "User name"
    where: str = "OU"
    status: str = "Status"
    value: str = "Value"
    remarks: str = "Proposed, remarks"

    pages: str = "Pages"
    page_of: str = "Page {page} of {pages}"
    earlier: str = "Previous"
    later: str = "Next"

    def forgotten(self, count: int) -> str:
        return self.browsers_forgotten if count else self.browsers_forgotten_none

    def ended(self, count: int) -> str:
        if count < 2:
            return self.sessions_ended_one if count else self.sessions_ended_none
        return self.sessions_ended_many.format(count=count)

    def more(self, count: int) -> str:
        if count < 2:
            return self.verdict_more_one if count else ""
        return self.verdict_more_many.format(count=count)

    def sessions(self, count: int, ways: str = "") -> str:
        """`ways`: those of them that are no browser's."""
        if count < 2:
            said = self.sessions_one if count else self.sessions_none
        else:
            said = self.sessions_many.format(count=count)
        return f"{said} {self.sessions_ways.format(ways=ways)}" if ways else said


WORDS = AdminTexts()
