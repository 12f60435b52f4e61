"""The words by which mail servers and SMS gateways refuse: data; `proxy.delivery.refusals` says how they are used.

Nobody publishes a list, and every server has its own words, so these are what their answers have in common. We search
for them in lower-case text on one line, in which addresses are replaced by `SENDER`, `RECIPIENT` and `ADDRESS`.
"""

from __future__ import annotations

import re
from functools import cached_property

SENDER, RECIPIENT, ADDRESS = "{sender}", "{recipient}", "{address}"
"""Our own address, the one that was written to, and any other."""


class Spellings:
    """One of several spellings. Compiled when it is first asked for: most workers never hear a refusal, and all the
    words here take 25 milliseconds, which each start would wait for."""

    def __init__(self, *spellings: str) -> None:
        self._spellings = spellings

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile("|".join(self._spellings), re.ASCII)

    def is_in(self, text: str) -> bool:
        return self._pattern.search(text) is not None

    def replaced(self, text: str, by: str) -> str:
        return self._pattern.sub(by, text)


_NO = (
    r"(?:not|never|cannot|n't|no longer|denied|disallowed|prohibited|refused|rejected|forbidden|blocked|disabled|deny|"
    r"restricted)"
)
_NEAR = r"[^.;]{0,50}"
"""Within the same sentence."""
_OURS = (
    r"(?:(?:source|originat\w+|sending|submitting|return|reply|from|sender) (?:e-?mail )?"
    r"(?:address|number|account|user|mailbox)|(?:smtp|api|billing|authenticated) (?:user(?:name)?|account|client|"
    r"mailbox)|sms account|customer (?:number|id|account)|your (?:\w+ )?account)"
)
"""Things that belong to the sender, such as an account at the relay."""

NO_CREDIT = Spellings(
    r"\bno ?credits?\b",
    r"\b(?:insufficient|not enough|out of|too few|no more|0) (?:\w+ )?(?:credits?|funds|balance)\b",
    r"\bcredits? (?:has |have |is |are )?(?:been )?(?:exhausted|exceeded|expired|used up|too low)\b",
    r"\bbalance (?:is )?too low\b|\bcredit limit\b|\btop[- ]up\b",
)

GATEWAY_REFUSES_SENDER = Spellings(
    r"\buserpass\b|\buntrusted\b",
    r"\bnot (?:a |an |in (?:the|your) )?(?:\w+ )?(?:trusted|permitted|registered|authori[sz]ed|authenticated)\b",
    r"\bunauthori[sz]ed\b|\b(?:unknown|unrecogni[sz]ed|invalid) sender\b",
    r"\bsender(?: address| e-?mail)?(?: is|:)? (?:not |rejected|refused|denied|unknown)",
)
GATEWAY_REFUSES_NUMBER = Spellings(
    r"\b(?:invalid|bad|wrong|incorrect|unknown|unallocated|barred|blacklisted|opted[- ]out)(?: \w+)?"
    r" (?:number|mobile|msisdn|recipient|destination|phone)\b",
    r"\b(?:number|mobile|msisdn|recipient|destination|phone)(?: \w+){0,2}"
    r" (?:not (?:a )?valid|invalid|unknown|not known|barred|blacklisted|opted[- ]out|unavailable|disabled)\b",
    r"\bno such (?:number|recipient|user|mailbox)\b|\bnumber (?:does not exist|not found)\b",
)
"""What SMS gateways say, in mails that are not reports."""

GREYLISTED = Spellings(r"\bgr[ea]y-?list", r"\bpostgrey\b")
"""Greylisting: the server wants each new pair of sender and recipient to come twice. It says nothing about either."""

