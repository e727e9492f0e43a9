"""Plots as SVG: dots along a logarithmic axis, and curves."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping, Sequence

from benchmarks.results import Summary

__all__ = ["dots", "lines"]

_COLOURS = ("#0b6e4f", "#d1495b", "#30638e", "#edae49", "#7b2d8b", "#00798c", "#8d6a4f", "#5c5c5c")
_WIDTH = 760
_LEFT = 240  # of the axis
_RIGHT = 30
_ROW = 26
_TOP = 64


def dots(title: str, rows: Mapping[str, Mapping[str, Summary]], *, unit: str) -> str:
    """Return a plot with a line for each row, and on it a dot for each name, with its bounds."""
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    summaries = [summary for row in rows.values() for summary in row.values()]
    values = [value for summary in summaries for value in (summary.least, summary.most)]
    axis = _Axis(values, _LEFT, _WIDTH - _RIGHT)
    bottom = _TOP + _ROW * len(rows)
    body = list(_legend(names))
    for tick in axis.ticks:
        body.append(_line(axis.at(tick), _TOP, axis.at(tick), bottom, "#dddddd"))
        body.append(_text(axis.at(tick), bottom + 16, f"{tick:g} {unit}", anchor="middle"))
    for number, (label, row) in enumerate(rows.items()):
        height = _TOP + _ROW * number + _ROW / 2
        body.append(_text(_LEFT - 10, height + 4, label, anchor="end"))
        body.append(_line(_LEFT, height, _WIDTH - _RIGHT, height, "#eeeeee"))
        for name, summary in row.items():
            colour = _colour(names, name)
            body.append(_line(axis.at(summary.least), height, axis.at(summary.most), height, colour))
            told = f"{label}, {name}: {summary.median:.3g} {unit}"
            body.append(_dot(axis.at(summary.median), height, colour, told))
    return _document(title, bottom + 30, body)


def lines(title: str, curves: Mapping[str, Mapping[int, float]], *, across: str, unit: str) -> str:
    """Return a plot of curves over sizes, both axes logarithmic."""
    names = list(curves)
    sizes = [float(size) for points in curves.values() for size in points]
    values = [value for points in curves.values() for value in points.values()]
    bottom = _TOP + 300
    horizontal = _Axis(sizes, _LEFT - 160, _WIDTH - _RIGHT)
    vertical = _Axis(values, bottom, _TOP)
    body = list(_legend(names))
    for size in sorted(set(sizes)):
        body.append(_line(horizontal.at(size), _TOP, horizontal.at(size), bottom, "#eeeeee"))
        body.append(_text(horizontal.at(size), bottom + 16, f"{size:g}", anchor="middle"))
    for tick in vertical.ticks:
        body.append(_line(_LEFT - 160, vertical.at(tick), _WIDTH - _RIGHT, vertical.at(tick), "#dddddd"))
        body.append(_text(_LEFT - 166, vertical.at(tick) + 4, f"{tick:g} {unit}", anchor="end"))
    for name, points in curves.items():
        colour = _colour(names, name)
        places = [(horizontal.at(size), vertical.at(value)) for size, value in points.items()]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        body.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        for (x, y), (size, value) in zip(places, points.items(), strict=True):
            body.append(_dot(x, y, colour, f"{name}, {size} {across}: {value:.3g} {unit}"))
    body.append(_text((_LEFT + _WIDTH) / 2 - 60, bottom + 36, f"number of {across}", anchor="middle"))
    return _document(title, bottom + 48, body)


class _Axis:
    """A logarithmic axis that has room for all values."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        positive = [value for value in values if value > 0] or [1.0]
        self._least = math.log10(min(positive)) - 0.05
        self._most = math.log10(max(positive)) + 0.05
        self._start = start
        self._end = end

    @property
    def ticks(self) -> Sequence[float]:
        """Return 1, 2 and 5 times the powers of ten that are on the axis."""
        powers = range(math.floor(self._least), math.ceil(self._most) + 1)
        found = [factor * 10.0**power for power in powers for factor in (1, 2, 5)]
        return [value for value in found if self._least <= math.log10(value) <= self._most]

    def at(self, value: float) -> float:
        """Return where a value is."""
        place = math.log10(max(value, 1e-12))
        share = (min(max(place, self._least), self._most) - self._least) / (self._most - self._least)
        return self._start + share * (self._end - self._start)


def _legend(names: Sequence[str]) -> Iterator[str]:
    place = 16.0
    for name in names:
        yield _dot(place, 44, _colour(names, name), name)
        yield _text(place + 9, 48, name)
        place += 24 + 6.6 * len(name)


def _colour(names: Sequence[str], name: str) -> str:
    return _COLOURS[names.index(name) % len(_COLOURS)]


def _line(x: float, y: float, to_x: float, to_y: float, colour: str) -> str:
    return f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}" stroke="{colour}"/>'


def _dot(x: float, y: float, colour: str, told: str) -> str:
    title = f"<title>{html.escape(told)}</title>"
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{colour}">{title}</circle>'


def _text(x: float, y: float, text: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(text)}</text>'


def _document(title: str, height: float, body: Sequence[str]) -> str:
    place = f'viewBox="0 0 {_WIDTH} {height:.0f}" font-family="sans-serif" font-size="12"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {place} role="img">',
        f"<title>{html.escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{height:.0f}" fill="white"/>',
        f'<text x="12" y="22" font-size="15">{html.escape(title)}</text>',
        *body,
        "</svg>",
        "",
    ]
    return "\n".join(lines)
