// The same question asked of DuckDB, in double precision as its users would
// write it, over in-memory tables loaded beforehand from CSV.
//
//   node duck.mjs MODULES DATA THREADS REPETITIONS [three]
//
// three: only three columns are asked for.  MODULES has @duckdb/node-api in it; DATA has one CSV file per table and
// expected.csv (account_id, equity, level), the exact answers.  Prints one line:
// every repetition's seconds, then what was computed and how far it is off.

import { createRequire } from 'node:module';

const [modules, data, threads, repetitions, asked] = process.argv.slice(2);
const { DuckDBInstance } = createRequire(modules + '/')('@duckdb/node-api');
const db = await (await DuckDBInstance.create(':memory:', { threads })).connect();
const row = async sql => (await (await db.runAndReadAll(sql)).getRowObjects())[0];

// Symbols as enums: what DuckDB's users do with columns of few values.
const columns = {
    asset: 'asset VARCHAR, tier_unit VARCHAR, liability_weight DOUBLE, requirement_weight DOUBLE, price DOUBLE',
    collateral_tier: 'asset VARCHAR, lower_bound DOUBLE, rate DOUBLE',
    liability_tier: 'asset VARCHAR, lower_bound DOUBLE, rate DOUBLE',
    contract: 'contract VARCHAR, settle VARCHAR, contract_size DOUBLE, netting VARCHAR, closing_fee DOUBLE, ' +
        'maintenance_method VARCHAR, initial_method VARCHAR, mark DOUBLE',
    risk_tier: 'contract VARCHAR, lower_bound DOUBLE, rate DOUBLE, initial_rate DOUBLE',
    level_threshold: 'level VARCHAR, margin_ratio DOUBLE',
    balance: 'account_id BIGINT, asset VARCHAR, quantity DOUBLE',
    position: 'account_id BIGINT, contract VARCHAR, side VARCHAR, quantity DOUBLE, entry_price DOUBLE, leverage DOUBLE',
    expected: 'account_id BIGINT, equity DOUBLE, level VARCHAR',
};
for (const [table, definition] of Object.entries(columns)) {
    await db.run(`CREATE TABLE ${table} (${definition})`);
    await db.run(`COPY ${table} FROM '${data}/${table}.csv' (HEADER)`);
}
await db.run(`
    CREATE TYPE asset_symbol AS ENUM (SELECT DISTINCT s FROM (SELECT asset AS s FROM balance UNION SELECT asset FROM asset
                                                              UNION SELECT settle FROM contract) ORDER BY 1);
    CREATE TYPE contract_symbol AS ENUM (SELECT DISTINCT s FROM (SELECT contract AS s FROM position UNION SELECT contract FROM contract) ORDER BY 1);
    CREATE TYPE side AS ENUM ('long', 'short')`);
for (const table of ['asset', 'collateral_tier', 'liability_tier', 'balance'])
    await db.run(`ALTER TABLE ${table} ALTER asset TYPE asset_symbol`);
for (const table of ['contract', 'risk_tier', 'position'])
    await db.run(`ALTER TABLE ${table} ALTER contract TYPE contract_symbol`);
await db.run(`ALTER TABLE contract ALTER settle TYPE asset_symbol; ALTER TABLE position ALTER side TYPE side`);

// Schedules as straight pieces, so that an amount needs one tier.
const pieces = (table, symbol, rates) => `
    SELECT *, lead(lower_bound, 1, 'infinity') OVER w AS upper_bound
           ${rates.map(rate => `, sum(lower_bound * (previous_${rate} - ${rate})) OVER w AS ${rate}_intercept`).join('')}
      FROM (SELECT * ${rates.map(rate => `, lag(${rate}, 1, ${rate}) OVER w AS previous_${rate}`).join('')}
              FROM ${table} WINDOW w AS (PARTITION BY ${symbol} ORDER BY lower_bound))
    WINDOW w AS (PARTITION BY ${symbol} ORDER BY lower_bound)`;

