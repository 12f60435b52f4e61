"""Kapow's HTTPS interface: ``sendsms.php``, ``chk_status.php``, ``chk_credit.php`` and their plain-text answers. Pure.

Every answer has status 200; its first word tells. The login is sent in the body, never in a URL.
"""

from __future__ import annotations

import re
from urllib.parse import urlencode

from config.tables.sms_gateways import KAPOW_URL
from proxy.delivery.channel import Blame, DeliveryStatus, Outcome, SendResult
from proxy.delivery.http_sms import verdict_on_status
from proxy.delivery.https_client import HTTPSAnswer, Request

_OK = re.compile(r"OK(?:\s+(?P<credit>-?[0-9]{1,9})(?:\s+(?P<report_id>[A-Za-z0-9_-]{1,64}))?)?", re.ASCII)
_STATUS = {
    "N": DeliveryStatus.WAITING,
    "S": DeliveryStatus.SENT,
    "B": DeliveryStatus.DELAYED,
    "R": DeliveryStatus.DELAYED,
    "D": DeliveryStatus.DELIVERED,
    "X": DeliveryStatus.FAILED,
}
_FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}


class KapowInterface:
    can_report = True

    def __init__(self, *, username: str, password: str, sender: str | None = None, url: str | None = None) -> None:
        """`sender`: a sender id that the account has bought. `url`: of ``sendsms.php``."""
        self.url = url or KAPOW_URL
        self._folder = self.url.rpartition("/")[0]
        self._login = {"username": username, "password": password}
        self._sender = {"from_id": sender} if sender is not None else {}

    def message(self, number: str, text: str, message_id: str) -> Request:
        return _post(self.url, {**self._login, "mobile": number, "sms": text, **self._sender, "returnid": "TRUE"})

    def judge(self, answer: HTTPSAnswer) -> SendResult:
        """``OK [<credits> [<returnid>]]``, ``USERPASS``, ``NOCREDIT``, ``ERROR``, ``Error:...``."""
        wrong = verdict_on_status(answer.status)
        if wrong is not None:
            return wrong
        said = answer.text.strip()
        if ok := _OK.fullmatch(said):
            credit = int(ok["credit"]) if ok["credit"] else None
            return SendResult(
                outcome=Outcome.ACCEPTED, code=answer.status, report_id=ok["report_id"] or "", credit=credit
            )
        reason = "the gateway's answer is none that Kapow gives"
        unknown = SendResult(outcome=Outcome.UNKNOWN, code=answer.status, reason=reason, blame=Blame.SERVICE)
        return _refusal(said) or unknown

    def status_request(self, report_id: str) -> Request | None:
        return _post(f"{self._folder}/chk_status.php", {**self._login, "returnid": report_id})

    def judge_status(self, answer: HTTPSAnswer) -> DeliveryStatus:
        if answer.status != 200:
            return DeliveryStatus.UNKNOWN
        return _STATUS.get(answer.text.strip()[:8].upper(), DeliveryStatus.UNKNOWN)

    def credit_request(self) -> Request | None:
        return _post(f"{self._folder}/chk_credit.php", self._login)

    def judge_credit(self, answer: HTTPSAnswer) -> int | SendResult:
        wrong = verdict_on_status(answer.status)
        if wrong is not None:
            return wrong
        said = answer.text.strip()
        if re.fullmatch(r"-?[0-9]{1,9}", said, re.ASCII):
            return int(said)
        reason = "the gateway's answer about the credit is no number"
        return _refusal(said) or _not_taken(reason, Blame.SERVICE, code=answer.status)


def _refusal(said: str) -> SendResult | None:
    """What a definite no means. What follows the word is not repeated: it may name the number."""
    if said == "USERPASS":
        return _not_taken("the gateway answered USERPASS: it does not know this login", Blame.SETTINGS)
    if said == "NOCREDIT":
        return _not_taken("the gateway answered NOCREDIT: the account is empty", Blame.SETTINGS, credit=0)
    if said[:5].upper() == "ERROR" and not said[5:6].isalnum():
        return _not_taken("the gateway answered ERROR", Blame.UNCLEAR)
    return None


def _not_taken(reason: str, blame: Blame, *, code: int = 200, credit: int | None = None) -> SendResult:
    return SendResult(outcome=Outcome.UNAVAILABLE, code=code, reason=reason, blame=blame, credit=credit)


def _post(url: str, fields: dict[str, str]) -> Request:
    return Request(method="POST", url=url, headers=_FORM, body=urlencode(fields).encode("ascii"))
