"""The whole configurations that pages of the documentation show can be used as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from config import checks
from config.load import load_settings

DOCS = Path(__file__).parent.parent.parent / "docs"


@pytest.mark.parametrize("page", ["git-webdav-calendars.md", "service-tokens.md"])
def test_a_whole_configuration_loads_without_a_warning(page: str, tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", (DOCS / page).read_text(), flags=re.DOTALL)
    for name in ("ad-password", "tls.pem", "tls.key"):
        (tmp_path / name).write_text("-\n")
        (tmp_path / name).chmod(0o600)
    (tmp_path / "gatepost.toml").write_text(text.replace("/etc/gatepost/", f"{tmp_path}/"))
    settings = load_settings(tmp_path / "gatepost.toml", {})
    assert settings.apps[0].takes_credentials
    assert list(checks.warnings(settings)) == []
