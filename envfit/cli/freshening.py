"""Knowledge against what indexes have by now: options in, one call, print the patch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envfit import api
from envfit.cli import render
from envfit.errors import FileError

if TYPE_CHECKING:
    from envfit.api.freshening import Freshened

__all__ = ["freshen"]


def freshen(
    *,
    names: Sequence[str],
    read_limit: int | None,
    output: Path | None,
    index_url: str | None,
    extra_index_urls: Sequence[str],
    mirrors: Sequence[str],
    json: bool,
) -> None:
    """Find what is newer than the knowledge, and print the patch that follows from it."""
    looked_at = []
    patches = []
    for freshened in api.freshen(
        tuple(names),
        read_limit=read_limit,
        index_url=index_url,
        extra_index_urls=tuple(extra_index_urls),
        mirrors=tuple(mirrors),
        notify=render.talk,
    ):
        looked_at.append(freshened)
        patches.append(freshened.patch)
        if not json:
            for line in _lines(freshened):
                render.talk(line)
    patch = "".join(patches)
    if output is not None:
        try:
            output.write_text(patch, encoding="utf-8")
        except OSError as error:
            raise FileError(f"cannot write {output}: {error.strerror or error}") from error
        render.talk(f"wrote {output}" if patch else f"wrote {output}, which is empty: nothing changes")
    if json:
        render.print_json({"packages": [_data(freshened) for freshened in looked_at], "patch": patch})
    elif output is None and patch:
        print(patch, end="", flush=True)
    if not json:
        render.talk(_summary(looked_at))


def _lines(freshened: Freshened) -> Iterator[str]:
    if freshened.newer:
        listed = ", ".join(map(str, freshened.newer))
        yield f"{freshened.name}: {listed} newer than {freshened.known}, {len(freshened.read)} wheels read"
    for sentence in freshened.unread:
        yield f"{freshened.name}: {sentence}"
    for one in freshened.confirmations:
        yield (
            f"{freshened.name}: [{one.rule.id}] ends with {one.rule.versions}; for {one.version} it "
            f"{_said(one.answer.value)}: {one.why}"
        )


def _said(answer: str) -> str:
    return f"is {answer}" if answer.startswith("not") else answer


def _summary(looked_at: Sequence[Freshened]) -> str:
    answers = [one.answer.value for freshened in looked_at for one in freshened.confirmations]
    behind = sum(bool(freshened.newer) for freshened in looked_at)
    read = sum(len(freshened.read) for freshened in looked_at)
    counted = ", ".join(
        f"{answers.count(answer)} {answer}" for answer in ("holds", "does not hold", "not confirmed")
    )
    return (
        f"{len(looked_at)} packages: {behind} have newer releases, {read} wheels read; of the rules that end "
        f"before the newest release: {counted}"
    )


def _data(freshened: Freshened) -> dict[str, Any]:
    return {
        "name": freshened.name,
        "newest": str(freshened.newest) if freshened.newest is not None else None,
        "known": str(freshened.known) if freshened.known is not None else None,
        "newer": [str(version) for version in freshened.newer],
        "read": list(freshened.read),
        "unread": list(freshened.unread),
        "rules": [
            {
                "rule": one.rule.id,
                "versions": str(one.rule.versions),
                "release": str(one.version),
                "answer": one.answer.value,
                "why": one.why,
            }
            for one in freshened.confirmations
        ],
    }
