-- page_style: how the page looks, by day and by night, at any width, on paper

-- A table is one where it fits, by its class (html_width()), and else a card for
-- each row: nothing is cut, and nothing scrolls sideways.
CREATE FUNCTION margin_internal.page_cards(class text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN replace($css$
  .KIND, .KIND caption, .KIND tbody { display: block; } .KIND thead { display: none; }
  .KIND tr { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: .15rem .8rem; padding: .5rem 0; border-bottom: 1px solid var(--rule); break-inside: avoid; }
  .KIND th, .KIND td, .KIND td.n { display: block; border: 0; padding: 0; text-align: left; white-space: normal; } .KIND th { grid-column: 1 / -1; font-weight: 600; }
  .KIND td::before { content: attr(data-of); display: block; font-size: .72rem; color: var(--soft); }
$css$, 'KIND', class);
COMMENT ON FUNCTION margin_internal.page_cards(text) IS 'the rules that show each row of the tables of a class as a card';

CREATE FUNCTION margin_internal.page_style() RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN concat($css$
:root { color-scheme: light dark; --page: #fff; --panel: #f6f8fa; --ink: #1b1f24; --soft: #57606a; --rule: #d9dee4; --link: #0a58b0; --bar: #2f6fb2; --beyond: #b9d0e8;
  --healthy: #4c9f70; --warning: #e3b341; --margin_call: #e08a3c; --liquidation: #d1495b; --bankrupt: #7b2d43; --unpriced: #8a94a0; }
@media screen and (prefers-color-scheme: dark) {
  :root { --page: #14181d; --panel: #1b2128; --ink: #e4e8ec; --soft: #9aa5b1; --rule: #313a44; --link: #7db4f0; --bar: #6ea8e0; --beyond: #34506d;
    --healthy: #5bb585; --warning: #e8c25a; --margin_call: #e79a54; --liquidation: #e46a7a; --bankrupt: #c46a86; --unpriced: #7d8894; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0 auto; padding: 1rem; max-width: 76rem; background: var(--page); color: var(--ink); font: 16px/1.45 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .5rem; padding-top: .6rem; border-top: 2px solid var(--rule); } h3 { font-size: 1rem; margin: 1rem 0 .3rem; }
p { margin: .3rem 0; max-width: 60rem; } small, figcaption, caption, .note, .none, .more { color: var(--soft); } a { color: var(--link); } h2 a { color: inherit; text-decoration: none; }
code { font: .85em/1.3 ui-monospace, monospace; } header p b { font-size: 1.05rem; }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin: .8rem 0 0; padding: 0; font-size: .9rem; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(11.5rem, 1fr)); gap: .5rem; margin: 1rem 0; }
dl div { background: var(--panel); border: 1px solid var(--rule); border-radius: .4rem; padding: .45rem .7rem; } dt { color: var(--soft); font-size: .82rem; } dd { margin: 0; font-size: 1.1rem; font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; width: 100%; margin: .6rem 0; font-size: .875rem; } table.small { width: auto; min-width: min(24rem, 100%); } caption { text-align: left; padding: .2rem 0; caption-side: top; }
th, td { text-align: left; padding: .25rem .5rem; border-bottom: 1px solid var(--rule); vertical-align: top; overflow-wrap: anywhere; } thead th { color: var(--soft); font-weight: 600; vertical-align: bottom; overflow-wrap: normal; }
tbody th { font-weight: 500; } td.n { white-space: nowrap; font-variant-numeric: tabular-nums; } td.n, th.n { text-align: right; }
svg { display: block; width: 100%; } .stack { height: 1.6rem; border-radius: .3rem; } .stacks { display: grid; gap: .2rem; margin: .5rem 0 1rem; }
.bars { margin: .5rem 0 1rem; } .bars div { display: grid; grid-template-columns: minmax(0, 25%) minmax(2rem, 1fr) minmax(0, 30%); gap: .6rem; align-items: center; margin: .15rem 0; font-size: .875rem; }
.bars svg { height: .9rem; background: var(--panel); } .bar { fill: var(--bar); } .beyond { fill: var(--beyond); } .n { text-align: right; font-variant-numeric: tabular-nums; }
.lines { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(19rem, 100%), 1fr)); gap: 1rem 1.5rem; margin: .6rem 0; } .pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr)); gap: 0 2rem; }
figure { margin: 0; min-width: 0; } figure b { color: var(--ink); } .plot { display: grid; grid-template-columns: fit-content(25%) minmax(0, 1fr); gap: 0 .4rem; } .plot svg { height: 5.5rem; border-left: 1px solid var(--soft); border-bottom: 1px solid var(--soft); }
.y { display: flex; flex-direction: column; justify-content: space-between; text-align: right; font-size: .7rem; font-variant-numeric: tabular-nums; } .x { grid-column: 2; display: flex; justify-content: space-between; font-size: .7rem; } .each { font-size: .62rem; } .each span { flex: 1 1 0; text-align: center; white-space: nowrap; }
.grid { stroke: var(--rule); fill: none; vector-effect: non-scaling-stroke; } polyline { fill: none; stroke: var(--bar); stroke-width: 1.75; vector-effect: non-scaling-stroke; }
.chip { display: inline-block; width: .7rem; height: .7rem; border-radius: .15rem; margin-right: .4rem; }
details { border-top: 1px solid var(--rule); padding: .4rem 0; } summary { cursor: pointer; } pre { white-space: pre-wrap; font: inherit; font-size: .9rem; margin: .4rem 0; }
footer { margin-top: 2.5rem; padding-top: .6rem; border-top: 2px solid var(--rule); font-size: .85rem; color: var(--soft); }
$css$, margin_internal.page_cards('cards'),
'@media screen and (max-width: 74rem) {', margin_internal.page_cards('wide'), '}',
'@media screen and (max-width: 60rem) {', margin_internal.page_cards('large'), '}',
'@media screen and (max-width: 46rem) {', margin_internal.page_cards('middle'), '}',
'@media print {', margin_internal.page_cards('wide'), $css$
  @page { size: A4; margin: 14mm 13mm; }
  html { font-size: 75%; } body { padding: 0; max-width: none; font-size: 1rem; } h2, h3 { break-after: avoid; } nav { display: none; }
  table.large { font-size: .8rem; } thead { display: table-header-group; } tr, figure, dl div, .bars div { break-inside: avoid; } caption { break-after: avoid; }
  .chip, .bars svg { print-color-adjust: exact; -webkit-print-color-adjust: exact; } details::details-content { content-visibility: visible; } a { color: inherit; text-decoration: none; }
}
$css$);
COMMENT ON FUNCTION margin_internal.page_style() IS 'the style sheet of the page, by day and by night, on a desk, on a phone and on paper';
