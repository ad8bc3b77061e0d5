-- rules: how the book is run

CREATE TABLE book_rule (
    rule   text,
    value  text NOT NULL,
    CONSTRAINT book_rule_pkey PRIMARY KEY (rule),
    CONSTRAINT book_rule_rule_known CHECK (rule IN ('unrealized_gains_carry')),
    CONSTRAINT book_rule_unrealized_gains_carry_known CHECK (rule <> 'unrealized_gains_carry' OR value IN ('true', 'false'))
);
COMMENT ON TABLE book_rule IS 'rules of the book; one without a row has its default: unrealized_gains_carry true';
COMMENT ON COLUMN book_rule.rule IS 'unrealized_gains_carry';
COMMENT ON COLUMN book_rule.value IS
'true or false. unrealized_gains_carry: with false the guard judges a transaction that lowers a balance as if the net unrealized profit in each settlement asset were not there, as margin.max_withdrawal(..., with_unrealized => false) does, so that no profit on paper is paid out';
COMMENT ON CONSTRAINT book_rule_rule_known ON book_rule IS 'an unknown rule would have no effect, and look as if it had';
COMMENT ON CONSTRAINT book_rule_unrealized_gains_carry_known ON book_rule IS 'true or false';
