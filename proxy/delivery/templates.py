"""The texts of passcode messages, by channel and language.

The configuration cuts a template into pieces once; they are joined for each message.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from config.settings import Settings
from config.tables.gateway_values import EMAIL
from config.tables.texts import Template, parse_template
from proxy.delivery.channel import PasscodeMessage
from proxy.delivery.person_names import spoken_name
from proxy.delivery.text_rules import TextRules

_MAIL_SUBJECT = parse_template("Your sign-in code for {app}", holds_passcode=False)
_MAIL_END = "\n\nIf you did not try to sign in, tell your help desk."
_ANY_SMS = ""
_NOTHING = Template(pieces=("",), names=())


@dataclass(frozen=True, slots=True, kw_only=True)
class MailTemplate:
    subject: Template
    body: Template


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageTexts:
    """What each channel says: an SMS, or the Subject and the body of a mail to read."""

    sms_template: Template
    """The default."""
    default_language: str = "en"
    sms_templates: Mapping[tuple[str, str], Template] = field(default_factory=dict)
    """By channel (empty: every SMS channel) and language."""
    mail_templates: Mapping[str, MailTemplate] = field(default_factory=dict)
    """By language."""
    origin: str | None = None
    """The host of the sign-in pages, if messages end with the line that lets phones fill in the passcode on that
    host."""

    def template(self, channel: str, language: str) -> Template:
        """In the person's language if there is any text in it, else in the default one; the channel's own first."""
        for key in ((channel, language), (_ANY_SMS, language), (channel, self.default_language)):
            if key in self.sms_templates:
                return self.sms_templates[key]
        return self.sms_template

    def mail_template(self, language: str) -> MailTemplate:
        own = self.mail_templates.get(language) or self.mail_templates.get(self.default_language)
        return own or MailTemplate(subject=_MAIL_SUBJECT, body=self._mail_body())

    def sms(self, message: PasscodeMessage, rules: TextRules) -> str:
        """For a gateway with these `rules`."""
        template = self.template(rules.gateway, message.language)
        text = _rendered(template, message, message.passcode, spoken_name(message.name, rules))
        return text + self.last_line(message.passcode, rules)

    def last_line(self, passcode: str, rules: TextRules) -> str:
        """The line that binds the passcode to the sign-in host, where this gateway passes lines on.

        WICG, "Origin-bound one-time codes delivered via SMS": the message's last line, ``@host #code``.
        """
        if self.origin is None or rules.in_subject or not rules.several_lines:
            return ""
        return f"\n\n@{self.origin} #{passcode}"

    def mail(self, message: PasscodeMessage) -> tuple[str, str]:
        """The passcode stands in the body only: Subjects are shown on locked screens and kept in logs."""
        template, name = self.mail_template(message.language), spoken_name(message.name)
        # So not even a template that the checks missed could put it into the Subject.
        subject = _rendered(template.subject, message, "", name)
        return subject, _rendered(template.body, message, message.passcode, name)

    def has_tag(self, channel: str, language: str) -> bool:
        """Whether this channel's message shows the tag."""
        template = self.mail_template(language).body if channel == EMAIL else self.template(channel, language)
        return "tag" in template.names

    @property
    def languages(self) -> tuple[str, ...]:
        """Those that something is said in, the default one first."""
        others = {language for _, language in self.sms_templates} | set(self.mail_templates)
        return (self.default_language, *sorted(others - {self.default_language}))

    def _mail_body(self) -> Template:
        *pieces, last = self.sms_template.pieces
        return Template(pieces=(*pieces, last + _MAIL_END), names=self.sms_template.names)


def _rendered(template: Template, message: PasscodeMessage, passcode: str, name: str) -> str:
    return template.render(
        passcode=passcode, app=message.app, host=message.host, minutes=message.minutes, name=name, tag=message.tag
    )


def texts_of(settings: Settings) -> MessageTexts:
    """The texts as configured; what is not known of them, while a configuration is checked, says nothing."""
    default = settings.second_factor.language
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
        default_language=default,
        sms_templates=sms,
        mail_templates=mails,
        origin=settings.server.public_url.host if settings.sms.webotp else None,
    )
