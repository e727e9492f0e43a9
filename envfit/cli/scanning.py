"""GPU code in wheels: options in, one call, print."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from envfit import api
from envfit.cli import render

if TYPE_CHECKING:
    from envfit.api.scanning import Scanned

__all__ = ["scan"]


def scan(
    *,
    named: Sequence[str],
    platform: str | None,
    index_url: str | None,
    extra_index_urls: Sequence[str],
    mirrors: Sequence[str],
    offline: bool,
    json: bool,
    verbose: bool,
) -> None:
    """Read GPU code out of wheels and libraries."""
    found = api.scan(
        named,
        platform=platform,
        index_url=index_url,
        extra_index_urls=tuple(extra_index_urls),
        mirrors=tuple(mirrors),
        offline=offline,
        notify=render.talk,
    )
    if json:
        render.print_json({"scanned": [_data(scanned) for scanned in found]})
        return
    for scanned in found:
        print("\n".join(_lines(scanned, verbose=verbose)), flush=True)


def _lines(scanned: Scanned, *, verbose: bool) -> Iterator[str]:
    yield f"{scanned.filename} ({scanned.size / 1e6:.1f} MB)"
    yield from (f"  {sentence}" for sentence in scanned.untrue_tags)
    shown = {
        path: code
        for path, code in scanned.libraries.items()
        if verbose or code.has_gpu_code or code.cuda_libraries
    }
    if not any(code.has_gpu_code for code in scanned.libraries.values()):
        yield "  no GPU code"
    for path, code in shown.items():
        yield f"  {path}"
        for section in code.sections:
            parts = [f"machine code {_listed(section.sass)}" if section.sass else "no machine code"]
            if section.ptx:
                parts.append(f"PTX {_listed(section.ptx)} (ISA {section.ptx_isa})")
            where = "" if section.is_loadable else ", which only the device linker reads"
            count = f"{section.fatbins} fat {'binary' if section.fatbins == 1 else 'binaries'}"
            yield f"    {', '.join(parts)}; {count} in {section.name}{where}"
        if code.cubins:
            yield f"    {code.cubins} more pieces of machine code outside of fat binaries"
        if code.damaged:
            yield f"    {code.damaged} fat binaries are of an unknown form: there may be more code"
        linked = code.needed if verbose else code.cuda_libraries
        if linked:
            yield f"    linked with {' '.join(linked)}"
        if verbose and code.glibc is not None:
            yield f"    needs glibc {code.glibc}"


def _listed(counts: Mapping[str, int]) -> str:
    """Write architectures as people do: 7.5, 9.0a; a mark where not every fat binary has it."""
    most = max(counts.values(), default=0)
    return " ".join(
        f"{_dotted(architecture)}{'' if count == most else f' ({count})'}"
        for architecture, count in counts.items()
    )


def _dotted(architecture: str) -> str:
    digits = architecture.rstrip("af")
    return f"{digits[:-1]}.{digits[-1]}{architecture[len(digits) :]}"


def _data(scanned: Scanned) -> dict[str, Any]:
    return {
        "filename": scanned.filename,
        "sha256": scanned.sha256,
        "size": scanned.size,
        "name": scanned.name,
        "version": scanned.version,
        "platforms": list(scanned.platforms),
        "untrue-tags": list(scanned.untrue_tags),
        "libraries": [
            {
                "path": path,
                "size": code.size,
                "sections": [
                    {
                        "name": section.name,
                        "loadable": section.is_loadable,
                        "fatbins": section.fatbins,
                        "sass": dict(section.sass),
                        "ptx": dict(section.ptx),
                        "ptx-isa": section.ptx_isa,
                    }
                    for section in code.sections
                ],
                "cubins": code.cubins,
                "damaged": code.damaged,
                "machine": code.machine,
                "needed": list(code.needed),
                "glibc": str(code.glibc) if code.glibc is not None else None,
            }
            for path, code in scanned.libraries.items()
        ],
    }
