"""The small shop of journeys, for who opens shares and where they are shared."""

from __future__ import annotations

from tests.flows.conftest import shop

__all__ = ["shop"]
