"""Score a file: upload open orders and get the same list as from a nightly run, without a database."""

from __future__ import annotations

from datetime import datetime, time
from pathlib import Path
from typing import Any

import streamlit as st

from payrec.app import list_view, parts, state, upload
from payrec.app.upload import CONSTANT, EMPTY, Upload
from payrec.common.errors import PayrecError
from payrec.common.text import markdown_text
from payrec.data.load.mapping import Mapping

DATES = {"as they stand": None, "31/12/2026": "%d/%m/%Y", "12/31/2026": "%m/%d/%Y", "31.12.2026": "%d.%m.%Y"}
DECIMALS = {"as they stand": None, "1,234.56": ".", "1.234,56": ","}
ICONS = {"refuse": ":material/error:", "warn": ":material/warning:", "note": ":material/info:"}
KINDS = {"features": "an exported feature view", "transactions": "transactions", "unknown": "columns of other names"}


def show() -> None:
    """Draw the page."""
    parts.heading("Score a file", None)
    kept = state.uploaded()
    if kept is None:
        _uploader()
        return
    uploaded, result = kept
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{markdown_text(uploaded.name)}** · {KINDS[uploaded.kind]}")
        st.button("Another file", on_click=state.keep_upload, args=(None,), icon=":material/close:")
    if result is None:
        _options(uploaded)
        return
    _account(result)
    if result.orders:
        parts.heading("Ranked list", result.run.stamp)
        list_view.show(list_view.ShownList(result.list_file, result.run, "file_"))


def _uploader() -> None:
    st.markdown(
        "Upload **transactions** (one row per order; an empty payment date means unpaid) or an exported "
        "**feature view**. The file is deleted when the session ends."
    )
    st.file_uploader(
        "CSV (also gzipped) or Parquet",
        type=["csv", "txt", "tsv", "gz", "parquet"],
        key="file_upload",
        on_change=lambda: _take(st.session_state["file_upload"]),
        max_upload_size=upload.MAX_MB,
        help=f"Up to {upload.MAX_MB} MB and {upload.MAX_ROWS:,} rows; use the command line for larger files.",
    )
    problem = st.session_state.pop("file_problem", None)
    if problem is not None:
        parts.refusal(problem)
    samples = (folder / "data" / "sample_transactions.csv" for folder in (Path(), Path(__file__).parents[4]))
    sample = next((path for path in samples if path.is_file()), None)
    if sample is not None:
        st.button("Try the sample file", on_click=_take_sample, args=(sample,), icon=":material/science:")
    with st.expander("Which columns are needed?"):
        st.markdown(
            f"Transactions: `{'`, `'.join(upload.REQUIRED)}`; better with `{'`, `'.join(upload.OPTIONAL)}`. "
            "You can match columns of other names in the next step. A feature view is the result of "
            "`SELECT * FROM v_feature_view`; the columns of the original project are known too."
        )


def _take(file: Any) -> None:  # a file open for reading, or Streamlit's uploaded file; None once it was removed
    try:
        if file is not None:
            state.keep_upload(upload.take(file, Path(file.name).name, state.folder()))
    except PayrecError as error:
        st.session_state["file_problem"] = error


def _take_sample(path: Path) -> None:
    with path.open("rb") as file:
        _take(file)


def _options(uploaded: Upload) -> None:
    """Ask for what the file does not state, then score it."""
    mapping = _matched_columns(uploaded) if uploaded.kind == "unknown" else None
    as_of = None
    stated = {"as_of", "invoice_date"} & {name.strip().casefold() for name in uploaded.header}
    if uploaded.kind == "features" and not stated:
        day = st.date_input("Date of these rows", state.now(), help="The file does not state it.")
        as_of = datetime.combine(day, time())
    is_clicked = st.button("Score", type="primary", icon=":material/play_arrow:")
    if not is_clicked or (mapping is None and uploaded.kind == "unknown"):
        return
    with st.status("Scoring the file", expanded=False) as status:
        inputs = upload.ScoringInputs(state.champion(), state.rules(), as_of, state.now())
        result = upload.score(uploaded, inputs, mapping, lambda step: status.update(label=_step(step)))
    state.keep_upload(uploaded, result)
    st.rerun()


def _step(step: str) -> str:
    return "Building the features" if step.endswith(".sql") else step.capitalize()


def _matched_columns(uploaded: Upload) -> Mapping | None:
    st.info(
        f"The file has no column named {', '.join(uploaded.missing)}. Choose the columns that hold them.",
        icon=":material/rule:",
    )
    chosen: dict[str, str | None] = {}
    grid = st.columns(3)
    for at, name in enumerate((*upload.REQUIRED, *upload.OPTIONAL)):
        special = [EMPTY] if name == "payment_date" else [CONSTANT] if name == "currency" else []
        options: list[str | None] = [*special, *uploaded.header]
        options = options if name in upload.REQUIRED else [None, *options]
        proposed = upload.guess(name, uploaded.header)
        chosen[name] = grid[at % 3].selectbox(
            name.replace("_", " ").capitalize(),
            options,
            index=options.index(proposed) if proposed else 0,
            format_func=lambda value: "(not in the file)" if value is None else value,
            key=f"map_{name}",
        )
    one = grid[0].text_input("Currency for all", "EUR", max_chars=10, key="map_one_currency")
    dates = grid[1].selectbox("Format of dates", list(DATES), key="map_dates")
    decimals = grid[2].selectbox("Format of amounts", list(DECIMALS), key="map_decimals")
    try:
        return upload.mapped(chosen, one, DATES[dates], DECIMALS[decimals])
    except PayrecError as error:
        parts.refusal(error)
        return None


def _account(result: upload.Result) -> None:
    nothing = upload.why_nothing(result)
    if nothing:
        st.warning(nothing)
    elif result.too_old:
        st.info(
            f"{result.too_old:,} of {result.orders:,} open orders are older than any the model was trained on; "
            "they are listed without a probability."
        )
    with st.expander("What was read, and findings", expanded=bool(nothing) or bool(result.rejects)):
        for line in result.account:
            if not line.startswith("rejects are in"):
                st.markdown(f"- {markdown_text(line)}")
        for finding in result.findings:
            st.markdown(f"- {ICONS[finding.level]} {markdown_text(finding.message)}")
        if result.rejects is not None:
            st.download_button(
                "Download the rejected rows", result.rejects.read_bytes, file_name=result.rejects.name,
                mime="text/csv", on_click="ignore", icon=":material/download:",
            )  # fmt: skip
