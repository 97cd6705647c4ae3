-- +goose Up
-- The program reads which steps were made here, to refuse a schema that is not its own; only the owner makes them.
GRANT SELECT ON public.goose_db_version, public.ledger_goose_version TO exchequer_app;
