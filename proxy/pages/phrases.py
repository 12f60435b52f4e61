"""Messages that stand in more than one place."""

from __future__ import annotations

from proxy.languages.current import N_

SIGN_IN_REFUSED = N_(
    "Your user name or password is not right. After several wrong tries, sign-in is paused for a while."
)
PASSCODE_NOT_RESENT = N_("We could not send the code again. Your first message may still arrive: enter its code here.")
UNSENT_MAIL = N_("We could not send an e-mail to %(mail)s. This is a problem at our end.")
UNSENT_TEXT = N_("We could not send a text message to your mobile %(number)s. This is a problem at our end.")
UNSENT_REFUSED = N_(
    "Messages to %(number)s are refused. Ask your IT help desk to check the details in your account, then try again."
)
GONE_TITLE = N_("The code is no longer valid")
GONE_TEXT = N_("It has been used or has expired. Ask for a new one.")
NO_SCHEME_TEXT = N_("Your password was right, but you cannot sign in from this network. Ask your IT help desk.")
EXHAUSTED_TEXT = N_("For your safety this sign-in was stopped. Start again with your password.")
LOCKED_TEXT = N_("Too many wrong codes were entered for this account. Ask your IT help desk.")
PASSCODES_THROTTLED = N_("You have entered too many codes.")
PASSCODE_TOO_SOON = N_("You can ask for it again in %(seconds)s seconds.")
PASSCODE_SENDS_THROTTLED = N_("We cannot send more messages just now. The last code may still arrive.")
SENDS_THROTTLED = N_("You have asked for too many codes.")
CHANGE_LEAD_MUST = N_("Your password has expired or was set by the help desk. Choose a new one.")
NO_SCHEME_HERE = N_("Your account has no way to sign in to this app. Ask your IT help desk.")
OPEN_TO_GROUPS = N_("Only members of %(groups)s can open it. If you need access, contact your IT help desk.")
OPEN_TO_SCHEME = N_("It needs the sign-in called %(scheme)s. You can complete it now.")
NOT_PASSED_ON = N_("What you sent did not reach the app. Go back to the form and send it again.")
KEPT_NOT = N_(
    "What you sent did not reach the app and is not kept here. It is still in this tab. Sign in in a "
    "new tab, return to this one, go back to the form and send it again. Files that you chose are "
    "still chosen."
)
NOT_HERE = N_("You signed in with a pass, and it opens only your apps. For this, sign in with your own phone.")
NOT_YOUR_ROLE = N_("Your role does not allow this.")
CONFIRM_OWN = N_("This is your own number, so a colleague has to confirm it.")
OWN_BY_COLLEAGUE = N_("This is your own, so a colleague has to do it.")
FACTOR_OWN = N_("These are your own: change them under “Ways to sign in”.")
SETTLE_OWN = N_("This is about you: somebody else takes you off the list.")
PASSKEY_NOT_MADE = N_("No passkey was added. Try again.")
PASSKEY_THERE = N_("There is a passkey on this device already.")
ASK_TOTP = N_("The code from your authenticator app")
PASSCODE_RESENT = N_("We sent the code again. It is the same code as before.")
CONFINES = N_("If you go on with a pass, you can open only the apps that it names, until it ends.")
HAVE_ONE = N_("I have a pass from the help desk")
PASSCODE_SENT_MAIL = N_("We sent an e-mail with a code to")
PASSCODE_SENT = N_("We sent a text message with a code to your mobile")
STOPPED_TITLE = N_("You cannot sign in just now")
CUT_TEXT = N_(
    "The address that you opened is too long to keep while you sign in. You can go to the first page "
    "of %(app)s. Then open your link again."
)
SIGN_IN_PAUSED = N_("There were too many wrong tries with this user name. It cannot be used to sign in until")
SIGN_IN_PAUSED_MORE = N_(
    "It may still work in places where you have signed in before. Your IT help desk can end the pause."
)
PASSKEY_UNSUPPORTED = N_("This browser cannot use passkeys. Choose another way, or use another browser.")
TRY_AT = N_("Try again at %(time)s, in %(wait)s.")
CLOSED_TEXT = N_("Nobody can sign in just now. People who are signed in already stay signed in.")
WRONG_CODE = N_("That code is not right.")