const valuation = `
WITH tier AS MATERIALIZED (${pieces('collateral_tier', 'asset', ['rate'])}
), debt AS MATERIALIZED (${pieces('liability_tier', 'asset', ['rate'])}
), risk AS MATERIALIZED (${pieces('risk_tier', 'contract', ['rate', 'initial_rate'])}
), terms AS MATERIALIZED (
    SELECT c.*, contract_size * mark AS unit, price * requirement_weight AS weight,
           mark IS NOT NULL AND price IS NOT NULL AND contract IN (SELECT contract FROM risk_tier) AS complete
      FROM contract c LEFT JOIN asset a ON a.asset = c.settle
), pair AS (  -- both sides held, of a contract that nets them
    SELECT l.account_id, l.contract, netting, l.quantity AS long, -s.quantity AS short,
           ceil(l.quantity / l.leverage * 1e18) / 1e18 AS long_margin, ceil(-s.quantity / s.leverage * 1e18) / 1e18 AS short_margin
      FROM position l JOIN position s USING (account_id, contract) JOIN terms USING (contract)
     WHERE l.side = 'long' AND s.side = 'short' AND netting <> 'leg'
), leg AS (
    SELECT p.account_id, t.*, p.quantity * (unit - contract_size * entry_price) AS pnl,
           unit * CASE WHEN h.netting IS NULL THEN abs(p.quantity) WHEN side = 'short' THEN 0
                       WHEN h.netting = 'larger' THEN greatest(long, short) ELSE abs(long - short) END AS notional,
           unit * CASE WHEN h.netting IS NULL THEN ceil(abs(p.quantity) / leverage * 1e18) / 1e18 WHEN side = 'short' THEN 0
                       WHEN h.netting = 'larger' THEN greatest(long_margin, short_margin)
                       ELSE CASE WHEN long > short THEN long_margin / long ELSE short_margin / short END * abs(long - short) END AS margin
      FROM position p LEFT JOIN terms t USING (contract)
      LEFT JOIN pair h ON h.account_id = p.account_id AND h.contract = p.contract
), required AS (
    SELECT account_id, settle AS asset, sum(pnl) AS pnl, sum(weight * maintenance) AS maintenance,
           sum(weight * greatest(maintenance, margin, initial)) AS initial, bool_and(coalesce(complete, false)) AS complete
      FROM (SELECT leg.*,
                   (rate + closing_fee) * notional + if(maintenance_method = 'whole', 0, rate_intercept) AS maintenance,
                   initial_rate * notional + if(initial_method = 'whole', 0, initial_rate_intercept) AS initial
              FROM leg LEFT JOIN risk ON risk.contract = leg.contract AND notional >= lower_bound AND notional < upper_bound)
     GROUP BY ALL
), holding AS (
    SELECT coalesce(b.account_id, r.account_id) AS account_id, coalesce(b.asset, r.asset) AS asset,
           coalesce(b.quantity, 0) + coalesce(r.pnl, 0) AS amount, r.pnl, maintenance, initial, complete
      FROM balance b FULL JOIN required r ON r.account_id = b.account_id AND r.asset = b.asset
), item AS (
    SELECT account_id, price * pnl AS pnl, maintenance, initial, price * amount AS net_asset_value,
           CASE WHEN amount < 0 THEN liability_weight * price * amount
                WHEN tier_unit = 'value' THEN t.rate * price * amount + t.rate_intercept
                ELSE price * (t.rate * amount + t.rate_intercept) END AS value,
           price * (d.rate * -amount + d.rate_intercept) AS debt_maintenance,
           coalesce(NOT complete, false) OR (price IS NULL AND amount <> 0 AND (amount < 0 OR a.asset IS NULL OR t.rate IS NOT NULL)) AS missing
      FROM holding h LEFT JOIN asset a ON a.asset = h.asset
      LEFT JOIN tier t ON t.asset = h.asset AND if(tier_unit = 'value', price * amount, amount) >= t.lower_bound
                                            AND if(tier_unit = 'value', price * amount, amount) < t.upper_bound
      LEFT JOIN debt d ON d.asset = h.asset AND -amount > d.lower_bound AND -amount <= d.upper_bound
), account AS (
    SELECT account_id, coalesce(sum(value), 0) AS equity, -coalesce(sum(value) FILTER (WHERE value < 0), 0) AS liabilities,
           coalesce(sum(net_asset_value), 0) AS net_asset_value, coalesce(sum(pnl), 0) AS unrealized_pnl,
           coalesce(sum(maintenance), 0) + coalesce(sum(debt_maintenance), 0) AS maintenance_margin,
           coalesce(sum(initial), 0) + coalesce(sum(debt_maintenance), 0) AS initial_margin, bool_or(missing) AS missing
      FROM item GROUP BY account_id
), threshold AS (
    SELECT coalesce(max(margin_ratio) FILTER (WHERE level = 'warning'), 0.7) AS warning,
           coalesce(max(margin_ratio) FILTER (WHERE level = 'margin_call'), 0.85) AS margin_call,
           coalesce(max(margin_ratio) FILTER (WHERE level = 'liquidation'), 1) AS liquidation FROM level_threshold
)
SELECT account_id, if(missing, NULL, equity) AS equity, if(missing, NULL, equity + liabilities) AS collateral_value,
       if(missing, NULL, liabilities) AS liabilities, if(missing, NULL, net_asset_value) AS net_asset_value,
       if(missing, NULL, net_asset_value - equity) AS haircut, if(missing, NULL, unrealized_pnl) AS unrealized_pnl,
       if(missing, NULL, initial_margin) AS initial_margin, if(missing, NULL, maintenance_margin) AS maintenance_margin,
       if(missing, NULL, equity - initial_margin) AS available_margin,
       if(missing, NULL, greatest(0, maintenance_margin - equity)) AS shortfall,
       if(missing OR equity <= 0, NULL, round(maintenance_margin / equity, 8)) AS margin_ratio,
       CASE WHEN missing THEN 'unpriced' WHEN equity < 0 THEN 'bankrupt' WHEN maintenance_margin = 0 THEN 'healthy'
            WHEN maintenance_margin >= liquidation * equity THEN 'liquidation'
            WHEN maintenance_margin >= margin_call * equity THEN 'margin_call'
            WHEN maintenance_margin >= warning * equity THEN 'warning' ELSE 'healthy' END AS level
  FROM account, threshold`;

