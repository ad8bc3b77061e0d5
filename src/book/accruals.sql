-- accruals: interest on debts and funding of positions, booked against a house account
--
-- What is charged is read in one statement, hence at one instant of all accounts,
-- and booked as an addition to what the balances are by then; so nothing is
-- locked before it is written, and what others book meanwhile is kept.  (Many
-- hours that are caught up are charged in several such steps of one transaction.)
--
-- Each hour, and each settlement of a contract, is entered under its key before
-- anything else.  Of two calls at once the second waits there for the end of the
-- first, and then finds nothing left to do, or all of it if the first was rolled
-- back.  At REPEATABLE READ and above, where it could not see the first, it fails
-- to serialize.

CREATE TYPE margin.interest_rate AS (
    asset text,
    valid_from timestamptz,
    hourly_rate numeric,
    free_amount numeric,
    method text
);
COMMENT ON TYPE margin.interest_rate IS 'one row of a venue''s interest_rate; its function interest_rates() returns an array of these';
COMMENT ON COLUMN margin.interest_rate.asset IS 'the asset owed';
COMMENT ON COLUMN margin.interest_rate.valid_from IS 'the hour from which it counts';
COMMENT ON COLUMN margin.interest_rate.hourly_rate IS 'interest per unit charged and hour';
COMMENT ON COLUMN margin.interest_rate.free_amount IS 'a debt of up to this costs nothing, in units of the asset';
COMMENT ON COLUMN margin.interest_rate.method IS 'excess: what is above free_amount is charged; whole: all of a debt that is above it';

CREATE FUNCTION margin_internal.ceil18(amount numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN trim_scale(ceil(amount * 1e18) * 1e-18);
COMMENT ON FUNCTION margin_internal.ceil18(numeric) IS 'an amount rounded up at the 18th decimal, towards +infinity; exact otherwise; null for null';

-- ---------------------------------------------------------------------------
-- Where balances are booked
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.balance_columns(flawed_holding regclass, source regclass, OUT account name, OUT asset name, OUT quantity name) RETURNS record
    LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_balance_columns';
COMMENT ON FUNCTION margin_internal.balance_columns(regclass, regclass) IS
'the columns of the source of a book''s balances that its view flawed_holding reads as account, asset and quantity; null for one that is computed, or where the source is not read once';

-- A balance is one row where the table says so by a key of just account and
-- asset: that row is added to.  Otherwise it is the sum of rows, and one is
-- added.
CREATE FUNCTION margin_internal.booking_command(holding regclass) RETURNS text
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source regclass;
    book name;
    columns record;
    types text[];
    quantity record;
    keyed boolean;
BEGIN
    PERFORM margin_internal.enter(booking_command.holding);
    book := current_schema();
    source := (SELECT a.balances FROM about() AS a);
    SELECT c.* INTO columns FROM margin_internal.balance_columns('flawed_holding'::regclass, source) AS c;
    IF columns.account IS NULL OR columns.asset IS NULL OR columns.quantity IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('book "%s" has no balances to book in', book),
            DETAIL = CASE WHEN source IS NULL THEN 'It has no source of balances.'
                          ELSE format('Of %s the account, the asset and the quantity have to be columns as they are, not computed.', source) END,
            HINT = 'Make the book over a view that has such columns, with an INSTEAD OF INSERT trigger that books what is inserted.';
    END IF;
    -- What a view filters could be booked where the book does not see it.
    IF EXISTS (SELECT FROM pg_class AS c
                WHERE c.oid = source AND c.relkind = 'v' AND NOT coalesce(c.reloptions, '{}') @> '{check_option=cascaded}'
                  -- 68: INSTEAD OF INSERT
                  AND NOT EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = c.oid AND t.tgtype & 68 = 68)) THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('view %s may lose what is booked in it', source),
            DETAIL = 'It has neither an INSTEAD OF INSERT trigger nor a cascaded check option.',
            HINT = 'ALTER VIEW ... SET (check_option = cascaded), or make such a trigger that books what is inserted.';
    END IF;
    -- of a domain the type beneath it; typmod - 4 holds precision and scale
    WITH RECURSIVE beneath (type, typmod, n) AS (
        SELECT a.atttypid, a.atttypmod, 0 FROM pg_attribute AS a WHERE a.attrelid = source AND a.attname = columns.quantity
        UNION ALL
        SELECT t.typbasetype, CASE WHEN b.typmod = -1 THEN t.typtypmod ELSE b.typmod END, b.n + 1
          FROM beneath AS b JOIN pg_type AS t ON t.oid = b.type WHERE t.typtype = 'd'
    )
    SELECT b.type, CASE WHEN b.typmod <> -1 THEN (b.typmod - 4) & 2047 END AS scale INTO quantity FROM beneath AS b ORDER BY b.n DESC LIMIT 1;
    IF quantity.type <> 'numeric'::regtype OR quantity.scale < 18 OR quantity.scale > 1000 THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('column "%s" of %s cannot hold what is booked', columns.quantity, source),
            DETAIL = 'Amounts have up to 18 decimals.',
            HINT = 'ALTER TABLE ... ALTER COLUMN ... TYPE numeric.';
    END IF;
    keyed := EXISTS (
        SELECT FROM pg_index AS i
         WHERE i.indrelid = source AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indnkeyatts = 2
           AND (SELECT array_agg(a.attname ORDER BY a.attname) FROM pg_attribute AS a WHERE a.attrelid = source AND a.attnum = ANY (i.indkey[0:1]))
               = (SELECT array_agg(c ORDER BY c) FROM unnest(ARRAY[columns.account, columns.asset]) AS c));
    -- -1: as it is without a length; "character" would be one of 1
    types := ARRAY(SELECT format_type(a.atttypid, -1) FROM pg_attribute AS a
                    WHERE a.attrelid = source AND a.attname IN (columns.account, columns.asset) ORDER BY a.attname = columns.asset);
    RETURN format('WITH due AS MATERIALIZED ('
                  ' SELECT e.account_id, e.asset, sum(e.amount) AS amount, bool_or(e.house) AS house, count(*) AS events FROM accrual_event AS e'
                  ' WHERE e.kind = $1 AND e.accrued_at = ANY ($2) AND (e.symbol = $3 OR $3 IS NULL)'
                  ' GROUP BY e.account_id, e.asset'
                  '), booked AS ('
                  ' INSERT INTO %s AS b (%2$I, %3$I, %4$I)'
                  ' SELECT d.account_id::%5$s, d.asset::%6$s, d.amount FROM due AS d WHERE d.amount <> 0'
                  ' ORDER BY d.house, d.account_id, d.asset COLLATE "C"'
                  || CASE WHEN keyed THEN ' ON CONFLICT (%2$I, %3$I) DO UPDATE SET %4$I = b.%4$I + excluded.%4$I' ELSE '' END ||
                  ' RETURNING b.%4$I AS quantity'
                  ') SELECT (SELECT coalesce(sum(d.events), 0) FROM due AS d), (SELECT count(*) FROM due AS d WHERE d.amount <> 0),'
                  ' (SELECT count(*) FROM booked AS b WHERE margin.is_amount(b.quantity))',
                  source, columns.account, columns.asset, columns.quantity, types[1], types[2]);
