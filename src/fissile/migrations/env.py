"""Alembic's environment: one connection, handed in by :mod:`fissile.migrations.upgrade`."""

from __future__ import annotations

from alembic import context

from fissile.infra.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