// As in "run": every column is asked for, or only three.
const consumed = asked === 'three' ? `
SELECT count(*) FILTER (WHERE level IN ('liquidation', 'bankrupt')) AS flagged, sum(equity) AS equity, sum(maintenance_margin)
  FROM (${valuation})` : `
SELECT count(*) AS accounts, count(*) FILTER (WHERE level IN ('liquidation', 'bankrupt')) AS flagged, sum(equity) AS equity,
       sum(collateral_value), sum(liabilities), sum(net_asset_value), sum(haircut), sum(unrealized_pnl), sum(initial_margin),
       sum(maintenance_margin), sum(available_margin), sum(shortfall), count(margin_ratio)
  FROM (${valuation})`;

const seconds = [];
let answer;
for (let i = 0; i < Number(repetitions); i++) {
    const start = process.hrtime.bigint();
    answer = await row(consumed);
    seconds.push(Number(process.hrtime.bigint() - start) / 1e9);
}
const off = await row(`
SELECT max(abs(v.equity - e.equity)) AS absolute, max(abs(v.equity - e.equity) / nullif(abs(e.equity), 0)) AS relative,
       count(*) FILTER (WHERE v.level IS DISTINCT FROM e.level) AS levels
  FROM (${valuation}) AS v FULL JOIN expected e USING (account_id)`);
console.log([seconds.join(','), answer.flagged, answer.equity, off.absolute, off.relative, off.levels].join(' '));
