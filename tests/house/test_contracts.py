"""The import contract of our own, on drawings of imports that break it and that do not."""

from __future__ import annotations

import pytest
from grimp import ImportGraph

from tools.only_models import OnlyModelsContract


def broken(*, importer: str, imported: str, **options: str) -> list[str]:
    graph = ImportGraph()
    for module in ("shop", "shop.orders", "shop.shares", importer, imported):
        graph.add_module(module)
    graph.add_import(importer=importer, imported=imported, line_number=7, line_contents="import it")
    contract = OnlyModelsContract(name="sideways", session_options={}, contract_options={"package": "shop", **options})
    check = contract.check(graph, verbose=False)
    found: list[str] = check.metadata["broken"]
    assert check.kept == (not found)
    return found


class TestOnlyModels:
    @pytest.mark.parametrize(
        ("importer", "imported"),
        [
            ("shop.orders.rules", "shop.shares.model"),
            ("shop.orders.rules", "shop.orders.errors"),
            ("shop.orders.operations", "shop.orders.tables"),
        ],
    )
    def test_lets_models_pass_and_a_concept_use_its_own(self, importer: str, imported: str) -> None:
        assert broken(importer=importer, imported=imported) == []

    @pytest.mark.parametrize("file", ["errors", "rules", "tables", "store", "operations", "queries"])
    def test_stops_every_other_file_of_another_concept(self, file: str) -> None:
        found = broken(importer="shop.orders.operations", imported=f"shop.shares.{file}")

        assert found == [f"shop.orders.operations -> shop.shares.{file} (l.7)"]

    def test_stops_the_folder_of_another_concept(self) -> None:
        assert broken(importer="shop.orders.model", imported="shop.shares")

    def test_holds_rules_away_from_tables_of_their_own_concept(self) -> None:
        options = {"sources": "rules", "allowed": "model errors"}

        assert broken(importer="shop.orders.rules", imported="shop.orders.tables", **options)
        assert not broken(importer="shop.orders.rules", imported="shop.orders.model", **options)
        assert not broken(importer="shop.orders.store", imported="shop.orders.tables", **options)
