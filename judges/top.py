"""The sixty packages of ``judges/top.toml`` on twelve machines: uv's pick and envfit's lock.

    python -m judges.top [--only PACKAGE]... [--target NAME]... [--gigabytes N] [--without-envfit]

uv, which knows no hardware, resolves for the Python and the platform of a target, envfit for its GPU
and driver as well.  Every wheel of both that may hold GPU code is read once (ELF headers and
NVIDIA's ``cuobjdump``, never ``constraints/``), and the environments are judged by what their wheels
hold.  uv's picks are kept in the cache directory for good, envfit's answers until envfit or its
knowledge change; delete the folder ``top`` there to have all anew.

The exit code is 1 where envfit and the judge disagree and ``judges/top-explained.toml`` does not say why.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from packaging.pylock import Pylock
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from judges.agreement import AGREEMENT, compared
from judges.corpus import ask_envfit, first_reason, newest_python, reason_sentence, slug
from judges.inputs import Corpus, GpuTarget, Input, read_corpus
from judges.installers import Compiled, Request, compile_with_uv, without_addresses
from judges.lock_wheels import WHEELS, Chosen, candidates, chosen_wheels, read_all, worth_reading
from judges.outcome import Explained, Fate, Outcome, fate_of, outcome_of, read_explained, unexplained, unused
from judges.pinned_file import default_folder
from judges.results import RESULTS, merge, read, table
from judges.without_hardware import judge_wheels

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["TOP", "TOP_RESULTS", "asides", "main", "read_top"]

TOP = Path(__file__).with_name("top.toml")
TOP_RESULTS = RESULTS / "top.json"

_ROOT = Path(__file__).parents[1]
_GLIBC = "2.35"  # Ubuntu 22.04's: some wheels need more than envfit's default


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What uv or envfit gives for a package on a target: the text of a lock, or why there is none."""

    lock: str = ""
    refused: bool = False  # said to be impossible
    says: str = ""
    reasons: tuple[str, ...] = ()
    names: tuple[str, ...] = ()  # of the packages that the reasons are about
    why: str = ""  # the first reason why something is not newer


def read_top() -> Corpus:
    """Read the packages and the targets."""
    corpus = read_corpus(TOP)
    return replace(corpus, inputs=tuple(replace(item, glibc=_GLIBC) for item in corpus.inputs))


