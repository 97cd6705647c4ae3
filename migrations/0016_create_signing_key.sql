-- +goose Up
-- The signing keys that servers on this database publish, each with the last time that one did. Keys themselves stand in
-- state folders only; what is signed with one that no server publishes nobody could check.
CREATE TABLE gateway.signing_key (
    kid          text        NOT NULL,
    published_at timestamptz NOT NULL, -- by the machines' clock
    CONSTRAINT signing_key_pk PRIMARY KEY (kid),
    CONSTRAINT signing_key_named CHECK (kid <> '')
);
GRANT SELECT, INSERT, UPDATE (published_at) ON gateway.signing_key TO exchequer_app;

-- +goose Down
DROP TABLE gateway.signing_key;
