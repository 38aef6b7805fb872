"""One look for every chart: colours by role, type, and how a chart becomes a picture without leaving the machine.

People who see few colours can distinguish them, and every line has its own dash or mark. In a page a
picture takes its colours from the page's own variables (``--chart-ink`` and so on), so that it is readable on a dark
page too; where there are none, it keeps the ones given here.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

COLORS = {
    "ink": "#1d2733",
    "muted": "#5d6b7c",
    "grid": "#e3e7ec",
    "model": "#0b63c4",
    "best": "#1e2a39",
    "history": "#c2570c",
    "amount": "#0f8a5f",
    "oldest": "#8a4fbf",
    "random": "#8c97a5",
    "soft": "#b9d4f3",
}
"""Colour of each role on a light page."""

FONT = "Arial, 'Liberation Sans', Helvetica, sans-serif"

WIDEST_FONT = 1.2
"""Width of the widest common font of a page (DejaVu Sans) over that of Arial, in which charts are measured."""

UNSEEN = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
"""Unicode categories of what cannot be seen, but can turn a text round or break a line."""

Chart = Any
"""An altair chart of any kind: altair has no common type that mypy could check."""


SHORT_NUMBER = "format(datum.value, '~s')"
"""Labels of an axis such as 0, 500, 15k: left to itself the library writes 0k and 0.5k."""


def styled(chart: Chart) -> Chart:
    """Give a finished chart the look of the house; nothing can be layered on it afterwards."""
    text = {"labelColor": COLORS["muted"], "titleColor": COLORS["ink"], "labelFontSize": 12, "titleFontSize": 12}
    lines = {"gridColor": COLORS["grid"], "domainColor": COLORS["muted"], "tickColor": COLORS["grid"]}
    axis = {**text, **lines, "titleFontWeight": "normal", "titlePadding": 10, "labelPadding": 5, "domain": False}
    return (
        chart.configure(background="transparent", font=FONT, padding=4)
        .configure_view(stroke=None)
        .configure_axis(**axis, tickSize=0, labelLimit=0)
        .configure_legend(**text, titleFontWeight="normal", symbolSize=500, symbolStrokeWidth=2.5, labelLimit=0)
        .configure_text(fontSize=12)
    )


def svg(chart: Chart, name: str) -> str:
    """Draw a chart as inline SVG that scales with its place and holds no address.

    Parameters
    ----------
    chart
        As made by the functions of this package.
    name
        Letters, digits and hyphens, another for each chart of a page: inner references are made unique by it.
    """
    import vl_convert

    spec = json.dumps(chart.to_dict(validate=False))  # measured with room for the widest font a reader may have
    spec = re.sub(r'(ontSize": )([\d.]+)', lambda size: f"{size[1]}{float(size[2]) * WIDEST_FONT:g}", spec)
    drawn: str = vl_convert.vegalite_to_svg(spec)
    drawn = re.sub(r'(font-size=")([\d.]+)px', lambda size: f"{size[1]}{float(size[2]) / WIDEST_FONT:g}px", drawn)
    drawn = re.sub(r' xmlns(:xlink)?="[^"]*"', "", drawn)
    return _in_colors_of_the_page(_numbered(drawn, name))


def _numbered(drawn: str, name: str) -> str:
    """Give the inner names of a picture numbers of its own: the library counts on from picture to picture."""
    names = {old: f"{name}-{number}" for number, old in enumerate(re.findall(r'\bid="([^"]+)"', drawn))}
    drawn = re.sub(r'\bid="([^"]+)"', lambda match: f'id="{names[match[1]]}"', drawn)
    return re.sub(r"url\(#([^)]+)\)", lambda match: f"url(#{names[match[1]]})", drawn)


def _in_colors_of_the_page(drawn: str) -> str:
    for role, color in COLORS.items():
        drawn = re.sub(rf'="{color}"', f'="var(--chart-{role}, {color})"', drawn, flags=re.IGNORECASE)
    return drawn


def png(chart: Chart, scale: float = 2.0) -> bytes:
    """Draw a chart as PNG, ``scale`` pixels a point, on white."""
    import vl_convert

    spec = {**chart.to_dict(), "background": "white"}
    return bytes(vl_convert.vegalite_to_png(json.dumps(spec), scale=scale))


def shown(text: str, most: int = 48) -> str:
    """Make text from data fit to be shown: control and direction marks become visible, what is too long is cut."""
    visible = "".join("\ufffd" if unicodedata.category(sign) in UNSEEN else sign for sign in text)
    return visible if len(visible) <= most else visible[: most - 1] + "…"


def percent(share: float, digits: int = 0) -> str:
    """Share as text: 0.123 -> "12%"."""
    return f"{100 * share:.{digits}f}%"
