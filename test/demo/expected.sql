-- What the stories of book.sql must come to, computed by hand from the rules
-- of valuation. Each account's arithmetic stands above its row of results; none
-- of the figures was taken from the extension.
--
-- Afterwards demo.wrong lists every figure where margin and the hand disagree:
-- it has to be empty.
--
-- Used throughout (book.sql):
--   index prices     BTC 60,000   ETH 3,000   SOL 150   TRX 0.12   USDT 1   USDC 1
--   mark prices      BTC_USDT 60,060   ETH_USDT 3,003   ETH_USDC 3,000   ETH_USDT_MAR 3,030
--                    SOL_USDT 150.15   AVAX_USDT 30.03
--   large contracts  maintenance, by part of the notional (BTC, ETH):
--                    0: 0.5 %, 250,000: 1 %, 1,000,000: 1.5 %, 5,000,000: 2.5 %, 20,000,000: 5 %
--   middle (SOL)     0: 1 %, 100,000: 2 %, 500,000: 3 %, 2,000,000: 5 %, 10,000,000: 10 %
--   small (AVAX)     0: 2 %, 25,000: 3 %, 100,000: 5 %, 500,000: 10 %, 2,000,000: 20 %
--   initial          twice those rates, but the rate of the tier reached, on all of the notional
--   closing fee      0.05 % of the notional, on top of maintenance
--   collateral       BTC 0: 97.5 %, 1: 97 %, 5: 96.5 %, 10: 96 %, 50: 85 %, 100: 0;  USDT, USDC 100 %
--                    ETH 0: 97 %, 10: 96 %;  SOL 0: 95 %, 100: 93 %, 1,000: 90 %;  TRX none
--   debts            in USDT: maintenance 0: 2 %, 100,000: 3 %, 1,000,000: 5 %; liability weight 1

\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET search_path = pg_catalog;
BEGIN;

CREATE TABLE demo.expected (
    account_id          bigint NOT NULL,
    scenario            text NOT NULL REFERENCES demo.scenario,
    equity              numeric,
    collateral_value    numeric,
    liabilities         numeric,
    net_asset_value     numeric,
    haircut             numeric,
    unrealized_pnl      numeric,
    initial_margin      numeric,
    maintenance_margin  numeric,
    available_margin    numeric,
    shortfall           numeric,
    margin_ratio        numeric,
    level               margin.level NOT NULL,
    missing             text[],
    PRIMARY KEY (account_id, scenario)
);
COMMENT ON TABLE demo.expected IS 'what the stories must come to, computed by hand';

-- Columns:            id, scenario,
--                     equity, collateral value, liabilities, net asset value, haircut, unrealized pnl,
--                     initial margin, maintenance margin, available margin, shortfall, margin ratio, level, missing

-- 1 Plain and healthy: 10,000 USDT, 0.5 BTC, 2 ETH, long 2,000 BTC_USDT (0.2 BTC) from 58,060 at 10x
--   pnl              0.2 * (60,060 - 58,060)                       =     400
--   USDT             10,000 + 400 = 10,400                counts      10,400
--   BTC              0.5 * 60,000 = 30,000; * 0.975       counts      29,250
--   ETH              2 * 3,000    =  6,000; * 0.97        counts       5,820
--   equity           10,400 + 29,250 + 5,820                       =  45,470
--   net asset value  10,400 + 30,000 + 6,000                       =  46,400; haircut 46,400 - 45,470 = 930
--   notional         0.2 * 60,060                                  =  12,012
--   maintenance      12,012 * 0.005 + 12,012 * 0.0005 = 60.06 + 6.006 = 66.066
--   initial          greatest of 12,012 * 0.01 = 120.12, at 10x 12,012 / 10 = 1,201.20, 66.066
--   available        45,470 - 1,201.20                             =  44,268.80
--   ratio            66.066 / 45,470 = 0.0014529579...            -> 0.00145296
INSERT INTO demo.expected VALUES (1, 'today',
    45470, 45470, 0, 46400, 930, 400,
    1201.2, 66.066, 44268.8, 0, 0.00145296, 'healthy', NULL);

