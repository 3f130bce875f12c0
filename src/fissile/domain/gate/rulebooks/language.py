"""
The rule language: CEL over the facts of vocabulary.py, in Google's C++ implementation.

A condition that compiles here names facts that exist with types that fit, ends within the iteration budget, and
cannot build anything that is larger than what it was given: docs/decisions/0010-rule-language.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from cel_expr_python import cel  # type: ignore[import-untyped]
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory  # type: ignore[import-untyped]

from fissile.domain.gate.model import FACTS_OF_A_KIND, Facts, Post
from fissile.domain.gate.rulebooks.mistakes import nearest
from fissile.domain.gate.rulebooks.vocabulary import FACTS, FIELD_MAX, FUNCTIONS, TEXT_MAX, Fact, Field

SEARCHES_MAX: Final = 32
"""A rulebook searches at most so many times in texts and fields."""
CONDITION_MAX: Final = 4_000
"""A condition has at most so many code points."""
REGEX_MAX: Final = 500
"""A regular expression has at most so many characters, and as many steps with its counted repetitions written out."""
REGEX_IN_LOOP_MAX: Final = 32
"""Within an exists it has at most so many steps: CEL makes it anew for every fact."""
LISTS: Final = frozenset(fact.name for fact in FACTS if fact.many)
_PACKAGE = "fissile"
_SCALARS = {"string": "TYPE_STRING", "int": "TYPE_INT64", "bool": "TYPE_BOOL"}
_SEARCHES = frozenset({"matches", "contains", "startsWith", "endsWith"})
_LONG_TEXTS = frozenset({"text", "reading"})
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a condition, at a line and column of its own."""

    line: int
    column: int
    message: str
    hint: str


class ConditionProblemsError(Exception):
    """The condition cannot be used."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(one.message for one in problems))


class UndecidedError(Exception):
    """A condition could not be answered for these facts; ``reason`` is ``budget_exceeded`` or ``condition_failed``."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Condition:
    """A checked condition. ``reads`` are the facts that it names: nothing else can change its answer."""

    source: str
    reads: frozenset[str]
    searches: int
    """How often it searches in texts; a rulebook may do so ``SEARCHES_MAX`` times."""
    on_nothing: bool | None
    """Its answer where none of the lists that it reads holds anything; None if it reads more than lists of facts."""
    _program: Any

    def holds(self, bound: Any) -> bool:
        """
        Return whether the condition holds for what ``bind`` made of a post.

        :raises UndecidedError: if it ran out of its iteration budget, or divided by zero and the like
        """
        try:
            answer = self._program.eval(bound)
        except RuntimeError as error:
            reason = "budget_exceeded" if "Iteration budget exceeded" in str(error) else "condition_failed"
            raise UndecidedError(reason) from None
        value = answer.value()
        if value is True or value is False:
            return value
        raise UndecidedError("condition_failed")


def compile_condition(source: str, *, words: Mapping[str, frozenset[str]]) -> Condition:
    """
    Check and compile a condition.

    ``words`` names the words that fields may hold, as ``platform`` or ``category``, besides those of the vocabulary:
    comparing such a field with another word is a mistake.

    :raises ConditionProblemsError: with everything that is wrong
    """
    if len(source) > CONDITION_MAX:
        hint = "split it into two rules"
        raise ConditionProblemsError([Problem(1, 1, f"The condition is longer than {CONDITION_MAX} characters.", hint)])
    if found := _NO_TEXT.search(source):
        what = "the character NUL" if found[0] == "\0" else "half of a character"
        raise ConditionProblemsError([Problem(1, 1, f"The condition contains {what}.", "leave it out")])
    try:
        program = _environment().compile(source)
    except RuntimeError as error:
        raise ConditionProblemsError(list(_of_compiler(str(error), source=source))) from None
    if program.return_type() != cel.Type.BOOL:
        kind = program.return_type().name().lower()
        hint = "compare it: codes.size() > 0, codes.exists(c, …)"
        raise ConditionProblemsError([Problem(1, 1, f"The condition is {kind}, not true or false.", hint)])
    checker = _Checker(program, source=source, words=words)
    problems = checker.problems()
    if problems:
        raise ConditionProblemsError(sorted(problems, key=lambda one: (one.line, one.column)))
    reads = frozenset(checker.reads)
    condition = Condition(source, reads, checker.searches, None, program)
    if not reads <= LISTS:
        return condition
    try:
        nothing = condition.holds(bind(post=Post(), facts=Facts(), forms=(), reads=reads))
    except UndecidedError:
        return condition
    return replace(condition, on_nothing=nothing)


