"""The texts of passcode messages, by channel and language.

The configuration cuts a template into pieces once; they are joined for each message.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from config.settings import Settings
from config.tables.gateway_values import EMAIL
from config.tables.texts import Template
from proxy.delivery.channel import PasscodeMessage
from proxy.delivery.fitting import fitting
from proxy.delivery.person_names import spoken_name
from proxy.delivery.text_rules import TextRules
from proxy.languages.choice import ENGLISH_ALONE, Languages
from proxy.languages.current import ENGLISH, N_, Language, in_language, ngettext, without_isolates
from proxy.languages.current import gettext as _

_MAIL_SUBJECT = N_("Your sign-in code for %(app)s")
_MAIL_END = N_("If you did not try to sign in, tell your help desk.")
_ANY_SMS = ""
_NOTHING = Template(pieces=("",), names=())


@dataclass(frozen=True, slots=True, kw_only=True)
class MailTemplate:
    subject: Template
    body: Template


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageTexts:
    """What each channel says: an SMS, or the Subject and the body of a mail to read.

    Who writes one text for the default language writes all of that kind: other languages without one get it too. Where
    nobody wrote any, Gatepost's own are said, in each language of the pages.
    """

    sms_template: Template
    """The default."""
    is_sms_ours: bool = False
    """Whether it is Gatepost's own."""
    default_language: str = "en"
    spoken: Languages = ENGLISH_ALONE
    """Those that Gatepost's own texts are said in."""
    sms_templates: Mapping[tuple[str, str], Template] = field(default_factory=dict)
    """By channel (empty: every SMS channel) and language."""
    mail_templates: Mapping[str, MailTemplate] = field(default_factory=dict)
    """By language."""
    origin: str | None = None
    """The host of the sign-in pages, if messages end with the line that lets phones fill in the passcode on that
    host."""

    def template(self, channel: str, language: str) -> Template:
        """In the person's language if there is any text in it, else in the default one; the channel's own first."""
        return self._written(channel, language) or self.sms_template

    def is_ours(self, channel: str, language: str) -> bool:
        """Whether Gatepost's own words are said there, in another language than English."""
        return (
            self.is_sms_ours and self._written(channel, language) is None and self._own_language(language).tag != "en"
        )

    def _written(self, channel: str, language: str) -> Template | None:
        keys = ((channel, language), (_ANY_SMS, language), (channel, self.default_language))
        return next((self.sms_templates[key] for key in keys if key in self.sms_templates), None)

    def _own_language(self, language: str) -> Language:
        return self.spoken.tagged(language) or self.spoken.tagged(self.default_language) or ENGLISH

    def sms(self, message: PasscodeMessage, rules: TextRules) -> str:
        """For a gateway with these `rules`."""
        last_line = self.last_line(message.passcode, rules)
        template = self.template(rules.gateway, message.language)
        text = _rendered(template, message, message.passcode, spoken_name(message.name, rules)) + last_line
        if not self.is_ours(rules.gateway, message.language):
            return text
        languages = (self._own_language(message.language), self._own_language(self.default_language))
        ours = (self.own_sms(message, each) + last_line for each in languages if each.tag != "en")
        return fitting(ours, rules) or text

    def own_sms(self, message: PasscodeMessage, language: Language) -> str:
        """In Gatepost's own words."""
        with in_language(language):
            said = ngettext(
                "%(passcode)s is your %(app)s sign-in code. It is valid for one minute.",
                "%(passcode)s is your %(app)s sign-in code. It is valid for %(num)d minutes.",
                message.minutes,
                passcode=message.passcode,
                app=message.app,
            )
        return without_isolates(said)

    def last_line(self, passcode: str, rules: TextRules) -> str:
        """The line that binds the passcode to the sign-in host, where this gateway passes lines on.

        WICG, "Origin-bound one-time codes delivered via SMS": the message's last line, ``@host #code``.
        """
        if self.origin is None or rules.in_subject or not rules.several_lines:
            return ""
        return f"\n\n@{self.origin} #{passcode}"

    def mail(self, message: PasscodeMessage) -> tuple[str, str]:
        """The passcode stands in the body only: Subjects are shown on locked screens and kept in logs."""
        written, name = self._written_mail(message.language), spoken_name(message.name)
        if written is not None:
            # So not even a template that the checks missed could put it into the Subject.
            subject = _rendered(written.subject, message, "", name)
            return subject, _rendered(written.body, message, message.passcode, name)
        language = self._own_language(message.language if self.is_sms_ours else self.default_language)
        is_ours = self.is_sms_ours and language.tag != "en"
        text = (
            self.own_sms(message, language)
            if is_ours
            else _rendered(self.sms_template, message, message.passcode, name)
        )
        with in_language(language):
            return without_isolates(_(_MAIL_SUBJECT, app=message.app)), f"{text}\n\n{_(_MAIL_END)}"

    def _written_mail(self, language: str) -> MailTemplate | None:
        return self.mail_templates.get(language) or self.mail_templates.get(self.default_language)

    def has_tag(self, channel: str, language: str) -> bool:
        """Whether this channel's message shows the tag."""
        written = self._written_mail(language)
        if channel == EMAIL:
            return "tag" in (self.sms_template if written is None else written.body).names
        return "tag" in self.template(channel, language).names

    @property
    def languages(self) -> tuple[str, ...]:
        """Those that something is said in, the default one first."""
        others = {language for channel, language in self.sms_templates} | set(self.mail_templates)
        if self.is_sms_ours:
            others |= {each.tag for each in self.spoken.in_order}
        return (self.default_language, *sorted(others - {self.default_language}))


def _rendered(template: Template, message: PasscodeMessage, passcode: str, name: str) -> str:
    return template.render(
        passcode=passcode, app=message.app, host=message.host, minutes=message.minutes, name=name, tag=message.tag
    )


def texts_of(settings: Settings, languages: Languages = ENGLISH_ALONE) -> MessageTexts:
    """The texts as configured; what is not known of them, while a configuration is checked, says nothing."""
    default = settings.message_language
    sms: dict[tuple[str, str], Template] = {}
    mails: dict[str, MailTemplate] = {}
    for each in settings.texts:
        language = getattr(each, "language", None) or default
        text, subject, body = (getattr(each, key, None) for key in ("text", "subject", "body"))
        if text is not None:
            sms[getattr(each, "channel", None) or _ANY_SMS, language] = text
        if subject is not None and body is not None:
            mails[language] = MailTemplate(subject=subject, body=body)
    return MessageTexts(
        sms_template=getattr(settings.sms, "text", _NOTHING),
        is_sms_ours="text" not in settings.sms.model_fields_set,
        default_language=default,
        spoken=languages,
        sms_templates=sms,
        mail_templates=mails,
        origin=settings.server.public_url.host if settings.sms.webotp else None,
    )