-- 2 A whale past its top tier: 150 BTC, owes 5,150,000 USDT, short 1,000,000 BTC_USDT (100 BTC)
--   from 59,500, long 20,000 ETH_USDC (200 ETH) from 2,900
--   pnl BTC_USDT     -100 * (60,060 - 59,500)                      =    -56,000 USDT
--   pnl ETH_USDC      200 * (3,000 - 2,900)                        =     20,000 USDC; together -36,000
--   BTC              1 * 0.975 + 4 * 0.97 + 5 * 0.965 + 40 * 0.96 + 50 * 0.85 + 50 * 0
--                    = 0.975 + 3.88 + 4.825 + 38.4 + 42.5          =         90.58 of 150 BTC
--                    90.58 * 60,000                       counts      5,434,800
--   USDC             20,000                               counts         20,000
--   USDT             -5,150,000 - 56,000                  owes        5,206,000
--   equity           5,434,800 + 20,000 - 5,206,000                =    248,800
--   net asset value  9,000,000 + 20,000 - 5,206,000                =  3,814,000; haircut 3,565,200
--   BTC_USDT         notional 100 * 60,060                         =  6,006,000
--                    250,000 * 0.005 + 750,000 * 0.01 + 4,000,000 * 0.015 + 1,006,000 * 0.025
--                    = 1,250 + 7,500 + 60,000 + 25,150             =     93,900
--                    + fee 6,006,000 * 0.0005 = 3,003              =     96,903
--   ETH_USDC         notional 200 * 3,000                          =    600,000
--                    250,000 * 0.005 + 350,000 * 0.01 = 1,250 + 3,500 = 4,750; + fee 300 = 5,050
--   debt             100,000 * 0.02 + 900,000 * 0.03 + 4,206,000 * 0.05
--                    = 2,000 + 27,000 + 210,300                    =    239,300
--   maintenance      96,903 + 5,050 + 239,300                      =    341,253
--   initial          6,006,000 * 0.05 = 300,300; 600,000 * 0.02 = 12,000;
--                    300,300 + 12,000 + 239,300                    =    551,600
--   available        248,800 - 551,600                             =   -302,800
--   shortfall        341,253 - 248,800                             =     92,453
--   ratio            341,253 / 248,800 = 1.3715956591...           -> 1.37159566
INSERT INTO demo.expected VALUES (2, 'today',
    248800, 5454800, 5206000, 3814000, 3565200, -36000,
    551600, 341253, -302800, 92453, 1.37159566, 'liquidation', NULL);

-- 3 A hedged pair, three times: 20,000 USDT, 20,000 USDC; in each of ETH_USDT, ETH_USDC and
--   ETH_USDT_MAR long 100 ETH from 2,950 and short 100 ETH from 3,000
--   pnl of each      100 * (mark - 2,950) - 100 * (mark - 3,000)   =   5,000
--   USDT             20,000 + 5,000 + 5,000               counts      30,000
--   USDC             20,000 + 5,000                       counts      25,000; equity 55,000
--   ETH_USDT  leg    each side 300,300: 1,250 + 50,300 * 0.01 = 1,753; + fee 150.15 = 1,903.15
--                    both                                          =   3,806.30; initial 2 * 300,300 * 0.02 = 12,012
--   ETH_USDC  larger a side is 300,000: 1,250 + 50,000 * 0.01 = 1,750; + fee 150
--                                                                  =   1,900; initial 300,000 * 0.02 = 6,000
--   ETH_USDT_MAR net 303,000 - 303,000 = 0                         =       0; initial 0
--   maintenance      3,806.30 + 1,900                              =   5,706.30
--   initial          12,012 + 6,000                                =  18,012; available 55,000 - 18,012 = 36,988
--   ratio            5,706.30 / 55,000 = 0.1037509090...           -> 0.10375091
INSERT INTO demo.expected VALUES (3, 'today',
    55000, 55000, 0, 55000, 0, 15000,
    18012, 5706.3, 36988, 0, 0.10375091, 'healthy', NULL);

