"""Every word that a person reads on a page of Gatepost's own, in one value and ready to be translated.

A translation is another `Texts`. ``{name}`` marks what is filled in with `str.format`; nothing here is HTML.
What is said about problems and amounts stands in `proxy/pages/problem_texts.py` and `proxy/pages/amount_texts.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from proxy.pages.amount_texts import AmountTexts
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
        "That did not work. Check the user name and the password. "
        "After several wrong tries, sign-in is paused for a while."
    )
    sign_in_paused: str = "There were too many wrong tries with this user name. Sign-in with it is paused until"
    sign_in_paused_more: str = (
        "Where you have signed in before, it may still work. Your IT help desk can end the pause."
    )
    sign_in_stale: str = "This page was open too long. Enter your password again."
    sign_in_half: str = "You have already given your password."
    sign_in_half_link: str = "Go on to the code"
    sign_in_half_password: str = "Go on to the new password"  # noqa: S105  # a label

    cookies_blocked: str = (
        "Your browser did not send back the cookie that this page set, so you could not be signed in. "
        "Allow cookies for {host} and try again. If they are allowed, delete this site's cookies first."
    )
    cookies_over_http: str = (
        "Your browser did not send back the cookie that this page set: it keeps that for https only. "
        "Open {origin} instead."
    )
    cookies_off: str = "Your browser blocks cookies. Allow them for {host}, then load this page again."
    cookies_lost: str = (
        "Your browser did not send back the cookie that the last step set. Sign in again. "
        "If this happens every time, allow cookies for {host}."
    )
    other_origin: str = "This page was opened under another address. Open {origin} instead."
    framed_title: str = "Open this in its own tab"
    framed_text: str = (
        "You are not signed in here. This is shown inside another page, and browsers keep the sign-in's cookies "
        "from such pages. Open it in its own tab and sign in there."
    )
    framed_link: str = "Open in a new tab"

    cut_title: str = "This address is too long to keep"
    cut_text: str = (
        "The address that you opened is too long to be kept while you sign in. "
        "You are taken to the first page of {app}. Then open your link again."
    )
    cut_notice: str = (
        "The address that you opened is too long to be kept. "
        "After you sign in you are on the first page of {app}. Then open your link again."
    )
    cut_link: str = "Go to {app}"

    passcode_title: str = "Enter your code"
    passcode_sent: str = "We sent a text message with a code to your mobile"
    passcode_sent_mail: str = "We sent an e-mail with a code to"
    passcode_sending: str = "A text message with a code is on its way out to your mobile"
    passcode_sending_mail: str = "An e-mail with a code is on its way out to"
    passcode_unsent: str = "No text message with a code could be sent to your mobile"
    passcode_unsent_mail: str = "No e-mail with a code could be sent to"
    passcode_number: str = "number ending in {ending}"
    passcode_label: str = "{digits}-digit code"
    passcode_until: str = "Your code is valid until {time}."
    passcode_over: str = "Your code has expired."
    passcode_button: str = "Sign in"
    passcode_wrong: str = "That code is not right."
    passcode_left_one: str = "You have one try left."
    passcode_left_many: str = "You have {count} tries left."
    passcode_shape: str = "Enter all {digits} digits."
    passcode_stale: str = "This page was out of date. Please type the newest code here."
    passcode_resent: str = "The code was sent again. It is the same one as before."
    passcode_not_resent: str = (
        "The code could not be sent again: nobody took the message. The one sent before may still arrive: type it here."
    )
    passcode_too_soon: str = "Please wait a little: you can have it sent again in {seconds} seconds."
    passcode_not_here: str = "Nothing arrived?"
    passcode_advice: str = (
        "A text message can take a minute. Check that your phone is on and has signal. "
        "If this is not your number, ask your IT help desk to correct it."
    )
    passcode_resend: str = "Send the code again"
    passcode_advice_mail: str = (
        "An e-mail can take a minute. Look into your junk mail too. "
        "If this is not your address, ask your IT help desk to correct it."
    )
    passcode_tag: str = "The message that belongs to this page says"
    passcode_another_mail: str = "Send it by e-mail to {destination}"
    passcode_another_text: str = "Send it as a text message to {destination}"
    passcode_another_sms: str = "Send it another way, to the same number"
    progress_sending: str = "The message is being handed over."
    progress_accepted: str = "The message was handed to the SMS gateway."
    progress_accepted_mail: str = "The message was handed to the mail server."
    progress_waiting: str = "The SMS gateway has the message."
    progress_sent: str = "The phone network has the message."
    progress_delayed: str = (
        "The phone cannot be reached just now: it may be off or without signal. The message waits for it."
    )
    progress_delivered: str = "The message was delivered to your phone."
    progress_unknown: str = (
        "The message may be on its way: the connection broke while it was handed over. "
        "If it does not come, have it sent again."
    )
    progress_failed: str = "The message could not be delivered to {destination}."
    progress_unreachable: str = (
        "The message could not be delivered: {destination} cannot be reached. Ask your help desk to check what the"
        " directory holds for you."
    )
    progress_refused: str = (
        "The SMS gateway refuses our messages at the moment. This is not about your phone: please ask your help desk."
    )
    progress_not_sent: str = "The message could not be handed over. Please have it sent again."
    progress_slow: str = "Text messages take about {seconds} seconds today."
    progress_slow_mail: str = "E-mails take about {seconds} seconds today."
    passcode_resend_in: str = "Send again in {seconds} s"
    passcode_resend_when: str = "You can have it sent again in {seconds} seconds."
    passcode_other: str = "Sign in as someone else"
    passcode_sends_throttled: str = "No more messages can be sent just now. The last code sent may still arrive."

    gone_title: str = "The code is no longer valid"
    gone_text: str = "It has been used or has expired. Ask for a new one."
    gone_button: str = "Send a new code"
    exhausted_title: str = "Too many wrong codes"
    exhausted_text: str = "For your safety this sign-in was stopped. Please start again with your password."
    exhausted_step_up: str = "For your safety this was stopped. You stay signed in to what was open before."
    start_again: str = "Start again"
    locked_text: str = "Too many wrong codes were entered for this account. Please ask your IT help desk."
    passcodes_throttled: str = "You have entered too many codes."
    sends_throttled: str = "You have asked for too many codes."

    unsent_title: str = "The code could not be sent"
    unsent_text: str = "The text message to your mobile {number} could not be handed over. This is not your fault."
    unsent_mail: str = "The mail to {mail} could not be handed over. This is not your fault."
    unsent_refused_title: str = "The code cannot be sent there"
    unsent_refused: str = (
        "Messages to {number} are refused. Ask your IT help desk to check what your account holds, then try again."
    )
    unsent_button: str = "Try again"

    no_mobile_title: str = "No usable mobile number"
    no_mobile_text: str = (
        "Your password was right, but the code cannot be sent: the mobile number in your account is missing or "
        "cannot receive text messages. Ask your IT help desk to correct the mobile field, then sign in again."
    )
    changed_title: str = "Your mobile number was changed recently"
    changed_text: str = (
        "Your password was right. For your safety, no code is sent to a number that was changed a short while ago. "
        "Your IT help desk can confirm the new number. If you did not change it, call them at once."
    )
    notice_subject: str = "Your sign-in codes go to another mobile number"
    notice_used: str = (
        "Sign-in codes for your account now go to another mobile number. If this was not you, call your IT help desk."
    )
    notice_held: str = (
        "Somebody with your password tried to sign in with another mobile number. "
        "If this was not you, call your IT help desk."
    )
    notice_confirmed: str = (
        "Your IT help desk has confirmed another mobile number for your sign-in codes. "
        "If you did not ask for this, call them."
    )
    notice_number: str = "The number: {number}"
    no_scheme_title: str = "You cannot sign in from here"
    no_scheme_text: str = (
        "Your password was right, but no way of signing in is set up for your account at this place. "
        "Ask your IT help desk."
    )

    ticket_title: str = "{app}: your browser blocks cookies"
    ticket_text: str = (
        "You are signed in, but your browser did not keep the cookie for {app}. "
        "Allow cookies for {host} and try again. If they are allowed, delete that site's cookies first."
    )

    stopped_title: str = "You cannot sign in just now"
    stopped_text: str = "Your password was right."
    stopped_hours: str = "But your account may not be used at this hour."
    stopped_workstation: str = "But your account may only be used on certain computers. Ask your IT help desk."
    stopped_disabled: str = "But your account is disabled. Ask your IT help desk."
    stopped_expired: str = "But your account has expired. Ask your IT help desk."

    change_title: str = "Change your password"
    change_title_must: str = "Choose a new password"
    change_lead: str = "For your work account {username}."
    change_lead_must: str = "The password of {username} has expired, or somebody else has set it for you."
    change_link: str = "Change password"
    change_old: str = "Current password"
    change_new: str = "New password"
    change_again: str = "New password, once more"
    change_button: str = "Change password"
    change_rules: str = "For the new password:"
    change_rule_length: str = "At least {count} characters"
    change_rule_history: str = "None of your last {count} passwords"
    change_rule_variety: str = "Three of capital letters, small letters, digits and other signs; your name not in it"
    change_rule_more: str = "Your organisation may ask for more"
    change_later: str = "Not now"
    change_changed: str = "Your password was changed. You have been signed out everywhere else."
    change_empty: str = "Please fill in all three fields."
    change_differs: str = "The new password was not typed the same way twice. Please type it again."
    change_wrong: str = "The current password is not right."
    change_locked: str = "Your account is locked for now. Wait a while, or ask your IT help desk."
    change_not_usable: str = "Your account cannot be used any more. Ask your IT help desk."
    change_unusable: str = "A password may have 1024 bytes at the most, and some signs cannot be part of it."
    change_too_short: str = "The new password is too short."
    change_used_before: str = "You have used this password before. Please choose another one."
    change_too_simple: str = (
        "The new password is too simple, or holds your name. Mix capital and small letters, digits and other signs."
    )
    change_too_young: str = "Your password was changed too recently to be changed again yet."
    change_against_policy: str = (
        "Your organisation's rules do not allow this password: it may be too short, too simple, too much like your "
        "name, or used before; or the last change may be too recent."
    )
    change_not_allowed: str = "You may not change your password yourself. Ask your IT help desk."
    change_throttled: str = "There were too many tries with a wrong password. Nothing was changed."
    change_elsewhere_title: str = "Your password is not changed here"
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
    start_none: str = "There is no app that you may open. Ask your IT help desk."
    start_sign_out: str = "Sign out"

    start_me: str = "Where you are signed in"

    me_title: str = "Where you are signed in"
    me_this: str = "This browser"
    me_waiting: str = "Password given, not signed in yet"
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
    me_only: str = "You are signed in nowhere else."
    me_advice: str = "If you do not know one of these, end it and change your password."
    me_ended_one: str = "That session has ended."
    me_ended_many: str = "All other sessions have ended."
    me_ended_before: str = "That session had ended already."
    device_both: str = "{browser} on {system}"
    device_program: str = "A program"
    device_unknown: str = "Unknown device"

    kept_title: str = "Your form was kept"
    kept_text: str = (
        "You were not signed in, or not by all that is asked for, when you sent it: nothing has been passed on yet. "
        "Shall it be sent now, as {name}?"
    )
    kept_app: str = "To"
    kept_target: str = "Page"
    kept_when: str = "Sent"
    kept_size: str = "Size"
    kept_send: str = "Send it now"
    kept_discard: str = "Do not send it"
    kept_to_app: str = "Go to {app}"
    kept_gone_title: str = "This form is no longer kept"
    kept_gone: str = "It was sent already, or discarded, or its ten minutes are over. Nothing was sent just now."
    kept_others_title: str = "This is not your form"
    kept_others: str = "Somebody else had sent it. It was deleted, and nothing was passed on."
    kept_discarded_title: str = "Not sent"
    kept_discarded: str = "The form was deleted, and nothing was passed on."
    kept_until_then: str = "What you sent has been kept. You are asked afterwards whether it shall be sent on."
    kept_not: str = (
        "What you sent was not passed on and is not kept here. It is still in this tab. Sign in in a new tab, then "
        "return to this one, go back to the form and send it again. Files that you chose are still chosen."
    )
    kept_too_many: str = "You were signed out, and too many of your forms are kept already."
    not_passed_on: str = "What you sent was not passed on. Go back to the form and send it again."
    sign_in_tab: str = "Sign in in a new tab"
    step_up_tab: str = "Prove it in a new tab"

    sign_out_title: str = "Sign out?"
    sign_out_text: str = "You are signed in as {name}. Signing out ends your session in every app."
    sign_out_button: str = "Sign out"
    sign_out_stay: str = "Stay signed in"
    signed_out_title: str = "You are signed out"
    signed_out_text: str = "Your session has ended in every app."
    signed_out_again: str = "Sign in again"

    open_to_groups: str = "It is open to members of: {groups}. If you need it, ask your IT help desk."
    open_to_scheme: str = "It asks for the sign-in that is called {scheme}. You can prove what is missing now."
    no_scheme_here: str = "No way of signing in is set up for your account in this app. Ask your IT help desk."
    step_up_link: str = "Prove it now"
    step_up_title: str = "One more proof"
    step_up_for: str = "{app} asks for more than you have proven so far."
    step_up_for_page: str = "What you want to open asks for more than you have proven so far."
    step_up_again: str = "{app} asks for a new code: the last one was a while ago."
    step_up_again_page: str = "What you want to open asks for a new code: the last one was a while ago."
    step_up_sms: str = "We send a code to your mobile, {number}."
    step_up_email: str = "We send a code to your mail address, {mail}."
    step_up_rest: str = "Your other apps stay open meanwhile."
    step_up_button: str = "Send the code"
    step_up_stale: str = "The page was out of date. Please press the button again."
    step_up_done_title: str = "You have proven all that was asked for"
    step_up_done: str = "Go back to the page that you came from, and try again."
    step_up_kerberos_title: str = "Sign in at your work computer"
    step_up_kerberos: str = (
        "This asks for the sign-in that your work computer does by itself, and you signed in another way. "
        "Sign out, then open it on a computer of the domain."
    )
    step_up_unknown_title: str = "Nothing to prove here"
    step_up_unknown: str = "The link that brought you here is not complete, or out of date. Open the app again."
    no_mail_title: str = "No usable mail address"
    no_mail_text: str = (
        "A code was to be sent to your mail address, but the directory holds none for you, or none that can be "
        "used. Your IT help desk can correct that."
    )
    back_to_start: str = "Go to the start page"
    again_link: str = "Try again"
    try_later: str = "Try again in {wait}."
    try_at: str = "Try again at {time}, in {wait}."

    problems: Mapping[str, ProblemText] = field(default_factory=lambda: PROBLEMS)


ENGLISH = Texts()
