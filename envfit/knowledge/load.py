"""A directory of constraint files -> KnowledgeBase, or every fault at once.

The one room below the network that reads files, and only those of the
directory it is given.  The layout is that of ``constraints/README.md``.
"""

from __future__ import annotations

import re
from pathlib import Path

from packaging.requirements import Requirement as DeclaredRequirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from envfit.errors import KnowledgeError
from envfit.knowledge.derived import device_code, read_architectures, read_derived
from envfit.knowledge.document import Table
from envfit.knowledge.evidence import proves, read_evidence
from envfit.knowledge.example import read_example, read_known_good
from envfit.knowledge.files import Files, read_files
from envfit.knowledge.model import (
    Alternative,
    CapabilityEntry,
    Choice,
    Condition,
    CudaRuntime,
    CudaToolkit,
    DeviceCode,
    DriverBranch,
    Example,
    Extension,
    GpuModel,
    IndexBuild,
    IndexLabel,
    KnowledgeBase,
    MatrixDefaults,
    NvccRelease,
    OwnCode,
    PackageKnowledge,
    Prebuilt,
    PythonEntry,
    RoutedIndex,
    Rule,
    Severity,
    StaticMetadata,
    TorchCompiler,
    TorchExtensions,
)
from envfit.knowledge.prebuilt import ABI_CHOICE, CUDA_CHOICE
from envfit.knowledge.prebuilt_file import read_prebuilt
from envfit.knowledge.source_build import read_advice, read_source_build
from envfit.knowledge.symptom import Symptom
from envfit.knowledge.symptom_file import read_symptom
from envfit.target import Capability, Platform
from envfit.toml_text import parse_toml

__all__ = ["load", "load_files", "read_knowledge"]

SCHEMA = 1
_NO_VERSION = Version("0")
_NO_CAPABILITY = Capability(0, 0)
_CONDITION = re.compile(r"\s*([A-Za-z0-9_][A-Za-z0-9._-]*)\s*([<>=!~].*)?")


def load(directory: Path) -> KnowledgeBase:
    """Read every constraint file of a directory.

    Raises KnowledgeError, whose message lists every fault with file and path.
    """
    return load_files(read_files(directory))


def load_files(files: Files) -> KnowledgeBase:
    """Return the knowledge in files that were read; raises as ``load`` does."""
    knowledge, faults = read_knowledge(files)
    if faults:
        raise KnowledgeError(
            f"{len(faults)} fault{'s' if len(faults) > 1 else ''} in the knowledge base:\n"
            + "\n".join(faults)
        )
    return knowledge


def read_knowledge(files: Files) -> tuple[KnowledgeBase, tuple[str, ...]]:
    """Return what files hold, with stand-ins where they are faulty, and every fault: file, place, what."""
    faults = list(files.faults)
    loader = _Loader(faults)
    for file, content in files.contents.items():
        folder = files.folder_of(file)
        if folder == "axes" and file in files.added:
            faults.append(f"{file}: axes are envfit's own; a site adds packages, hardware and the like")
            continue
        try:
            data = parse_toml(content.decode())
        except ValueError as error:
            faults.append(f"{file}: {error}")
            continue
        name = file.rpartition("/")[2].removesuffix(".toml")
        loader.file(folder, name, Table(data, file=file, path="", faults=faults))
    return loader.finish(files.digest), tuple(faults)


