-- What the SQL of all sources may call. Reads nothing; text in, text out.
-- AS_TIME: seconds since 1970 as a UTC time; any other text as it is. IN_UNITS: minor units as units of the currency.
-- STRIPE_DIGITS: decimals of Stripe's minor units, which differ from ISO 4217 for UGX and ISK. ISO_DIGITS: of ISO 4217.
CREATE MACRO as_time(moment) AS
    CASE
        WHEN REGEXP_FULL_MATCH(moment, '\d{9,11}')
            THEN STRFTIME(MAKE_TIMESTAMP(CAST(moment AS BIGINT) * 1000000), '%Y-%m-%d %H:%M:%S')
        ELSE moment
    END;
CREATE MACRO in_units(minor, digits) AS
    CASE
        WHEN digits = 0 THEN minor || '.00'
        WHEN digits = 2 THEN CAST(CAST(CAST(minor AS HUGEINT) AS DECIMAL(18, 0)) * 0.01 AS VARCHAR)
        WHEN CAST(minor AS HUGEINT) % 10 = 0
            THEN CAST(CAST(CAST(minor AS HUGEINT) // 10 AS DECIMAL(18, 0)) * 0.01 AS VARCHAR)
        ELSE CAST(CAST(CAST(minor AS HUGEINT) AS DECIMAL(18, 0)) * 0.001 AS VARCHAR)
    END;
CREATE MACRO stripe_digits(currency) AS
    CASE
        WHEN UPPER(currency) IN (
            'BIF', 'CLP', 'DJF', 'GNF', 'JPY', 'KMF', 'KRW', 'MGA', 'PYG', 'RWF', 'VND', 'VUV', 'XAF', 'XOF', 'XPF'
        ) THEN 0
        WHEN UPPER(currency) IN ('BHD', 'JOD', 'KWD', 'OMR', 'TND') THEN 3
        ELSE 2
    END;
CREATE MACRO iso_digits(currency) AS
    CASE
        WHEN UPPER(currency) IN (
            'BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI', 'VND', 'VUV', 'XAF',
            'XOF', 'XPF'
        ) THEN 0
        WHEN UPPER(currency) IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') THEN 3
        ELSE 2
    END;
-- IN_ZONE: a time with the offset of its zone. Abbreviations that name several zones, such as BST, are kept as they are.
CREATE MACRO in_zone(moment, zone) AS
    moment || CASE
        WHEN zone IN ('UTC', 'GMT', 'Etc/UTC') THEN '+00:00'
        WHEN zone = 'CET' THEN '+01:00'
        WHEN zone = 'CEST' THEN '+02:00'
        WHEN zone = 'EDT' THEN '-04:00'
        WHEN zone = 'EST' THEN '-05:00'
        WHEN zone = 'PDT' THEN '-07:00'
        WHEN zone = 'PST' THEN '-08:00'
        ELSE ' ' || COALESCE(zone, 'without zone')
    END;
-- FULL_NAME: first and last name, or the one of them that is there.
CREATE MACRO full_name(first, last) AS NULLIF(CONCAT_WS(' ', first, last), '');
