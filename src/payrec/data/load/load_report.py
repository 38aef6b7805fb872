"""What became of a file: counts that must add up, and notes on what was taken out, assumed or is worth a look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from payrec.common.errors import PayrecError
from payrec.common.short_repr import short_repr
from payrec.common.text import MESSAGE_CHARACTERS, counted, sql_literal, sql_literals, terminal_text
from payrec.data.load import amounts, dates, numbers
from payrec.data.load.file_bytes import Tally
from payrec.data.load.layout import LoadPlan
from payrec.data.load.origins import Absent, Difference, FromColumn, Minor, Origin, PlannedColumn, Scaled
from payrec.data.load.readings import Form, staged_text, text_of
from payrec.data.load.staging import first_row, number
from payrec.data.load.targets import STATUS_WORDS, Kind


@short_repr
@dataclass(frozen=True)
class LoadReport:
    """The account of one file; ``rows_in = loaded + rejected + duplicates + left_out``, or it is not made.

    ``kept_out``: how many of ``left_out`` are of erased customers that stay out of loads.

    Raises
    ------
    PayrecError
        The counts do not add up: a fault of payrec, never of the file.
    """

    file: str
    kind: Kind
    rows_in: int
    loaded: int
    rejected: int
    duplicates: int  # rows equal to an earlier one
    left_out: int  # rows that [only] does not ask for, lines that are no records, rows of kept-out customers
    dialect: str
    used: tuple[str, ...]  # columns of the file that were read
    ignored: tuple[str, ...]  # columns of the file that were not
    derived: tuple[str, ...]  # our columns that the map makes
    notes: tuple[str, ...]
    rejects_path: Path | None = None
    kept_out: int = 0
    left_out_by: tuple[tuple[str, int], ...] = ()  # what and how many lines; with kept_out it is left_out

    def __post_init__(self) -> None:
        out = self.loaded + self.rejected + self.duplicates + self.left_out
        if out != self.rows_in:
            raise PayrecError(
                f"{self.file}: {self.rows_in} rows in, but {out} accounted for; please report this, nothing was loaded"
            )

    def lines(self) -> tuple[str, ...]:
        """Return the account in words, one line each."""
        duplicates = counted(self.duplicates, "exact duplicate", "exact duplicates")
        parts = [f"{self.loaded:,} loaded", f"{self.rejected:,} rejected", duplicates]
        parts += [f"{count:,} {what}" for what, count in self.left_out_by]
        parts += [f"{self.kept_out:,} of erased customers left out"] if self.kept_out else []
        rejects = (f"rejects are in {self.rejects_path}",) if self.rejects_path else ()
        return (f"{self.file}: {counted(self.rows_in, 'row', 'rows')} = {' + '.join(parts)}", *rejects, *self.notes)


# marks that nobody sees: soft hyphen, zero width, direction, byte order
_UNSEEN = r"[\x{AD}\x{200B}-\x{200F}\x{2028}-\x{202E}\x{2060}-\x{2069}\x{FEFF}]"
_MIDNIGHT_NOTE = (
    "is midnight as written: taken as a date, known at the end of that day",
    "are midnight as written: taken as dates, known at the end of that day",
)
_MIDNIGHT = r"[T ]00:00(:00([.,]0+)?)? ?([Zz]|UTC|[+\-]\d\d(:?\d\d)?)?$"


def notes(
    db: duckdb.DuckDBPyConnection, plan: LoadPlan, forms: dict[str, Form], tally: Tally, now: datetime | None
) -> tuple[str, ...]:
    """Return the sentences, those about the text first, then by column, then about rows."""
    return (
        *_about_text(plan, tally),
        *_about_titles(plan),
        *_about_totals(db, plan, forms),
        *_about_forms(forms),
        *_about_values(db, plan, forms),
        *_about_rows(db, plan, now),
        *_about_twins(db, plan),
    )


def _about_text(plan: LoadPlan, tally: Tally) -> Iterator[str]:
    if tally.nul:
        yield f"{counted(tally.nul, 'NUL character was', 'NUL characters were')} taken out of the text"
    if tally.surrogates:
        were = counted(
            tally.surrogates, "lone surrogate (half a character) was", "lone surrogates (half characters) were"
        )
        yield f"{were} taken out of the text"
    if tally.without_array:
        of_list = f"no list {plan.mapping.array!r}"
        yield counted(
            tally.without_array, f"record has {of_list}: it gives no row", f"records have {of_list}: they give no row"
        )
    if tally.utf8_by_another_name:
        yield f"read as {plan.dialect.encoding} as asked, but the bytes are valid UTF-8: check the letters with accents"


def _about_titles(plan: LoadPlan) -> Iterator[str]:
    titles = plan.dialect.titles
    if titles:
        shown = "; ".join(terminal_text(title) for title in titles[:3]) + ("; …" if len(titles) > 3 else "")
        yield f"{counted(len(titles), 'line above the header was', 'lines above the header were')} left out: {shown}"


def _about_totals(db: duckdb.DuckDBPyConnection, plan: LoadPlan, forms: dict[str, Form]) -> Iterator[str]:
    """Hold the last total of the file against the sum of its records, those that [only] leaves out among them."""
    last = first_row(db, "SELECT MAX(line) FROM staged JOIN report_lines USING (line) WHERE what = 'totals'")[0]
    for planned in plan.columns if last else ():
        name, form = planned.column.name, forms.get(planned.column.name)
        if not isinstance(form, numbers.Form) or not isinstance(planned.origin, FromColumn):
            continue
        amount = f"TRY_CAST({numbers.plain_sql(text_of(planned, plan), form)} AS DECIMAL(18, 2))"
        source = "carried" if plan.carried else "staged"
        total = first_row(db, f"SELECT {amount} FROM {source} WHERE line = {last}")[0]
        if total is None:
            continue
        records = f"FROM {source} WHERE line < {last} AND line NOT IN (SELECT line FROM report_lines)"
        summed = first_row(db, f"SELECT SUM({amount}) {records}")[0] or 0
        differs = f", but the rows above add up to {summed:,}: is it the total of a part?" if summed != total else ""
        equal = "" if differs else ", equal to the sum of the rows above"
        yield f"the last total of {name} in the file is {total:,}{equal}{differs}"


def _about_forms(forms: dict[str, Form]) -> Iterator[str]:
    for column, form in forms.items():
        if form.proof:
            yield (
                f"{column} was read with {form.proof}"
                if isinstance(form, numbers.Form)
                else f"{column} was read {_as(form.proof)}"
            )


def _as(proof: str) -> str:
    return proof if proof.startswith("declared") else f"with the {proof}"


def _about_values(db: duckdb.DuckDBPyConnection, plan: LoadPlan, forms: dict[str, Form]) -> Iterator[str]:
    """Count over the text of all kept rows, in one query."""
    tests = [test for planned in plan.columns for test in _tests(planned, plan, forms.get(planned.column.name))]
    if not tests:
        return
    counts = first_row(
        db, "SELECT " + ", ".join(f"COUNT(*) FILTER (WHERE {test})" for test, _ in tests) + " FROM parsed"
    )
    for count, (_, sentence) in zip(counts, tests, strict=True):
        if count:
            yield counted(count, *sentence)


def _tests(planned: PlannedColumn, plan: LoadPlan, form: Form | None) -> Iterator[tuple[str, Sentence]]:
    """Yield what is worth a note of a column: the condition in SQL, and the sentence."""
    text, name, holds = text_of(planned, plan), planned.column.name, planned.column.holds
    if name in plan.mapping.extract:
        is_other = f"{staged_text(planned.origin)} IS NOT NULL AND {text} IS NULL"
        yield is_other, _values(name, "does not match [extract]: it is empty", "do not match [extract]: they are empty")
    if holds == "amount" and isinstance(form, numbers.Form):
        yield (
            _is_rounded(text, form, planned.origin),
            _values(name, "was rounded to two decimals", "were rounded to two decimals"),
        )
    if isinstance(form, dates.Form) and form.declared in (None, "iso"):
        yield _about_times(holds, text, name)
    if form is None and holds == "time" and isinstance(planned.origin, FromColumn):  # it is plain
        yield f"{text} = date_trunc('day', {text})", _values(name, *_MIDNIGHT_NOTE)


def _is_rounded(text: str, form: numbers.Form, origin: Origin) -> str:
    if isinstance(origin, Scaled | Minor | Difference):
        value = amounts.exact(text, form, origin)
        return f"{value} <> TRY_CAST({value} AS DECIMAL(18, 2))"
    mark = "[,]" if form.decimal == "," else "[.]"
    return f"regexp_matches({text}, '{mark}\\d\\d\\d*[1-9]')"


Sentence = tuple[str, str]  # for one, for many


def _values(name: str, one: str, many: str) -> Sentence:
    return f"value of {name} {one}", f"values of {name} {many}"


def _about_times(holds: str, text: str, name: str) -> tuple[str, Sentence]:
    is_midnight = f"regexp_matches({text}, {sql_literal(_MIDNIGHT)})"
    has_time = f"strlen({text}) > 10 AND contains({text}, ':')"
    if holds == "day":
        return (
            f"{has_time} AND NOT {is_midnight}",
            _values(name, *["had a time of day, which was dropped: the day as written counts"] * 2),
        )
    return (
        f"{has_time} AND {is_midnight}",
        _values(name, *_MIDNIGHT_NOTE),
    )


_PAID_BEFORE = (
    "row was paid before its invoice_date; payrec check lists it",
    "rows were paid before their invoice_date; payrec check lists them",
)
_NO_EVENT_ID = (
    "event has no event_id: it was computed from its content",
    "events have no event_id: theirs were computed from their content",
)


def _rows(what: str, more: str = "") -> Sentence:
    return f"row has {what}{more}", f"rows have {what}{more}"


def _about_rows(db: duckdb.DuckDBPyConnection, plan: LoadPlan, now: datetime | None) -> Iterator[str]:
    tests: list[tuple[str, Sentence]] = []
    if plan.kind == "transactions":
        tests = [
            ("amount < 0", _rows("an amount below 0", " (credit notes): they load, and are never ranked")),
            ("amount = 0", _rows("an amount of 0")),
            ("payment_date < invoice_date", _PAID_BEFORE),
        ]
        yield from _about_status(db)
        if now is not None:
            tests.append(
                (
                    f"invoice_date > DATE {sql_literal(now.date().isoformat())}",
                    _rows("an invoice_date in the future"),
                )
            )
    if plan.kind == "events":
        tests = [("event_id LIKE 'made-%'", _NO_EVENT_ID)]
    for test, sentence in tests:
        count = number(db, f"SELECT COUNT(*) FROM typed WHERE ok AND {test}")
        if count:
            yield counted(count, *sentence)


def _about_status(db: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Count the rows whose status is no word that we know: nothing follows from it."""
    unknown = f"FROM typed WHERE ok AND status NOT IN ({sql_literals(STATUS_WORDS)})"
    count = number(db, f"SELECT COUNT(*) {unknown}")
    if count:
        words = db.execute(f"SELECT status {unknown} GROUP BY status ORDER BY COUNT(*) DESC, status LIMIT 5").fetchall()
        examples = ", ".join(ascii(str(word)[:40]) for (word,) in words)
        yield (
            f"{counted(count, 'row has', 'rows have')} a status that says nothing of what is owed, such as {examples}: "
            f"translate it in [values.status] to one of {', '.join(STATUS_WORDS)}"
        )