# --- binding: facts become protobuf messages ------------------------------------------------------------------------


def bind(*, post: Post, facts: Facts, forms: Sequence[str], reads: frozenset[str]) -> Any:
    """Return what conditions are asked about: only the facts that ``reads`` names are made."""
    data = {name: _BINDERS[name](post, facts, forms) for name in reads}
    return _environment().Activation(data)


def _clean(text: str, limit: int) -> str:
    cut = text[:limit]
    return cut if cut.isascii() else _SURROGATE.sub("\ufffd", cut)


def _short(text: str) -> str:
    return _clean(text, FIELD_MAX)


def _codes(post: Post, facts: Facts, forms: Sequence[str]) -> list[Any]:
    new = _messages()["Code"]
    return [
        new(kind=_short(one.kind), platform=_short(one.platform), code=_short(one.code), where=_short(one.where))
        for one in facts.codes[:FACTS_OF_A_KIND]
    ]


def _links(post: Post, facts: Facts, forms: Sequence[str]) -> list[Any]:
    new = _messages()["Link"]
    return [
        new(
            url=_short(one.url),
            host=_short(one.host),
            platform=_short(one.platform or ""),
            partner=one.partner,
            where=_short(one.where),
            **{"class": _short(one.cls)},
        )
        for one in facts.links[:FACTS_OF_A_KIND]
    ]


def _contacts(post: Post, facts: Facts, forms: Sequence[str]) -> list[Any]:
    new = _messages()["Contact"]
    return [new(technique=_short(one.technique), where=_short(one.where)) for one in facts.contacts[:FACTS_OF_A_KIND]]


def _inducements(post: Post, facts: Facts, forms: Sequence[str]) -> list[Any]:
    new = _messages()["Inducement"]
    return [new(category=_short(one.category), where=_short(one.where)) for one in facts.inducements[:FACTS_OF_A_KIND]]


def _disguises(post: Post, facts: Facts, forms: Sequence[str]) -> list[Any]:
    new = _messages()["Disguise"]
    return [new(technique=_short(one.technique), where=_short(one.where)) for one in facts.disguises[:FACTS_OF_A_KIND]]


def _cues(post: Post, facts: Facts, forms: Sequence[str]) -> list[Any]:
    new = _messages()["CueWord"]
    return [new(word=_short(one.word)) for one in facts.cues[:FACTS_OF_A_KIND]]


def _dropped(post: Post, facts: Facts, forms: Sequence[str]) -> Any:
    names = ("codes", "links", "contacts", "inducements", "disguises", "cues")
    counts = {
        name: getattr(facts.dropped, name) + max(0, len(getattr(facts, name)) - FACTS_OF_A_KIND) for name in names
    }
    return _messages()["Dropped"](**counts)


def _history(post: Post, facts: Facts, forms: Sequence[str]) -> Any:
    message = _messages()["History"]
    known = {field.name for field in message.DESCRIPTOR.fields}
    return message(**{name: value for name, value in post.facts.items() if name in known})


_BINDERS: Final[dict[str, Callable[[Post, Facts, Sequence[str]], Any]]] = {
    "codes": _codes,
    "links": _links,
    "contacts": _contacts,
    "inducements": _inducements,
    "disguises": _disguises,
    "cues": _cues,
    "dropped": _dropped,
    "history": _history,
    "origin": lambda post, facts, forms: [_short(one) for one in facts.origin[:FACTS_OF_A_KIND]],
    "text": lambda post, facts, forms: _clean(post.text, TEXT_MAX),
    "reading": lambda post, facts, forms: _clean(facts.normalised, TEXT_MAX),
    "text_size": lambda post, facts, forms: len(post.text),
    "surface": lambda post, facts, forms: _short(post.surface),
    "form": lambda post, facts, forms: _short(post.form),
    "forms": lambda post, facts, forms: list(forms),
    "sender": lambda post, facts, forms: _short(post.sender),
    "community": lambda post, facts, forms: _short(post.community),
    "thread": lambda post, facts, forms: _short(post.thread),
}


