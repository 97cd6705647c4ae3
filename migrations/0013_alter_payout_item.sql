-- +goose Up
-- Each budget line goes to an account of its own, so the lines of one payment for one body may be in several payouts.
-- What is held is therefore a line of a payment. Not (payment, account): an account that changes between two payouts
-- would free the payment for a second one.
ALTER TABLE gateway.payout_item ADD COLUMN line int;
DROP INDEX gateway.payout_item_once;
ALTER TABLE gateway.payout_item DROP CONSTRAINT payout_item_pk;

-- An item of before held a payment's whole part for a body: all its lines.
INSERT INTO gateway.payout_item (book, payout, attempt, body, line, amount, held)
SELECT i.book, i.payout, i.attempt, i.body, l.no, l.amount, i.held
FROM gateway.payout_item i JOIN gateway.payment_line l ON l.book = i.book AND l.attempt = i.attempt AND l.body = i.body;
DELETE FROM gateway.payout_item WHERE line IS NULL;

ALTER TABLE gateway.payout_item
    DROP COLUMN body,
    DROP CONSTRAINT payout_item_payment,
    ALTER COLUMN line SET NOT NULL,
    ADD CONSTRAINT payout_item_pk PRIMARY KEY (book, payout, attempt, line),
    ADD CONSTRAINT payout_item_line FOREIGN KEY (book, attempt, line) REFERENCES gateway.payment_line (book, attempt, no);
-- No line is paid out twice: this index is the guard.
CREATE UNIQUE INDEX payout_item_once ON gateway.payout_item (book, attempt, line) WHERE held;

-- Which treasury unit or bank keeps account_to: a number alone may stand for accounts at several. Payouts of before have none.
ALTER TABLE gateway.payout ADD COLUMN account_at text NOT NULL DEFAULT '';
