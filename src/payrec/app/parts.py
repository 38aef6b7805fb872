"""Parts that several pages share: heading with freshness, key figures, charts, tables, downloads, errors."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import pyarrow as pa
import streamlit as st

from payrec.app import export_log, formatting, state
from payrec.app.access import UNNAMED, Visitor
from payrec.charts.theme import COLORS, Chart
from payrec.common.errors import PayrecError
from payrec.common.text import markdown_text
from payrec.model.evaluate.expected_sum import ExpectedSum
from payrec.model.evaluate.model_report import DARK
from payrec.monitor import outcomes, silence
from payrec.monitor.limits import limits_of
from payrec.monitor.verdicts import from_table
from payrec.publish import export
from payrec.publish.export import Stamp
from payrec.publish.run_info import RunInfo

CODES = {"suggested_action", "suppressed_reason", "suppressed_also", "reason_code", "last_reason_code", "event_type"}
FONT = "'Source Sans', Arial, sans-serif"  # of the page, see .streamlit/config.toml
PICTURE_WIDTH = 520
MATURED = "matured_lists"
PAGES = "pages"  # of the session: path in the address -> page; the worklist has none
FORMATS = {
    ".csv": ("CSV", "text/csv"),
    ".xlsx": ("XLSX", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ".parquet": ("Parquet", "application/vnd.apache.parquet"),
}


def entered(who: Visitor) -> bool:
    """Return whether the visitor may see a page; if not, show why and the way in."""
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
    """Show errors as sentences: what was found, what was expected, what to do."""
    try:
        yield
    except PayrecError as error:
        refusal(error)
    except Exception:
        logging.getLogger("payrec.app").exception("a page could not be drawn")
        st.error(
            "**Internal error in payrec (your data is fine).** Load the page again; details are in the server's log."
        )


def refusal(error: PayrecError) -> None:
    """Show an error: its first line, and below it the way out."""
    first, *rest = str(error).splitlines() or [type(error).__name__]
    st.error("  \n".join([f"**{markdown_text(first)}**", *(markdown_text(line) for line in rest)]))


def go_to(page: str, **query: str) -> None:
    """Go to the page of a path, with what its address says after the question mark."""
    st.switch_page(st.session_state[PAGES][page], query_params=query)


def heading(title: str, stamp: Stamp | None, *notes: str) -> None:
    """Draw the title of a page and how fresh its data is."""
    st.title(title, anchor=False)
    if stamp is None:
        return
    parts = [
        f"Data as of **{formatting.moment(stamp.as_of)}**",
        f"scored {formatting.moment(stamp.scored_at)}",
        f"model {markdown_text(stamp.model_id)}",
        *(markdown_text(note) for note in notes if note),
    ]
    st.caption(" · ".join(parts))


def age_banner() -> None:
    """Say on every page when the newest fact of the served list is too old by now: red if nothing new has come."""
    served = state.served()
    if served.current is None:
        return
    of, limits = served.current.run.summary, limits_of(state.rules())
    silent = silence.verdict(of, served.runs, state.now(), limits)
    if silent and silent.level != "ok":
        draw = st.error if silent.level == "alarm" else st.warning
        sentence = silent.sentence[:1].upper() + silent.sentence[1:]
        draw(f"**{markdown_text(sentence)}.** The list does not know what happened since.")


def figures(of: Sequence[tuple[str, str, str, str]]) -> None:
    """Draw key figures in one row: (label, value, note below it, help)."""
    for column, (label, value, below, meaning) in zip(st.columns(len(of)), of, strict=True):
        with column.container(border=True, height="stretch", gap=None):
            st.metric(label, value, help=meaning)
            st.caption(below or "\u2007")


def expected_recovery(sums: Mapping[str, ExpectedSum], run: RunInfo, of: str) -> tuple[str, str, str, str]:
    """Return the key figure of what is expected of the chosen rows, named by ``of``, with its 95% interval."""
    units = sorted(sums, key=lambda unit: -sums[unit].rows)
    meaning = f"Within {run.horizon_days} days: outstanding balance times probability, summed over the {of}."
    if not units:
        return "Expected recovery", "–", "", meaning
    intervals = {unit: formatting.between(one.low_95 / 100, one.high_95 / 100, unit) for unit, one in sums.items()}
    lines = [
        "; ".join(
            filter(None, [f"{formatting.money(one.expected / 100, unit)} ({intervals[unit]})", one.carriers_sentence])
        )
        for unit, one in sums.items()
    ]
    history = state.served().history
    matured = state.of_session(
        MATURED, (run.run_id, history),
        lambda: outcomes.coverage(one.figure for one in from_table(history, run.run_id)),
    )  # fmt: skip
    tested = [
        f"In {unit}, {inside} of the last {lists} matured lists came inside."
        for unit, (lists, inside) in matured.items()
    ]
    first, others = units[0], len(units) - 1
    below = intervals[first] + (f" · and {others} more {'currency' if others == 1 else 'currencies'}" if others else "")
    value = formatting.money(sums[first].expected / 100, first, cents=False)
    return "Expected recovery", value, below, " ".join([meaning, " · ".join(lines) + ".", *tested])


def chart(drawn: Chart, sentence: str, key: str) -> None:
    """Draw a chart in the colours of the page, with a sentence that states the same for those who cannot see it."""
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
    svg = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    size = re.search(r'width="(\d+)" height="(\d+)" viewBox="0 0 \1 \2"', svg)
    if size and int(size[1]) < PICTURE_WIDTH:  # widened, so that its words grow no larger than those of its neighbours
        wide = f'width="{PICTURE_WIDTH}" height="{size[2]}" viewBox="0 0 {PICTURE_WIDTH} {size[2]}"'
        svg = svg.replace(size[0], wide, 1)
    st.markdown(f"**{markdown_text(title)}**")
    st.image(svg, caption=sentence, width="stretch")


def table(rows: pa.Table, columns: dict[str, Any], key: str, alt: str, **options: Any) -> Any:
    """Draw rows with their formats, codes in words; data is shown as text, never as markup."""
    for name in CODES & set(rows.column_names):
        in_words = pa.array([code and formatting.words(code) for code in rows[name].to_pylist()], pa.string())
        rows = rows.set_column(rows.column_names.index(name), name, in_words)
    rows, columns = _without_cents(rows, columns)
    return st.dataframe(
        rows, hide_index=True, column_config=columns, column_order=list(columns), key=key, alt=alt, placeholder="–",
        **options,
    )  # fmt: skip


def _without_cents(rows: pa.Table, columns: dict[str, Any]) -> tuple[pa.Table, dict[str, Any]]:
    """Return the table with amounts as text where some have no cents: a column has one format for all currencies."""
    for name, column in columns.items():
        unit = "ev_currency" if name == "ev_recovered" else "currency"
        is_money = column["type_config"].get("format") == "accounting" and unit in rows.column_names
        units = rows[unit].to_pylist() if is_money else []
        if set(units) & set(formatting.WITHOUT_CENTS):
            texts = [
                None if amount is None else formatting.amount_of(float(amount), currency)
                for amount, currency in zip(rows[name].to_pylist(), units, strict=True)
            ]
            rows = rows.set_column(rows.column_names.index(name), name, pa.array(texts, pa.string()))
            text = st.column_config.TextColumn(column["label"], help=column["help"], alignment="right")
            columns = columns | {name: text}
    return rows, columns


def page_number(key: str, rows: int, size: int, noun: str) -> int:
    """Ask which page of the rows is wanted, where there is more than one."""
    pages = -(-rows // size)
    if pages <= 1:
        return 1
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        caption = st.empty()
        number: int = st.pagination(pages, key=key, bind="query-params")
    last = min(number * size, rows)
    caption.caption(f"{noun} {(number - 1) * size + 1:,} to {last:,} of {rows:,}; the downloads hold all of them.")
    return number


def downloads(read: Callable[[], pa.Table], rows: int, stamp: Stamp, name: str, view: str) -> None:
    """Offer exactly the rows of a view as CSV, XLSX and Parquet; a file is made when it is downloaded."""
    who, source = state.visitor().name, state.chosen_source()

    def content(suffix: str) -> bytes:
        table = read()
        data = export.to_bytes(table, suffix, stamp)
        digest = hashlib.sha256(data).hexdigest()
        entry = export_log.Export(state.now(), who, f"{name}{suffix}", digest, table.num_rows, stamp.run_id or "", view)
        export_log.add(source.folder, entry, source.url)
        return data

    with st.container(horizontal=True, vertical_alignment="center"):
        for suffix, (title, mime) in FORMATS.items():
            is_too_long = suffix == ".xlsx" and rows > export.XLSX_MAX_ROWS
            st.download_button(
                f"Download {title}",
                data=partial(content, suffix),
                file_name=f"{name}{suffix}",
                mime=mime,
                on_click="ignore",
                disabled=rows == 0 or is_too_long,
                key=f"download_{name}{suffix}",
                help=f"XLSX is limited to {export.XLSX_MAX_ROWS:,} rows; use CSV." if is_too_long else None,
                icon=":material/download:",
            )
        st.caption(f"{formatting.count(rows, 'row')} with all columns, as filtered; every download is recorded.")