ABOUT_US = Spellings(
    # Where in the conversation it was said, as reports tell it.
    r"\b(?:in reply to|after) (?:pipelined |sending )?(?:the )?(?:mail from|helo|ehlo|auth|initial connection|"
    r"end of connection)\b",
    # Relaying.
    rf"\brelay(?:ing|ed)?\b{_NEAR}\b{_NO}\b",
    rf"\b{_NO} (?:\w+ ){{0,5}}relay(?:ing)?\b",
    r"\b(?:unable|attempt\w*|permission|privileges?|authori[sz]ed|permitted|allowed|configured) (?:\w+ ){0,3}relay",
    r"\b(?:don't|won't|can't|doesn't) (?:\w+ )?relay\b",
    r"\b(?:no|open|third[- ]party|insecure|unauthori[sz]ed) (?:mail )?relay",
    r"\brelaying mail to\b|\bopen proxy\b|\bbatv\b|\bbackscatter\b|\b(?:by|from) your ip\b",
    r"\byour access to (?:submit|send)\b|\bvalid sender\b|\bsending (?:this )?(?:to/)?from\b",
    r"\bfrom:? ?(?:address|domain|header)\b[^.;]{0,30}\b(?:invalid|not|missing|unknown|rejected|required|verif\w+)\b",
    r"\brcpthosts?\b",
    r"\bnot an? (?:mail )?(?:gateway|relay)\b",
    r"\bnot (?:a )?local (?:domain|host)\b|\bdomain (?:is )?not (?:local|hosted|served)\b",
    r"\bwe (?:do not|don't|cannot) (?:handle|accept|deliver|take) (?:e-?)?mail (?:for|to|from)\b",
    r"\bmust check for new mail\b|\bforwarding denied\b",
    # The sender.
    rf"\b(?:senders?|mail from|envelope[- ]from|return[- ]path|originator|reverse[- ]path|"
    rf"{_OURS})\b{_NEAR}(?:\b{_NO}\b|"
    r"\b(?:inactive|closed|expired|terminated|deactivated|unavailable|null mx|no (?:valid )?mx)\b|"
    r"\b(?:failed|fails?|unknown|invalid|bad|unverified|unroute?able|unrecogni[sz]ed|missing|empty|bogus|mismatch|"
    r"spoof\w*|spammer|black-?listed|required|resolve|blacklist|list)\b)",
    r"\b(?:unknown|unrecogni[sz]ed|invalid|bad|bogus|fake|unverified|unroute?able|untrusted|blocked|rejected|rejects|"
    r"forbidden|illegal|disallowed|forged|from this|this|your) (?:envelope |mail |e-?mail |from )*"
    r"(?:senders?|originator|return[- ]path|mail from|from (?:address|domain))\b",
    rf"\b(?:unknown|invalid|bad|wrong|incorrect|no such|inactive) {_OURS}\b",
    r"\b(?:no such|unknown|invalid) (?:\w+ )?sender\b|\bsender id too\b|\b(?:api|licen[cs]e) key\b",
    r"\bsender verif\w+|\b(?:required )?for (?:the |this |your )?sender\b",
    r"\b(?:absender\w*|exp.{1,2}diteur|remitente|mittente|afzender|afsender\w*|relay\w*)\b[^.;]{0,40}"
    r"\b(?:unbekannt|abgelehnt|nicht|ung.{1,2}ltig|verweigert|refus.{1,3}|inconnu|invalide|no permitido|no autorizado|"
    r"desconocido|rechazado|rifiutato|sconosciuto|geweigerd|onbekend|afvist)",
    r"\b(?:verify|validate|identify|trust|authori[sz]e) (?:the )?(?:address of the )?sender\b|"
    r"\bdomain of (?:the )?sender\b",
    r"\bsend(?:ing)?(?: e-?mails?| mail| messages?| anonymous mail)? (?:as|on behalf of)\b",
    r"\bsend(?:ing)?(?: e-?mails?| mail| messages?)? (?:from|using|with) (?:this|that|another|your|\{sender\})",
    rf"\b{_NO} (?:for|by|to) (?:the |this )?sender\b|\bsender'?s? (?:quota|limit)",
    r"\b(?:quota|limit) (?:\w+ ){0,2}for (?:the )?sender\b",
    r"\b(?:accept|take|allow)s? (?:e-?mail|mail|messages) from\b|\boutgoing (?:e-?mail|mail|messages?)\b|"
    r"\blocal users? only\b",
    r"\bmail from not owned\b|\bsender (?:address )?not owned\b|\bnot owned by user\b",
    r"\b(?:permissions?|rights?) to (?:send|submit|post|deliver)\b",
    rf"\b{_NO} (?:to )?(?:send|submit|post)\b",
    r"\bnot (?:a |an |in (?:the|your|my) )?(?:\w+ )?"
    r"(?:trusted|permitted|registered|authori[sz]ed|authenticated|verified|subscribed|whitelisted|allow-?listed|"
    r"pre-approved)\b",
    r"\bnot (?:a |an |in (?:the|your|my) )?(?:\w+ )?allowed\b(?<!name not allowed)",
    r"\b(?:may|do|does|have|has) (?:not|n't) have permission\b",
    r"\bunauthori[sz]ed\b|\bunauthenticated\b|\buntrusted\b|\buserpass\b",
    # The client: its address, its name, what is thought of it.
    r"\b(?:client|sending) (?:host|ip|server|system|mta|address|mail server)\b",
    rf"\b(?:client|ip|ips|ip address|network|hostname)\b{_NEAR}\b(?:{_NO}|banned|listed|unknown|throttled)\b",
    rf"\b(?:client|ip|host|server|network|domain|sender|spammer)\b{_NEAR}\b(?:black|block|deny)-? ?list",
    r"\b(?:banned|bad|invalid|poor|low|blocked|rejected|refused) (?:\w+ ){0,2}(?:client|ip|ips|reputation)\b",
    r"\bip (?:name )?look ?up\b|\bblocked - see\b|\bin (?:a|the|our|my|an) (?:\w+ )?(?:black|block|deny)[- ]?list\b",
    r"(?<!not )\b(?:blocked|listed) (?:by|using|via|in|on|at)\b(?! (?:the )?(?:user|recipient|customer|subscriber))",
    r"\b(?:black|block|deny)-? ?listed (?:by|using|via|in|on|at|ip|client|host|domain|sender|server)\b",
    r"\b(?:rbl|dnsbl|rbldns|spamhaus|spamcop|sorbs|barracudacentral|surbl|uribl|reputation)\b",
    rf"\byour (?:\w+ )?(?:ip|host|server|network|domain|account|address|system|isp|connection|hostname|country|"
    rf"organi[sz]ation)\b{_NEAR}"
    rf"(?:\b{_NO}\b|\b(?:banned|black-?listed|block-?listed|suspended|exceed\w*|limit\w*|listed|spam\w*|lookup|"
    rf"record|resolve|found|bad|paused)\b)",
    r"\b(?:cannot|can't|could not|couldn't|unable to|failed to|does not|doesn't) (?:find|resolve|verify|"
    r"look ?up) your\b",
    r"\b(?:ptr|reverse[- ]?dns|rdns|reverse (?:look ?up|hostname|mapping|address)|forward[- ]confirmed|fcrdns)\b",
    r"\b(?:helo|ehlo)\b|\bfully[- ]qualified hostname\b",
    r"\bdynamic(?:ally)?(?: assigned)? (?:ip|address|host|range)",
    r"\{inet\}(?: is| was| has been)? (?:not |blocked|black-?listed|banned|listed|unknown)|"
    r"\b(?:unknown|invalid|bad) (?:\w+ )?(?:address )?\{inet\}",
    rf"\b(?:from|to|for) (?:this|your) (?:\w+ )?(?:ip|host|address|network|client|country)\b|\b{_NO} (?:\w+ )?(?:to|"
    rf"for|"
    r"from) you\b|\bno (?:smtp )?service (?:here )?for\b|\bthis host may only\b",
    r"\bmessages? from \{inet\}|\b(?:your|provider's|isp's) (?:\w+ )?smart ?host\b|\bdirect-to-mx\b|"
    r"\b(?:not in (?:our|my) (?:\w+ )?networks?|networks only)\b",
    r"\bno access (?:for|from)\b|\baccess (?:from|for) (?:your|this|unknown)\b|\bclient was\b",
    # Login and encryption.
    r"\bauth(?:entication|enticate|enticated|required|ori[sz]ation|\b)|\bauthentifi|\bautenti[ck]a|\bauthreq|"
    r"\bcertificate\b",
    r"\b(?:log|sign)(?:ged|ed)?[- ]?(?:in|on)\b(?! name)|\b(?:password|credentials?)\b",
    r"\bpop ?3? ?(?:-|before|first)",
    r"\b(?:starttls|tls|ssl|encryption|encrypted|secure connection)\b[^.;]{0,40}\b(?:requir\w*|needs?|must|first|"
    r"only|mandatory)\b",
    r"\b(?:must|requir\w+|need\w*)\b[^.;]{0,40}\b(?:starttls|tls|ssl|encrypt\w*|secure connection)\b",
    # How much and how often, and what the account may do.
    r"\b(?:exceed\w*|reached|over|above|hit)\b[^.;]{0,40}\b(?:rate|per (?:hour|day|minute|second)|hourly|daily|"
    r"messages? (?:sent|limit)|(?:sending|relay|recipients?|message|connection|submission|e-?mail|mail|outbound|"
    r"hourly) (?:rate )?(?:limits?|quota)|threshold)\b",
    r"\b(?:hourly|daily|sending|smtp relay|relay|rate|outbound|submission|connection|recipients?|e-?mail sending) "
    r"(?:\w+ )?(?:limit|quota|throttl)\w*",
    r"\btoo (?:many|much|fast|frequent)\w* (?:\w+ ){0,3}(?:messages?|e-?mails?|mails?|connect(?:ion)?s?|recipients?|"
    r"attempts?|commands?|errors?|requests?|sessions?)\b",
    r"\b(?:rate[- ]?limit|throttl|slow down|try again slower)",
    r"\baccount (?:outbounds?|smtp|relay)\b|\bsmtpclientauth|\bsandbox\b|\btest mode\b|\btrials?\b",
    r"\b(?:smtp|submission)(?: access| service)?(?: is| was| has been)? (?:disabled|blocked|forbidden|suspended)\b",
    r"\b(?:in|on|for|with|by|under) (?:a |the |this )?(?:sms |free |current )?(?:contract|plan|subscription|"
    r"licen[cs]e)\b|\b(?:in|on|for|with|by|under|upgrade) your (?:\w+ )?(?:account|contract|plan|subscription|"
    r"licen[cs]e)\b",
    r"\b(?:destination|country|route|service)s?\b[^.;]{0,40}\bfor this (?:account|customer)\b",
    r"\bthis (?:account|customer) (?:may|can) only\b|\byou are not (?:a |our )?(?:\w+ )?customer\b|\bfailed logins?\b",
    r"\b(?:subscription|licen[cs]e|plan|contract) (?:is |has |was )?(?:over|expired|ended)\b",
    r"\bnumber of (?:arguments|parameters|recipients|connections|commands)\b",
    r"\b(?:over|exceed\w*|reached) (?:\w+ ){0,2}monthly\b|\bsms (?:quota|allowance|bundle)\b|\bunexpected volume\b|"
    r"\buser complaints\b",
    r"\bnot (?:on|in) (?:your|the|our|an?) (?:\w+ )?(?:white|allow|safe)-?list\b",
    r"\bsending (?:\w+ )?(?:is |has been |was )?(?:paused|disabled|suspended|blocked)\b",
    r"\b(?:account|subscription|tenant|licen[cs]e|trial|plan)\b[^.;]{0,40}"
    r"\b(?:suspended|disabled|paused|expired|locked|on hold|under review|restricted|upgrade)\b[^.;]{0,40}"
    r"\b(?:send\w*|outbound|abuse|payment|billing|contact|support)\b",
    # Policy and content: what we send, to any recipient.
    r"\b(?:spf|dkim|dmarc|sender policy framework)\b|\bopenspf\b",
    r"\b(?:spam\w*|unsolicited|junk|virus\w*|malware|phish\w*|spoof\w*|anti-?spoofing|bulk mail|suspicious)\b",
    r"\bpolic(?:y|ies)\b",
    # The commands as we wrote them.
    r"\b(?:unsupported|unrecogni[sz]ed|unknown|unimplemented|invalid|bad|illegal|wrong|unexpected) "
    r"(?:\w+ )?(?:option|parameter|argument|command|extension|sequence|keyword|envid|notify)s?\b",
    r"\b(?:option|parameter|argument|command|extension)s?\b[^.;]{0,30}\b(?:not|unsupported|unrecogni[sz]ed|unknown|"
    r"rejected)\b",
    r"\b(?:notify|envid|orcpt)\b",
    r"\bsequence of commands\b|\bout of sequence\b|\bneed mail\b|\bvalid (?:rcpt|mail)\b",
    r"\b(?:need|requires?|send|say|issue|use|expect\w*) (?:\w+ )?(?:mail|rcpt|data)\b (?:command |from )?first\b",
)
"""The sender, the client, the login, the rate, what we say and how: nobody's number."""

