"""What a jump host is not: everything that a client of SSH may ask for besides a connection to somewhere.

All of it is refused, with a word to the person and a line in the log. A name and a password are asked for by
keyboard-interactive alone: only that can ask for a passcode too.
"""

from __future__ import annotations

from collections.abc import Mapping

import asyncssh

from proxy.ssh import words


class JumpOnly(asyncssh.SSHServer):
    """A subclass logs, and answers what is left."""

    def log(self, event: str, **facts: str | int) -> None:
        raise NotImplementedError

    def refused(
        self,
        told: str,
        reason: str,
        asked: Mapping[str, str | int],
        *,
        code: int = asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED,
    ) -> asyncssh.ChannelOpenError:
        """To be raised: `told` is for the person, `reason` for the log."""
        self.log("ssh.channel_refused", reason=reason, **asked)
        return asyncssh.ChannelOpenError(code, told)

    def kbdint_auth_supported(self) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return False

    def public_key_auth_supported(self) -> bool:
        return False

    def session_requested(self) -> bool:
        """Without a session there is no shell, command, subsystem, agent and X11."""
        raise self.refused(words.NO_SHELL, "no shell, command, subsystem or file transfer", {"asked": "session"})

    def unix_connection_requested(self, dest_path: str) -> bool:
        raise self.refused(words.NO_FORWARDING, "no sockets of this machine", {"asked": "direct-streamlocal"})

    def tun_requested(self, unit: int | None) -> bool:
        raise self.refused(words.NO_FORWARDING, "no tunnels", {"asked": "tun"})

    def tap_requested(self, unit: int | None) -> bool:
        raise self.refused(words.NO_FORWARDING, "no tunnels", {"asked": "tap"})

    def server_requested(self, listen_host: str, listen_port: int) -> bool:
        self.log("ssh.channel_refused", reason="no remote forwarding", asked="tcpip-forward", port=listen_port)
        return False

    def unix_server_requested(self, listen_path: str) -> bool:
        self.log("ssh.channel_refused", reason="no remote forwarding", asked="streamlocal-forward")
        return False
