"""``pyproject.toml``: dependencies, extras, dependency groups and settings.

Sources: PEP 621 (``[project]``), PEP 685 (names of extras), PEP 735
(``[dependency-groups]``), uv's documentation (``[tool.uv]``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from packaging.dependency_groups import CyclicDependencyGroup, DependencyGroupResolver
from packaging.errors import ExceptionGroup
from packaging.requirements import InvalidRequirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from envfit.errors import RequirementError
from envfit.project.declared import Declared, parse_requirement
from envfit.project.document import Table, nearest
from envfit.project.faults import Faults
from envfit.project.model import Project
from envfit.project.settings import read_mirrors, read_rules, read_settings, shared_with_uv
from envfit.project.toml_file import read_toml
from envfit.project.uv_sources import UvSources

__all__ = ["mirrors_of", "read_pyproject", "rules_of"]

#: Keys that would change what uv locks here; the others are about its own work, or read elsewhere.
_UNUSED_OF_UV = frozenset(
    {
        "build-constraint-dependencies",
        "dependency-metadata",
        "dev-dependencies",
        "exclude-newer",
        "exclude-newer-package",
        "extra-build-dependencies",
        "find-links",
        "index-strategy",
        "no-binary",
        "no-binary-package",
        "no-build",
        "no-build-package",
        "no-index",
        "no-sources",
        "no-sources-package",
        "prerelease",
        "resolution",
    }
)


def read_pyproject(path: Path, *, extras: Sequence[str] = (), groups: Sequence[str] = ()) -> Project:
    """Read the dependencies of a project, with the extras and groups named, and its settings.

    Groups and extras that are not named are not judged (PEP 735 asks for that).
    Raises ProjectError with every fault, by path in the document; FileError where
    the file cannot be read.
    """
    faults = Faults(path)
    document = Table(read_toml(path), file=path, path="", faults=faults)
    own, uv = document.table("tool").table("envfit"), document.table("tool").table("uv")
    sources = UvSources(uv, folder=path.parent)
    dependencies = _Dependencies(document, path, sources)
    requirements = [*dependencies.of_project()]
    used_extras = tuple(dict.fromkeys(canonicalize_name(extra) for extra in extras))
    used_groups = tuple(dict.fromkeys(canonicalize_name(group) for group in groups))
    for extra in used_extras:
        requirements.extend(dependencies.of_extra(extra))
    for group in used_groups:
        requirements.extend(dependencies.of_group(group))
    settings = read_settings(own, folder=path.parent, uv=uv, placed=sources.applied)
    notes = [f"{path}: {key} of [tool.uv] is used" for key in shared_with_uv(own, uv)]
    unused = [key for key in uv if key in _UNUSED_OF_UV]
    if unused:
        notes.append(
            f"{path}: not used of [tool.uv]: {', '.join(unused)}; [tool.envfit] is where envfit looks"
        )
    project = Project(
        requirements=tuple(dict.fromkeys(requirements)),
        requires_python=_read_requires_python(document.table("project")),
        extras=used_extras,
        groups=used_groups,
        settings=settings,
        notes=(*dependencies.notes(), *notes),
    )
    faults.raise_any()
    return project


def mirrors_of(path: Path) -> tuple[tuple[str, str], ...]:
    """Return the mirrors that a project names, and judge nothing else of it; none where there is no file.

    Raises ProjectError where they are malformed.
    """
    if not path.is_file():
        return ()
    faults = Faults(path)
    tool = Table(read_toml(path), file=path, path="", faults=faults).table("tool")
    mirrors = read_mirrors(tool.table("envfit").table("mirrors"), folder=path.parent)
    faults.raise_any()
    return mirrors


def rules_of(path: Path) -> tuple[Path, ...]:
    """Return the folders of rules that a project names, and judge nothing else of it.

    None where there is no file.  Raises ProjectError where they are malformed.
    """
    if not path.is_file():
        return ()
    faults = Faults(path)
    tool = Table(read_toml(path), file=path, path="", faults=faults).table("tool")
    rules = read_rules(tool.table("envfit"), folder=path.parent)
    faults.raise_any()
    return rules


def _read_requires_python(project: Table) -> SpecifierSet | None:
    text = project.text("requires-python")
    if text is None:
        return None
    try:
        return SpecifierSet(text)
    except InvalidSpecifier:
        project.fault("requires-python", f"is {text!r}, not a range such as >=3.10")
        return None


class _Dependencies:
    """The dependencies that a document declares."""

    def __init__(self, document: Table, path: Path, sources: UvSources) -> None:
        self._sources = sources
        self._document = document
        self._project = document.table("project")
        self._path = path
        name = self._project.text("name")
        self._name = canonicalize_name(name) if name else None
        self._dynamic = frozenset(text for _, text in self._project.texts("dynamic"))

    def notes(self) -> tuple[str, ...]:
        """Return what is said and not acted on."""
        if "requires-python" in self._dynamic:
            return (f"{self._path}: requires-python is dynamic and not judged",)
        return ()

    def of_project(self) -> Iterator[Declared]:
        """Yield the dependencies that the project always has."""
        tool = self._document.table("tool")
        if "dependencies" in self._dynamic:
            hints = self._where_dynamic(tool)
            self._project.fault("dependencies", "is dynamic: only its build can tell", *hints)
        elif "dependencies" not in self._project and "poetry" in tool:
            poetry = tool.table("poetry")
            if any(name != "python" for name in poetry.table("dependencies")):
                poetry.fault(
                    "dependencies", "is not read", "declare what is needed in [project] dependencies"
                )
        yield from self._declared(self._project, "dependencies", str(self._path), chain=())

    def of_extra(self, extra: str, chain: tuple[str, ...] = ()) -> Iterator[Declared]:
        """Yield the dependencies of an extra, those of the extras that it refers to included."""
        if extra in chain:
            return
        if "optional-dependencies" in self._dynamic:
            self._project.fault("optional-dependencies", "is dynamic: only its build can tell")
            return
        table = self._project.table("optional-dependencies")
        keys: dict[str, str] = {canonicalize_name(key): key for key in table}
        for key in table:
            if keys[canonicalize_name(key)] != key:
                table.fault(key, f"is the same extra as {keys[canonicalize_name(key)]}")
        if extra not in keys:
            self._project.fault("optional-dependencies", f"has no extra {extra}{nearest(extra, keys)}")
            return
        yield from self._declared(table, keys[extra], f"{self._path} extra {extra}", chain=(*chain, extra))

    def of_group(self, group: str) -> Iterator[Declared]:
        """Yield the dependencies of a group, those of the groups that it includes too."""
        table = self._document.table("dependency-groups")
        keys = {canonicalize_name(key) for key in table}
        groups = self._document.get("dependency-groups")
        if not isinstance(groups, dict) or group not in keys:
            self._document.fault("dependency-groups", f"has no group {group}{nearest(group, keys)}")
            return
        try:
            found = DependencyGroupResolver(groups).resolve(group)
        except ExceptionGroup as errors:
            for sentence in _sentences(errors):
                table.fault(group, sentence)
            return
        for requirement in found:
            yield from self._expanded(str(requirement), f"{self._path} group {group}", table, chain=())

    def _declared(self, table: Table, key: str, where: str, *, chain: tuple[str, ...]) -> Iterator[Declared]:
        for _, text in table.texts(key):
            yield from self._expanded(text, where, table, chain=chain)

    def _expanded(self, text: str, where: str, table: Table, *, chain: tuple[str, ...]) -> Iterator[Declared]:
        """Parse one requirement; one on the project itself becomes what its extras need."""
        try:
            declared = parse_requirement(text, where, folder=self._path.parent)
        except RequirementError as error:
            table.note(error)
            return
        if declared.name is None or declared.name != self._name:
            yield self._sources.applied(declared)
            return
        for extra in sorted(declared.extras):
            for nested in self.of_extra(extra, chain):
                yield _under_marker(nested, declared)

    def _where_dynamic(self, tool: Table) -> Iterator[str]:
        files = tool.table("setuptools").table("dynamic").table("dependencies").get("file")
        for file in files if isinstance(files, list) else [files]:
            if isinstance(file, str):
                yield f"its build reads {file}: give that file with -r"


def _under_marker(declared: Declared, outer: Declared) -> Declared:
    """Return a requirement that holds only where the marker of an outer one holds too."""
    if outer.marker is None:
        return declared
    inner = declared.marker
    return replace(declared, marker=outer.marker if inner is None else inner & outer.marker)


def _sentences(error: Exception) -> Iterator[str]:
    """Write a sentence for each error that the resolver of dependency groups found."""
    if isinstance(error, ExceptionGroup):
        for inner in error.exceptions:
            yield from _sentences(inner)
    elif isinstance(error, CyclicDependencyGroup):
        yield f"includes itself: {error.group} includes {error.include_group}"
    elif isinstance(error, InvalidRequirement):
        reason, _, shown = str(error).partition("\n")
        text = shown.partition("\n")[0].strip()
        yield f"holds {text!r}, which is not a requirement: {reason[:1].lower()}{reason[1:]}"
    else:
        yield f"cannot be used: {error}"
