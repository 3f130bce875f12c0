"""PostgreSQL inside the house: started by the first process that needs it, stopped after the last."""

from __future__ import annotations

from fissile.infra.embedded.errors import EmbeddedServerError
from fissile.infra.embedded.server import EmbeddedServer, ensure_server

__all__ = ["EmbeddedServer", "EmbeddedServerError", "ensure_server"]