class _Loader:
    """The knowledge read so far."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        self.rules: dict[str, Rule] = {}
        self.ids: dict[str, str] = {}  # of rules, withdrawn ones too -> file
        self.packages: dict[str, PackageKnowledge] = {}
        self.device_code: dict[str, DeviceCode] = {}
        self.toolkits: list[CudaToolkit] = []
        self.runtimes: dict[int, CudaRuntime] = {}
        self.branches: list[DriverBranch] = []
        self.capabilities: dict[Capability, CapabilityEntry] = {}
        self.pythons: list[PythonEntry] = []
        self.default_python = ""
        self.choices: dict[str, Choice] = {}
        self.indexes: dict[str, RoutedIndex] = {}
        self.gpus: list[GpuModel] = []
        self.examples: list[Example] = []
        self.symptoms: dict[str, Symptom] = {}
        self.compilers: dict[Version, NvccRelease] = {}
        self.torch_extensions: TorchExtensions | None = None
        self.torch_compilers: list[TorchCompiler] = []
        self.matrix = MatrixDefaults()

    def file(self, folder: str, stem: str, table: Table) -> None:
        """Read one file by the kind that its place gives it."""
        before = len(self.faults)
        if table.number("schema") != SCHEMA:
            if len(self.faults) == before:
                table.fault(f"is not {SCHEMA}", "schema")
            return
        if folder == "hardware":
            self._hardware(table)
        elif folder == "packages":
            self._package(stem, table)
        elif folder == "derived":
            self._derived(table)
        elif folder == "known-good":
            self.examples += map(read_known_good, table.tables("set"))
        elif folder == "symptoms":
            self._symptoms(stem, table)
        else:
            reader = {
                "compilers": self._compilers,
                "cuda": self._cuda,
                "drivers": self._drivers,
                "capabilities": self._capabilities,
                "pythons": self._pythons,
                "choices": self._choices,
                "indexes": self._indexes,
                "matrix": self._matrix,
            }.get(stem)
            if reader is None:
                table.fault("no such axis")
                return
            reader(table)
        table.finish()

    def finish(self, version: str) -> KnowledgeBase:
        """Check what only the whole can tell, and return it."""
        for package in self.packages.values():
            if package.cuda_choice is not None:
                self._check_choice(package)
            self._check_own_code(package)
        for rule in self.rules.values():
            for condition in (*rule.requires, *rule.constrains):
                self._check_condition(rule, condition)
        self._check_prebuilt()
        self._check_symptoms()
        self._check_compilers()
        return KnowledgeBase(
            version=version,
            rules=tuple(self.rules.values()),
            packages=self.packages,
            device_code=self.device_code,
            toolkits=tuple(sorted(self.toolkits, key=lambda toolkit: toolkit.version)),
            runtimes=self.runtimes,
            branches=tuple(sorted(self.branches, key=lambda branch: branch.branch)),
            capabilities=self.capabilities,
            pythons=tuple(sorted(self.pythons, key=lambda python: Version(python.minor))),
            default_python=self.default_python,
            choices=self.choices,
            indexes=self.indexes,
            gpus=tuple(self.gpus),
            examples=tuple(self.examples),
            symptoms=tuple(self.symptoms.values()),
            torch_extensions=self.torch_extensions,
            torch_compilers=tuple(self.torch_compilers),
            compilers=tuple(sorted(self.compilers.values(), key=lambda release: release.version)),
            matrix=self.matrix,
        )

    def _check_condition(self, rule: Rule, condition: Condition) -> None:
        if not condition.is_fact or condition.name in _FACT_NAMES:
            return
        choice = self.choices.get(condition.name)
        if choice is None:
            self.faults.append(f"{rule.file}: {rule.id}: {condition.name} is neither a fact nor a choice")
        elif not any(condition.specifier.contains(value) for value in choice.values):
            self.faults.append(f"{rule.file}: {rule.id}: no value of {condition.name} fits {condition}")

    def _check_choice(self, package: PackageKnowledge) -> None:
        """Fault a choice that is none, or that lacks the value of a build: it would seem impossible."""
        file = f"packages/{package.name}.toml"
        choice = self.choices.get(package.cuda_choice or "")
        if choice is None:
            self.faults.append(f"{file}: cuda_choice: {package.cuda_choice} is no choice")
            return
        built_with = {build.cuda for build in package.index_builds}
        built_with |= {
            code.cuda or _NO_VERSION for code in self.device_code.values() if code.package == package.name
        }
        built_with |= {label.cuda or _NO_VERSION for index in self.indexes.values() for label in index.labels}
        for value in sorted(built_with - set(choice.values)):
            self.faults.append(f"axes/choices.toml: {choice.name} has no value {value}, and builds have")

    def _check_prebuilt(self) -> None:
        """Fault prebuilt wheels that are bound to choices that nobody has."""
        needed = {name for name in (CUDA_CHOICE, ABI_CHOICE) if name not in self.choices}
        for package in self.packages.values() if needed else ():
            if package.prebuilt:
                missing = ", ".join(sorted(needed))
                self.faults.append(f"packages/{package.name}.toml: prebuilt: {missing} is no choice")

    def _check_own_code(self, package: PackageKnowledge) -> None:
        """Fault capabilities that no GPU has, and choices that are none."""
        for own in package.own_code:
            self.faults += [
                f"packages/{package.name}.toml: own_code: no GPU has compute capability {capability}"
                for capability in own.only_for
                if capability not in self.capabilities
            ]
            for choice in (own.chosen_by, own.runtime_from):
                if choice is not None and choice not in self.choices:
                    self.faults.append(f"packages/{package.name}.toml: own_code: {choice} is no choice")

    def _check_compilers(self) -> None:
        """Fault a compiler that belongs to no toolkit, and architectures of builds that none writes."""
        toolkits = {toolkit.version for toolkit in self.toolkits}
        for release in self.compilers:
            if release not in toolkits:
                self.faults.append(f"axes/compilers.toml: {release} is no CUDA toolkit of axes/cuda.toml")
        written = {code for release in self.compilers.values() for code in release.architectures}
        for package in self.packages.values():
            codes = {item.code for build in package.source_builds for item in build.architectures}
            for code in sorted(codes - written) if written else ():
                self.faults.append(f"packages/{package.name}.toml: source_build: no nvcc writes sm_{code}")

    def _check_symptoms(self) -> None:
        """Fault what symptoms name and nothing has."""
        for symptom in self.symptoms.values():
            for name in symptom.rules:
                if name not in self.ids:
                    self.faults.append(f"{symptom.file}: {symptom.id}: rules: {name} is no rule")
            for name in symptom.related:
                if name not in self.symptoms:
                    self.faults.append(f"{symptom.file}: {symptom.id}: related: {name} is no symptom")

    # -- axes ---------------------------------------------------------------

    def _cuda(self, table: Table) -> None:
        for item in table.tables("toolkit"):
            self.toolkits.append(
                CudaToolkit(
                    version=item.parsed("version", Version, _NO_VERSION),
                    driver=_driver(item, "driver"),
                    ptx_isa=item.parsed("ptx_isa", Version, _NO_VERSION) if "ptx_isa" in item else None,
                )
            )
            item.finish()
        for item in table.tables("runtime"):
            runtime = CudaRuntime(
                major=item.number("major"), driver=_driver(item, "driver"), evidence=read_evidence(item)
            )
            if not proves(runtime.evidence):
                item.fault("needs evidence of rank docs or better", "driver")
            self.runtimes[runtime.major] = runtime
            item.finish()

    def _compilers(self, table: Table) -> None:
        stated = table.table("torch_extensions")
        self.torch_extensions = TorchExtensions(
            same_major=stated.text("same_major"),
            headers=dict(stated.mapping("headers")),
            evidence=read_evidence(stated),
        )
        if not proves(self.torch_extensions.evidence):
            stated.fault("needs evidence of rank docs or better", "evidence")
        stated.finish()
        for item in table.tables("torch_compiler"):
            refusal = TorchCompiler(
                torch=item.parsed("torch", SpecifierSet, SpecifierSet()),
                nvcc=item.parsed("nvcc", SpecifierSet, SpecifierSet()),
                gxx=item.number("gxx"),
                why=item.text("why"),
                evidence=read_evidence(item),
            )
            if not proves(refusal.evidence):
                item.fault("needs evidence of rank docs or better", "evidence")
            self.torch_compilers.append(refusal)
            item.finish()
        for item in table.tables("nvcc"):
            wheels = item.texts("wheels")
            item.parse_each("wheels", wheels, DeclaredRequirement, DeclaredRequirement("none"))
            release = NvccRelease(
                version=item.parsed("version", Version, _NO_VERSION),
                gxx=item.number("gxx"),
                architectures=read_architectures(item, "architectures"),
                wheels=wheels,
                conda=item.text("conda") if "conda" in item else None,
                evidence=read_evidence(item),
            )
            if not proves(release.evidence):
                item.fault("needs evidence of rank docs or better", "evidence")
            if release.version in self.compilers:
                item.fault("is described twice", "version")
            self.compilers[release.version] = release
            item.finish()

    def _drivers(self, table: Table) -> None:
        for item in table.tables("branch"):
            self.branches.append(
                DriverBranch(
                    branch=item.number("branch"),
                    cuda=item.parsed("cuda", Version, _NO_VERSION),
                    first=_driver(item, "first"),
                    oldest=item.parsed("oldest", Capability.parse, _NO_CAPABILITY),
                    supported=item.flag("supported"),
                    evidence=read_evidence(item),
                )
            )
            item.finish()

    def _capabilities(self, table: Table) -> None:
        for item in table.tables("capability"):
            entry = CapabilityEntry(
                capability=item.parsed("version", Capability.parse, _NO_CAPABILITY),
                architecture=item.text("architecture"),
                first_driver=_driver(item, "first_driver") if "first_driver" in item else None,
                evidence=read_evidence(item),
            )
            if entry.first_driver and not proves(entry.evidence):
                item.fault("needs evidence of rank docs or better", "first_driver")
            self.capabilities[entry.capability] = entry
            item.finish()

    def _pythons(self, table: Table) -> None:
        self.default_python = table.text("default")
        for item in table.tables("python"):
            self.pythons.append(
                PythonEntry(minor=item.text("minor"), newest=item.parsed("newest", Version, _NO_VERSION))
            )
            read_evidence(item)
            item.finish()

    def _choices(self, table: Table) -> None:
        for item in table.tables("choice"):
            values = item.parse_each("values", item.texts("values", required=True), Version, _NO_VERSION)
            choice = Choice(name=item.text("name"), values=tuple(values), what=item.text("what"))
            self.choices[choice.name] = choice
            item.finish()

    def _indexes(self, table: Table) -> None:
        for item in table.tables("index"):
            labels = []
            for label in item.tables("label"):
                labels.append(
                    IndexLabel(
                        label=label.text("label"),
                        cuda=label.parsed("cuda", Version, _NO_VERSION) if "cuda" in label else None,
                    )
                )
                label.finish()
            index = RoutedIndex(
                name=item.text("name"),
                url=item.text("url"),
                labels=tuple(labels),
                packages=tuple(canonicalize_name(name) for name in item.texts("packages")),
            )
            read_evidence(item)
            self.indexes[index.name] = index
            item.finish()

    def _matrix(self, table: Table) -> None:
        packages, gpus, drivers = [], [], []
        for item in table.tables("package"):
            packages.append(item.parsed("requirement", _requirement, ""))
            item.number("rank")
            item.finish()
        for item in table.tables("gpu"):
            gpus.append(item.text("name"))
            item.finish()
        for item in table.tables("driver"):
            drivers.append(str(item.number("branch")))
            item.finish()
        read_evidence(table)
        self.matrix = MatrixDefaults(packages=tuple(packages), gpus=tuple(gpus), drivers=tuple(drivers))

    # -- hardware -----------------------------------------------------------

    def _hardware(self, table: Table) -> None:
        family = table.text("family")
        read_evidence(table)
        for item in table.tables("gpu"):
            self.gpus.append(
                GpuModel(
                    name=item.text("name"),
                    capability=item.parsed("capability", Capability.parse, _NO_CAPABILITY),
                    aliases=item.texts("aliases"),
                    memory=item.numbers("memory"),
                    platform=item.parsed("platform", Platform.parse, Platform(), required=False)
                    if "platform" in item
                    else None,
                    family=family,
                )
            )
            read_evidence(item)
            item.finish()

    # -- packages -----------------------------------------------------------

    def _package(self, stem: str, table: Table) -> None:
        if "package" in table:
            names: tuple[str, ...] = (table.text("package"),)
            if names[0] != stem:
                table.fault(f"is not the name of the file, {stem}", "package")
        else:
            names = table.texts("packages", required=True)
        for item in table.tables("rule"):
            self._rule(stem, names, item)
        self.examples += map(read_example, table.tables("example"))
        knowledge = PackageKnowledge(
            name=names[0] if names else stem,
            imports=table.texts("imports"),
            gpu_builds=table.flag("gpu_builds"),
            cuda_choice=table.text("cuda_choice") if "cuda_choice" in table else None,
            index_builds=tuple(_index_build(item) for item in table.tables("index_build")),
            metadata=tuple(_static_metadata(item) for item in table.tables("metadata")),
            prebuilt=tuple(_prebuilt(item) for item in table.tables("prebuilt")),
            source_builds=tuple(read_source_build(item) for item in table.tables("source_build")),
            advice=tuple(read_advice(item) for item in table.tables("advice")),
            alternatives=tuple(_alternative(item) for item in table.tables("alternative")),
            own_code=tuple(_own_code(item) for item in table.tables("own_code")),
            extensions=tuple(_extension(item) for item in table.tables("extension")),
        )
        if "package" in table:
            former = self.packages.get(knowledge.name)
            self.packages[knowledge.name] = knowledge if former is None else _joined(former, knowledge)

    def _rule(self, stem: str, names: tuple[str, ...], table: Table) -> None:
        applies = table.table("applies")
        rule = Rule(
            id=table.text("id"),
            packages=applies.texts("packages") or names,
            versions=applies.parsed("versions", SpecifierSet, SpecifierSet(), required=False),
            platforms=tuple(
                applies.parse_each("platforms", applies.texts("platforms"), Platform.parse, Platform())
            ),
            distributions=applies.text("distributions", "any"),
            requires=_conditions(table, "requires"),
            constrains=_conditions(table, "constrains"),
            excludes=tuple(canonicalize_name(name) for name in table.texts("excludes")),
            severity=table.parsed("severity", Severity, Severity.BLOCKS),
            why=table.text("why"),
            evidence=read_evidence(table),
            file=table.file,
        )
        applies.finish()
        status = table.text("status", "active")
        table.finish()
        if rule.id.partition("/")[0] != stem:
            table.fault(f"does not begin with {stem}/", "id")
        if rule.id in self.ids:
            table.fault(f"is the id of another rule, in {self.ids[rule.id]}", "id")
        self.ids.setdefault(rule.id, rule.file)
        if rule.severity is Severity.BLOCKS and not proves(rule.evidence):
            table.fault("a rule that blocks needs evidence of rank docs or better", "evidence")
        if not (rule.requires or rule.constrains or rule.excludes):
            table.fault("states neither requires, constrains nor excludes")
        if rule.distributions not in ("any", "wheel", "sdist"):
            table.fault("is none of any, wheel, sdist", "applies.distributions")
        if status == "active":
            self.rules[rule.id] = rule
        elif status != "withdrawn":
            table.fault("is neither active nor withdrawn", "status")

    # -- symptoms -----------------------------------------------------------

    def _symptoms(self, stem: str, table: Table) -> None:
        for item in table.tables("symptom"):
            symptom = read_symptom(stem, item)
            if symptom.id in self.symptoms:
                item.fault("is the id of another symptom", "id")
            self.symptoms[symptom.id] = symptom

    # -- derived ------------------------------------------------------------

    def _derived(self, table: Table) -> None:
        generator = table.text("generator")
        package = canonicalize_name(table.text("package"))
        for wheel in read_derived(table):
            self.device_code[wheel.sha256] = device_code(package, wheel, generator)


_FACT_NAMES = frozenset(
    {
        "__capability",
        "__cuda",
        "__cuda_driver",
        "__glibc",
        "__gxx",
        "__linux",
        "__memory",
        "__nvcc",
    }
)


def _joined(former: PackageKnowledge, added: PackageKnowledge) -> PackageKnowledge:
    """Return what two files say of one package: envfit's own, and that of a site."""
    return PackageKnowledge(
        name=former.name,
        imports=added.imports or former.imports,
        gpu_builds=former.gpu_builds or added.gpu_builds,
        cuda_choice=added.cuda_choice or former.cuda_choice,
        # The first that fits a release is taken: what a site says comes first.
        index_builds=(*added.index_builds, *former.index_builds),
        metadata=(*added.metadata, *former.metadata),
        source_builds=(*added.source_builds, *former.source_builds),
        prebuilt=(*added.prebuilt, *former.prebuilt),
        advice=(*former.advice, *added.advice),
        alternatives=(*former.alternatives, *added.alternatives),
        own_code=(*former.own_code, *added.own_code),
        extensions=(*former.extensions, *added.extensions),
    )


