"""Decimals of the minor unit in which a source writes amounts: they belong to the source, not to the currency alone.

Stripe and Adyen differ from ISO 4217 for currencies that lost their decimals after the source had begun with them.
"""

from __future__ import annotations

from payrec.common.text import sql_literals

_ISO = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
DECIMALS: dict[str, dict[int, str]] = {  # source -> decimals -> currencies; all others have 2
    "iso": _ISO,
    "stripe": {
        0: "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF",
        3: "BHD JOD KWD OMR TND",
    },
    "adyen": {
        0: "BIF CVE DJF GNF IDR JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
        3: _ISO[3],
        4: _ISO[4],
    },
}
THREE_DECIMALS = tuple(_ISO[3].split())  # currencies in which the third decimal is money
NO_DECIMALS = tuple(_ISO[0].split())


def unit_sql(currency: str, source: str) -> str:
    """Return SQL: one minor unit of a currency (text, in capitals), ``DECIMAL(9, 4)``; NULL if there is no currency."""
    cases = [
        f"WHEN {currency} IN ({sql_literals(codes.split())}) THEN {10**-decimals:.4f}"
        for decimals, codes in DECIMALS[source].items()
    ]
    return f"CAST(CASE {' '.join(cases)} WHEN {currency} IS NOT NULL THEN 0.01 END AS DECIMAL(9, 4))"
