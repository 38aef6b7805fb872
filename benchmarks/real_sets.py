"""The real data sets: which files and maps, which split, and the marks to compare with."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Mark:
    """What honest models of usual make reached on the same rows: areas under the curves, and Brier where known."""

    roc_auc: float
    pr_auc: float
    brier: float | None
    base_rate: float


@dataclass(frozen=True)
class RealSet:
    """One question asked of one data set.

    Attributes
    ----------
    name, asks
        For the page: what is predicted, and when.
    loads
        (kind, file in the data folder, map in docs/maps), in the order of loading.
    split, until
        Test rows: from ``split`` to before ``until``.
    train_as_of, run_as_of
        For the night: trained on what was known then, and the day of the list.
    ages
        Landmark ages built.
    due_date
        The map's line of the due date, where an order's age would count from it: the marks ask at the invoice date.
    """

    name: str
    asks: str
    loads: tuple[tuple[str, str, str], ...]
    split: str
    until: str | None
    train_as_of: str
    run_as_of: str
    mark: Mark
    ages: str = "[0,3,7,14,21,30,45,60]"
    due_date: str = ""
    entry_delay: bool = field(default=False)  # ask once more with a column that only the future knows


FINES = "traffic_fines/events.csv.gz"

SETS = (
    RealSet(
        "supplier_invoices",
        "8,753 real invoices of one firm; paid within 30 days, asked at the invoice date",
        (("transactions", "supplier_invoices/invoices.csv", "supplier_invoices"),),
        split="2016-07-01",
        until="2017-07-15",
        train_as_of="2017-05-01",
        run_as_of="2017-06-15",
        mark=Mark(0.830, 0.707, 0.159, 0.348),
        due_date='due_date = "Due_Date"\n',
        entry_delay=True,
    ),
    RealSet(
        "traffic_fines",
        "150,370 real fines; paid within 30 days, asked at their creation",
        (("transactions", FINES, "traffic_fines"), ("events", FINES, "traffic_fines_events")),
        split="2010-01-01",
        until="2012-01-01",
        train_as_of="2011-06-01",
        run_as_of="2011-07-01",
        mark=Mark(0.624, 0.360, None, 0.288),
        ages="[0,7,14,21,30]",
    ),
    RealSet(
        "traffic_fines, after the penalty",
        "fines still unpaid when the penalty is added; paid within 30 days of it",
        (("transactions", FINES, "traffic_fines_penalty"), ("events", FINES, "traffic_fines_events")),
        split="2009-01-01",
        until="2012-01-01",
        train_as_of="2011-06-01",
        run_as_of="2011-07-01",
        mark=Mark(0.664, 0.099, None, 0.051),
        ages="[0,7,14,21,30]",
    ),
    RealSet(
        "ibm_receivables",
        "2,466 receivables of a sample set, very likely made up; paid within 30 days, asked at the invoice date",
        (("transactions", "ibm_receivables/accounts_receivable.csv", "ibm_receivables"),),
        split="2013-06-01",
        until=None,
        train_as_of="2013-10-01",
        run_as_of="2013-11-15",
        mark=Mark(0.878, 0.944, 0.126, 0.712),
        due_date='due_date = "DueDate"\n',
    ),
)
