"""The knowledge base, listed, linted, begun and asked for one rule: options in, one call, print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envfit import api
from envfit.cli import render

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

    from envfit.api.linting import LintReport
    from envfit.knowledge.lint.finding import Finding
    from envfit.knowledge.model import (
        Condition,
        Evidence,
        Example,
        OwnCode,
        PackageKnowledge,
        Prebuilt,
        Rule,
        SourceBuild,
    )
    from envfit.knowledge.objections import Objection
    from envfit.knowledge.overview import Known, Overview
    from envfit.knowledge.story import BuiltIn, RuleStory
    from envfit.knowledge.symptom import Symptom

__all__ = ["lint", "list_known", "new", "why"]

_SHOWN_RELEASES = 12


def lint(*, directory: Path | None, fix: bool, months: int | None, json: bool) -> None:
    """Hold the knowledge to its lints."""
    report = api.lint(directory, fix=fix, months=months)
    if json:
        render.print_json(_report_data(report))
    else:
        if report.diff:
            print(report.diff, end="")
        for finding in report.findings:
            print(finding)
        render.talk(_report_summary(report, fix=fix))
    if report.findings:
        raise SystemExit(1)


def list_known(*, names: Sequence[str], json: bool) -> None:
    """Show what is known."""
    overview = api.known(tuple(names))
    if json:
        render.print_json(_overview_data(overview))
        return
    lines = (
        _table(overview) if not names else (line for known in overview.subjects for line in _subject(known))
    )
    print("\n".join(lines))


def new(*, package: str, directory: Path | None, index_url: str | None, offline: bool) -> None:
    """Begin a file about a package."""
    path = api.begin_package(package, directory, index_url=index_url, offline=offline, notify=render.talk)
    print(path)
    said = f" {directory}" if directory is not None else ""
    for line in (
        f"1. Edit {path}: it says itself what goes where; an example is the test of a rule.",
        f"2. Check it: envfit knowledge lint{said}",
        "3. See it work: envfit why ID, and envfit lock with the GPU of the example.",
        *(
            [f'To use it: constraints = ["{directory}"] in [tool.envfit] of pyproject.toml.']
            if directory is not None and not (directory / "axes").is_dir()
            else []
        ),
    ):
        render.talk(line)


def why(*, word: str, json: bool) -> None:
    """Show what one rule says, proves and changes, or what a verdict or a symptom is."""
    from envfit.knowledge.story import BuiltIn, RuleStory

    told = api.why(word)
    if isinstance(told, RuleStory):
        data, lines = _story_data(told), _story(told)
    elif isinstance(told, BuiltIn):
        data, lines = _built_in_data(told), _built_in(told)
    else:
        data, lines = _symptom_data(told), _symptom(told)
    if json:
        render.print_json(data)
    else:
        print("\n".join(lines))


# -- lint -----------------------------------------------------------------------


def _report_summary(report: LintReport, *, fix: bool) -> str:
    knowledge = report.knowledge
    looked_at = ", ".join(
        f"{len(items)} {what}"
        for what, items in (
            ("rules", knowledge.rules),
            ("examples", knowledge.examples),
            ("wheels", knowledge.device_code),
        )
    )
    count = len(report.findings)
    found = f"{count} finding{'' if count == 1 else 's'}" if count else "nothing found"
    mended = f", {report.mended} mended" if fix else ""
    fixable = sum(finding.edit is not None for finding in report.findings)
    hint = f"; --fix mends {fixable} of them" if fixable and not fix else ""
    return f"{found}{mended} in {report.directory} ({looked_at}){hint}"


def _report_data(report: LintReport) -> dict[str, Any]:
    return {
        "directory": str(report.directory),
        "findings": [_finding_data(finding) for finding in report.findings],
        "mended": report.mended,
        "diff": report.diff,
    }


def _finding_data(finding: Finding) -> dict[str, Any]:
    return {
        "lint": finding.lint,
        "level": finding.level.value,
        "file": finding.file,
        "place": finding.place,
        "text": finding.text,
        "fix": finding.edit.value if finding.edit is not None else None,
    }


# -- list -----------------------------------------------------------------------


def _table(overview: Overview) -> Iterator[str]:
    """Yield a line for each subject, and the totals."""
    rows = [("package", "rules", "own code", "wheels read", "examples", "symptoms")]
    for known in overview.subjects:
        warns = len(known.rules) - known.blocking
        own = len(known.package.own_code) if known.package is not None else 0
        rules = f"{known.blocking}{f' + {warns} that warn' if warns else ''}" if known.rules else "-"
        wheels = f"{len(known.wheels)}, newest {known.newest}" if known.wheels else "-"
        examples = len(known.examples) + len(known.known_good)
        rows.append(
            (
                known.name,
                rules,
                str(own or "-"),
                wheels,
                str(examples or "-"),
                str(len(known.symptoms) or "-"),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
    yield ""
    yield from (f"{number:>6,}  {what}" for what, number in overview.counts.items())
    listed = ", ".join(f"{number:,} {kind}" for kind, number in overview.evidence.items() if number)
    yield f"evidence: {listed}"


def _subject(known: Known) -> Iterator[str]:
    yield f"== {known.name}"
    if known.package is not None:
        yield from _package(known.package)
    if known.wheels:
        listed = list(dict.fromkeys(str(code.version) for code in known.wheels))
        few = len(listed) <= _SHOWN_RELEASES
        shown = ", ".join(listed if few else [*listed[:3], "...", *listed[-6:]])
        yield f"wheels read: {len(known.wheels)} ({shown})"
    for rule in known.rules:
        yield ""
        yield from _rule(rule)
    for title, lines in (
        ("examples", map(_example, known.examples)),
        ("known to work", map(_example, known.known_good)),
        ("symptoms", (f"{symptom.id}: {symptom.cause}" for symptom in known.symptoms)),
    ):
        shown_lines = list(lines)
        if shown_lines:
            yield from ("", f"{title}:", *(f"  {line}" for line in shown_lines))
    yield ""


def _package(package: PackageKnowledge) -> Iterator[str]:
    if package.imports:
        yield f"imports: {', '.join(package.imports)}"
    if package.gpu_builds:
        yield "a build without GPU code is no answer on a machine with a GPU"
    for build in package.index_builds:
        yield (
            f"build {build.label} of {_range(build.versions) or 'every release'}, {build.platform}: "
            f"CUDA {build.cuda}, GPU code {' '.join(build.sass)}"
        )
    for source in package.source_builds:
        yield f"built from source: {_range(source.versions) or 'every release'}{_compiled_for(source)}"
    for advice in package.advice:
        yield f"before it is built: {advice.text}"
    for wheels in package.prebuilt:
        yield f"prebuilt wheels of {_range(wheels.versions) or 'every release'}: {_made_for(wheels)}"
    for alternative in package.alternatives:
        yield f"instead of it: {alternative.name}: {alternative.text}"
    for own in package.own_code:
        yield f"own GPU code: {_own(own)}"


def _compiled_for(source: SourceBuild) -> str:
    words = ", ".join(
        f"{item.word} (nvcc {item.nvcc})" if str(item.nvcc) else item.word for item in source.architectures
    )
    chosen = f", chosen by {source.architectures_in}" if source.architectures_in else ""
    return f", for {words}{chosen}" if words else chosen


def _made_for(wheels: Prebuilt) -> str:
    parts = (
        f"torch {', '.join(wheels.torch)}",
        f"CUDA {', '.join(wheels.cuda)}",
        f"cxx11abi {', '.join(wheels.abi)}",
        f"Python {', '.join(wheels.pythons)}",
        ", ".join(map(str, wheels.platforms)),
        *map(str, wheels.requires),
    )
    return f"{'; '.join(parts)} ({wheels.url.partition('{')[0]}...)"


def _own(own: OwnCode) -> str:
    when = (
        f", one for each value of {own.chosen_by}"
        if own.chosen_by
        else f", needed for {own.needed_for}"
        if own.needed_for
        else ""
    )
    linked = f"; linked with the CUDA runtime of {own.runtime_from}" if own.runtime_from else ""
    return f"{', '.join(own.libraries)} ({_range(own.versions) or 'every release'}{when}{linked})"


def _rule(rule: Rule) -> Iterator[str]:
    yield f"[{rule.id}] {rule.severity.value}: {rule.why}"
    yield f"  applies to {_applies(rule)}"
    yield f"  {_states(rule)}"
    for item in rule.evidence:
        yield f"  {item}" + (f", sha256 {item.sha256[:12]}..." if item.sha256 else "")


def _applies(rule: Rule) -> str:
    names = ", ".join(rule.packages[:4]) + (
        f" and {len(rule.packages) - 4} more" if len(rule.packages) > 4 else ""
    )
    parts = [
        f"{names}{_range(rule.versions)}"
        if len(rule.packages) == 1
        else f"{names} {_range(rule.versions)}".rstrip()
    ]
    parts += [f"on {' and '.join(map(str, rule.platforms))}"] if rule.platforms else []
    parts += [f"as {rule.distributions}"] if rule.distributions != "any" else []
    return ", ".join(parts)


def _states(rule: Rule) -> str:
    parts = [f"requires {', '.join(map(_condition, rule.requires))}"] if rule.requires else []
    parts += [f"constrains {', '.join(map(_condition, rule.constrains))}"] if rule.constrains else []
    parts += [f"excludes {', '.join(rule.excludes)}"] if rule.excludes else []
    return "; ".join(parts)


def _condition(condition: Condition) -> str:
    return f"{condition.name}{_range(condition.specifier)}"


def _range(versions: SpecifierSet) -> str:
    """Write a range as people do: its lower bound first."""
    return ",".join(sorted(map(str, versions), key=lambda part: (not part.startswith(("=", ">")), part)))


def _machine(example: Example) -> str:
    machine = " and ".join(example.gpus) or "no GPU"
    parts = [f"driver {example.driver}"] if example.driver else []
    parts += [str(example.platform)] if example.platform else []
    parts += [f"Python {example.python}"] if example.python else []
    parts += [f"{name} {value}" for name, value in example.facts.items()]
    return ", ".join([machine, *parts])


def _installed(example: Example) -> str:
    pins = (
        f"{name}=={version}{' built from source' if name in example.built else ''}"
        for name, version in example.installed
    )
    return " ".join(pins)


def _example(example: Example) -> str:
    breaks = f"breaks {', '.join(example.breaks)}" if example.breaks else "nothing objects"
    return f"{_machine(example)}: {_installed(example)}: {breaks}"


def _overview_data(overview: Overview) -> dict[str, Any]:
    return {
        "packages": [_known_data(known) for known in overview.subjects],
        "counts": dict(overview.counts),
        "evidence": dict(overview.evidence),
    }


def _known_data(known: Known) -> dict[str, Any]:
    return {
        "name": known.name,
        "rules": [_rule_data(rule) for rule in known.rules],
        "own-code": [
            {
                "versions": str(own.versions),
                "libraries": list(own.libraries),
                "needed-for": own.needed_for,
                "chosen-by": own.chosen_by,
                "runtime-from": own.runtime_from,
                "evidence": [_evidence_data(item) for item in own.evidence],
            }
            for own in (known.package.own_code if known.package is not None else ())
        ],
        "wheels": [code.filename for code in known.wheels],
        "newest-wheel": str(known.newest) if known.newest is not None else None,
        "examples": [_example_data(example) for example in known.examples],
        "known-good": [_example_data(example) for example in known.known_good],
        "symptoms": [symptom.id for symptom in known.symptoms],
    }


def _rule_data(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "severity": rule.severity.value,
        "why": rule.why,
        "packages": list(rule.packages),
        "versions": str(rule.versions),
        "platforms": list(map(str, rule.platforms)),
        "distributions": rule.distributions,
        "requires": list(map(str, rule.requires)),
        "constrains": list(map(str, rule.constrains)),
        "excludes": list(rule.excludes),
        "evidence": [_evidence_data(item) for item in rule.evidence],
        "file": rule.file,
    }


def _evidence_data(evidence: Evidence) -> dict[str, Any]:
    return {
        "kind": evidence.kind.label,
        "source": evidence.source,
        "sha256": evidence.sha256,
        "locator": evidence.locator,
        "checked": evidence.checked.isoformat(),
    }


def _example_data(example: Example) -> dict[str, Any]:
    return {
        "gpus": list(example.gpus),
        "driver": example.driver,
        "platform": example.platform,
        "python": example.python,
        "facts": dict(example.facts),
        "installed": [f"{name}=={version}" for name, version in example.installed],
        "built": sorted(example.built),
        "breaks": list(example.breaks),
        "why": example.why,
        "place": example.place,
    }


# -- why ------------------------------------------------------------------------


def _story(story: RuleStory) -> Iterator[str]:
    yield from _rule(story.rule)
    yield f"  in {story.rule.file}"
    if not story.changes:
        yield "No example shows what it changes."
    for change in story.changes:
        yield ""
        yield f"{_machine(change.example)}: {_installed(change.example)}"
        if change.example.why:
            yield f"  {change.example.why}"
        yield f"  with it:    {_objections(change.objections)}"
        yield f"  without it: {_objections(change.without)}"


def _objections(objections: Sequence[Objection]) -> str:
    if not objections:
        return "nothing objects"
    return ", ".join(
        dict.fromkeys(f"{item.origin.rule} {'refuses' if item.blocks else 'warns'}" for item in objections)
    )


def _built_in(verdict: BuiltIn) -> Iterator[str]:
    yield f"[{verdict.id}] {verdict.says}"
    yield "  This is no rule of a file, and cannot be switched off."
    yield f"  {verdict.rests_on}"
    yield f"  in {verdict.where}"


def _symptom(symptom: Symptom) -> Iterator[str]:
    yield f"[{symptom.id}] {symptom.cause}"
    yield "  This is a symptom: envfit diagnose finds it in a log."
    yield from (f"  remedy: {remedy}" for remedy in symptom.remedy)
    for item in symptom.evidence:
        yield f"  {item}" + (f", sha256 {item.sha256[:12]}..." if item.sha256 else "")


def _symptom_data(symptom: Symptom) -> dict[str, Any]:
    return {
        "kind": "symptom",
        "id": symptom.id,
        "cause": symptom.cause,
        "remedies": list(symptom.remedy),
        "evidence": [_evidence_data(item) for item in symptom.evidence],
    }


def _story_data(story: RuleStory) -> dict[str, Any]:
    return {
        **_rule_data(story.rule),
        "kind": "rule",
        "changes": [
            {
                **_example_data(change.example),
                "with": [_objection_data(item) for item in change.objections],
                "without": [_objection_data(item) for item in change.without],
            }
            for change in story.changes
        ],
    }


def _objection_data(objection: Objection) -> dict[str, Any]:
    return {"rule": objection.origin.rule, "package": objection.origin.package, "blocks": objection.blocks}


def _built_in_data(verdict: BuiltIn) -> dict[str, Any]:
    return {
        "kind": "verdict",
        "id": verdict.id,
        "why": verdict.says,
        "rests-on": verdict.rests_on,
        "file": verdict.where,
    }