def _driver(table: Table, key: str) -> str:
    """Read a driver version; kept as text, because 535.161.08 has a zero that a version loses."""
    text = table.text(key)
    if text and not re.fullmatch(r"\d{3}(\.\d{1,3}){0,2}", text):
        table.fault(f"{text!r} is no driver version", key)
    return text


def _conditions(table: Table, key: str) -> tuple[Condition, ...]:
    nothing = Condition(name="", specifier=SpecifierSet())
    return tuple(table.parse_each(key, table.texts(key), _condition, nothing))


def _condition(text: str) -> Condition:
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise ValueError("not a name and a version range")
    name = match.group(1)
    return Condition(
        name=name if name.startswith("__") else canonicalize_name(name),
        specifier=SpecifierSet(match.group(2) or ""),
    )


def _own_code(table: Table) -> OwnCode:
    own = OwnCode(
        versions=table.parsed("versions", SpecifierSet, SpecifierSet(), required=False),
        libraries=table.texts("libraries", required=True),
        needed_for=table.text("needed_for") if "needed_for" in table else None,
        chosen_by=table.text("chosen_by") if "chosen_by" in table else None,
        or_nearest=table.flag("or_nearest"),
        only_for=tuple(
            table.parse_each("only_for", table.texts("only_for"), Capability.parse, _NO_CAPABILITY)
        ),
        runtime_from=table.text("runtime_from") if "runtime_from" in table else None,
        evidence=read_evidence(table),
    )
    if not proves(own.evidence):
        table.fault("needs evidence of rank docs or better", "evidence")
    if own.chosen_by is not None and not all("{}" in pattern for pattern in own.libraries):
        table.fault("has no {} in place of the value", "libraries")
    if own.or_nearest and own.chosen_by is None:
        table.fault("says nothing without chosen_by", "or_nearest")
    if own.chosen_by is not None and own.needed_for is not None:
        table.fault("does not go with chosen_by", "needed_for")
    table.finish()
    return own


