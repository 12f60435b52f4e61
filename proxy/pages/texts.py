"""Every word that a person reads on a page of Gatepost's own, in one value and ready to be translated.

A translation is another `Texts`. ``{name}`` marks what is filled in with `str.format`; nothing here is HTML.
What is said about problems and amounts stands in `proxy/pages/problem_texts.py` and `proxy/pages/amount_texts.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from proxy.pages.amount_texts import AmountTexts
from proxy.pages.factor_texts import FactorTexts
from proxy.pages.problem_texts import PROBLEMS, ProblemText


@dataclass(frozen=True, slots=True)
class Texts(AmountTexts):
    """The pages' words. The fields' prefixes name the page."""

    language: str = "en"
    product: str = "Gatepost"
    incident: str = "Incident"

    sign_in_title: str = "Sign in"
    sign_in_lead: str = "Use your work account."
    sign_in_lead_app: str = "to continue to {app}"
    sign_in_username: str = "User name"
    sign_in_password: str = "Password"  # noqa: S105  # a label
    sign_in_button: str = "Continue"
    sign_in_refused: str = (
        "Your user name or password is not right. After several wrong tries, sign-in is paused for a while."
    )
    sign_in_paused: str = "There were too many wrong tries with this user name. It cannot be used to sign in until"
    sign_in_paused_more: str = (
        "It may still work in places where you have signed in before. Your IT help desk can end the pause."
    )
    sign_in_stale: str = "This page was open too long. Enter your password again."
    sign_in_half: str = "You have already entered your password."
    sign_in_half_link: str = "Continue to your code"
    sign_in_half_password: str = "Continue to your new password"  # noqa: S105  # a label

    cookies_blocked: str = (
        "Your browser did not return the cookie that this page set, so you could not be signed in. "
        "Allow cookies for {host} and try again. If they are allowed, delete this site's cookies first."
    )
    cookies_over_http: str = (
        "Your browser did not return the cookie that this page set, because it keeps the cookie for https only. "
        "Open {origin} instead."
    )
    cookies_off: str = "Your browser blocks cookies. Allow them for {host}, then load this page again."
    cookies_lost: str = (
        "Your browser did not return the cookie that the last step set. Sign in again. "
        "If this happens every time, allow cookies for {host}."
    )
    other_origin: str = "This page was opened at another address. Open {origin} instead."
    framed_title: str = "Open this in its own tab"
    framed_text: str = (
        "You are not signed in here. This is shown inside another page, where browsers do not send the sign-in's "
        "cookies. Open it in its own tab and sign in there."
    )
    framed_link: str = "Open in a new tab"

    cut_title: str = "This address is too long to keep"
    cut_text: str = (
        "The address that you opened is too long to keep while you sign in. "
        "You can go to the first page of {app}. Then open your link again."
    )
    cut_notice: str = (
        "The address that you opened is too long to keep. "
        "After you sign in you will be on the first page of {app}. Then open your link again."
    )
    cut_link: str = "Go to {app}"

    passcode_title: str = "Enter your code"
    passcode_sent: str = "We sent a text message with a code to your mobile"
    passcode_sent_mail: str = "We sent an e-mail with a code to"
    passcode_sending: str = "We are sending a code to your mobile"
    passcode_sending_mail: str = "We are sending a code to"
    passcode_unsent: str = "We could not send a code to your mobile"
    passcode_unsent_mail: str = "We could not send a code to"
    passcode_number: str = "number ending in {ending}"
    passcode_label: str = "{digits}-digit code"
    start_again_shared: str = "Not me? Start again"
    passcode_remember: str = "Remember this browser for {time}"
    passcode_remember_hint: str = (
        "In that time you are not asked for a code here. Leave it out on a computer that others use."
    )
    passcode_until: str = "Your code is valid until {time}."
    passcode_over: str = "Your code has expired."
    passcode_button: str = "Sign in"
    passcode_wrong: str = "That code is not right."
    passcode_left_one: str = "You have one try left."
    passcode_left_many: str = "You have {count} tries left."
    passcode_shape: str = "Enter all {digits} digits."
    passcode_stale: str = "This page was out of date. Enter the most recent code."
    passcode_resent: str = "We sent the code again. It is the same code as before."
    passcode_not_resent: str = (
        "We could not send the code again. Your first message may still arrive: enter its code here."
    )
    passcode_too_soon: str = "You can ask for it again in {seconds} seconds."
    passcode_not_here: str = "Didn't get a code?"
    passcode_advice: str = (
        "A text message can take a minute. Check that your phone is on and has signal. "
        "If this is not your number, ask your IT help desk to correct it."
    )
    passcode_resend: str = "Send the code again"
    passcode_advice_mail: str = (
        "An e-mail can take a minute. Check your junk folder too. "
        "If this is not your address, ask your IT help desk to correct it."
    )
    passcode_tag: str = "The message for this page says"
    passcode_another_mail: str = "Send it by e-mail to {destination}"
    passcode_another_text: str = "Send it as a text message to {destination}"
    passcode_another_factor: str = "Use another way"
    passcode_another_sms: str = "Send it through another provider"
    progress_sending: str = "We are sending your message."
    progress_accepted: str = "Your message has been sent."
    progress_accepted_mail: str = "Your e-mail has been sent."
    progress_waiting: str = "The SMS provider has the message."
    progress_sent: str = "The phone network has the message."
    progress_delayed: str = (
        "Your phone cannot be reached just now: it may be off or without signal. The message will arrive later."
    )
    progress_delivered: str = "The message was delivered to your phone."
    progress_unknown: str = (
        "Your message may be on its way, but we lost the connection while we sent it. "
        "If it does not arrive, ask for it again."
    )
    progress_failed: str = "The message could not be delivered to {destination}."
    progress_unreachable: str = (
        "The message could not be delivered: {destination} cannot be reached. Ask your IT help desk to check the "
        "details in your account."
    )
    progress_refused: str = (
        "The SMS provider refuses our messages at the moment. Your phone is not at fault: ask your IT help desk."
    )
    progress_not_sent: str = "We could not send your message. Please ask for it again."
    progress_slow: str = "Text messages take about {seconds} seconds today."
    progress_slow_mail: str = "E-mails take about {seconds} seconds today."
    passcode_resend_in: str = "Send again in {seconds} s"
    passcode_resend_when: str = "You can ask for it again in {seconds} seconds."
    passcode_other: str = "Sign in as someone else"
    passcode_sends_throttled: str = "We cannot send more messages just now. The last code may still arrive."

    gone_title: str = "The code is no longer valid"
    gone_text: str = "It has been used or has expired. Ask for a new one."
    gone_button: str = "Send a new code"
    over_title: str = "This page is no longer valid"
    over_text: str = "It was open too long, or was answered before. You can try again."
    over_button: str = "Try again"
    exhausted_title: str = "Too many wrong codes"
    exhausted_text: str = "For your safety this sign-in was stopped. Start again with your password."
    exhausted_step_up: str = "For your safety this check was stopped. You stay signed in to what was open before."
    start_again: str = "Start again"
    locked_text: str = "Too many wrong codes were entered for this account. Ask your IT help desk."
    passcodes_throttled: str = "You have entered too many codes."
    sends_throttled: str = "You have asked for too many codes."

    unsent_title: str = "The code could not be sent"
    unsent_text: str = "We could not send a text message to your mobile {number}. This is a problem at our end."
    unsent_mail: str = "We could not send an e-mail to {mail}. This is a problem at our end."
    unsent_refused_title: str = "The code cannot be sent there"
    unsent_refused: str = (
        "Messages to {number} are refused. Ask your IT help desk to check the details in your account, then try again."
    )
    unsent_button: str = "Try again"

    no_mobile_title: str = "No usable mobile number"
    no_mobile_text: str = (
        "Your password was right, but we cannot send you a code. The mobile number in your account is missing or "
        "cannot receive text messages. Ask your IT help desk to correct the mobile field, then sign in again."
    )
    changed_title: str = "Your mobile number was changed recently"
    changed_text: str = (
        "Your password was right. For your safety, we do not send codes to a number that was changed recently. "
        "Your IT help desk can confirm the new number. If you did not change it, call them at once."
    )
    notice_subject: str = "Your sign-in codes go to another mobile number"
    notice_browser_subject: str = "New sign-in with your name"
    notice_browser: str = (
        "Somebody has signed in with your name, {how}.\n\n"
        "When: {at}\nBrowser: {device}\nFrom: {address}\nApp: {app}\n\n"
        "If that was you, there is nothing to do.\n\n"
        "If it was not you, open this page and press its button. It ends all your sessions and tells the help desk. "
        "It works once, for two days:\n{url}\n"
    )
    notice_browser_here: str = "in a browser that you have not used before"
    notice_browser_program: str = "with a program that you have not used before"
    notice_browser_no_app: str = "none"
    not_me_title: str = "Was that not you?"
    not_me_text: str = (
        "Did somebody else sign in as you? The button signs you out everywhere, forgets the browsers that were "
        "remembered for you, removes your app passwords, and tells the help desk."
    )
    not_me_button: str = "That was not me"
    not_me_done_title: str = "You are signed out everywhere"
    not_me_done: str = (
        "The help desk has been told. Somebody may have your password: sign in and change it now, or ask the help desk "
        "to do it."
    )
    not_me_over_title: str = "This link does nothing any more"
    not_me_over: str = (
        "It works once, for two days. If somebody else may have signed in as you, sign out everywhere on the page "
        "“Where you are signed in”, and call the help desk."
    )
    notice_stolen: str = (
        "A browser that was remembered for your account was used from two places. No browser is remembered any more. "
        "If one was not you, change your password."
    )
    notice_stolen_subject: str = "A remembered browser was copied"
    notice_used: str = (
        "Sign-in codes for your account now go to another mobile number. If this was not you, call your IT help desk."
    )
    notice_held: str = (
        "Someone with your password tried to sign in with another mobile number. "
        "If this was not you, call your IT help desk."
    )
    notice_confirmed: str = (
        "Your IT help desk has confirmed another mobile number for your sign-in codes. "
        "If you did not ask for this, call them."
    )
    notice_number: str = "The number: {number}"
    no_scheme_title: str = "You cannot sign in from here"
    no_scheme_text: str = "Your password was right, but you cannot sign in from this network. Ask your IT help desk."

    ticket_title: str = "{app}: your browser blocks cookies"
    ticket_text: str = (
        "You are signed in, but your browser did not keep the cookie for {app}. "
        "Allow cookies for {host} and try again. If they are allowed, delete that site's cookies first."
    )

    stopped_title: str = "You cannot sign in just now"
    stopped_text: str = "Your password was right."
    stopped_hours: str = "But your account cannot be used at this time."
    stopped_workstation: str = "But your account can only be used on certain computers. Ask your IT help desk."
    stopped_disabled: str = "But your account is disabled. Ask your IT help desk."
    stopped_expired: str = "But your account has expired. Ask your IT help desk."

    change_title: str = "Change your password"
    change_title_must: str = "Choose a new password"
    change_lead: str = "For your work account {username}."
    change_lead_must: str = "Your password has expired or was set by the help desk. Choose a new one."
    change_link: str = "Change password"
    change_old: str = "Current password"
    change_new: str = "New password"
    change_again: str = "Confirm new password"
    change_button: str = "Change password"
    change_rules: str = "For the new password:"
    change_rule_length: str = "At least {count} characters"
    change_rule_history: str = "Different from your last {count} passwords"
    change_rule_variety: str = "At least three of: capitals, lower case, digits, symbols. Not your name"
    change_rule_common: str = "Not one of the passwords that many people use"
    change_rule_more: str = "Your organisation may ask for more"
    change_later: str = "Not now"
    change_changed: str = "Your password was changed. You have been signed out everywhere else."
    change_empty: str = "Fill in all three fields."
    change_differs: str = "The two new passwords do not match."
    change_wrong: str = "The current password is not right."
    change_locked: str = "Your account is locked for now. Wait a while, or ask your IT help desk."
    change_not_usable: str = "Your account cannot be used any more. Ask your IT help desk."
    change_unusable: str = "This password is too long or has characters that cannot be used."
    change_too_common: str = "Many people use this password, so attackers try it first. Choose another one."
    change_too_short: str = "The new password is too short."
    change_used_before: str = "You have used this password before. Choose another one."
    change_too_simple: str = (
        "The new password is too simple, or contains your name. Mix capitals, lower case, digits and symbols."
    )
    change_too_young: str = "Your password was changed too recently to change it again."
    change_against_policy: str = (
        "Your organisation's rules do not allow this password. It may be too short, too simple, too much like your "
        "name, or used before. Or you may have changed your password too recently."
    )
    change_not_allowed: str = "You may not change your password yourself. Ask your IT help desk."
    change_throttled: str = "There were too many tries with a wrong password. Nothing was changed."
    change_elsewhere_title: str = "You cannot change your password here"
    change_elsewhere: str = "Ask your IT help desk for a new one."
    change_done_title: str = "Your password was changed"
    change_done: str = "Sign in with the new one."

    expiring_title: str = "Your password is about to expire"
    expiring_today: str = "Your password expires within a day."
    expiring_one: str = "Your password expires in 1 day."
    expiring_many: str = "Your password expires in {count} days."
    expiring_now: str = "Change it now"
    expiring_later: str = "Later"

    start_title: str = "Your apps"
    start_signed_in: str = "Signed in as {name}"
    start_none: str = "You do not have access to any apps. Ask your IT help desk."
    start_sign_out: str = "Sign out"

    start_me: str = "Where you are signed in"

    me_title: str = "Where you are signed in"
    me_this: str = "This browser"
    me_waiting: str = "Password entered, not signed in yet"
    me_place: str = "Address"
    me_same_place: str = "the one you are at now"
    me_since: str = "Since"
    me_last_used: str = "Last used"
    me_apps: str = "Apps"
    me_no_apps: str = "none yet"
    me_end: str = "End this session"
    me_end_of: str = "End {device}, last used {ago}"
    me_end_others: str = "Sign out everywhere else"
    me_end_all: str = "Sign out everywhere"
    me_only: str = "You are not signed in anywhere else."
    me_advice: str = "If you do not recognise one of these, end it and change your password."
    me_ended_one: str = "That session has ended."
    me_ended_many: str = "All other sessions have ended."
    me_browsers: str = "Browsers that are remembered"
    me_browsers_lead: str = "When you sign in there, you are not asked for a code."
    me_browser_since: str = "Since"
    me_browser_until: str = "Until"
    me_browser_forget: str = "Forget this browser"
    me_browser_forget_of: str = "Forget {device}, last used {ago}"
    me_forgotten: str = "That browser is forgotten: you will be asked for a code there."
    me_forgotten_before: str = "That browser was not remembered any more."
    me_ended_before: str = "That session had already ended."
    device_both: str = "{browser} on {system}"
    device_program: str = "A program"
    device_unknown: str = "Unknown device"

    kept_title: str = "Your form was kept"
    kept_text: str = (
        "You were signed out, or needed one more check, when you sent this, so it has not gone yet. "
        "Send it now as {name}?"
    )
    kept_app: str = "To"
    kept_target: str = "Page"
    kept_when: str = "Sent"
    kept_size: str = "Size"
    kept_send: str = "Send it now"
    kept_discard: str = "Do not send it"
    kept_to_app: str = "Go to {app}"
    kept_gone_title: str = "This form is no longer kept"
    kept_gone: str = "It was already sent or discarded, or its ten minutes are over. Nothing was sent just now."
    kept_others_title: str = "This is not your form"
    kept_others: str = "Someone else filled it in. It was deleted, and nothing was sent to the app."
    kept_discarded_title: str = "Not sent"
    kept_discarded: str = "The form was deleted, and nothing was sent to the app."
    kept_until_then: str = "What you sent has been kept. After you sign in you can choose to send it."
    kept_until_checked: str = "What you sent has been kept. After this check you can choose to send it."
    kept_not: str = (
        "What you sent did not reach the app and is not kept here. It is still in this tab. Sign in in a new tab, "
        "return to this one, go back to the form and send it again. Files that you chose are still chosen."
    )
    kept_too_many: str = "You were signed out, and too many of your forms are already kept."
    not_passed_on: str = "What you sent did not reach the app. Go back to the form and send it again."
    sign_in_tab: str = "Sign in in a new tab"
    step_up_tab: str = "Continue in a new tab"

    sign_out_title: str = "Sign out?"
    sign_out_text: str = "You are signed in as {name}. Signing out ends your session in every app."
    sign_out_button: str = "Sign out"
    sign_out_stay: str = "Stay signed in"
    signed_out_title: str = "You are signed out"
    signed_out_text: str = "Your session has ended in every app."
    signed_out_again: str = "Sign in again"

    open_to_groups: str = "Only members of {groups} can open it. If you need access, contact your IT help desk."
    open_to_scheme: str = "It needs the sign-in called {scheme}. You can complete it now."
    no_scheme_here: str = "Your account has no way to sign in to this app. Ask your IT help desk."
    step_up_link: str = "Continue"
    step_up_title: str = "One more check"
    step_up_for: str = "{app} needs an extra check."
    step_up_for_page: str = "The page that you want to open needs an extra check."
    step_up_again: str = "{app} needs a new code: the last one was a while ago."
    step_up_again_page: str = "The page that you want to open needs a new code: the last one was a while ago."
    step_up_sms: str = "We will send a code to your mobile, {number}."
    step_up_email: str = "We will send a code to your mail address, {mail}."
    step_up_rest: str = "Your other apps stay open."
    step_up_button: str = "Send the code"
    step_up_stale: str = "The page was out of date. Press the button again."
    step_up_done_title: str = "All done"
    step_up_done: str = "Go back to the page that you came from, and try again."
    step_up_kerberos_title: str = "Sign in at your work computer"
    step_up_kerberos: str = (
        "This needs the automatic sign-in of a work computer, and you signed in another way. "
        "Sign out, then open it on a computer that is joined to the domain."
    )
    step_up_unknown_title: str = "This link has expired"
    step_up_unknown: str = "The link that brought you here is incomplete or out of date. Open the app again."
    not_enrolled_title: str = "One more step is needed"
    not_enrolled_text: str = (
        "Your password is correct, but you have not set up what is needed as well. Ask your IT help desk."
    )
    not_by_this_way_title: str = "Sign in with your browser"
    not_by_this_way: str = (
        "Your password was right, but what your sign-in asks for as well can only be done in a browser. "
        "Ask your IT help desk for another way."
    )
    no_mail_title: str = "No usable mail address"
    no_mail_text: str = (
        "We cannot send a code to your mail address: the directory has none for you, or none that can be used. "
        "Your IT help desk can fix this."
    )
    back_to_start: str = "Go to the start page"
    again_link: str = "Try again"
    try_later: str = "Try again in {wait}."
    try_at: str = "Try again at {time}, in {wait}."

    factors: FactorTexts = field(default_factory=FactorTexts)
    problems: Mapping[str, ProblemText] = field(default_factory=lambda: PROBLEMS)

    def tries_left(self, count: int) -> str:
        return self.passcode_left_one if count == 1 else self.passcode_left_many.format(count=count)


ENGLISH = Texts()
