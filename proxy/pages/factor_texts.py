"""What is said about second factors that people add to themselves: on pages, in mails and in text messages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FactorTexts:
    ask_totp: str = "The code from your authenticator app"
    ask_recovery_code: str = "One of your recovery codes"
    ask_passkey: str = "Your passkey"
    answer_until: str = "Enter it before {time}."
    another_totp: str = "Use your authenticator app"
    another_recovery_code: str = "Use a recovery code"
    instead_sms: str = "Send a code to your phone, {destination}"
    instead_mail: str = "Send a code to {destination}"
    another_passkey: str = "Use your passkey"
    wrong_totp: str = "That code is not right, or was used before. Each code opens once: wait for the next one."
    wrong_passkey: str = "That passkey was not accepted."
    weaker_than_totp: str = "Text messages can be intercepted. Your authenticator app is safer."
    weaker_than_totp_to_come: str = (
        "Text messages can be intercepted. An authenticator app is safer: "
        "you can set one up once you are signed in, under “Ways to sign in”."
    )
    weaker_than_passkey: str = "Text messages can be intercepted. Your passkey is safer."
    weaker_than_passkey_to_come: str = (
        "Text messages can be intercepted. A passkey is safer: "
        "you can add one once you are signed in, under “Ways to sign in”."
    )
    step_up_asks: str = "You will be asked for it on the next page: {what}."
    step_up_go_on: str = "Continue"
    recovery_code_alone: str = "A recovery code counts only beside your password. Sign in with your password."
    step_up_add: str = "You have not set up what is needed for this. You can do it now, and then open the page again."

    title: str = "Ways to sign in"
    lead: str = "What you use besides your password."
    none: str = "You have not added any yet."
    off: str = "Your organisation asks for nothing here that you could add."
    not_here: str = (
        "Others use this computer too. Ways to sign in are added and removed only on a computer or phone of your own."
    )
    kind_totp: str = "Authenticator app"
    kind_recovery_code: str = "Recovery codes"
    kind_passkey: str = "Passkey"
    kind_passkey_synced: str = "Passkey, synced between your devices"
    kind_passkey_one_device: str = "Passkey, on one device only"
    made: str = "Added"
    used: str = "Last used"
    never: str = "never"
    left: str = "Left"
    left_of: str = "{left} of {count}"
    change: str = "Rename or remove"
    change_of: str = "Rename or remove {name}"
    remove: str = "Remove"
    name: str = "Name"
    rename: str = "Save the name"
    add: str = "Add another way"
    add_totp: str = "Set up an authenticator app"
    add_recovery_code: str = "Make recovery codes"
    add_passkey: str = "Add a passkey"
    back: str = "Back without a change"
    added: str = "It was added. We tell you of it by mail and text message too."
    removed: str = "It was removed. We tell you of it by mail and text message too."
    renamed: str = "The name was saved."
    gone: str = "It was not there any more."
    too_many: str = "You have as many as you can have. Remove one that you do not use."
    too_often: str = "You have added too many today."
    remove_title: str = "Rename or remove"
    remove_lead: str = "Removed, it opens nothing any more. You can add it again later."

    totp_title: str = "Set up an authenticator app"
    totp_lead: str = (
        "Scan this with an authenticator app on your phone. The app then shows a new code every 30 seconds."
    )
    totp_qr: str = "QR code for an authenticator app"
    totp_secret: str = "If you cannot scan it, type this key into the app:"  # noqa: S105  # a label
    totp_code: str = "Then enter the code that the app shows"
    totp_name: str = "What you call this phone or app"
    totp_name_usual: str = "Authenticator app"
    totp_button: str = "Add it"
    totp_wrong: str = "That code is not right. Check that the time on your phone is right, then enter the next code."
    totp_over: str = (
        "This page was open too long. Scan the new picture: remove the entry that you may have made before."
    )

    passkey_use: str = "Use your passkey"
    passkey_lead: str = "Your device, your phone or your security key confirms that it is you."
    passkey_until: str = "Use it before {time}."
    passkey_failed: str = "No passkey was used. Try again, or choose another way."
    passkey_unsupported: str = "This browser cannot use passkeys. Choose another way, or use another browser."
    passkey_no_script: str = (
        "Passkeys need JavaScript, which is off in this browser. Turn it on, or choose another way."
    )
    passkey_sign_in: str = "Sign in with a passkey"
    passkey_refused: str = (
        "That passkey did not sign you in. Try again, or enter your password. "
        "If this happens every time, ask your IT help desk."
    )
    passkey_failed_alone: str = "No passkey was used. Try again, or enter your password."
    passkey_unsupported_alone: str = "This browser cannot use passkeys. Enter your password, or use another browser."
    passkey_no_script_alone: str = "Passkeys need JavaScript, which is off in this browser."
    passkey_title: str = "Add a passkey"
    passkey_add_lead: str = (
        "A passkey is kept by your computer, your phone or a security key. It opens with your finger, your face or "
        "a PIN, and cannot be read out to anybody or typed into the wrong page."
    )
    passkey_name: str = "What you call it"
    passkey_name_usual: str = "Passkey"
    passkey_not_made: str = "No passkey was added. Try again."
    passkey_there: str = "There is a passkey on this device already."
    passkey_add_no_script: str = "Passkeys need JavaScript, which is off in this browser. Turn it on to add one."

    codes_title: str = "Recovery codes"
    codes_lead: str = (
        "Ten codes for the day on which you are without your phone. Each opens once, beside your password. "
        "Print them or write them down, and keep them where you keep your passport."
    )
    codes_replace: str = "You have {left} left of an earlier set. They stop working as soon as you make new ones."
    codes_button: str = "Make ten codes"
    codes_shown: str = "These are shown only now. Print this page or write them down."
    codes_for: str = "Recovery codes for {username} at {host}"
    codes_done: str = "I have them"

    factor_subject: str = "Your ways to sign in have changed"
    factor_added_totp: str = "An authenticator app was added to your work sign-in."
    factor_added_recovery_code: str = "New recovery codes were made for your work sign-in."
    factor_added_passkey: str = "A passkey was added to your work sign-in."
    factor_removed_totp: str = "An authenticator app was removed from your work sign-in."
    factor_removed_recovery_code: str = "Your recovery codes for your work sign-in were removed."
    factor_removed_passkey: str = "A passkey was removed from your work sign-in."
    code_used_subject: str = "A recovery code was used"
    code_used: str = "A recovery code was used for your work sign-in."
    code_used_left_many: str = "You have {count} left."
    code_used_left_one: str = "You have one left."
    code_used_left_none: str = "It was your last one."
    factor_not_you: str = "Not you? Call the help desk and undo it: {url}"
    factor_not_you_brief: str = "Not you? Call the help desk."

    def codes_left(self, count: int) -> str:
        if count == 0:
            return self.code_used_left_none
        return self.code_used_left_one if count == 1 else self.code_used_left_many.format(count=count)
