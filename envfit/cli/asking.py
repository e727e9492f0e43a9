"""``envfit why``: the first word decides whether a package, a release, a rule or a code is asked for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envfit import api
from envfit.cli import render
from envfit.cli.progress import Progress
from envfit.errors import InputError, UnsatisfiableError
from envfit.resolve.reason import span

if TYPE_CHECKING:
    from envfit.api.asking import Account, Bound, Possibility, Trial
    from envfit.api.codes import CodeEntry

__all__ = ["why"]

_CHAINS = 3
_ALL_CHAINS = 200
_CHANGES = 10
_DIRECTIONS = ("down", "up", "rebuilt", "new", "gone")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
#: Codes are written in lower case, in words.
_CODE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
#: Options that make the question one about fresh inputs, not about the lock that lies here.
_FRESH = (
    "requirements",
    "files",
    "editables",
    "extras",
    "groups",
    "gpus",
    "ignored_gpus",
    "driver",
    "python",
    "platform",
    "glibc",
    "if_supported",
    "provided",
    "provided_from",
)

#: Options with which a lock tells the same.
_OF_NO_CONSEQUENCE = ("target", "offline", "budget", "read_limit")


def why(*, word: str, lock_file: Path | None, solve: bool, json: bool, verbose: bool, **asked: Any) -> None:
    """Answer one question."""
    if "/" in word and "://" not in word:
        from envfit.cli.knowing import why as why_rule

        why_rule(word=word, json=json)
        return
    lock = _lock_asked(lock_file, asked)
    entry = api.code_entry(word) if _CODE.fullmatch(word) else None
    if entry is not None and not _is_package(word, lock, asked):
        if json:
            render.print_json(_entry_data(entry))
        else:
            print("\n".join(_entry(entry)))
        return
    answer = _why_package if _NAME.fullmatch(word) else _why_release
    alone = lock is not None and not (solve or _changes_something(asked))
    answer(word, lock, asked, alone=alone, json=json, verbose=verbose)


def _why_package(
    name: str, lock: Path | None, asked: dict[str, Any], *, alone: bool, json: bool, verbose: bool
) -> None:
    """Say why a package is there; ``alone`` says that the lock alone is to tell it."""
    chains = _ALL_CHAINS if verbose else _CHAINS
    if alone and lock is not None:
        account = api.account_of_lock(name, lock, chains=chains)
    else:
        with Progress() as progress:
            request = _request(name, lock, asked)
            account = api.account(name, request, chains=chains, notify=_quiet(progress), watch=progress.watch)
    if json:
        render.print_json(_account_data(account))
        return
    print("\n".join(_account(account, verbose=verbose)))
    for hint in api.meant_otherwise(name) if account.version is None and not account.absent else ():
        render.talk(f"hint: {hint}")


def _why_release(
    text: str, lock: Path | None, asked: dict[str, Any], *, alone: bool, json: bool, verbose: bool
) -> None:
    """Say whether a requirement could be met too; a lock alone cannot tell."""
    del alone
    with Progress() as progress:
        request = _request(text, lock, asked)
        found = api.possibility(text, request, notify=_quiet(progress), watch=progress.watch)
    if json:
        render.print_json(_possibility_data(found))
    else:
        print("\n".join(_possibility(found, verbose=verbose)))
    if found.refused is not None:
        raise SystemExit(render.exit_code(found.refused))


def _lock_asked(lock_file: Path | None, asked: dict[str, Any]) -> Path | None:
    """Return the lock that is asked; None where the question is about fresh inputs."""
    if lock_file is not None:
        return lock_file
    if any(asked[name] for name in _FRESH):
        return None
    target = asked["target"]
    path = Path("pylock.toml" if target is None else f"pylock.{target.lower().replace('.', '-')}.toml")
    return path if path.exists() else None


def _changes_something(asked: dict[str, Any]) -> bool:
    """Tell whether an option is given that a lock alone cannot answer with."""
    return any(value for name, value in asked.items() if name not in (*_FRESH, *_OF_NO_CONSEQUENCE))


def _request(word: str, lock: Path | None, asked: dict[str, Any]) -> api.LockRequest:
    from envfit.cli.locking import request_of

    request = replace(request_of(**asked), check=True)
    if lock is not None:
        return replace(request, locked=True, output=lock)
    if not any(asked[name] for name in _FRESH) and not Path("pyproject.toml").exists():
        raise InputError(
            f"what {word} is asked about is not said: there is no lock here, and no pyproject.toml",
            hints=[
                f"name it: envfit why {word} torch vllm --gpu V100",
                f"all that is known of a package: envfit knowledge list {_name_in(word)}",
                "what is in brackets after a reason is asked for whole: envfit why cuda-13-runtime/driver",
            ],
        )
    return request


def _name_in(word: str) -> str:
    found = _NAME.match(word)
    return found[0] if found is not None else "NAME"


def _quiet(progress: Progress) -> Any:
    """Return what says on the way only what is not about the answer: of a question, nothing is."""

    def notify(sentence: str) -> None:
        if sentence.startswith("for "):
            progress.talk(sentence)

    return notify


def _is_package(word: str, lock: Path | None, asked: dict[str, Any]) -> bool:
    """Tell whether a word that is a code is meant as a package: where one is asked about."""
    if lock is None:
        meant = any(re.match(rf"{re.escape(word)}\b(?!-)", text) for text in asked["requirements"])
    else:
        meant = api.account_of_lock(word, lock, chains=1).version is not None
    if meant:
        render.talk(f"note: {word} is a code of envfit's too; where no lock lies, envfit why {word} tells it")
    return meant


# -- a code ---------------------------------------------------------------------


def _entry(entry: CodeEntry) -> Iterator[str]:
    kind = {"error": "an error", "finding": "a finding of envfit check", "diagnosis": "a diagnosis"}
    ends = f", exit code {render.exit_code_of(entry.error)}" if entry.error is not None else ""
    yield f"{entry.code}: {kind[entry.of.value]}{ends}"
    yield f"  cause:  {entry.cause}"
    yield f"  remedy: {entry.remedy}"


def _entry_data(entry: CodeEntry) -> dict[str, Any]:
    return {
        "kind": "code",
        "code": entry.code,
        "of": entry.of.value,
        "says": entry.says,
        "cause": entry.cause,
        "remedy": entry.remedy,
        "exit-code": render.exit_code_of(entry.error) if entry.error is not None else None,
        "stage": entry.stage,
    }


# -- a package ------------------------------------------------------------------


def _account(account: Account, *, verbose: bool) -> Iterator[str]:
    if account.version is None:
        where = f"in {account.source}" if account.source else "in what is asked for"
        yield f"{account.name} is not {where}"
        yield from (f"  {sentence}" for sentence in account.absent or ("nothing there requires it",))
        return
    yield f"{account.name} {account.version}" + (f", in {account.source}" if account.source else "")
    yield from _ways(account, verbose=verbose)
    if account.code is not None:
        yield str(account.code)
        yield from (f"    {line}" for line in (account.code.source,) if verbose)
    if account.newest is not None:
        yield f"newest is {account.newest}; what keeps it out:"
    elif not account.bounds and not account.source:
        yield "no newer release is kept out"
    for bound in account.bounds:
        yield from _bound(account, bound, verbose=verbose)
    if account.untried:
        yield f"{account.untried} more could be tried; each is a resolution of its own"
    yield from (f"note: {note}" for note in account.notes)


def _ways(account: Account, *, verbose: bool) -> Iterator[str]:
    """Yield how a package comes in, and what is asked of it."""
    for chain in account.chains:
        yield str(chain) if chain.is_direct else f"brought by {chain}"
    if account.is_more:
        yield "... and in more ways" + ("" if verbose else "; -v tells them")
    for wanted in account.wanted if verbose else ():
        yield f"{wanted.text} is asked for by {', '.join(wanted.by)}"
        yield from (f"    {line}" for line in (*wanted.facts, *wanted.evidence))


def _bound(account: Account, bound: Bound, *, verbose: bool) -> Iterator[str]:
    rule = f" [{bound.rule}]" if bound.rule else ""
    versions = f"{span(bound.versions)}: " if bound.versions else ""
    yield f"- {versions}{bound.text}{rule}"
    if verbose:
        yield from (f"    {line}" for line in (*bound.facts, *bound.evidence))
    better = [trial for trial in bound.trials if _is_newer(account, trial)]
    for trial in bound.trials if verbose else better[:2]:
        yield f"    {_trial(account, trial)}"
    if bound.trials and not better and not verbose:
        yield f"    {_in_vain(account, bound.trials)}"


def _in_vain(account: Account, trials: Sequence[Trial]) -> str:
    """Say in one line that nothing that was tried frees a newer release."""
    first = trials[0]
    alike = all(one.what.startswith("without ") and one.version == account.version for one in trials)
    if alike and len(trials) > 1:
        first = replace(first, what="without any one of these")
    return _trial(account, first)


def _is_newer(account: Account, trial: Trial) -> bool:
    return trial.version is not None and account.version is not None and trial.version > account.version


def _trial(account: Account, trial: Trial) -> str:
    if trial.refused is not None:
        return f"{trial.what}: {trial.refused}"
    if trial.version is None:
        return f"{trial.what} it would not be there"
    still = "still " if trial.version == account.version else ""
    return f"{trial.what} it would {still}be {trial.version}"


def _account_data(account: Account) -> dict[str, Any]:
    code = account.code
    return {
        "kind": "package",
        "name": account.name,
        "version": _text(account.version),
        "source": account.source or None,
        "chains": [
            {
                "text": str(chain),
                "steps": [
                    {
                        "package": step.package,
                        "version": step.version or None,
                        "extra": step.extra or None,
                        "wants": step.wanted or None,
                        "rule": step.rule,
                        "said": step.said or None,
                    }
                    for step in chain.steps
                ],
            }
            for chain in account.chains
        ],
        "more-chains": account.is_more,
        "wanted": [
            {
                "text": wanted.text,
                "by": list(wanted.by),
                "facts": list(wanted.facts),
                "evidence": list(wanted.evidence),
            }
            for wanted in account.wanted
        ],
        "gpu-code": {
            "sass": list(code.sass),
            "ptx": list(code.ptx),
            "source": code.source,
            "serves": [
                {"gpu": one.gpu.name, "capability": str(one.gpu.capability), "code": one.code}
                for one in code.served
            ],
        }
        if code is not None
        else None,
        "newest": _text(account.newest),
        "bounds": [
            {
                "text": bound.text,
                "versions": list(map(str, bound.versions)),
                "rule": bound.rule,
                "facts": list(bound.facts),
                "evidence": list(bound.evidence),
                "without": [
                    {"what": one.what, "version": _text(one.version), "refused": one.refused}
                    for one in bound.trials
                ],
            }
            for bound in account.bounds
        ],
        "untried": account.untried,
        "absent": list(account.absent),
        "notes": list(account.notes),
    }


# -- a release ------------------------------------------------------------------


def _possibility(found: Possibility, *, verbose: bool) -> Iterator[str]:
    if found.refused is not None:
        from envfit.cli.explaining import refusal_lines

        yield f"{found.asked} cannot be: {found.refused.message}"
        if isinstance(found.refused, UnsatisfiableError):
            yield from refusal_lines(found.refused, verbose=verbose)
        yield from (f"hint: {hint}" for hint in found.refused.hints)
        return
    if not found.changes:
        yield f"{found.asked} is so: {found.name} {found.after}"
        return
    yield f"{found.asked} can be: {_became(found)}"
    shown: Sequence[Any] = found.changes if verbose else found.changes[:_CHANGES]
    for change in shown:
        yield f"  {change}"
    if len(shown) < len(found.changes):
        yield f"  ... and {len(found.changes) - len(shown)} more changes; -v tells them"


def _became(found: Possibility) -> str:
    directions = Counter(change.direction for change in found.changes)
    kinds = ", ".join(f"{directions[one]} {one}" for one in _DIRECTIONS if directions[one])
    count = f"{len(found.changes)} package{'' if len(found.changes) == 1 else 's'} would change ({kinds})"
    if found.before is None:
        return f"{found.name} {found.after} would come in; {count}"
    if found.before == found.after:
        return f"{found.name} {found.after} stays; {count}"
    return f"{found.name} {found.before} would be {found.after}; {count}"


def _possibility_data(found: Possibility) -> dict[str, Any]:
    return {
        "kind": "release",
        "asked": found.asked,
        "name": found.name,
        "possible": found.refused is None,
        "before": _text(found.before),
        "after": _text(found.after),
        "changes": [
            {
                "name": change.name,
                "before": _text(change.before),
                "after": _text(change.after),
                "direction": change.direction,
            }
            for change in found.changes
        ],
        "refused": render.error_data(found.refused) if found.refused is not None else None,
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)
