"""Pieces of pages that several pages share: heading with freshness, key figures, charts, tables, downloads, errors."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import streamlit as st

from payrec.app import export_log, formatting, state
from payrec.app.access import UNNAMED, Visitor
from payrec.charts.theme import COLORS, Chart
from payrec.common.errors import PayrecError
from payrec.common.text import markdown_text
from payrec.model.evaluate.model_report import DARK
from payrec.publish import export
from payrec.publish.export import Stamp

CODES = {"suggested_action", "suppressed_reason", "suppressed_also", "reason_code", "last_reason_code", "event_type"}
FONT = "'Source Sans', Arial, sans-serif"  # of the page, see .streamlit/config.toml
PICTURE_WIDTH = 520
MIMES = {
    ".csv": "text/csv",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".parquet": "application/vnd.apache.parquet",
}


def entered(who: Visitor) -> bool:
    """Say whether the visitor may see a page; if not, tell why and offer the way in."""
    if who.may_enter:
        if who.name != UNNAMED:
            st.sidebar.caption(f"Signed in as {markdown_text(who.name)}")
            st.sidebar.button("Sign out", on_click=st.logout)
        return True
    st.title("payrec")
    st.info(who.says)
    if who.may_sign_in:
        st.button("Sign in", on_click=st.login, type="primary")
    elif who.name:
        st.button("Sign out", on_click=st.logout)
    return False


@contextmanager
def errors() -> Iterator[None]:
    """Show what payrec says when it says no, as it says it: what was found, what was expected, what to do."""
    try:
        yield
    except PayrecError as error:
        refusal(error)
    except Exception:
        logging.getLogger("payrec.app").exception("a page could not be drawn")
        st.error("**A fault of payrec, not of your data.** Load the page again; the server's log says what happened.")


def refusal(error: PayrecError) -> None:
    """Show an error: its first line, and below it the way out."""
    first, *rest = str(error).splitlines() or [type(error).__name__]
    st.error("  \n".join([f"**{markdown_text(first)}**", *(markdown_text(line) for line in rest)]))


def heading(title: str, stamp: Stamp | None, note: str = "") -> None:
    """Draw the title of a page and how fresh its data is."""
    st.title(title, anchor=False)
    if stamp is None:
        return
    parts = [
        f"Data as of **{formatting.moment(stamp.as_of)}**",
        f"scored {formatting.moment(stamp.scored_at)}",
        f"model {markdown_text(stamp.model_id)}",
        markdown_text(note) if note else "",
    ]
    st.caption(" · ".join(part for part in parts if part))


def figures(of: Sequence[tuple[str, str, str, str]]) -> None:
    """Draw key figures in one row: (label, value, what stands below it, help)."""
    for column, (label, value, below, meaning) in zip(st.columns(len(of)), of, strict=True):
        with column.container(border=True, height="stretch"):
            st.metric(label, value, help=meaning)
            st.caption(below or "\u2007")


def chart(drawn: Chart, sentence: str, key: str) -> None:
    """Draw a chart in the colours of the page, with the sentence that says the same to who cannot see it."""
    text = json.dumps(drawn.to_dict(validate=False))
    if state.is_dark():
        for role, color in COLORS.items():
            text = text.replace(f'"{color}"', f'"{DARK[role]}"')
    spec = json.loads(text)
    spec["config"]["font"] = FONT
    st.vega_lite_chart(spec=spec, theme=None, width="stretch", key=key, alt=sentence)
    st.caption(markdown_text(sentence))


def picture(svg: str, title: str, sentence: str) -> None:
    """Draw a finished SVG of a model card in the colours of the page."""
    roles = DARK if state.is_dark() else COLORS
    for role, color in COLORS.items():
        svg = svg.replace(f"var(--chart-{role}, {color})", roles[role])
    st.markdown(f"**{markdown_text(title)}**")
    st.image(_of_one_size(svg), caption=sentence, width="stretch")


def _of_one_size(svg: str) -> str:
    """Widen a narrow picture, so that stretching it to a column makes its words no larger than those of its neighbours.

    >>> _of_one_size('<svg width="300" height="90" viewBox="0 0 300 90"></svg>')
    '<svg xmlns="http://www.w3.org/2000/svg" width="520" height="90" viewBox="0 0 520 90"></svg>'
    """
    widened = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    size = re.search(r'width="(\d+)" height="(\d+)" viewBox="0 0 \1 \2"', widened)
    if size is None or int(size[1]) >= PICTURE_WIDTH:
        return widened
    wide, high = PICTURE_WIDTH, size[2]
    return widened.replace(size[0], f'width="{wide}" height="{high}" viewBox="0 0 {wide} {high}"', 1)


def table(rows: pa.Table, columns: dict[str, Any], key: str, alt: str, **options: Any) -> Any:
    """Draw rows with their formats; data is shown as text, never as markup."""
    return st.dataframe(
        _in_words(rows),
        hide_index=True,
        column_config=columns,
        column_order=list(columns),
        key=key,
        alt=alt,
        placeholder="–",
        **options,
    )


def _in_words(rows: pa.Table) -> pa.Table:
    """Return the rows with the codes of a few columns as people say them."""
    for name in CODES & set(rows.column_names):
        said = pa.array([code and formatting.words(code) for code in rows[name].to_pylist()], pa.string())
        rows = rows.set_column(rows.column_names.index(name), name, said)
    return rows


def downloads(read: Callable[[], pa.Table], rows: int, stamp: Stamp, name: str, view: str) -> None:
    """Offer exactly the rows of a view as CSV, XLSX and Parquet; the file is made when it is asked for."""
    who, at = state.visitor(), state.chosen_source()
    with st.container(horizontal=True, vertical_alignment="center"):
        for suffix, mime in MIMES.items():
            is_too_long = suffix == ".xlsx" and rows > export.XLSX_MAX_ROWS
            st.download_button(
                f"Download {suffix[1:].upper() if suffix != '.parquet' else 'Parquet'}",
                data=_maker(read, suffix, stamp, _Taker(who.name, at.folder, at.url, f"{name}{suffix}", view)),
                file_name=f"{name}{suffix}",
                mime=mime,
                on_click="ignore",
                disabled=rows == 0 or is_too_long,
                key=f"download_{name}{suffix}",
                help=f"An XLSX file holds at most {export.XLSX_MAX_ROWS:,} rows; take CSV." if is_too_long else None,
                icon=":material/download:",
            )
        st.caption(f"{rows:,} rows with all columns, as filtered; every download is written down.")


@dataclass(frozen=True)
class _Taker:
    """Who takes which file of what view, and where that is written down."""

    who: str
    folder: Path
    url: str | None
    file: str
    view: str


def _maker(read: Callable[[], pa.Table], suffix: str, stamp: Stamp, taker: _Taker) -> Callable[[], bytes]:
    def make() -> bytes:
        rows = read()
        content = export.to_bytes(rows, suffix, stamp)
        digest = hashlib.sha256(content).hexdigest()
        entry = export_log.Export(
            state.now(), taker.who, taker.file, digest, rows.num_rows, stamp.run_id or "", taker.view
        )
        export_log.add(taker.folder, entry, taker.url)
        return content

    return make
