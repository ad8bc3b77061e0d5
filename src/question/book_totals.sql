-- book_totals: all accounts by level, by asset and by contract, added up in one pass

CREATE TYPE margin_internal.level_sum AS (
    level margin.level,
    accounts bigint,
    equity numeric,
    maintenance_margin numeric,
    shortfall numeric,
    loss numeric
);
COMMENT ON TYPE margin_internal.level_sum IS
'the accounts of one level together; amounts in USD, exact, null where there are accounts whose amounts are not known; loss is what liabilities exceed collateral by';
COMMENT ON COLUMN margin_internal.level_sum.level IS 'the level';
COMMENT ON COLUMN margin_internal.level_sum.accounts IS 'how many accounts are at it';
COMMENT ON COLUMN margin_internal.level_sum.equity IS 'sum of equity, USD';
COMMENT ON COLUMN margin_internal.level_sum.maintenance_margin IS 'sum of maintenance_margin, USD';
COMMENT ON COLUMN margin_internal.level_sum.shortfall IS 'sum of shortfall, USD, >= 0';
COMMENT ON COLUMN margin_internal.level_sum.loss IS 'sum of -equity of the bankrupt, USD, >= 0';

CREATE TYPE margin_internal.asset_sum AS (
    asset text,
    accounts bigint,
    unvalued bigint,
    asset_equity numeric,
    owed numeric,
    net_asset_value numeric,
    collateral_value numeric,
    holders text[],
    holdings numeric[],
    holder_values numeric[]
);
COMMENT ON TYPE margin_internal.asset_sum IS
'what accounts have of one asset, debts left out, as report_concentration: accounts, how many of them are not in the sums, units, USD at index price, USD that counts; what other accounts owe of it; and the largest holders, their units and what of them counts, null where not known';
COMMENT ON COLUMN margin_internal.asset_sum.asset IS 'the asset';
COMMENT ON COLUMN margin_internal.asset_sum.accounts IS 'how many accounts have some of it';
COMMENT ON COLUMN margin_internal.asset_sum.unvalued IS 'how many of them are not in the sums, as something lacks a price or parameter';
COMMENT ON COLUMN margin_internal.asset_sum.asset_equity IS 'sum of what they have, units of the asset; null: not known of any';
COMMENT ON COLUMN margin_internal.asset_sum.owed IS 'what other accounts owe of it, units of the asset, >= 0';
COMMENT ON COLUMN margin_internal.asset_sum.net_asset_value IS 'sum at index price, USD; null: of no account';
COMMENT ON COLUMN margin_internal.asset_sum.collateral_value IS 'sum of what counts, USD; null: of no account';
COMMENT ON COLUMN margin_internal.asset_sum.holders IS 'accounts that have most of it, the largest first';
COMMENT ON COLUMN margin_internal.asset_sum.holdings IS 'what each of them has, units of the asset';
COMMENT ON COLUMN margin_internal.asset_sum.holder_values IS 'what of it counts, USD; null where it is not known';

CREATE TYPE margin_internal.contract_sum AS (
    contract text,
    settle text,
    mark numeric,
    accounts bigint,
    long numeric,
    short numeric,
    pnl_usd numeric,
    maintenance_margin numeric,
    order_margin numeric
);
COMMENT ON TYPE margin_internal.contract_sum IS 'the positions of all accounts in one contract, as report_exposure; null where a price or parameter is lacking';
COMMENT ON COLUMN margin_internal.contract_sum.contract IS 'the contract';
COMMENT ON COLUMN margin_internal.contract_sum.settle IS 'asset in which it settles; null: the market does not know the contract';
COMMENT ON COLUMN margin_internal.contract_sum.mark IS 'mark price; null: none';
COMMENT ON COLUMN margin_internal.contract_sum.accounts IS 'how many accounts have a position in it';
COMMENT ON COLUMN margin_internal.contract_sum.long IS 'contracts held long';
COMMENT ON COLUMN margin_internal.contract_sum.short IS 'contracts held short, >= 0';
COMMENT ON COLUMN margin_internal.contract_sum.pnl_usd IS 'profit and loss at mark, USD';
COMMENT ON COLUMN margin_internal.contract_sum.maintenance_margin IS 'what the positions require to be kept, USD';
COMMENT ON COLUMN margin_internal.contract_sum.order_margin IS 'what open orders require on top, USD';

CREATE TYPE margin_internal.book_totals AS (
    levels margin_internal.level_sum[],
    ratios bigint[],
    assets margin_internal.asset_sum[],
    contracts margin_internal.contract_sum[]
);
COMMENT ON TYPE margin_internal.book_totals IS
'a row for each level in its order; how many accounts require nothing, have a margin_ratio above 0 and below 0.1, from 0.1, ... from 0.9, from 1, or none although something is required; a row for each asset that somebody has or owes and for each contract, in no order';
COMMENT ON COLUMN margin_internal.book_totals.levels IS 'a row for each level, in their order';
COMMENT ON COLUMN margin_internal.book_totals.ratios IS 'accounts by margin_ratio: nothing required; ten steps of 0.1; 1 and above; required of an equity not above 0';
COMMENT ON COLUMN margin_internal.book_totals.assets IS 'a row for each asset that some account has or owes';
COMMENT ON COLUMN margin_internal.book_totals.contracts IS 'a row for each contract that some account holds or has ordered';

CREATE FUNCTION margin_internal.book_totals_accum(internal, text, margin.portfolio, margin.market, integer) RETURNS internal
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'margin_book_totals_accum';
COMMENT ON FUNCTION margin_internal.book_totals_accum(internal, text, margin.portfolio, margin.market, integer) IS 'aggregate transition of book_totals()';
CREATE FUNCTION margin_internal.book_totals_final(internal) RETURNS margin_internal.book_totals
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_book_totals_final';
COMMENT ON FUNCTION margin_internal.book_totals_final(internal) IS 'aggregate final of book_totals()';

CREATE AGGREGATE margin_internal.book_totals(account text, portfolio margin.portfolio, market margin.market, holders integer) (
    SFUNC = margin_internal.book_totals_accum,
    STYPE = internal,
    SSPACE = 1048576,
    FINALFUNC = margin_internal.book_totals_final
);
COMMENT ON AGGREGATE margin_internal.book_totals(text, margin.portfolio, margin.market, integer) IS
'all accounts by level, margin ratio, asset and contract, with so many of the largest holders of each asset, of equal ones the first by the bytes of its name. Market and number are those of the first row; a null portfolio is no account; null without rows; an error for a null market or number, and unless that is 0 to 100';
