"""Prebuilt wheels as files state them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from packaging.specifiers import SpecifierSet

from envfit.knowledge.document import Table
from envfit.knowledge.evidence import proves, read_evidence
from envfit.knowledge.model import Condition, Prebuilt
from envfit.knowledge.prebuilt import FIELDS
from envfit.target import Platform

__all__ = ["read_prebuilt"]


def read_prebuilt(table: Table, requires: tuple[Condition, ...]) -> Prebuilt:
    """Read a ``[[prebuilt]]`` table; of one whose address or words are faulty, no wheel is made."""
    prebuilt = Prebuilt(
        versions=table.parsed("versions", SpecifierSet, SpecifierSet()),
        url=table.text("url"),
        torch=table.texts("torch", required=True),
        cuda=table.texts("cuda", required=True),
        abi=table.texts("abi", required=True),
        pythons=table.texts("pythons", required=True),
        platforms=tuple(
            table.parse_each("platforms", table.texts("platforms", required=True), Platform.parse, Platform())
        ),
        requires=requires,
        evidence=read_evidence(table),
    )
    if not proves(prebuilt.evidence):
        table.fault("needs evidence of rank docs or better", "evidence")
    table.finish()
    wrong = [*_wrong_in_url(prebuilt.url), *_wrong_words(prebuilt)]
    for key, what in wrong:
        table.fault(what, key)
    return replace(prebuilt, torch=()) if wrong else prebuilt


def _wrong_in_url(url: str) -> Iterator[tuple[str, str]]:
    for field in FIELDS:
        if f"{{{field}}}" not in url:
            yield "url", f"has no {{{field}}}"
    for word in re.findall(r"{(.*?)}", url):
        if word not in FIELDS:
            yield "url", f"{{{word}}} is none of {', '.join(FIELDS)}"
    if "-{version}%2B" not in url.rpartition("/")[2]:
        yield "url", "does not end with the name of a wheel, with {version} and a label behind %2B"


def _wrong_words(prebuilt: Prebuilt) -> Iterator[tuple[str, str]]:
    for key, words, pattern in (
        ("torch", prebuilt.torch, r"\d+\.\d+"),
        ("cuda", prebuilt.cuda, r"\d{2,3}"),
        ("abi", prebuilt.abi, "TRUE|FALSE"),
        ("pythons", prebuilt.pythons, r"3\.\d+"),
    ):
        for word in words:
            if re.fullmatch(pattern, word) is None:
                yield key, f"{word!r} is no such word"
