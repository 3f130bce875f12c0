"""The networks we know by name: a list (networks.csv) that grows by a line."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib import resources

from fissile.infra.searching import fold


@dataclass(frozen=True, slots=True)
class Network:
    """A network: its code in tables and files, its names for people."""

    code: str
    en: str
    zh: str

    def name(self, locale: str) -> str:
        """Return the name in a language."""
        return self.zh if locale.startswith("zh") else self.en


def _read() -> tuple[dict[str, Network], dict[str, str]]:
    text = (resources.files("fissile.infra") / "networks.csv").read_text(encoding="utf-8")
    networks, codes = {}, {}
    for row in csv.DictReader(text.splitlines()):
        one = Network(row["code"], row["en"], row["zh"])
        networks[one.code] = one
        for name in (one.code, one.en, one.zh, *row["other_names"].split("|")):
            codes[fold(name)] = one.code
    return networks, codes


NETWORKS, _CODES = _read()


def network_of(given: str) -> str | None:
    """Return the code of a network by any of its names, None if it is none that we know."""
    return _CODES.get(fold(" ".join(given.split())))