def _about_twins(db: duckdb.DuckDBPyConnection, plan: LoadPlan) -> Iterator[str]:
    """Name ids that look the same and are not: with unseen marks, other blanks, or letters and accents put together."""
    for name in ("order_id", "customer_id"):
        if not any(planned.column.name == name and not isinstance(planned.origin, Absent) for planned in plan.columns):
            continue
        is_odd = f"strlen({name}) <> length({name})"  # beyond ASCII
        if not number(db, f"SELECT COUNT(*) FROM typed WHERE ok AND {is_odd}"):
            continue
        plain = f"nfc_normalize(regexp_replace(replace({name}, chr(160), ' '), {sql_literal(_UNSEEN)}, '', 'g'))"
        odd = f"SELECT {plain} FROM typed WHERE ok AND {is_odd}"
        ids = f"SELECT DISTINCT {name}, {plain} AS plain FROM typed WHERE ok AND ({is_odd} OR {name} IN ({odd}))"
        alike = f"SELECT MIN({name}), MAX({name}) FROM ({ids}) GROUP BY plain HAVING COUNT(*) > 1 ORDER BY 1"
        lookalikes = db.execute(alike).fetchall()
        if lookalikes:
            one, other = (ascii(str(each)[:MESSAGE_CHARACTERS]) for each in lookalikes[0])
            look = counted(len(lookalikes), f"value of {name} looks", f"values of {name} look")
            yield f"{look} like another and count as two, such as {one} and {other}"
