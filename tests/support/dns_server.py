"""A DNS server (RFC 1035) on loopback that knows what it is told, over UDP."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset


@dataclass(slots=True)
class DNSServer:
    records: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """By name and type: ``("dc1.corp.example", "A"): ["127.0.0.2"]``."""
    ttl: int = 60
    is_silent: bool = False
    fails: bool = False
    """Answer SERVFAIL."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @contextlib.contextmanager
    def running(self) -> Iterator[DNSServer]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = listener.getsockname()[1]
            thread = threading.Thread(target=self._serve, args=(listener,), daemon=True)
            thread.start()
            try:
                yield self
            finally:
                listener.sendto(b"", listener.getsockname())  # an empty datagram ends it
                thread.join()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            octets, client = listener.recvfrom(4096)
            if not octets:
                return
            question = dns.message.from_wire(octets)
            name, kind = question.question[0].name, question.question[0].rdtype
            key = str(name).rstrip(".").lower(), dns.rdatatype.to_text(kind)
            self.asked.append(key)
            if self.is_silent:
                continue
            answer = dns.message.make_response(question)
            answer.flags |= dns.flags.RA
            if self.fails:
                answer.set_rcode(dns.rcode.SERVFAIL)
            elif key in self.records:
                answer.answer.append(
                    dns.rrset.from_text_list(name, self.ttl, dns.rdataclass.IN, kind, self.records[key])
                )
            elif not any(known == key[0] for known, _ in self.records):
                answer.set_rcode(dns.rcode.NXDOMAIN)
            listener.sendto(answer.to_wire(), client)
