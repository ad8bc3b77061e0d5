-- margin: the schemas, before all else
--
-- The script runs as superuser.  Names resolve in pg_catalog alone; ours are
-- written with their schema.  The extension makes its schemas itself, so
-- nobody has put a function into them that fits a call better than the one
-- that is meant; and a restore, whose extension makes them, too, does not meet
-- them again.
SET LOCAL search_path = pg_catalog, pg_temp;

CREATE SCHEMA margin;
COMMENT ON SCHEMA margin IS 'margin accounts: types, functions and aggregates; what users edit is in venues and books, schemas of their own';
GRANT USAGE ON SCHEMA margin TO PUBLIC;

-- What stands here is called by venues, books and functions of margin.  Each
-- function checks what it has to; that it may be named by everybody is what
-- lets a dump be restored by whoever owns a book.
CREATE SCHEMA margin_internal;
COMMENT ON SCHEMA margin_internal IS 'what venues, books and the functions of margin are made of; nothing to call by hand';
GRANT USAGE ON SCHEMA margin_internal TO PUBLIC;