# --- the environment: messages described in Python ------------------------------------------------------------------


def _message_name(fact: Fact) -> str:
    return fact.type.removeprefix("list(").removesuffix(")")


@cache
def _pool() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="fissile/gate.proto", package=_PACKAGE, syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto
    for fact in FACTS:
        if not fact.fields:
            continue
        message = file.message_type.add(name=_message_name(fact))
        for number, one in enumerate(fact.fields, start=1):
            added = message.field.add(
                name=one.name, number=number, type=getattr(kinds, _SCALARS[one.type]), label=kinds.LABEL_OPTIONAL
            )
            if fact.name == "history":  # optional, so that has() tells what the caller did not say
                added.proto3_optional = True
                added.oneof_index = len(message.oneof_decl)
                message.oneof_decl.add(name=f"_{one.name}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


@cache
def _messages() -> Mapping[str, Any]:
    return {
        _message_name(fact): message_factory.GetMessageClass(
            _pool().FindMessageTypeByName(f"{_PACKAGE}.{_message_name(fact)}")
        )
        for fact in FACTS
        if fact.fields
    }


@cache
def _environment() -> Any:
    variables = {}
    for fact in FACTS:
        if fact.fields:
            kind = cel.Type(f"{_PACKAGE}.{_message_name(fact)}")
            variables[fact.name] = cel.Type.List(kind) if fact.many else kind
        elif fact.type == "list(string)":
            variables[fact.name] = cel.Type.List(cel.Type.STRING)
        else:
            variables[fact.name] = {"string": cel.Type.STRING, "int": cel.Type.INT}[fact.type]
    return cel.NewEnv(_pool(), variables=variables)


# --- what the compiler says -----------------------------------------------------------------------------------------

_COMPLAINT = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*?)(?=\n \| |\nERROR: |$)", re.DOTALL)
_OPERATORS = {f"'{name}'": f"“{shown}”" for name, shown in FUNCTIONS.items()}


def _of_compiler(words: str, *, source: str) -> Iterator[Problem]:
    found = list(_COMPLAINT.finditer(words))
    for one in found:
        line, column, said = int(one[1]), int(one[2]), " ".join(one[3].split())
        # CEL points at the bracket of an unknown function; its name stands before.
        name = re.search(r"undeclared reference to '([\w.]+)'", said)
        if name and source.split("\n")[line - 1][column - 1 : column] == "(":
            column = max(1, column - len(name[1].rpartition(".")[2]))
            said = f"{said} called"
        message, hint = _explained(said)
        yield Problem(line, column, message, hint)
    if not found:
        said = words.removeprefix("INVALID_ARGUMENT: ").removeprefix("CANCELLED: ").partition(" [")[0]
        yield Problem(1, 1, f"The condition cannot be read: {said}", "write it simpler; brackets nest at most 32 deep")


def _explained(said: str) -> tuple[str, str]:
    if found := re.match(r"undefined field '(\w+)' not found in struct 'fissile\.(\w+)'", said):
        fields = next(fact.fields for fact in FACTS if fact.fields and _message_name(fact) == found[2])
        return f"{found[2]} has no field {found[1]}.", nearest(found[1], among=[one.name for one in fields])
    if found := re.match(r"undeclared reference to '([\w.]+)'", said):
        name = found[1]
        if said.endswith(" called"):
            return f"There is no function {name}.", nearest(name.rpartition(".")[2], among=_NAMES)
        return f"There is no fact {name}.", nearest(name, among=[fact.name for fact in FACTS])
    if found := re.match(r"found no matching overload for '(.+?)' applied to '(.*)'", said):
        shown = _OPERATORS.get(f"'{found[1]}'", f"“{found[1]}”")
        given = found[2].replace("fissile.", "")[1:-1]
        return f"{shown} does not go with {given}.", "both sides need the same type; a fact's type is in docs/gate.md"
    if found := re.match(r"Syntax error: (.*)", said):
        what = re.sub(r" expecting \{.*\}", "", found[1]).replace("'<EOF>'", "the end")
        return (
            f"The condition breaks off or goes wrong here: {what}.",
            "look for a missing bracket, quote or && before it",
        )
    return f"{said}.", "docs/gate.md lists facts and functions"