END
$$;
COMMENT ON FUNCTION margin_internal.booking_command(regclass) IS
'the command that adds the amounts of accrual_event of a kind ($1), of instants ($2) and of a symbol or of all ($3, null) to the balances of a book, which is that of its view holding: those of the house account last. It returns how many events there were, how many balances were due to change, and how many did, to a finite number. An error (0A000) where the columns of its balances are computed or cannot hold 18 decimals, or stand in a view that may lose them';

-- Of what is counted each part is what the booking itself saw, so that nothing
-- that others enter at the same time slips in between.
CREATE FUNCTION margin_internal.book_accruals(holding regclass, kind text, instants timestamptz[], symbol text, entered bigint) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    events bigint;
    due bigint;
    booked bigint;
BEGIN
    PERFORM margin_internal.enter(book_accruals.holding);
    EXECUTE margin_internal.booking_command('holding'::regclass) INTO events, due, booked
      USING book_accruals.kind, book_accruals.instants, book_accruals.symbol;
    IF events <> book_accruals.entered THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('accrual_event of book "%s" has rows that were not computed', current_schema()),
            DETAIL = format('%s of %s, of instants that have not been charged.', events - book_accruals.entered, book_accruals.kind),
            HINT = 'Find out who inserted them; booked_by and booked_at may help.';
    ELSIF booked <> due THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('%s of %s amounts of %s were not booked in book "%s"', due - booked, due, book_accruals.kind, current_schema()),
            DETAIL = 'A trigger left them out, or the balance is not a finite number.';
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.book_accruals(regclass, text, timestamptz[], text, bigint) IS
'runs the booking command of a book, which is that of its view holding; an error (55000) unless it books as many events as its caller has entered, and each of them';