def _extension(table: Table) -> Extension:
    extension = Extension(
        versions=table.parsed("versions", SpecifierSet, SpecifierSet(), required=False),
        modules=table.texts("modules", required=True),
        needed_for=table.text("needed_for") if "needed_for" in table else None,
        evidence=read_evidence(table),
    )
    if not proves(extension.evidence):
        table.fault("needs evidence of rank docs or better", "evidence")
    for module in extension.modules:
        if not all(part.isidentifier() for part in module.split(".")):
            table.fault(f"{module!r} is no name that can be imported", "modules")
    table.finish()
    return extension


def _index_build(table: Table) -> IndexBuild:
    build = IndexBuild(
        label=table.text("label"),
        versions=table.parsed("versions", SpecifierSet, SpecifierSet()),
        platform=table.parsed("platform", Platform.parse, Platform()),
        cuda=table.parsed("cuda", Version, _NO_VERSION),
        sass=read_architectures(table, "sass"),
        ptx=read_architectures(table, "ptx"),
        evidence=read_evidence(table),
    )
    table.finish()
    return build


def _static_metadata(table: Table) -> StaticMetadata:
    requires = table.texts("requires", required=True)
    table.parse_each("requires", requires, DeclaredRequirement, DeclaredRequirement("none"))
    metadata = StaticMetadata(
        versions=table.parsed("versions", SpecifierSet, SpecifierSet()),
        requires=requires,
        requires_python=table.parsed("requires_python", SpecifierSet, SpecifierSet(), required=False)
        if "requires_python" in table
        else None,
        evidence=read_evidence(table),
    )
    table.finish()
    return metadata


def _prebuilt(table: Table) -> Prebuilt:
    requires = _conditions(table, "requires")
    for condition in requires:
        if condition.name not in _FACT_NAMES:
            table.fault(f"{condition.name} is no fact", "requires")
    return read_prebuilt(table, requires)


def _alternative(table: Table) -> Alternative:
    alternative = Alternative(
        name=table.text("name"),
        text=table.text("text"),
        package=canonicalize_name(table.text("package")) if "package" in table else None,
        capability=table.parsed("capability", SpecifierSet, SpecifierSet(), required=False),
    )
    read_evidence(table)
    table.finish()
    return alternative


def _requirement(text: str) -> str:
    """Return a requirement as it is written; raises InvalidRequirement on what is none."""
    DeclaredRequirement(text)
    return text
