-- since 1.0: what CREATE OR REPLACE cannot do to a database of that release
--
-- The first part of the update script, which the build writes (update): types and
-- domains altered, functions dropped that are gone or have other arguments or another
-- result, and operators and casts that are others now. What is new, or has another body,
-- is made without a word here.

-- another result
DROP FUNCTION margin_internal.present_epoch(margin.market, numeric[]);