-- 4 BTC carries a debt in USDT: 2 BTC, owes 113,500 USDT
--   BTC              0.975 + 0.97 = 1.945; * 60,000       counts     116,700 of 120,000
--   equity           116,700 - 113,500                             =   3,200
--   net asset value  120,000 - 113,500                             =   6,500; haircut 3,300
--   debt             100,000 * 0.02 + 13,500 * 0.03 = 2,000 + 405  =   2,405, in maintenance and in initial
--   available        3,200 - 2,405                                 =     795
--   ratio            2,405 / 3,200                                 =       0.7515625, above 0.7
INSERT INTO demo.expected VALUES (4, 'today',
    3200, 116700, 113500, 6500, 3300, 0,
    2405, 2405, 795, 0, 0.7515625, 'warning', NULL);

-- 5 A stablecoin depegs: 100,000 USDC, owes 88,500 USDT
--   debt             88,500 * 0.02                                 =   1,770
--   today            100,000 - 88,500                              =  11,500; available 11,500 - 1,770 = 9,730
--   ratio            1,770 / 11,500 = 0.1539130434...              -> 0.15391304
--   USDC at 0.90     100,000 * 0.90 - 88,500 = 90,000 - 88,500     =   1,500; available 1,500 - 1,770 = -270
--   ratio            1,770 / 1,500                                 =       1.18; shortfall 270
INSERT INTO demo.expected VALUES (5, 'today',
    11500, 100000, 88500, 11500, 0, 0,
    1770, 1770, 9730, 0, 0.15391304, 'healthy', NULL);
INSERT INTO demo.expected VALUES (5, 'USDC at 0.90',
    1500, 90000, 88500, 1500, 0, 0,
    1770, 1770, -270, 270, 1.18, 'liquidation', NULL);

-- 6 A stale price: long 1,000 LTC_USDT_MAR, whose mark is older than its max_age
INSERT INTO demo.expected VALUES (6, 'today',
    NULL, NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, 'unpriced', '{LTC_USDT_MAR}');

-- 7 Bankrupt: 15,000 USDT, 0.05 BTC, long 2,000 AVAX_USDT from 42 at 5x
--   pnl              2,000 * (30.03 - 42)                          = -23,940
--   USDT             15,000 - 23,940                      owes         8,940
--   BTC              0.05 * 0.975 * 60,000                counts       2,925 of 3,000
--   equity           2,925 - 8,940                                 =  -6,015
--   net asset value  3,000 - 8,940                                 =  -5,940; haircut -5,940 + 6,015 = 75
--   notional         2,000 * 30.03                                 =  60,060
--   contract         25,000 * 0.02 + 35,060 * 0.03 = 500 + 1,051.80 = 1,551.80; + fee 30.03 = 1,581.83
--   debt             8,940 * 0.02                                  =     178.80
--   maintenance      1,581.83 + 178.80                             =   1,760.63
--   initial          greatest of 60,060 * 0.06 = 3,603.60, at 5x 60,060 / 5 = 12,012; + 178.80 = 12,190.80
--   available        -6,015 - 12,190.80                            = -18,205.80
--   shortfall        1,760.63 + 6,015                              =   7,775.63
--   ratio            none: equity is not positive
INSERT INTO demo.expected VALUES (7, 'today',
    -6015, 2925, 8940, -5940, 75, -23940,
    12190.8, 1760.63, -18205.8, 7775.63, NULL, 'bankrupt', NULL);

-- 8 Exactly at the margin call: 8,120 USDC, long 6,800 ETH_USDC (68 ETH) from 3,100
--   pnl              68 * (3,000 - 3,100)                          =  -6,800
--   equity           8,120 - 6,800                                 =   1,320
--   notional         68 * 3,000                                    = 204,000
--   maintenance      204,000 * 0.005 + 204,000 * 0.0005 = 1,020 + 102 = 1,122
--   threshold        0.85 * 1,320                                  =   1,122: reached
--   initial          204,000 * 0.01                                =   2,040; available 1,320 - 2,040 = -720
INSERT INTO demo.expected VALUES (8, 'today',
    1320, 1320, 0, 1320, 0, -6800,
    2040, 1122, -720, 0, 0.85, 'margin_call', NULL);

