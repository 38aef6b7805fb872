"""Score a file: upload open orders and get the same list as from a nightly run, without a database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time
from pathlib import Path
from typing import Any

import streamlit as st

from payrec.app import list_view, parts, state, upload, upload_score
from payrec.app.upload import Upload
from payrec.app.upload_score import CONSTANT, EMPTY
from payrec.commands import sources
from payrec.commands.list_summary import headline
from payrec.commands.sources import Recognition
from payrec.common.errors import PayrecError
from payrec.common.text import markdown_text
from payrec.data.load.mapping import Mapping
from payrec.data.load.unread import PaidUnknown

DATES = {"as they stand": None, "31/12/2026": "%d/%m/%Y", "12/31/2026": "%m/%d/%Y", "31.12.2026": "%d.%m.%Y"}
DECIMALS = {"as they stand": None, "1,234.56": ".", "1.234,56": ","}
CURRENCIES = ["EUR", "USD", "GBP", "CHF", "SEK", "NOK", "DKK", "PLN", "CAD", "AUD", "JPY", "INR"]
ICONS = {"refuse": ":material/error:", "warn": ":material/warning:", "note": ":material/info:"}
KINDS = {"features": "an exported feature view", "transactions": "transactions", "unknown": "not recognised"}
TYPES = ["csv", "txt", "tsv", "gz", "parquet", "xlsx", "json", "jsonl", "ndjson"]
WORDS = {
    "invoice_date": "Invoice date",
    "payment_date": "Payment date (when it was paid)",
    "outstanding": "Still to be paid",
}


def show() -> None:
    """Draw the page."""
    parts.heading("Score a file", None)
    kept = state.uploaded()
    if kept is None:
        _uploader()
        return
    uploaded, result = kept
    with st.container(horizontal=True, vertical_alignment="center"):
        kind = uploaded.source.title if uploaded.source else KINDS[uploaded.kind]
        st.markdown(f"**{markdown_text(uploaded.name)}** · {markdown_text(kind)}")
        st.button("Another file", on_click=_forget, icon=":material/close:")
    if result is None:
        _options(uploaded)
        return
    _account(result)
    if result.orders:
        parts.heading("Ranked list", result.run.stamp, headline(result.run))
        list_view.show(list_view.ShownList(result.list_file, result.run, "file_"))


def _forget() -> None:
    state.keep_upload(None)
    for name in ("file_paid_question", "file_match"):
        st.session_state.pop(name, None)


def _uploader() -> None:
    titles = ", ".join(pack.title.split(":")[0] for pack in sources.list() if pack.variant_of is None)
    st.markdown(
        f"Upload an **export** as it is ({titles}; several files of one export at once), **transactions** (one row "
        "per order; an empty payment date means unpaid) or an exported **feature view**. "
        "The files are deleted when the session ends."
    )
    st.file_uploader(
        "CSV (also gzipped), XLSX, JSON or Parquet",
        type=TYPES,
        accept_multiple_files=True,
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
            f"Transactions: `{'`, `'.join(upload.REQUIRED)}`; better with `{'`, `'.join(upload_score.OPTIONAL)}`. "
            "You can match columns of other names in the next step. A feature view is the result of "
            "`SELECT * FROM v_feature_view`; the columns of the original project are known too."
        )


def _take(files: Sequence[Any]) -> None:  # files open for reading, or Streamlit's uploaded files
    try:
        if files:
            state.keep_upload(upload.take_all([(file, Path(file.name).name) for file in files], state.folder()))
    except PayrecError as error:
        st.session_state["file_problem"] = error


def _take_sample(path: Path) -> None:
    with path.open("rb") as file:
        _take([file])


def _options(uploaded: Upload) -> None:
    """Ask for what the file does not state, then score it."""
    _reading(uploaded)
    if uploaded.problem:
        parts.refusal(_for_this_page(uploaded.problem))
        return
    mapping, currency = None, None
    if uploaded.source:
        currency = _source(uploaded, uploaded.source)
    if uploaded.kind == "unknown" or st.session_state.get("file_match"):
        mapping = _matched_columns(uploaded)
        if mapping is None:
            return
    as_of = _day(uploaded)
    none_is_paid = "file_paid_question" in st.session_state and st.checkbox("None of these orders is paid")
    if st.button("Score", type="primary", icon=":material/play_arrow:"):
        inputs = upload_score.ScoringInputs(
            state.scoring_model(), state.rules(), as_of, state.now(), none_is_paid, currency
        )
        _score(uploaded, inputs, mapping)
    elif question := st.session_state.get("file_paid_question"):
        parts.refusal(question)


def _source(uploaded: Upload, source: Recognition) -> str | None:
    """Say which export it is, and by what it was recognised; return the currency if it had to be entered."""
    reasons = markdown_text("; ".join(source.reasons))
    st.success(
        f"This is {markdown_text(source.title)} of **{markdown_text(source.source)}**: {reasons}.",
        icon=":material/task_alt:",
    )
    if not uploaded.may_lack_currency:
        return None
    currency: str | None = st.selectbox(
        "Currency, if the file states none", CURRENCIES, index=None, accept_new_options=True, placeholder="choose…",
        width=260,
    )  # fmt: skip
    return currency


def _day(uploaded: Upload) -> datetime | None:
    """Ask for the day of a feature view that does not state it."""
    stated = {"as_of", "invoice_date"} & {name.strip().casefold() for name in uploaded.header}
    if uploaded.kind != "features" or stated:
        return None
    return datetime.combine(
        st.date_input("Date of these rows", state.now(), help="The file does not state it."), time()
    )


def _score(uploaded: Upload, inputs: upload_score.ScoringInputs, mapping: Mapping | None) -> None:
    try:
        with st.status("Scoring the file", expanded=False) as status:
            result = upload_score.score(uploaded, inputs, mapping, lambda step: status.update(label=_step(step)))
    except PaidUnknown as question:
        st.session_state["file_paid_question"], st.session_state["file_match"] = _for_this_page(question), True
    except PayrecError as error:
        parts.refusal(_for_this_page(error))
        return
    else:
        state.keep_upload(uploaded, result)
    st.rerun()


def _for_this_page(error: PayrecError) -> PayrecError:
    """Return an error with the way out that this page has, in place of an option of the command line."""
    ways = {
        "--encoding": "choose another encoding above, or save the file as UTF-8",
        "in [columns] of a map": "choose the one that says when an order was paid, what is owed, or its status; or "
        "confirm that none is paid",
        "in a map": "say it in the fields",
        "load them: payrec load": "export the orders that are open, with an empty payment date",
    }
    lines = [next((way for option, way in ways.items() if option in line), line) for line in str(error).splitlines()]
    return type(error)("\n".join(lines))


def _reading(uploaded: Upload) -> None:
    """Ask how the file is read, where it does not say so itself: encoding, header row, sheet."""
    if uploaded.path.suffix == ".parquet" or uploaded.others:
        return
    reading, names = uploaded.reading, list(upload.ENCODINGS)
    with st.expander("How the file is read", expanded=bool(uploaded.problem), icon=":material/tune:"):
        left, middle, right = st.columns(3)
        is_text = uploaded.path.suffix != ".xlsx"
        now = next(at for at, name in enumerate(names) if upload.ENCODINGS[name] == reading.encoding)
        encoding = left.selectbox("Encoding", names, index=now, key="read_encoding", disabled=not is_text)
        row = middle.number_input(
            "Header row", 1, 1000, reading.header_row, key="read_header", placeholder="found by itself",
            help="The line that holds the column names.",
        )  # fmt: skip
        sheet = None
        if len(uploaded.sheets) > 1:
            sheet = right.selectbox(
                "Sheet", uploaded.sheets, index=None, key="read_sheet", placeholder="the first with known columns"
            )
    chosen = upload.Reading(upload.ENCODINGS[encoding], row, sheet)
    if chosen == reading:
        return
    try:
        state.keep_upload(upload.read(uploaded, chosen))
    except PayrecError as error:
        parts.refusal(_for_this_page(error))
        return
    st.rerun()


def _step(step: str) -> str:
    return "Building the features" if step.endswith(".sql") else step.capitalize()


def _matched_columns(uploaded: Upload) -> Mapping | None:
    """Ask which columns hold what; None until all that is required is chosen. Nothing is chosen by likeness."""
    if uploaded.missing:
        st.info(
            f"No export that payrec knows, and no column named {', '.join(uploaded.missing)}. Choose the columns that "
            "hold them.", icon=":material/rule:",
        )  # fmt: skip
    chosen: dict[str, str | None] = {}
    grid = st.columns(3)
    for at, name in enumerate((*upload.REQUIRED, *upload_score.OPTIONAL)):
        special = [EMPTY] if name == "payment_date" else [CONSTANT] if name == "currency" else []
        options = [*uploaded.header, *special]
        known = upload_score.guess(name, uploaded.header)
        chosen[name] = grid[at % 3].selectbox(
            WORDS.get(name, name.replace("_", " ").capitalize()), options,
            index=options.index(known) if known else None, key=f"map_{name}",
            placeholder="choose…" if name in upload.REQUIRED else "not in the file",
        )  # fmt: skip
    one = "EUR"
    if chosen["currency"] == CONSTANT:
        one = grid[0].text_input("Currency for all", "EUR", max_chars=10, key="map_one_currency")
    dates = grid[1].selectbox("Format of dates", list(DATES), key="map_dates")
    decimals = grid[2].selectbox("Format of amounts", list(DECIMALS), key="map_decimals")
    if open_fields := [name.replace("_", " ") for name in upload.REQUIRED if chosen[name] is None]:
        st.button("Score", type="primary", disabled=True, help="Choose a column for each field first.")
        st.caption(f"Still to choose: {', '.join(open_fields)}.")
        return None
    try:
        return upload_score.mapped(chosen, one, DATES[dates], DECIMALS[decimals], uploaded.reading)
    except PayrecError as error:
        parts.refusal(error)
        return None


def _account(result: upload_score.Result) -> None:
    nothing = upload_score.why_nothing(result)
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
        for file in result.rejects:
            st.download_button(
                f"Download {file.name}", file.read_bytes, file_name=file.name, mime="text/csv", on_click="ignore",
                key=f"download_{file.name}", icon=":material/download:",
            )  # fmt: skip
