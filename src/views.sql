-- views: every account of margin.balance and margin.position in the market of
-- margin.market().  They are the book that everybody has; create_views.sql says what
-- is in it.

SELECT margin.create_views('margin'::name, 'margin.balance'::regclass, 'margin.position'::regclass);

ALTER VIEW margin.holding OWNER TO @extowner@;
ALTER VIEW margin.account_margin OWNER TO @extowner@;
ALTER VIEW margin.undercollateralized OWNER TO @extowner@;
ALTER VIEW margin.unpriced OWNER TO @extowner@;
ALTER VIEW margin.account_collateral OWNER TO @extowner@;
ALTER VIEW margin.account_position OWNER TO @extowner@;