-- 9 A millionth of a dollar better: as 8, with 8,120.000001 USDC
--   threshold        0.85 * 1,320.000001                           =   1,122.00000085: not reached
--   ratio            1,122 / 1,320.000001 = 0.84999999935...       -> 0.85000000
INSERT INTO demo.expected VALUES (9, 'today',
    1320.000001, 1320.000001, 0, 1320.000001, 0, -6800,
    2040, 1122, -719.999999, 0, 0.85, 'warning', NULL);

-- 10 Gains carry losses: 1,000 USDT, long 20,000 BTC_USDT (2 BTC) from 50,000,
--   short 4,000 ETH_USDT (40 ETH) from 2,600
--   pnl BTC_USDT     2 * (60,060 - 50,000)                         =  20,120
--   pnl ETH_USDT     -40 * (3,003 - 2,600)                         = -16,120; together 4,000
--   equity           1,000 + 4,000                                 =   5,000
--   notionals        2 * 60,060 = 40 * 3,003                       = 120,120
--   maintenance      each 120,120 * 0.005 + 120,120 * 0.0005 = 600.60 + 60.06 = 660.66; both 1,321.32
--   initial          each 120,120 * 0.01 = 1,201.20; both 2,402.40; available 5,000 - 2,402.40 = 2,597.60
--   ratio            1,321.32 / 5,000                              =       0.264264
INSERT INTO demo.expected VALUES (10, 'today',
    5000, 5000, 0, 5000, 0, 4000,
    2402.4, 1321.32, 2597.6, 0, 0.264264, 'healthy', NULL);

-- 11 An asset that is no collateral: 1,000,000 TRX, 2,000 USDT, long 12,000 SOL_USDT (1,200 SOL)
--   from 150.15, the present mark
--   equity           TRX counts 0                                  =   2,000
--   net asset value  1,000,000 * 0.12 + 2,000                      = 122,000; haircut 120,000
--   notional         1,200 * 150.15                                = 180,180
--   maintenance      100,000 * 0.01 + 80,180 * 0.02 = 1,000 + 1,603.60 = 2,603.60; + fee 90.09 = 2,693.69
--   initial          180,180 * 0.04                                =   7,207.20
--   available        2,000 - 7,207.20                              =  -5,207.20
--   shortfall        2,693.69 - 2,000                              =     693.69
--   ratio            2,693.69 / 2,000                              =       1.346845
INSERT INTO demo.expected VALUES (11, 'today',
    2000, 2000, 0, 122000, 120000, 0,
    7207.2, 2693.69, -5207.2, 693.69, 1.346845, 'liquidation', NULL);

-- 12 An unknown symbol: 1 BTC and 5,000,000 PEPE
INSERT INTO demo.expected VALUES (12, 'today',
    NULL, NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, 'unpriced', '{PEPE}');

-- 13 A pool covers the fall of one asset: 1 BTC, 10 ETH, 200 SOL, owes 60,000 USDT
--   BTC              60,000 * 0.975                       counts      58,500
--   ETH              10 * 0.97 * 3,000                    counts      29,100
--   SOL              (100 * 0.95 + 100 * 0.93) * 150      counts      28,200
--   today            58,500 + 29,100 + 28,200 = 115,800; - 60,000  =  55,800
--   net asset value  60,000 + 30,000 + 30,000 - 60,000             =  60,000; haircut 4,200
--   debt             60,000 * 0.02                                 =   1,200; available 54,600
--   ratio            1,200 / 55,800 = 0.0215053763...              -> 0.02150538
--   SOL at half      28,200 / 2 = 14,100: 101,700 - 60,000         =  41,700; available 40,500
--   net asset value  60,000 - 15,000                               =  45,000; haircut 3,300
--   ratio            1,200 / 41,700 = 0.0287769784...              -> 0.02877698
INSERT INTO demo.expected VALUES (13, 'today',
    55800, 115800, 60000, 60000, 4200, 0,
    1200, 1200, 54600, 0, 0.02150538, 'healthy', NULL);
INSERT INTO demo.expected VALUES (13, 'SOL at half',
    41700, 101700, 60000, 45000, 3300, 0,
    1200, 1200, 40500, 0, 0.02877698, 'healthy', NULL);