ELSEWHERE = Spellings(
    r"\b(?:mail ?box|mailfolder|folder|inbox|user|account|recipient|storage|disk|maildir|message store)\b[^.;]{0,50}"
    r"\b(?:full|over ?(?:its |the |their |disk |allowed |mail )*quota|overquota|overdrawn|exceed\w*|out of (?:space|"
    r"storage)|no space)\b",
    r"\bfull (?:mail ?box|inbox)\b|\bmail ?box full\b",
    r"\bover[- ]?quota\b|\bquota (?:is )?(?:full|violation|exceeded|reached)\b|\bexceed\w* (?:\w+ ){0,4}(?:quota|"
    r"storage|space|allocation)\b",
    r"\b(?:insufficient|not enough|out of) (?:\w+ )?(?:storage|space|disk)\b|\bdisk (?:is )?full\b|\bno space left\b",
    r"\b(?:message|mail|header|content)s?\b[^.;]{0,40}\b(?:too (?:large|big|long)|exceed\w*)\b|"
    r"\bmax(?:imum)? (?:message |mail )?size\b",
    r"\b(?:host|hostname|domain|server|system|mx|nexthop|route|name ?server|site)s?\b(?: name)?"
    r"(?: (?!returned|said|says|reported|replied|responded|address)[^\s.;:]+)?[\s:(<>]+(?:is |was |are |has been )?"
    r"(?:not found|not reachable|unknown|unreachable|(?:does not|doesn't) exist|no such|not resolve|unresolvable|"
    r"unroute?able|look ?up failed|(?:could|can)(?:not| not|n't) be found|not exist|isn't (?:known|found))\b",
    r"\b(?:unknown|unreachable|no such|invalid|unresolvable|unroute?able|non-?existent|illegal) "
    r"(?!in )(?:\w+ )?(?:hosts?|domain|server|site|mx|mail server)\b",
    r"\b(?:no|null|bad|missing|invalid) (?:\w+ )?(?:mx|dns|route|a record)\b|\bnullmx\b",
    r"\b(?:dns|mx) (?:records?|errors?|failure|look ?up|query|server)\b",
    r"\bunable to (?:route|connect|contact|reach|find (?:the )?(?:domain|host))\b",
    r"\b(?:disk|mailbox|storage)? ?quota (?:is )?(?:reached|exhausted)\b|\b(?:reached|over|above|"
    r"beyond) (?:\w+ ){0,3}quota\b",
    r"\b(?:disk ?space|domain ?disk|user ?disk) quota\b|\b(?:not |in)?sufficient disk\b|\bspace (?:has been|"
    r"is) used up\b",
    r"\bbad destination (?:system|host|domain)\b|\breceiving (?:e-?mails?|mail|messages) (?:at a rate|too )",
    r"\bsuppression list\b|\b(?:loops?|looping|hop count|too many hops|too many received|hops exceeded)\b",
)
"""A mailbox that is full, a message that is too large, a domain that cannot be found: the number may be right."""