def asides() -> Mapping[str, str]:
    """Return why libraries decide nothing, by the beginning of their names."""
    document = tomllib.loads(TOP.read_text(encoding="utf-8"))
    return {entry["name"]: entry["why"] for entry in document["aside"]}


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge the sixty packages, or parts of them, and print the shares."""
    parser = argparse.ArgumentParser(prog="python -m judges.top", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", action="append", default=[], metavar="PACKAGE")
    parser.add_argument("--target", action="append", default=[], metavar="NAME")
    parser.add_argument("--gigabytes", type=float, default=60, help="download no more (default: 60)")
    parser.add_argument("--without-envfit", action="store_true", help="take what envfit answered before")
    parser.add_argument("--results", type=Path, default=TOP_RESULTS)
    parser.add_argument("--wheels", type=Path, default=WHEELS)
    options = parser.parse_args(arguments)
    corpus = read_top()
    folder = default_folder() / "top"
    folder.mkdir(parents=True, exist_ok=True)
    pairs = [
        (replace(item, python=target.python or item.python), target)
        for item, target in corpus.pairs(inputs=tuple(options.only), targets=tuple(options.target))
    ]
    state = _state()
    picks = {(item.name, target.name): _ask_uv(item, target, folder) for item, target in pairs}
    locks = {
        (item.name, target.name): _ask_envfit(item, target, folder, state, ask=not options.without_envfit)
        for item, target in pairs
    }
    wheels = {
        who: {key: _wheels(answer, *pair) for (key, answer), pair in zip(answers.items(), pairs, strict=True)}
        for who, answers in (("uv", picks), ("envfit", locks))
    }
    if options.gigabytes > 0:
        read_all(
            worth_reading([*wheels["uv"].values(), *wheels["envfit"].values()]),
            folder,
            int(options.gigabytes * 1e9),
            options.wheels,
            lambda *found: merge(AGREEMENT, compared(*found)),
        )
    records = read(options.wheels)
    entries: dict[str, Any] = {}
    for item, target in pairs:
        key = (item.name, target.name)
        entry: dict[str, Any] = {}
        for who, answer in (("uv", picks[key]), ("envfit", locks[key])):
            if answer is not None:
                chosen = wheels[who][key]
                entry[who] = _judged(answer, chosen, records, item, target)
        if "envfit" in entry:
            entry["fate"] = fate_of(entry["uv"], entry["envfit"]).value
        entries[" / ".join(key)] = entry
    merge(options.results, entries)
    whole = not (options.only or options.target)
    return _report(pairs, entries, read_explained(), whole=whole)


def _report(
    pairs: Sequence[tuple[Input, GpuTarget]],
    entries: Mapping[str, Any],
    explained: Sequence[Explained],
    *,
    whole: bool,
) -> int:
    fates = {key: Fate(entry["fate"]) for key, entry in entries.items() if "fate" in entry}
    rows: list[tuple[str, ...]] = [("target", *(fate.value for fate in Fate))]
    for name in dict.fromkeys(target.name for _, target in pairs):
        counts = Counter(fate for key, fate in fates.items() if key.endswith(f" / {name}"))
        rows.append((name, *(str(counts[fate]) for fate in Fate)))
    print(table(rows))
    left = unexplained(fates, explained)
    for key in left:
        print(f"{key}: {fates[key].value}, and top-explained.toml does not say why")
    stale = unused(fates, explained) if whole else []
    for one in stale:
        print(f"top-explained.toml explains what is no disagreement: {one.packages} {one.targets}")
    return 1 if left or stale else 0


def _judged(
    answer: Answer, chosen: Sequence[Chosen], records: Mapping[str, Any], item: Input, target: GpuTarget
) -> dict[str, Any]:
    """Return what an answer comes to on a target, as it is kept."""
    if not answer.lock:
        outcome = Outcome.REFUSED if answer.refused else Outcome.NO_ANSWER
        kept = {"says": answer.says, "reasons": list(answer.reasons), "about": list(answer.names)}
        return {"outcome": outcome.value, **{key: value for key, value in kept.items() if value}}
    judgement = judge_wheels(candidates(chosen), records, target)
    aside = tuple(asides())
    deciding = [text for text in judgement["cannot"] if not text.startswith(aside)]
    lock = Pylock.from_dict(tomllib.loads(answer.lock))
    kept = {
        "cannot": deciding,
        "aside": [text for text in judgement["cannot"] if text.startswith(aside)],
        "in-part": judgement["in-part"],
        "only-ptx": [text for text in judgement["only-ptx"] if not text.startswith(("nvidia-", "cuda-"))],
        "unread": judgement["unread"],
        "from-source": [
            package.name for package in lock.packages if package.sdist is not None and not package.wheels
        ],
        "why": answer.why,
    }
    outcome = outcome_of(
        judged=judgement["judged"] - len(judgement["cannot"]) + len(deciding),
        cannot=bool(deciding),
        unread=bool(judgement["unread"]),
    )
    return {
        "outcome": outcome.value,
        "judged": judgement["judged"],
        "versions": _versions(lock, item),
        **{key: value for key, value in kept.items() if value},
    }


def _versions(lock: Pylock, item: Input) -> dict[str, str]:
    """Return the versions of what was asked for, and of torch."""
    names = [canonicalize_name(Requirement(text).name) for text in item.requirements]
    versions = {str(package.name): str(package.version) for package in lock.packages if package.version}
    return {name: versions[name] for name in dict.fromkeys((*names, "torch")) if name in versions}


def _wheels(answer: Answer | None, item: Input, target: GpuTarget) -> list[Chosen]:
    return chosen_wheels(answer.lock, item, target.machine) if answer and answer.lock else []


def _ask_uv(item: Input, target: GpuTarget, folder: Path) -> Answer:
    """Return uv's pick, which is the same for all targets of a Python and a platform."""
    path = folder / f"uv-{item.name}-{item.python.replace('.', '-')}-{target.machine}.json"
    if not path.exists():
        sys.stderr.write(f"uv resolves {item.name} for Python {item.python}, {target.machine}\n")
        compiled = compile_with_uv(
            Request(
                requirements=item.requirements,
                python=newest_python(item.python),
                glibc=item.glibc,
                machine=target.machine,
            )
        )
        path.write_text(json.dumps(asdict(compiled)), encoding="utf-8")
    found = Compiled(**json.loads(path.read_text(encoding="utf-8")))
    return Answer(lock=found.lock, refused=found.impossible, says=found.says)


def _ask_envfit(item: Input, target: GpuTarget, folder: Path, state: str, *, ask: bool) -> Answer | None:
    """Return envfit's answer: that of before where nothing changed since, or where none is asked for."""
    path = folder / f"envfit-{slug(item, target)}.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    state = f"{state} {' '.join(item.requirements)}"
    if ask and kept.get("state") != state:
        sys.stderr.write(f"envfit locks {item.name} for {target.name}\n")
        kept = {"state": state, "answer": _lock(item, target, folder)}
        path.write_text(json.dumps(kept), encoding="utf-8")
    return Answer(**kept["answer"]) if kept else None


def _lock(item: Input, target: GpuTarget, folder: Path) -> dict[str, Any]:
    path = folder / f"pylock.{slug(item, target)}.toml"
    path.unlink(missing_ok=True)  # what an earlier lock pinned would be kept
    answer, code = ask_envfit(item, target, path)
    if code == 0:
        requested = [entry["name"] for entry in answer["packages"] if entry["requested"]]
        return {"lock": path.read_text(encoding="utf-8"), "why": first_reason(answer, requested)}
    says = without_addresses(str(answer.get("message", "no answer")))
    reasons = answer.get("reasons", ())
    return {
        "says": says,
        "refused": answer.get("error") == "unsatisfiable",
        "reasons": [reason_sentence(group) for group in reasons],
        "names": sorted({group["name"] for group in reasons}),
    }


def _state() -> str:
    """Return what changes with envfit and with its knowledge."""
    digest = hashlib.sha256()
    for path in sorted([*(_ROOT / "envfit").rglob("*.py"), *(_ROOT / "constraints").rglob("*.toml")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