-- 14 The same worth in one asset: 800 SOL, owes 60,000 USDT
--   SOL              (100 * 0.95 + 700 * 0.93) * 150 = 746 * 150   = 111,900 of 120,000
--   today            111,900 - 60,000                              =  51,900; haircut 8,100; available 50,700
--   ratio            1,200 / 51,900 = 0.0231213872...              -> 0.02312139
--   SOL at half      746 * 75 = 55,950; - 60,000                   =  -4,050; available -5,250
--   net asset value  800 * 75 - 60,000                             =       0; haircut 4,050
--   shortfall        1,200 + 4,050                                 =   5,250
INSERT INTO demo.expected VALUES (14, 'today',
    51900, 111900, 60000, 60000, 8100, 0,
    1200, 1200, 50700, 0, 0.02312139, 'healthy', NULL);
INSERT INTO demo.expected VALUES (14, 'SOL at half',
    -4050, 55950, 60000, 0, 4050, 0,
    1200, 1200, -5250, 5250, NULL, 'bankrupt', NULL);

-- Today's figures come from the view desk.account_margin (through its function
-- of one account), the others from the stored markets.
CREATE VIEW demo.computed AS
    SELECT 'today' AS scenario, m.*
    FROM demo.story AS s, LATERAL desk.account_margin(s.account_id) AS m
UNION ALL
    SELECT scenario, account_id, (margin.evaluate(portfolio, market)).*
    FROM demo.scenario,
         (SELECT * FROM desk.account_portfolio JOIN demo.story USING (account_id)) AS p
    WHERE scenario <> 'today';
COMMENT ON VIEW demo.computed IS 'what margin makes of the stories, today and in the stored markets';

-- Numbers are compared as numbers: 0.85 is 0.85000000.
CREATE VIEW demo.wrong AS
    SELECT e.account_id, e.scenario, f.figure, f.by_hand, f.computed
    FROM demo.expected AS e
    LEFT JOIN demo.computed AS c USING (account_id, scenario),
         LATERAL (VALUES
             ('equity', e.equity::text, c.equity::text, e.equity IS NOT DISTINCT FROM c.equity),
             ('collateral_value', e.collateral_value::text, c.collateral_value::text,
              e.collateral_value IS NOT DISTINCT FROM c.collateral_value),
             ('liabilities', e.liabilities::text, c.liabilities::text, e.liabilities IS NOT DISTINCT FROM c.liabilities),
             ('net_asset_value', e.net_asset_value::text, c.net_asset_value::text,
              e.net_asset_value IS NOT DISTINCT FROM c.net_asset_value),
             ('haircut', e.haircut::text, c.haircut::text, e.haircut IS NOT DISTINCT FROM c.haircut),
             ('unrealized_pnl', e.unrealized_pnl::text, c.unrealized_pnl::text,
              e.unrealized_pnl IS NOT DISTINCT FROM c.unrealized_pnl),
             ('initial_margin', e.initial_margin::text, c.initial_margin::text,
              e.initial_margin IS NOT DISTINCT FROM c.initial_margin),
             ('maintenance_margin', e.maintenance_margin::text, c.maintenance_margin::text,
              e.maintenance_margin IS NOT DISTINCT FROM c.maintenance_margin),
             ('available_margin', e.available_margin::text, c.available_margin::text,
              e.available_margin IS NOT DISTINCT FROM c.available_margin),
             ('shortfall', e.shortfall::text, c.shortfall::text, e.shortfall IS NOT DISTINCT FROM c.shortfall),
             ('margin_ratio', e.margin_ratio::text, c.margin_ratio::text, e.margin_ratio IS NOT DISTINCT FROM c.margin_ratio),
             ('level', e.level::text, c.level::text, e.level IS NOT DISTINCT FROM c.level),
             ('missing', e.missing::text, c.missing::text, e.missing IS NOT DISTINCT FROM c.missing)
         ) AS f (figure, by_hand, computed, same)
    WHERE NOT f.same;
COMMENT ON VIEW demo.wrong IS 'figures where margin and the computation by hand disagree; empty';

COMMIT;