ON_THE_WAY = Spellings(
    r"\b(?:connection|connect|network|session|socket|communication)\b[^.;]{0,50}"
    r"\b(?:refused|timed ?out|time-?out|reset|lost|closed|dropped|failed|unreachable|error)\b",
    r"\b(?:timed ?out|time-?out|expired|expires|too old|too long|give up|given up|giving up|retry (?:time|limit|"
    r"timeout)|maximum (?:retry|queue|time)|still undelivered)\b",
    r"\b(?:try again later|temporar(?:y|ily)|service (?:is )?(?:not available|unavailable)|server (?:error|busy)|"
    r"system (?:error|failure|config\w*|problem)|internal (?:\w+ )?error|local (?:\w+ )?error|out of memory|"
    r"system resources|requested action aborted|i/o error|permission denied|configuration (?:error|problem)|"
    r"not accept(?:ing)? (?:network )?(?:messages|e-?mail|mail))\b",
)
"""Trouble of a server or of the network."""

PASSING = Spellings(
    r"\btemporar|\bat (?:the|this) moment\b|\bmomentarily\b|\b(?:try|again|retry) later\b|\bmaintenance\b|"
    r"\bbeing moved\b|\bswitched off\b"
)
"""It may be over tomorrow, no matter whom it names."""

THINGS = Spellings(
    r"\bnumber of (?!(?:the|this|that|your)\b)\w+|\b(?:error|ticket|case|reference|port|serial|version|line) number\b",
    r"\b(?:users?|mail ?box|recipients?|destination|phone|mobile|subscriber|number)(?:'s)? (?:look ?ups?|data ?base|"
    r"directory|table|list|store|server|verif\w+|callout|agent|services?|support|carrier|network|operator|country|"
    r"domain|hosts?|system|route|gateway|map|portability|checks?|checking)\b",
    r"\b(?:envelope|message|mail|lifetime|time|queue)(?: \w+)? (?:has )?expired\b",
    r"\b(?:directory|data ?base|servers?|services?|store|look ?up|ldap|network|system|carrier|operator|"
    r"support) (?:is |are )?(?:not (?:available|reachable)|unavailable|unreachable|disabled|locked|closed)\b",
)
"""Named after a recipient, and none."""
NOT_LOCAL = Spellings(r"\bor not local\b")
"""Of a recipient: then it may be relaying that is refused."""

