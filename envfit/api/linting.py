"""The lints of the knowledge base over a directory, and their fixes written back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import urlsplit

from envfit.errors import EnvfitError, FileError
from envfit.frozen import frozen
from envfit.index.configuration import configured_indexes, library_default
from envfit.knowledge.files import Files, constraints_directory, read_files
from envfit.knowledge.lint.finding import Finding
from envfit.knowledge.lint.fixing import diff_of, fixed
from envfit.knowledge.lint.run import DEFAULT_MONTHS, lint_files
from envfit.knowledge.model import KnowledgeBase

__all__ = ["LintReport", "lint_directory"]


@frozen
class LintReport:
    """What was found in a directory, and what was mended there."""

    directory: Path
    findings: tuple[Finding, ...]  # what is left
    mended: int  # how many findings fixes took away
    diff: str  # of what was written
    knowledge: KnowledgeBase


def lint_directory(
    directory: Path | None, *, fix: bool, months: int | None, environ: Mapping[str, str]
) -> LintReport:
    """Lint a whole constraints directory, or a folder of rules together with envfit's own knowledge."""
    shipped = constraints_directory()
    where = shipped if directory is None else directory
    if not where.is_dir():
        raise FileError(f"there is no directory {where}")
    whole = (where / "axes").is_dir()
    files = read_files(where) if whole else read_files(shipped, where)
    only = None if whole else frozenset(files.added)
    today = datetime.now(timezone.utc).date()
    hosts = _index_hosts(environ)

    def lint(changed: Files) -> Sequence[Finding]:
        return lint_files(
            changed,
            today=today,
            months=DEFAULT_MONTHS if months is None else months,
            hosts=hosts,
            only=only,
        ).findings

    linted = lint_files(
        files, today=today, months=DEFAULT_MONTHS if months is None else months, hosts=hosts, only=only
    )
    if not fix:
        return LintReport(
            directory=where, findings=linted.findings, mended=0, diff="", knowledge=linted.knowledge
        )
    mended, left = fixed(files, linted.findings, lint)
    diff = diff_of(files.contents, mended.contents)
    for file, content in mended.contents.items():
        if files.contents[file] != content:
            _write(Path(file) if file in files.added else where / file, content)
    return LintReport(
        directory=where,
        findings=left,
        mended=len(linted.findings) - len(left),
        diff=diff,
        knowledge=linted.knowledge,
    )


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror or error}") from error


def _index_hosts(environ: Mapping[str, str]) -> frozenset[str]:
    """Return the hosts of the package indexes that are in use here, which no file may name.

    Indexes of variants are named by the axes, and may be.
    """
    urls = [library_default()]
    try:
        configuration = configured_indexes(environ, home=Path.home(), cwd=Path.cwd())
    except EnvfitError:
        pass  # a configuration that cannot be read says nothing of hosts
    else:
        urls += configuration.search_order
    hosts = {urlsplit(url).hostname or "" for url in urls}
    return frozenset(host for host in hosts if "." in host and host not in _NAMED)


# The one index whose address knowledge itself holds.
_NAMED = frozenset({"download.pytorch.org"})
