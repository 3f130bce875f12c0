"""What the documents say is there: links, names in the code, generated pages."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tools.reference import FOLDER, pages, stale
from tools.reference.events import EventWithoutAName, in_python, in_sql
from tools.reference.tables import comments_beside

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
IN_TEXT = re.compile(r"`((?:src|tests|tools|docs)/[\w./-]+\.(?:py|sql|md))(?:#(\w+(?:\.\w+)?))?`")
PAGES = sorted(
    [*ROOT.glob("*.md"), *(one for folder in ("docs", "src", "tests") for one in (ROOT / folder).rglob("*.md"))]
)


def names_in(file: Path) -> set[str]:
    """Return what a reference may name in a file: functions, classes, their methods, constants; SQL functions."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".sql":
        return set(re.findall(r"CREATE FUNCTION (\w+)", text))
    if file.suffix != ".py":
        return anchors_in(text)
    found: set[str] = set()
    for node in ast.parse(text).body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.add(name)
            case ast.ClassDef(name=name, body=body):
                methods = (one for one in body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))
                found |= {name, *(f"{name}.{one.name}" for one in methods)}
            case ast.Assign(targets=targets):
                found |= {one.id for one in targets if isinstance(one, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
    return found


def anchors_in(text: str) -> set[str]:
    """Return the anchors of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one).strip().lower().replace(" ", "-") for one in headings}


def dead(page: Path, text: str) -> list[str]:
    """Return the references of a page that lead nowhere."""
    found = []
    relative = [(one, page.parent) for one in LINK.findall(text) if not re.match(r"[a-z+]+:", one)]
    from_root = [(f"{path}#{name}" if name else path, ROOT) for path, name in IN_TEXT.findall(text)]
    for reference, base in relative + from_root:
        path, _, name = reference.partition("#")
        target = (base / path).resolve() if path else page
        if not target.exists() or (name and target.is_file() and name not in names_in(target)):
            found.append(reference)
    return found


class TestReferences:
    @pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
    def test_lead_somewhere(self, page: Path) -> None:
        assert dead(page, page.read_text(encoding="utf-8")) == []

    @pytest.mark.parametrize(
        "text",
        [
            "[gone](docs/no-such-page.md)",
            "[a function](src/fissile/kernel/money.py#no_such_function)",
            "[a heading](README.md#no-such-heading)",
            "`src/fissile/kernel/gone.py`",
            "`src/fissile/kernel/money.py#Money.no_such_method`",
        ],
    )
    def test_that_lead_nowhere_are_found(self, text: str) -> None:
        assert len(dead(ROOT / "README.md", text)) == 1

    def test_that_lead_somewhere_are_let_be(self) -> None:
        text = "`src/fissile/kernel/money.py#Money.allocate` [it](src/fissile/kernel/money.py#PPM) [licence](LICENSE)"

        assert dead(ROOT / "README.md", text) == []


class TestGeneratedPages:
    def test_say_what_the_code_says(self) -> None:
        assert stale(made=pages()) == [], "run make docs"

    def test_that_nothing_makes_are_found(self) -> None:
        made = {one.name: one.read_text(encoding="utf-8") for one in FOLDER.iterdir()}
        removed = next(iter(made))

        assert stale(made={name: text for name, text in made.items() if name != removed}) == [removed]


class TestEventsPage:
    HEAD = "from fissile.infra.events import Event\n"

    def test_reads_names_and_data_off_the_code(self) -> None:
        code = self.HEAD + (
            "def close(many):\n"
            "    name = 'shop.closed' if many else 'shop.paused'\n"
            "    data = {'why': 'late'}\n"
            "    return Event(name, shop_id, {'many': many, **data})\n"
        )

        found = [(one.name, one.keys) for one in in_python(code, path="x.py")]

        assert found == [("shop.closed", ("many", "why")), ("shop.paused", ("many", "why"))]

    def test_refuses_a_name_that_cannot_be_read(self) -> None:
        code = self.HEAD + "def close(name):\n    return Event(name, shop_id, {})\n"

        with pytest.raises(EventWithoutAName):
            list(in_python(code, path="x.py"))

    def test_reads_sql(self) -> None:
        sql = (
            "INSERT INTO events (name, data)\n"
            "SELECT 'order.paid', jsonb_build_object('amount', greatest(a, b), 'sold', (SELECT 1));"
        )

        assert [(one.name, one.keys) for one in in_sql(sql, path="x.sql")] == [("order.paid", ("amount", "sold"))]


class TestTablesPage:
    def test_takes_the_reasons_that_stand_beside_the_code(self) -> None:
        code = (
            "t = Table(\n"
            '    "orders",\n'
            "    metadata,\n"
            '    uid("member_id", nullable=True),  # null: a guest\n'
            '    uid("id"),\n'
            ")\n"
            "# The sweep.\n"
            'Index("orders_idx", t.c.id)\n'
        )

        assert comments_beside(code) == {("orders", "member_id"): "null: a guest", ("", "orders_idx"): "The sweep."}
