"""What is linted: knowledge, the documents that it was read from, and what is known besides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from envfit.errors import EnvfitError
from envfit.frozen import frozen
from envfit.knowledge.model import Example, KnowledgeBase, Rule
from envfit.knowledge.objections import Objection, example_target, object_to
from envfit.knowledge.query import Query
from envfit.target import Target

__all__ = ["Judged", "Subject", "place_of", "walk"]


@frozen
class Judged:
    """An example and what objects to it; ``error`` says why its machine cannot be."""

    example: Example
    objections: tuple[Objection, ...] = ()
    error: EnvfitError | None = None

    @property
    def rules(self) -> frozenset[str]:
        """The ids of what objects."""
        return frozenset(item.origin.rule for item in self.objections)

    @property
    def file(self) -> str:
        """The file that the example is in."""
        return self.example.place.partition(": ")[0]

    @property
    def path(self) -> str:
        """Where in the file."""
        return self.example.place.partition(": ")[2]


class Subject:
    """Knowledge under its lints.  Examples on the same machine share what is asked on its behalf."""

    def __init__(
        self,
        knowledge: KnowledgeBase,
        documents: Mapping[str, Mapping[str, object]],
        *,
        today: date,
        months: int,
        hosts: frozenset[str],
    ) -> None:
        """``hosts`` are names that no file may mention, ``months`` how old evidence may become."""
        self.knowledge = knowledge
        self.documents = documents
        self.today = today
        self.months = months
        self.hosts = hosts
        self._targets: dict[object, Target] = {}
        self._queries: dict[object, Query] = {}
        self.judged = tuple(map(self._judge, knowledge.examples))

    def rules_by_id(self) -> Mapping[str, Rule]:
        """Return the active rules."""
        return {rule.id: rule for rule in self.knowledge.rules}

    def rule_tables(self) -> Iterator[tuple[str, int, Mapping[str, object]]]:
        """Yield file, position and table of every rule as it is written, withdrawn ones too."""
        for file, document in self.documents.items():
            rules = document.get("rule")
            for position, table in enumerate(rules if isinstance(rules, list) else ()):
                if isinstance(table, dict):
                    yield file, position, table

    def objections(self, example: Example, ignored: frozenset[str]) -> tuple[Objection, ...]:
        """Return what objects to an example with rules left out; raises as its machine does."""
        machine = (
            example.gpus,
            example.driver,
            example.python,
            example.platform,
            tuple(sorted(example.facts.items())),
        )
        if machine not in self._targets:
            self._targets[machine] = example_target(example, self.knowledge)
        asked = (machine, ignored)
        if asked not in self._queries:
            self._queries[asked] = Query(self.knowledge, self._targets[machine], ignored=ignored)
        return object_to(self._queries[asked], dict(example.installed), built=example.built)

    def _judge(self, example: Example) -> Judged:
        try:
            return Judged(example=example, objections=self.objections(example, frozenset()))
        except EnvfitError as error:
            return Judged(example=example, error=error)


def walk(value: object, keys: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """Yield every value of a document with the keys that lead to it."""
    yield keys, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from walk(item, (*keys, key))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from walk(item, (*keys, position))


def place_of(document: Mapping[str, object], keys: tuple[str | int, ...]) -> str:
    """Return where a value stands in a document: below the id of its rule, where it has one."""
    value: object = document
    for depth, key in enumerate(keys):
        value = value[key]  # type: ignore[index]
        if isinstance(value, dict) and isinstance(value.get("id"), str):
            rest = _path(keys[depth + 1 :])
            return f"{value['id']}: {rest}" if rest else str(value["id"])
    return _path(keys)


def _path(keys: tuple[str | int, ...]) -> str:
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text