_UNKNOWN = (
    r"(?:unknown|unkown|not (?:be )?known|not (?:be )?found|(?:does|did|do)(?: not|n't|nt)(?: actually|"
    r" currently)? exist|"
    r"doesn't have|does not have|not exist\w*|non-?exist\w*|invalid|not (?:a )?valid|bad|wrong|incorrect|"
    r"malformed|not (?:provisioned|in service)|must contain|too short|"
    r"not (?:listed|recogni[sz]ed|matched)|unrecogni[sz]ed|unallocated|no longer (?:\w+ )?(?:exists?|valid|here|on)|"
    r"(?:could|can)(?:n't|not| not) be (?:found|resolved|located)|ambiguous|misspelled|isn't (?:found|known|valid))"
)
_GONE = (
    r"(?:not (?:currently )?(?:active|activated|available|here|reachable)|inactive|unavailable|disabled|deactivated|"
    r"discontinued|disconnected|terminated|expired|closed|deleted|removed|barred|opted[- ]out|suspended|unreachable|"
    r"no longer (?:\w+ )?(?:active|available|in use|works?|accepts?)|locked|moved|out of service|over-?aged)"
)
_PERSON = (
    r"(?:recipients?|users?|mail ?box(?:es)?|mailboxname|addressee|number|mobile|msisdn|phone|destination|"
    r"subscriber|handset|person)"
)
_NUMBER = r"(?:number|mobile|msisdn|phone|destination|subscriber|handset)"
_PLACE = r"(?:address(?:es)?|e-?mail|account|alias|inbox|local[- ]part)"
_NAMED = rf"(?:{re.escape(RECIPIENT)}|{re.escape(ADDRESS)})"
_GAP = r"\b[:'`’)>]*[^.;]{0,30}?\b"