# --- what the compiler lets pass and we do not ----------------------------------------------------------------------


class _Checker:
    """Walks the checked expression. What the compiler wrote for a macro is told apart by its ``@result``."""

    def __init__(self, program: Any, *, source: str, words: Mapping[str, frozenset[str]]) -> None:
        packed = _checked_expr()()
        packed.ParseFromString(_any_value(program.serialize()))
        self.tree = packed.expr
        self.source = source
        self.words = words
        self.reads: set[str] = set()
        self.searches = 0
        self._offsets = {one.key: one.value for one in packed.source_info.positions}
        self._overloads = {one.key: list(one.value.overload_id) for one in packed.reference_map}
        self._found: list[Problem] = []

    def problems(self) -> list[Problem]:
        """Return what is wrong; afterwards ``reads`` is filled."""
        self._walk(self.tree, bound=frozenset(), loops=0)
        return self._found

    def _tell(self, node: Any, message: str, hint: str) -> None:
        offset = self._offsets.get(node.id, 0)
        before = self.source[:offset]
        line = before.count("\n") + 1
        problem = Problem(line, offset - (before.rfind("\n") + 1) + 1, message, hint)
        if problem not in self._found:
            self._found.append(problem)

    def _walk(self, node: Any, *, bound: frozenset[str], loops: int) -> None:
        kind = node.WhichOneof("kind")
        if kind == "ident_expr" and node.ident_expr.name not in bound:
            name = node.ident_expr.name
            self.reads.add(name)
            if name not in _FACT_NAMES:  # CEL knows its types by name: map == map
                self._tell(node, f"There is no fact {name}.", nearest(name, among=sorted(_FACT_NAMES)))
        elif kind == "select_expr":
            self._walk(node.select_expr.operand, bound=bound, loops=loops)
        elif kind == "call_expr":
            self._call(node, bound=bound, loops=loops)
        elif kind == "list_expr":
            for one in node.list_expr.elements:
                if one.WhichOneof("kind") != "const_expr":
                    self._tell(
                        node, "A list holds words or numbers written out.", "write [“a”, “b”], not facts in a list"
                    )
        elif kind == "struct_expr":
            self._tell(node, "A condition makes no messages or maps.", "compare single fields of facts")
        elif kind == "comprehension_expr":
            self._comprehension(node, bound=bound, loops=loops)

    def _comprehension(self, node: Any, *, bound: frozenset[str], loops: int) -> None:
        loop = node.comprehension_expr
        inner = bound | {loop.iter_var, loop.iter_var2, loop.accu_var} - {""}
        self._walk(loop.iter_range, bound=bound, loops=loops)
        self._walk(loop.accu_init, bound=bound, loops=loops)
        self._walk(loop.loop_condition, bound=inner, loops=loops + 1)
        self._walk(loop.loop_step, bound=inner, loops=loops + 1)
        self._walk(loop.result, bound=inner, loops=loops + 1)

    def _call(self, node: Any, *, bound: frozenset[str], loops: int) -> None:
        call = node.call_expr
        parts = [*([call.target] if call.HasField("target") else []), *call.args]
        if call.function == "@not_strictly_false" or self._collects(call, bound=bound):
            parts = parts[:1] if call.function == "_+_" else parts
        elif call.function not in FUNCTIONS:
            self._tell(
                node, f"{call.function} is no function of the rule language.", nearest(call.function, among=_NAMES)
            )
        elif call.function == "_+_" and {"add_string", "add_bytes", "add_list"} & set(self._overloads.get(node.id, ())):
            self._tell(node, "“+” adds numbers here, it joins no texts or lists.", "compare them one by one")
        if call.function == "matches":
            self._regex(node, parts, most=REGEX_IN_LOOP_MAX if loops else REGEX_MAX)
        if call.function in _SEARCHES:
            self._search(node, parts[0], loops=loops)
        if call.function in ("_==_", "_!=_", "@in"):
            self._spelling(parts)
        for one in parts:
            self._walk(one, bound=bound, loops=loops)

    def _search(self, node: Any, searched: Any, *, loops: int) -> None:
        self.searches += 1
        if loops and self._is_long(searched):
            hint = "move it before the exists: text.contains(…) && codes.exists(…)"
            self._tell(node, "A search of the whole text would be repeated for every fact.", hint)
        elif loops > 1:
            hint = "search in the outer one, compare in the inner one"
            self._tell(node, "A search in an exists within an exists would be repeated up to 10,000 times.", hint)

    def _collects(self, call: Any, *, bound: frozenset[str]) -> bool:
        """Return whether this is the ``@result + [x]`` of a filter; of a map, x would be something else than facts."""
        if call.function != "_+_" or call.args[0].ident_expr.name != "@result":
            return False
        if not call.args[1].list_expr.elements:
            return False
        element = call.args[1].list_expr.elements[0]
        if element.WhichOneof("kind") != "ident_expr" or element.ident_expr.name not in bound:
            self._tell(element, "map is no macro of the rule language.", "ask with exists, all, exists_one or filter")
        return True

    @staticmethod
    def _is_long(node: Any) -> bool:
        return node.WhichOneof("kind") == "ident_expr" and node.ident_expr.name in _LONG_TEXTS

    def _regex(self, node: Any, parts: Sequence[Any], *, most: int) -> None:
        pattern = parts[1]
        if pattern.WhichOneof("kind") != "const_expr":
            self._tell(node, "The regular expression is not written out.", "write it between quotes: text.matches('…')")
            return
        text = pattern.const_expr.string_value
        if len(text) > REGEX_MAX:
            self._tell(pattern, f"The regular expression is longer than {REGEX_MAX} characters.", "split it in two")
            return
        if _steps(text) > most:
            hint = "count less: {0,20} within {0,20} is 400 steps"
            self._tell(pattern, f"The regular expression has more than {most} steps here.", hint)
            return
        quoted = "".join(f"\\U{ord(one):08x}" for one in text)
        answer = cel.NewEnv().compile(f"''.matches('{quoted}')").eval()
        if answer.type() == cel.Type.ERROR:
            said = str(answer.value()).rpartition("invalid regular expression: ")[2]
            self._tell(pattern, f"The regular expression is wrong: {said}.", "RE2 syntax; a backslash is written twice")

    def _spelling(self, parts: Sequence[Any]) -> None:
        for field, other in ((parts[0], parts[1]), (parts[1], parts[0])):
            name, known = self._words_of(field)
            if not known:
                continue
            listed = other.WhichOneof("kind") == "list_expr"
            for one in other.list_expr.elements if listed else [other]:
                if one.WhichOneof("kind") == "const_expr" and one.const_expr.WhichOneof("kind") == "string_value":
                    word = one.const_expr.string_value
                    if word not in known:
                        self._tell(one, f"{name} is never “{word}”.", nearest(word, among=known - {""}))

    def _words_of(self, node: Any) -> tuple[str, frozenset[str]]:
        kind = node.WhichOneof("kind")
        if kind == "ident_expr":
            name = node.ident_expr.name
            if name == "origin":
                return name, self.words.get("platform", frozenset())
            return name, _WORDS.get(name, frozenset()) or self.words.get(name, frozenset())
        if kind == "select_expr":
            name = node.select_expr.field
            return name, _FIELD_WORDS.get(name, frozenset()) or self.words.get(name, frozenset())
        return "", frozenset()


