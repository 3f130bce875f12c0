"""
The schema as the code has it: tables from their modules, functions from the SQL beside flows and modules,
guards and rights. ``python -m fissile.migrations.schema`` prints it; a test holds the migrations equal to it.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from importlib import resources

from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

import fissile
import fissile.domain
import fissile.infra.tables  # registers its tables
from fissile.infra.database import APP_ROLE
from fissile.infra.schema import metadata
from fissile.migrations.steps import NEXT

# Nobody edits these: the application role may not, and a trigger stops the owner too.
APPEND_ONLY = (
    "audit_log",
    "events",
    "invoices",
    "ledger_transfers",
    "order_touches",
    "promoter_inviters",
    "refund_lines",
    "refund_parts",
    "statement_lines",
    "statements",
    "stock_movements",
)

# In the order in which they need each other.
FUNCTIONS = (
    "infra/rate_limit_hit_v1.sql",
    "domain/ledger/post_transfers_v1.sql",
    "domain/members/refuse_invitation_cycles.sql",
    "flows/record_visits_v1.sql",
    "flows/place_orders_v1.sql",
    "flows/bind_buyers_v1.sql",
    "flows/settle_payments_v1.sql",
)

# Every concept that keeps something registers its tables.
for _module in sorted(one.name for one in pkgutil.iter_modules(fissile.domain.__path__)):
    if importlib.util.find_spec(f"fissile.domain.{_module}.tables"):
        importlib.import_module(f"fissile.domain.{_module}.tables")


def fresh_sql() -> str:
    """Return the statements that make the whole schema in an empty database."""
    return NEXT.join([*_roles(), *_tables(), *_functions(), *_guards(), *_rights()]) + "\n"


def _roles() -> list[str]:
    # Roles belong to the server, not to a database; eight databases may be made at once.
    return [
        f"""DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{APP_ROLE}') THEN
    CREATE ROLE {APP_ROLE} NOLOGIN;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;""",
        f"""DO $$ BEGIN
  IF NOT pg_has_role(current_user, '{APP_ROLE}', 'MEMBER') THEN
    EXECUTE format('GRANT {APP_ROLE} TO %I', current_user);
  END IF;
END $$;""",
    ]


def _tables() -> list[str]:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    made = []
    for table in metadata.sorted_tables:
        made.append(str(CreateTable(table).compile(dialect=dialect)).strip() + ";")
        for index in sorted(table.indexes, key=lambda one: str(one.name)):
            made.append(str(CreateIndex(index).compile(dialect=dialect)).strip() + ";")
        if table.comment:
            comment = table.comment.replace("'", "''")
            made.append(f"COMMENT ON TABLE {table.name} IS '{comment}';")
    return made


def _functions() -> list[str]:
    return [(resources.files(fissile) / path).read_text(encoding="utf-8").strip() for path in FUNCTIONS]


def _guards() -> list[str]:
    refuse = """CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: correct it with another row', TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $$;"""
    return (
        [refuse]
        + [
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();"
            for table in APPEND_ONLY
        ]
        + [
            "CREATE TRIGGER promoter_inviters_no_cycles BEFORE INSERT ON promoter_inviters"
            " FOR EACH ROW EXECUTE FUNCTION refuse_invitation_cycles();"
        ]
    )


def _rights() -> list[str]:
    append_only = ", ".join(APPEND_ONLY)
    return [
        f"GRANT USAGE ON SCHEMA public TO {APP_ROLE};",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {APP_ROLE};",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {APP_ROLE};",
        f"REVOKE UPDATE, DELETE ON {append_only} FROM {APP_ROLE};",
    ]


if __name__ == "__main__":
    print(fresh_sql(), end="")
