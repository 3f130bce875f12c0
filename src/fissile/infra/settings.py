"""Settings: read once at the edge, from the environment or one TOML file; the environment wins."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from fissile.kernel.errors import Refusal


class BadSetting(Refusal):
    """The setting {name} is “{given}”: it must be {wanted}."""


class UnknownSetting(Refusal):
    """The file {file} has “{name}”, which is no setting: remove it, or see docs/reference/settings.md."""


def _setting(env: str, doc: str, default: Any) -> Any:
    return field(default=default, metadata={"env": env, "doc": doc})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting; docs/reference/settings.md is generated from this class."""

    home: Path = _setting("FISSILE_HOME", "Data directory: database, locks, logs.", Path("./var"))
    database_url: str = _setting(
        "DATABASE_URL", "An external PostgreSQL (15 or newer) instead of the embedded one.", ""
    )
    host: str = _setting("FISSILE_HOST", "Address that the web server listens on.", "127.0.0.1")
    port: int = _setting("FISSILE_PORT", "Port that the web server listens on.", 8000)
    public_url: str = _setting(
        "FISSILE_PUBLIC_URL", "How people reach this installation; used in links and sentences.", ""
    )
    shop_name: str = _setting("FISSILE_SHOP_NAME", "Name of the shop on its pages.", "Fissile")
    locale: str = _setting("FISSILE_LOCALE", "Language where a visitor has asked for none: zh_CN or en.", "en")
    visit_window_seconds: int = _setting(
        "FISSILE_VISIT_WINDOW_SECONDS", "A visitor's opens of one share within this are one visit.", 1800
    )
    reservation_seconds: int = _setting(
        "FISSILE_RESERVATION_SECONDS", "How long stock is kept for an order that is not paid.", 900
    )
    after_sale_days: int = _setting(
        "FISSILE_AFTER_SALE_DAYS",
        "How long after its completion an order may be given back, where its merchant says nothing else.",
        7,
    )
    auto_complete_days: int = _setting(
        "FISSILE_AUTO_COMPLETE_DAYS", "An order that was sent this long ago is completed by itself.", 15
    )
    guest_link_days: int = _setting(
        "FISSILE_GUEST_LINK_DAYS", "How long the signed link of a guest's order opens it.", 90
    )
    guest_orders_per_minute: int = _setting(
        "FISSILE_GUEST_ORDERS_PER_MINUTE", "Orders of guests from one address, by pages and API; 0: any number.", 60
    )
    guest_pieces_max: int = _setting(
        "FISSILE_GUEST_PIECES_MAX", "Pieces in one order of a guest, at most; 0: any number.", 1000
    )
    database_pool: int = _setting("FISSILE_DATABASE_POOL", "Connections of a web process.", 10)
    queue_max: int = _setting(
        "FISSILE_QUEUE_MAX", "Requests that wait for the database at most; more are told 503.", 4096
    )
    smtp_host: str = _setting("FISSILE_SMTP_HOST", "Mail server; empty: mails are written to the log.", "")
    smtp_port: int = _setting("FISSILE_SMTP_PORT", "Port of the mail server.", 587)
    smtp_tls: str = _setting("FISSILE_SMTP_TLS", "starttls, tls (from the first byte), or none.", "starttls")
    smtp_user: str = _setting("FISSILE_SMTP_USER", "Name at the mail server; empty: no login.", "")
    smtp_password: str = _setting("FISSILE_SMTP_PASSWORD", "Password at the mail server.", "")
    mail_from: str = _setting("FISSILE_MAIL_FROM", "Address that mails come from.", "shop@localhost")
    payout_cooling_hours: int = _setting(
        "FISSILE_PAYOUT_COOLING_HOURS", "How long a changed payout account waits before anything is paid to it.", 48
    )
    payout_by_hand: int = _setting(
        "FISSILE_PAYOUT_BY_HAND",
        "1: who has named no payout account is paid by hand, and the approval says so; 0: their balance is carried on.",
        1,
    )
    log_level: str = _setting("FISSILE_LOG_LEVEL", "debug, info, warning or error.", "info")

    @property
    def base_url(self) -> str:
        """Where links point: the public URL, or the listening address."""
        return self.public_url.rstrip("/") or f"http://{self.host}:{self.port}"

    @property
    def pays_by_hand(self) -> bool:
        """Whether payees without a payout account are paid by hand."""
        return self.payout_by_hand != 0

    @property
    def local_url(self) -> str:
        """Where this process reaches the web server of this machine: for the sandbox's own webhook."""
        host = "127.0.0.1" if self.host in ("", "0.0.0.0", "::") else self.host
        return f"http://{host}:{self.port}"


def load_settings(environ: Mapping[str, str], **overrides: Any) -> Settings:
    """
    Return the settings of this environment; ``FISSILE_CONFIG`` names a TOML file with the same names.

    :raises BadSetting: if a value has the wrong type
    :raises UnknownSetting: if the file has a name that is none
    """
    known = {one.name: one for one in fields(Settings)}
    values: dict[str, Any] = {}
    if path := environ.get("FISSILE_CONFIG"):
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        for name, given in table.items():
            if name not in known:
                raise UnknownSetting(file=path, name=name)
            values[name] = _typed(name, str(given), known[name].default)
    for name, one in known.items():
        if (given := environ.get(one.metadata["env"])) is not None:
            values[name] = _typed(one.metadata["env"], given, one.default)
    values.update({name: given for name, given in overrides.items() if given is not None})
    return Settings(**values)


def from_environment(**overrides: Any) -> Settings:
    """Return the settings of this process; see :func:`load_settings`."""
    return load_settings(os.environ, **overrides)


def _typed(name: str, given: str, default: Any) -> Any:
    if isinstance(default, Path):
        return Path(given)
    if isinstance(default, int):
        if not given.strip().isdigit():
            raise BadSetting(name=name, given=given, wanted="a whole number of 0 or more")
        return int(given)
    return given
