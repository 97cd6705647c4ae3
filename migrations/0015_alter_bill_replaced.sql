-- +goose Up
-- A bill may be replaced by one of the body that took over, in another book. As with claims, a row names one of another
-- book by its reference, which begins with that book, and without a foreign key.
ALTER TABLE gateway.bill
    DROP CONSTRAINT bill_replaced_by_a_bill,
    ADD CONSTRAINT bill_replaced_by_another CHECK (replaced_by <> ref);