def _steps(pattern: str) -> int:
    """Return about how many steps a regular expression has when its counted repetitions are written out."""
    totals = [0]
    last = 0
    for token in _REGEX_TOKEN.finditer(pattern):
        if token[0] == "(":
            totals.append(0)
        elif token[0] == ")":
            last = totals.pop() if len(totals) > 1 else 1
            totals[-1] += last
        elif counted := token["most"] or token["least"]:
            totals[-1] += last * (min(int(counted), REGEX_MAX + 1) - 1)
            last *= int(counted)
        else:
            last = 1
            totals[-1] += last
    return sum(totals)


_REGEX_TOKEN = re.compile(
    r"\\p\{\w+\}|\\.|\[\^?\]?(?:\\.|[^\]])*\]|\{(?P<least>[0-9]{1,6})(?:,(?P<most>[0-9]{0,6}))?\}|.", re.DOTALL
)
_NAMES = [name for name in FUNCTIONS if name.isalpha()] + ["exists", "exists_one", "all", "filter", "has"]
_FACT_NAMES = frozenset(fact.name for fact in FACTS)
_WORDS = {fact.name: fact.words for fact in FACTS if fact.words}
_ALL_FIELDS: tuple[Field, ...] = tuple(field for fact in FACTS for field in fact.fields)
_FIELD_WORDS = {field.name: field.words for field in _ALL_FIELDS if field.words}


