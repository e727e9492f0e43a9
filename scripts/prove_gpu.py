"""Run the computations of ``envfit check`` on the GPU of this machine, without envfit being installed.

Usage: python scripts/prove_gpu.py [--python PYTHON] [--seconds N] [--json FILE]

PYTHON is the interpreter of the environment to prove; this one by default.  It needs the packages
to prove, and this script needs ``packaging`` alone.  Exit code 1 where something breaks.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from packaging.utils import canonicalize_name
from packaging.version import Version

from envfit.api.proving import compute_on_gpu
from envfit.doctor.finding import Finding, Severity
from envfit.installed.model import InstalledDistribution, InstalledEnvironment, PrefixKind
from envfit.knowledge.load import load
from envfit.prove.program import Ran

_ROOT = Path(__file__).parents[1]
_LIST = """\
import importlib.metadata as m, json, sys, sysconfig
print(json.dumps([sys.prefix, sysconfig.get_path("purelib"), [
    [each.metadata["Name"], each.version, str(each.locate_file("")), each._path.name, each.requires or []]
    for each in m.distributions()]]))
"""


def main() -> int:
    """Run the programs, print what they told, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--seconds", type=float, default=200.0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    environment = _environment(options.python)
    begun = time.monotonic()
    ran, findings = compute_on_gpu(
        environment,
        load(_ROOT / "constraints"),
        notify=lambda text: print(text, flush=True),
        seconds=options.seconds,
        environ=dict(os.environ),  # what PYTHONPATH names counts
    )
    for each in ran:
        print(f"\n{each.name}: {'works' if each.failure is None else each.failure.error}")
        print(*(f"  {text}" for text in each.told), sep="\n")
    print(f"\n{len(ran)} programs in {time.monotonic() - begun:.0f} s, {len(findings)} findings")
    for finding in findings:
        print(f"{finding.severity.value}: {finding}")
        print(*(f"  {text}" for text in finding.measured), sep="\n")
        print(*(f"  -> {remedy.text}" for remedy in finding.remedies), sep="\n")
    if options.json is not None:
        options.json.write_text(json.dumps(_record(environment, ran, findings), indent=1) + "\n")
    return int(any(finding.severity is Severity.BREAKS for finding in findings))


def _environment(python: str) -> InstalledEnvironment:
    """Ask an interpreter what is installed beside it."""
    answer = subprocess.run([python, "-c", _LIST], check=True, capture_output=True, text=True, cwd="/").stdout
    prefix, site, distributions = json.loads(answer)
    return InstalledEnvironment(
        prefix=Path(prefix),
        kind=PrefixKind.SYSTEM,
        python=Path(python),
        python_version=None,
        site_directories=(Path(site),),
        distributions=tuple(
            InstalledDistribution(
                name=canonicalize_name(name),
                version=Version(version),
                says=version,
                directory=Path(directory),
                metadata=metadata,
                requires=tuple(requires),
            )
            for name, version, directory, metadata, requires in sorted(distributions)
            if name
        ),
    )


def _record(
    environment: InstalledEnvironment, ran: tuple[Ran, ...], findings: tuple[Finding, ...]
) -> dict[str, object]:
    return {
        "packages": {item.name: item.says for item in environment.distributions},
        "programs": [
            {
                "program": each.name,
                "told": each.told,
                "failure": list(each.failure.chain) if each.failure is not None else [],
            }
            for each in ran
        ],
        "findings": [
            {"code": each.kind.code, "severity": each.severity.value, "text": each.text} for each in findings
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