ABOUT_RECIPIENT = Spellings(
    rf"\b{_PERSON}{_GAP}(?:{_UNKNOWN}|{_GONE})\b",
    rf"\b{_PLACE}{_GAP}{_UNKNOWN}\b",
    rf"\b(?:{_UNKNOWN}|{_GONE}) (?:\w+ ){{0,2}}?{_PERSON}\b",
    rf"\b{_UNKNOWN} (?:\w+ ){{0,2}}?{_PLACE}\b",
    rf"\b(?:address|(?:e-?mail|mail|user|recipient|pop3?) account){_GAP}(?:{_GONE})\b",
    rf"{_NAMED}.{{0,60}}\bthis account{_GAP}{_GONE}\b|\brecipient account (?:is |has been )?(?:blocked|{_GONE})\b",
    r"\bdelivery userid\b",
    rf"\b{_NUMBER}(?: number| address)?(?: is| was| has been)? (?:blocked|black-?listed)\b",
    rf"\b(?:blocked|black-?listed) {_NUMBER}\b|\brecipient (?:has )?(?:unsubscribed|blocked messages)\b|"
    rf"\b(?:opt(?:ed)?[- ]?out|stop) list\b",
    r"\bnot an? (?:valid )?(?:mobile|phone|cell\w*)\b|\bland ?lines?\b|\b(?:number|msisdn|mobile)\b[^.;]{0,20}"
    r"\b(?:too long|must be in|international format)\b",
    r"\b(?:recipient|user|person)\b[^.;]{0,30}\b(?:has left|no longer with)\b",
    r"\b(?:empf.{1,2}nger|benutzer|postfach|rufnummer|teilnehmer|gebruiker|e-?mailadres)\b[^.;]{0,20}"
    r"\b(?:unbekannt|existiert nicht|ung.{1,2}ltig|onbekend|bestaat niet)\b",
    r"\bdestinatario (?:sconosciuto|inesistente|desconocido|no existe)\b",
    rf"\bno (?:such )?(?!valid recipients\b(?! for))(?:\w+ )?(?:{_PERSON}|{_PLACE})\b(?! (?:is |was |"
    rf"were )?(?:accepted|specified|given|named|from))",
    r"\bno ?(?:one|body) (?:here )?(?:(?:by|with|of) (?:that|this) name|at (?:that|this) address)\b",
    r"\bnot an? (?:\w+ )?(?:user|recipient|mailbox|customer|address at this)\b",
    r"\b(?:address|mailbox|user|recipient) not present\b|\bbad(?:rcpt|recipient)to\b|\bvalidrcptto\b",
    r"\benvelope recipient (?:has been |is |was )?(?:denied|rejected|refused)\b",
    r"\butilisateur inconnu\b|\bdestinataire inconnu\b|\busuario (?:desconocido|no existe)\b|\bno existe ese usuario\b",
    r"\bempf.nger unbekannt\b|\bunbekannter (?:benutzer|empf.nger)\b|\butente sconosciuto\b",
    rf"{_NAMED}[>:'.…\s]{{0,6}}(?:is |was |has been )?(?:an? )?(?:{_UNKNOWN}|{_GONE})\b",
    r"\b(?:user|recipient)[- ]?unknown\b|\brecip(?:ient)?(?:not|un)found\b|\brecipnotfound\b|\bunknownrecipient\b",
    r"\bnot (?:listed|found) in (?:\w+[ &]*){0,5}(?:address ?book|directory|alias|recipient)",
    r"\bbad destination (?:mailbox|address)\b",
    r"\b(?:user|person|recipient|customer) (?:doesn't|does not|hasn't|has no|is no|isn't|no longer)\b",
    r"\b(?:can't|cannot|could not|couldn't|unable to|did not|didn't|not able to) (?:find|locate|match|recogni[sz]e|"
    rf"resolve) (?:the |your |that |this |a |such )?(?:\w+ )?(?:{_PERSON}|{_PLACE})\b",
    rf"\b{_NAMED}[>:'\s]{{0,4}}(?:couldn't|could not|cannot|can't) be found\b",
)
"""The recipient: unknown, gone, or written in a way that cannot be right."""

REFUSES_RECIPIENT = Spellings(
    r"\brecipients?(?: e-?mail)?(?: address(?:es)?)? (?:rejected|refused|denied|not accepted)"
    r"(?=[^\w\[(]*(?:$|[\[(]|access denied|\{))",
)
"""The same without a reason, or by Exchange's; any other that follows may be about something else."""

UNKNOWN_ALONE = re.compile(rf"[^\w{{}}]*(?:{_NAMED}[^\w{{}}]*)?(?:is )?unknown\W*", re.ASCII)
"""The one word in answer to the recipient's name."""