CREATE FUNCTION margin_internal.accrual_house_of(holding regclass, kind text) RETURNS text
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    house text;
BEGIN
    PERFORM margin_internal.enter(accrual_house_of.holding);
    PERFORM margin_internal.refuse_distributed(current_schema(), 'nothing can be booked here');
    SELECT h.account_id::text INTO house FROM accrual_house AS h WHERE h.kind = accrual_house_of.kind;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('book "%s" has no house account for %s', current_schema(), accrual_house_of.kind),
            HINT = format('INSERT INTO %I.accrual_house (kind, account_id) VALUES (%L, ...).', current_schema(), accrual_house_of.kind);
    END IF;
    RETURN house;
END
$$;
COMMENT ON FUNCTION margin_internal.accrual_house_of(regclass, text) IS 'the house account of a book for interest or funding, as text; an error (55000) where there is none';

CREATE FUNCTION margin_internal.check_accrual_instant("at" timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT isfinite(check_accrual_instant.at) OR check_accrual_instant.at > clock_timestamp() THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('what accrues until %s cannot be booked yet', check_accrual_instant.at),
            HINT = 'Leave the instant out, or give one that is over.';
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.check_accrual_instant(timestamptz) IS 'an error (22023) for an instant that is infinite or in the future; nothing for null';

CREATE FUNCTION margin_internal.unbookable(account text, kind margin.holding_kind, symbol text) RETURNS numeric
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'data_exception',
        MESSAGE = CASE WHEN account IS NULL THEN format('a %s of "%s" belongs to no account', kind, symbol)
                       ELSE format('the %s of "%s" in account "%s" is no finite number', kind, symbol, account) END,
        HINT = 'The view flawed_holding of the book lists rows that cannot be valued.';
END
$$;
COMMENT ON FUNCTION margin_internal.unbookable(text, margin.holding_kind, text) IS 'the error (22000) of rows that nothing can be charged for, so that nobody is skipped in silence';

-- ---------------------------------------------------------------------------
-- Interest
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.enter_interest_hours(holding regclass, until timestamptz) RETURNS timestamptz[]
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present CONSTANT timestamptz := clock_timestamp();
    hours timestamptz[];
BEGIN
    PERFORM margin_internal.enter(enter_interest_hours.holding);
    -- it would end all interest until then, in silence
    IF EXISTS (SELECT FROM interest_hour AS i WHERE i.accrued_at > present) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('interest_hour of book "%s" has an hour of the future', current_schema()),
            DETAIL = format('It is %s.', (SELECT max(i.accrued_at) FROM interest_hour AS i)),
            HINT = 'Its owner may delete it with the trigger append_only disabled.';
    END IF;
    WITH entered AS (
        INSERT INTO interest_hour (accrued_at)
        SELECT h FROM generate_series(coalesce((SELECT max(i.accrued_at) FROM interest_hour AS i) + interval '1 hour', until), until, interval '1 hour') AS h
         ORDER BY h
        ON CONFLICT (accrued_at) DO NOTHING
        RETURNING accrued_at
    )
    SELECT array_agg(e.accrued_at ORDER BY e.accrued_at) INTO hours FROM entered AS e;
    RETURN hours;
END
$$;
COMMENT ON FUNCTION margin_internal.enter_interest_hours(regclass, timestamptz) IS
'enters the hours of a book after the last one entered, up to a full hour, or that one alone where there is none yet; those that this call has entered, in order, null where somebody else has; an error (55000) where one of the future is entered';

-- Of consecutive hours, in a place that is computed: (asset - 1) * hours + hour.
CREATE FUNCTION margin_internal.hourly_rates(rates margin.interest_rate[], assets text[], hours timestamptz[]) RETURNS margin.interest_rate[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT array_agg(span.rate ORDER BY a.n, h.n)
      FROM unnest(assets) WITH ORDINALITY AS a (asset, n)
     CROSS JOIN unnest(hours) WITH ORDINALITY AS h (hour, n)
      LEFT JOIN (SELECT r.asset, n, ROW(r.asset, r.valid_from, r.hourly_rate, r.free_amount, r.method)::margin.interest_rate AS rate
                   FROM (SELECT *, lead(valid_from, 1, 'infinity') OVER (PARTITION BY asset ORDER BY valid_from) AS until FROM unnest(rates)) AS r,
                        generate_series(ceil(extract(epoch FROM greatest(r.valid_from, hours[1]) - hours[1]) / 3600)::integer + 1,
                                        ceil(extract(epoch FROM least(r.until, hours[cardinality(hours)] + interval '1 hour') - hours[1]) / 3600)::integer) AS n
                ) AS span ON span.asset = a.asset AND span.n = h.n;
END;
COMMENT ON FUNCTION margin_internal.hourly_rates(margin.interest_rate[], text[], timestamptz[]) IS
'of each asset, and within it of each of some consecutive hours, the latest rate that is valid by then, null where there is none; null for null';

CREATE FUNCTION margin_internal.accrue_hours(holding regclass, house text, hours timestamptz[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rates margin.interest_rate[];
    assets text[];
    charged bigint;
    others bigint;
BEGIN
    PERFORM margin_internal.enter(accrue_hours.holding);
    rates := venue_interest_rates(hours[1], hours[cardinality(hours)]);
    assets := ARRAY(SELECT DISTINCT r.asset FROM unnest(rates) AS r);
    rates := margin_internal.hourly_rates(rates, assets, hours);

    -- What accrues in an hour is owed in the next one.
    WITH RECURSIVE debt AS MATERIALIZED (
        SELECT h.account_id, h.symbol AS asset,
               CASE WHEN h.account_id IS NULL OR bool_or(margin.is_amount(h.quantity) IS NOT TRUE) THEN margin_internal.unbookable(h.account_id::text, 'balance', h.symbol)
                    ELSE sum(h.quantity) END AS balance
          FROM holding AS h
         WHERE h.kind = 'balance' AND h.symbol = ANY (assets)
         GROUP BY h.account_id, h.symbol
        -- NaN is greater than anything, and must not pass for no debt
        HAVING sum(h.quantity) < 0 OR bool_or(margin.is_amount(h.quantity) IS NOT TRUE)
    ), accrual AS (
        SELECT d.account_id, d.asset, (array_position(assets, d.asset) - 1) * cardinality(hours) AS place, 0 AS n, NULL::numeric AS owed, 0::numeric AS interest, d.balance,
               NULL::margin.interest_rate AS rate
          FROM debt AS d WHERE d.account_id IS DISTINCT FROM (SELECT account_key(house))
        UNION ALL
        SELECT a.account_id, a.asset, a.place, a.n + 1, a.balance, i.interest, a.balance - i.interest, r.rate
          FROM accrual AS a,
               LATERAL (SELECT rates[a.place + a.n + 1] AS rate OFFSET 0) AS r,
               LATERAL (SELECT CASE WHEN -a.balance > (r.rate).free_amount
                                    THEN margin_internal.ceil18((r.rate).hourly_rate * CASE (r.rate).method WHEN 'whole' THEN -a.balance ELSE -a.balance - (r.rate).free_amount END)
                                    ELSE 0 END AS interest OFFSET 0) AS i
         WHERE a.n < cardinality(hours)
    ), event AS (
        INSERT INTO accrual_event (account_id, kind, symbol, accrued_at, asset, amount, balance, rate, free_amount, method)
        SELECT a.account_id, 'interest', a.asset, hours[a.n], a.asset, -a.interest, a.owed, (a.rate).hourly_rate, (a.rate).free_amount, (a.rate).method
          FROM accrual AS a WHERE a.interest <> 0
        RETURNING symbol, accrued_at, amount, rate, free_amount, method
    ), other_side AS (
        INSERT INTO accrual_event (account_id, kind, symbol, accrued_at, asset, amount, house, rate, free_amount, method)
        SELECT account_key(house), 'interest', e.symbol, e.accrued_at, e.symbol, trim_scale(-sum(e.amount)), true, min(e.rate), min(e.free_amount), min(e.method)
          FROM event AS e GROUP BY e.symbol, e.accrued_at
        RETURNING symbol
    )
    SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM other_side) INTO charged, others;
    PERFORM margin_internal.book_accruals('holding'::regclass, 'interest', hours, NULL, charged + others);
    RETURN charged;
END
$$;
COMMENT ON FUNCTION margin_internal.accrue_hours(regclass, text, timestamptz[]) IS
'charges the debts of a book, which is that of its view holding, the interest of some consecutive hours, pays it to the house account, given as text, and journals it; how many times an account was charged';

CREATE FUNCTION margin.accrue_interest(book name, "at" timestamptz DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
-- an error where row security would hide a debt
SET row_security = off
AS $$
DECLARE
    -- as many hours as are charged in one statement
    most CONSTANT integer := 500;
    until CONSTANT timestamptz := date_trunc('hour', coalesce(accrue_interest.at, clock_timestamp()), 'UTC');
    house text;
    hours timestamptz[];
    charged bigint := 0;
BEGIN
    PERFORM margin_internal.enter_book(book);
    PERFORM margin_internal.check_accrual_instant(accrue_interest.at);
    house := margin_internal.accrual_house_of('holding'::regclass, 'interest');
    PERFORM margin_internal.booking_command('holding'::regclass);
    hours := coalesce(margin_internal.enter_interest_hours('holding'::regclass, until), '{}');
    FOR i IN 1 .. cardinality(hours) BY most LOOP
        charged := charged + margin_internal.accrue_hours('holding'::regclass, house, hours[i : i + most - 1]);
    END LOOP;
    RETURN charged;
END
$$;
COMMENT ON FUNCTION margin.accrue_interest(name, timestamptz) IS
'charges the debts of a book, its negative balances, the interest of each full hour since the last one charged up to an instant (null: now), by interest_rate of its venue: rounded up at the 18th decimal, paid to the house account of accrual_house, journaled in accrual_event. Each hour once, however often it is called; the first call charges one hour. Returns how many times an account was charged. Errors: no house account, an hour of the future entered as charged, events entered by others, amounts that a trigger leaves out (55000), an instant in the future (22023), a debt that is no number (22000), balances that cannot be booked in (0A000)';

-- ---------------------------------------------------------------------------
-- Funding
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.funding_terms(holding regclass, contract text, "at" timestamptz) RETURNS margin.contract_terms
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    past CONSTANT boolean := funding_terms.at < now();
    market margin.market;
    terms margin.contract_terms;
BEGIN
    PERFORM margin_internal.enter(funding_terms.holding);
    market := CASE WHEN past THEN venue_past_market(funding_terms.at) ELSE venue_market() END;
    SELECT c.* INTO terms FROM margin.contracts(market) AS c WHERE c.contract = funding_terms.contract;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('the venue of book "%s" has no contract "%s"', current_schema(), funding_terms.contract);
    ELSIF terms.mark IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('contract "%s" has no mark price at %s', funding_terms.contract, funding_terms.at),
            DETAIL = CASE WHEN past THEN 'Prices of the past come from mark_price_history of the venue: none is recorded by then, or it had expired.'
                          ELSE 'None is there, or it has expired.' END;
    ELSIF terms.settle IS NULL OR NOT EXISTS (SELECT FROM margin.assets(market) AS a WHERE a.asset = terms.settle) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('contract "%s" has no settlement asset to pay funding in', funding_terms.contract);
    END IF;
    RETURN terms;
END
$$;
COMMENT ON FUNCTION margin_internal.funding_terms(regclass, text, timestamptz) IS
'a contract with its mark price at an instant that is not in the future, in the present market or that of the past; an error for one that is unknown (42704), has no mark or no settlement asset (55000)';

CREATE FUNCTION margin_internal.is_settled(holding regclass, contract text, rate numeric, "at" timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    settled numeric;
BEGIN
    PERFORM margin_internal.enter(is_settled.holding);
    SELECT s.rate INTO settled FROM funding_settlement AS s WHERE s.contract = is_settled.contract AND s.settled_at = is_settled.at;
    IF settled <> is_settled.rate THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('funding of "%s" at %s has been settled at rate %s, not %s', is_settled.contract, is_settled.at, settled, is_settled.rate);
    END IF;
    RETURN settled IS NOT NULL;
END
$$;
COMMENT ON FUNCTION margin_internal.is_settled(regclass, text, numeric, timestamptz) IS 'whether the funding of a contract has been settled for an instant; an error (22023) if at another rate';

CREATE FUNCTION margin.settle_funding(book name, contract text, rate numeric, "at" timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
-- an error where row security would hide a position
SET row_security = off
AS $$
#variable_conflict use_column
DECLARE
    house text;
    terms margin.contract_terms;
    booked bigint;
    others bigint;
BEGIN
    PERFORM margin_internal.enter_book(book);
    IF settle_funding.contract IS NULL OR settle_funding.rate IS NULL OR settle_funding.at IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = format('%s must not be null', CASE WHEN settle_funding.contract IS NULL THEN 'contract' WHEN settle_funding.rate IS NULL THEN 'rate' ELSE 'at' END);
    ELSIF NOT margin.is_amount(settle_funding.rate) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('funding rate of "%s" must be a finite number', settle_funding.contract),
            DETAIL = format('The value is %s.', left(settle_funding.rate::text, 100));
    END IF;
    PERFORM margin_internal.check_accrual_instant(settle_funding.at);
    house := margin_internal.accrual_house_of('holding'::regclass, 'funding');
    PERFORM margin_internal.booking_command('holding'::regclass);
    IF margin_internal.is_settled('holding'::regclass, settle_funding.contract, settle_funding.rate, settle_funding.at) THEN
        RETURN 0;
    END IF;
    terms := margin_internal.funding_terms('holding'::regclass, settle_funding.contract, settle_funding.at);
    INSERT INTO funding_settlement (contract, settled_at, rate, mark, contract_size, settle)
    VALUES (settle_funding.contract, settle_funding.at, settle_funding.rate, terms.mark, terms.contract_size, terms.settle)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        -- by somebody else, just now; also an error if at another rate
        PERFORM margin_internal.is_settled('holding'::regclass, settle_funding.contract, settle_funding.rate, settle_funding.at);
        RETURN 0;
    END IF;

    WITH held AS MATERIALIZED (
        SELECT h.account_id,
               CASE WHEN h.account_id IS NULL OR bool_or(margin.is_amount(h.quantity) IS NOT TRUE) THEN margin_internal.unbookable(h.account_id::text, 'position', settle_funding.contract)
                    ELSE sum(h.quantity) END AS quantity
          FROM holding AS h
         WHERE h.kind = 'position' AND h.symbol = settle_funding.contract
         GROUP BY h.account_id
    ), payment AS (
        -- rounded up, what is paid; what is received, below 0, towards 0
        SELECT p.account_id, p.quantity, -margin_internal.ceil18(settle_funding.rate * terms.contract_size * terms.mark * p.quantity) AS amount
          FROM held AS p WHERE p.account_id IS DISTINCT FROM (SELECT account_key(house))
    ), event AS (
        INSERT INTO accrual_event (account_id, kind, symbol, accrued_at, asset, amount, quantity, contract_size, mark, rate)
        SELECT p.account_id, 'funding', settle_funding.contract, settle_funding.at, terms.settle, p.amount, p.quantity, terms.contract_size, terms.mark, settle_funding.rate
          FROM payment AS p WHERE p.amount <> 0
        RETURNING amount
    ), other_side AS (
        INSERT INTO accrual_event (account_id, kind, symbol, accrued_at, asset, amount, house, contract_size, mark, rate)
        SELECT account_key(house), 'funding', settle_funding.contract, settle_funding.at, terms.settle, trim_scale(-sum(e.amount)), true, terms.contract_size, terms.mark, settle_funding.rate
          FROM event AS e HAVING count(*) > 0
        RETURNING amount
    )
    SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM other_side) INTO booked, others;
    -- what is added to no number is gone
    PERFORM margin_internal.unbookable(h.account_id::text, 'balance', h.symbol)
       FROM holding AS h
      WHERE h.kind = 'balance' AND h.symbol = terms.settle AND margin.is_amount(h.quantity) IS NOT TRUE
        AND h.account_id IN (SELECT e.account_id FROM accrual_event AS e
                              WHERE e.kind = 'funding' AND e.accrued_at = settle_funding.at AND e.symbol = settle_funding.contract);
    PERFORM margin_internal.book_accruals('holding'::regclass, 'funding', ARRAY[settle_funding.at], settle_funding.contract, booked + others);
    RETURN booked;
END
$$;
COMMENT ON FUNCTION margin.settle_funding(name, text, numeric, timestamptz) IS
'settles the funding of a contract for an instant that is over: longs pay rate * contract size * mark * contracts to shorts, in its settlement asset, with the mark of that instant and the positions as they stand; paid amounts are rounded up at the 18th decimal, received ones down, and what remains is the house account''s of accrual_house; journaled in accrual_event. Each instant once, however often it is called. Returns how many accounts paid or received. Errors: an unknown contract (42704), no mark price, no house account, events entered by others, amounts that a trigger leaves out (55000), positions or balances that are no number (22000), an instant in the future, another rate than it was settled at (22023), balances that cannot be booked in (0A000), null';
