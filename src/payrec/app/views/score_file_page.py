"""Score a file: hand in open orders, get the same list as from a nightly run, without a database."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import streamlit as st

from payrec.app import list_view, parts, state, upload
from payrec.app.upload import CONSTANT, EMPTY, Taken
from payrec.common.errors import PayrecError
from payrec.common.text import markdown_text
from payrec.data.load.mapping import Mapping

DATES = {"as they stand": None, "31/12/2026": "%d/%m/%Y", "12/31/2026": "%m/%d/%Y", "31.12.2026": "%d.%m.%Y"}
DECIMALS = {"as they stand": None, "1,234.56": ".", "1.234,56": ","}
ICONS = {"refuse": ":material/error:", "warn": ":material/warning:", "note": ":material/info:"}


def show() -> None:
    """Draw the page."""
    parts.heading("Score a file", None)
    kept = state.uploaded()
    if kept is None:
        _hand_in()
        return
    taken, result = kept
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{markdown_text(taken.name)}** · {_kind(taken)}")
        st.button("Another file", on_click=state.keep_upload, args=(None,), icon=":material/close:")
    if result is None:
        _ask(taken)
        return
    _account(result)
    if result.orders:
        of = list_view.Shown(result.list_file, result.run, "file_")
        parts.heading("Its list", result.run.stamp)
        list_view.show(of, *list_view.ask(of))


def _kind(taken: Taken) -> str:
    return {
        "features": "an exported feature view",
        "transactions": "transactions",
        "unknown": "columns of other names",
    }[taken.kind]


def _hand_in() -> None:
    st.markdown(
        "Hand in **transactions** (one row an order; an empty payment date means unpaid) or an exported "
        "**feature view**. The file stays in this session and goes with it."
    )
    st.file_uploader(
        "CSV (also gzipped) or Parquet",
        type=["csv", "txt", "tsv", "gz", "parquet"],
        key="file_upload",
        on_change=_taken,
        max_upload_size=upload.MAX_MB,
        help=f"Up to {upload.MAX_MB} MB and {upload.MAX_ROWS:,} rows; larger ones by the command line.",
    )
    problem = st.session_state.pop("file_problem", None)
    if problem is not None:
        parts.refusal(problem)
    sample = _sample()
    if sample is not None:
        st.button("Try the sample file", on_click=_take_sample, args=(sample,), icon=":material/science:")
    with st.expander("Which columns are needed?"):
        st.markdown(
            f"Transactions: `{'`, `'.join(upload.REQUIRED)}`; better with `{'`, `'.join(upload.OPTIONAL)}`. "
            "Other names can be matched by hand on the next step. A feature view is what "
            "`SELECT * FROM v_feature_view` gives; the columns of the original project are known too."
        )


def _sample() -> Path | None:
    for folder in (Path("data"), Path(__file__).parents[4] / "data"):
        if (folder / "sample_transactions.csv").is_file():
            return folder / "sample_transactions.csv"
    return None


def _taken() -> None:
    handed = st.session_state["file_upload"]
    if handed is not None:
        _take(handed, handed.name)


def _take_sample(path: Path) -> None:
    with path.open("rb") as data:
        _take(data, path.name)


def _take(data: Any, name: str) -> None:  # a file open for reading, or Streamlit's uploaded file
    try:
        state.keep_upload(upload.take(data, name, state.folder()))
    except PayrecError as error:
        st.session_state["file_problem"] = error


def _ask(taken: Taken) -> None:
    """Ask for what the file does not say, then score it."""
    mapping: Mapping | None = None
    if taken.kind == "unknown":
        mapping = _by_hand(taken)
    as_of = None
    if taken.kind == "features" and "as_of" not in taken.header:
        known = upload.as_of_of_original(taken)
        day = st.date_input("When were these rows true?", known or state.now(), help="The file does not say.")
        as_of = state.midnight(day)
    st.button("Score", type="primary", on_click=_wanted, icon=":material/play_arrow:")
    if st.session_state.pop("file_wanted", False) and (mapping is not None or taken.kind != "unknown"):
        _score(taken, mapping, as_of)


def _by_hand(taken: Taken) -> Mapping | None:
    st.info(
        f"These columns are not in the file by name: {', '.join(taken.missing)}. Say which ones are meant.",
        icon=":material/rule:",
    )
    chosen: dict[str, str | None] = {}
    grid = st.columns(3)
    for at, name in enumerate((*upload.REQUIRED, *upload.OPTIONAL)):
        special = [EMPTY] if name == "payment_date" else [CONSTANT] if name == "currency" else []
        options: list[str | None] = [*special, *taken.header]
        options = options if name in upload.REQUIRED else [None, *options]
        proposed = upload.guess(name, taken.header)
        chosen[name] = grid[at % 3].selectbox(
            name.replace("_", " ").capitalize(),
            options,
            index=options.index(proposed) if proposed else 0,
            format_func=lambda value: "(not in the file)" if value is None else value,
            key=f"map_{name}",
        )
    one = grid[0].text_input("Currency for all", "EUR", max_chars=10, key="map_one_currency")
    dates = grid[1].selectbox("Dates are written", list(DATES), key="map_dates")
    decimals = grid[2].selectbox("Amounts are written", list(DECIMALS), key="map_decimals")
    try:
        return upload.mapped(chosen, one, DATES[dates], DECIMALS[decimals])
    except PayrecError as error:
        parts.refusal(error)
        return None


def _wanted() -> None:
    st.session_state["file_wanted"] = True


def _score(taken: Taken, mapping: Mapping | None, as_of: datetime | None) -> None:
    """Score the file, telling each step, and show its list; what goes wrong is told here."""
    with st.status("Scoring the file", expanded=False) as status:
        inputs = upload.ScoringInputs(state.champion(), state.rules(), as_of, state.now())
        result = upload.score(taken, inputs, mapping, lambda step: status.update(label=_step(step)))
    state.keep_upload(taken, result)
    st.rerun()


def _step(step: str) -> str:
    return "Building the features" if step.endswith(".sql") else step.capitalize()


def _account(result: upload.Result) -> None:
    nothing = upload.why_nothing(result)
    if nothing:
        st.warning(nothing)
    elif result.too_old:
        st.info(
            f"{result.too_old:,} of {result.orders:,} open orders are older than the model has seen; they are listed "
            "apart, without a probability."
        )
    with st.expander("What was read and found", expanded=bool(nothing) or bool(result.rejects)):
        for line in result.account:
            if not line.startswith("rejects are in"):
                st.markdown(f"- {markdown_text(line)}")
        for finding in result.findings:
            st.markdown(f"- {ICONS[finding.level]} {markdown_text(finding.message)}")
        if result.rejects is not None:
            st.download_button(
                "Download the rows that were not read",
                result.rejects.read_bytes,
                file_name=result.rejects.name,
                mime="text/csv",
                on_click="ignore",
                icon=":material/download:",
            )
