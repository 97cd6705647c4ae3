-- +goose Up
-- A rehearsal reads the last editions of a service's bills day by day; the index has them in that order.
CREATE INDEX bill_by_service_day ON gateway.bill (service, quote_date, book, ref) WHERE replaced_by IS NULL;

-- +goose Down
DROP INDEX gateway.bill_by_service_day;
