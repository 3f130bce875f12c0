"""A contract for import-linter: which files of a concept may be imported from where, by their names."""

from __future__ import annotations

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class OnlyModelsContract(Contract):
    """
    Siblings below ``package`` import each other's ``model`` and nothing else.

    With ``sources`` and ``allowed`` it holds inside a concept too: files named in ``sources`` import, of the
    concepts, only files named in ``allowed``.
    """

    package = fields.StringField()
    sources = fields.StringField(required=False)
    allowed = fields.StringField(required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Return every import that the contract forbids, with its line."""
        package, sources, allowed = str(self.package), _words(self.sources), _words(self.allowed)
        broken: list[str] = []
        for importer in sorted(graph.find_descendants(package)):
            if sources and _file(package, importer) not in sources:
                continue
            for imported in sorted(graph.find_modules_directly_imported_by(importer)):
                if not imported.startswith(f"{package}."):
                    continue
                sideways = _concept(package, imported) != _concept(package, importer)
                fine = {"model"} if sideways and not sources else allowed
                if (sideways or sources) and _file(package, imported) not in fine:
                    details = graph.get_import_details(importer=importer, imported=imported)
                    lines = ", ".join(str(one["line_number"]) for one in details)
                    broken.append(f"{importer} -> {imported} (l.{lines})")
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print each forbidden import."""
        for one in check.metadata["broken"]:
            output.print_error(f"- {one}", bold=False)
        output.new_line()


def _words(given: object) -> frozenset[str]:
    return frozenset(str(given).split()) if given else frozenset()


def _concept(package: str, module: str) -> str:
    return module.removeprefix(f"{package}.").split(".")[0]


def _file(package: str, module: str) -> str:
    _, _, below = module.removeprefix(f"{package}.").partition(".")
    return below.split(".")[0]