def _any_value(packed: bytes) -> bytes:
    wrapped = any_pb2.Any()
    wrapped.ParseFromString(packed)
    return bytes(wrapped.value)


@cache
def _checked_expr() -> Any:
    """Return the message of a checked expression, as far as we read it. Source: cel-spec, proto/cel/expr."""
    file = descriptor_pb2.FileDescriptorProto(name="fissile/checked.proto", package="checked", syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto

    def message(name: str, fields: str, *, oneof: str = "") -> None:
        added = file.message_type.add(name=name)
        if oneof:
            added.oneof_decl.add(name="kind")
        for line in fields.split(";"):
            kind, label, number = line.split()
            many = kind.endswith("*")
            scalar = {"string": kinds.TYPE_STRING, "int64": kinds.TYPE_INT64, "int32": kinds.TYPE_INT32}
            scalar |= {"bool": kinds.TYPE_BOOL, "bytes": kinds.TYPE_BYTES, "double": kinds.TYPE_DOUBLE}
            given = scalar.get(kind.rstrip("*"), kinds.TYPE_MESSAGE)
            one = added.field.add(name=label, number=int(number), type=given)
            one.label = kinds.LABEL_REPEATED if many else kinds.LABEL_OPTIONAL
            if given == kinds.TYPE_MESSAGE:
                one.type_name = f".checked.{kind.rstrip('*')}"
            if label in oneof.split():
                one.oneof_index = 0

    message("Reference", "string name 1; string* overload_id 3")
    message("ReferenceEntry", "int64 key 1; Reference value 2")
    message("PositionEntry", "int64 key 1; int32 value 2")
    message("SourceInfo", "PositionEntry* positions 4")
    constants = (
        "bool bool_value 2; int64 int64_value 3; double double_value 5; string string_value 6; bytes bytes_value 7"
    )
    message("Constant", constants, oneof="bool_value int64_value double_value string_value bytes_value")
    message("Ident", "string name 1")
    message("Select", "Expr operand 1; string field 2; bool test_only 3")
    message("Call", "Expr target 1; string function 2; Expr* args 3")
    message("CreateList", "Expr* elements 1")
    message("CreateStruct", "string message_name 1")
    message(
        "Comprehension",
        "string iter_var 1; Expr iter_range 2; string accu_var 3; Expr accu_init 4; Expr loop_condition 5;"
        "Expr loop_step 6; Expr result 7; string iter_var2 8",
    )
    message(
        "Expr",
        "int64 id 2; Constant const_expr 3; Ident ident_expr 4; Select select_expr 5; Call call_expr 6;"
        "CreateList list_expr 7; CreateStruct struct_expr 8; Comprehension comprehension_expr 9",
        oneof="const_expr ident_expr select_expr call_expr list_expr struct_expr comprehension_expr",
    )
    message("CheckedExpr", "ReferenceEntry* reference_map 2; Expr expr 4; SourceInfo source_info 5")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("checked.CheckedExpr"))
