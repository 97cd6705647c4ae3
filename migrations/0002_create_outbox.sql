-- +goose Up
CREATE SCHEMA gateway;
GRANT USAGE ON SCHEMA gateway TO exchequer_app;

-- Work that somebody asked for, written in the transaction that needs it. Rows are only ever inserted by askers, so
-- that asking never waits for another asker; rows of one (book, kind, ref) are merged when one of them is run.
CREATE TABLE gateway.outbox (
    id          bigint GENERATED ALWAYS AS IDENTITY,
    book        text        NOT NULL,
    kind        text        NOT NULL,
    ref         text        NOT NULL,
    due         timestamptz NOT NULL,            -- in the program's clock
    state       text        NOT NULL DEFAULT 'waiting',
    attempt     integer     NOT NULL DEFAULT 0,  -- how often it was handed out; a stale attempt may not run
    failures    integer     NOT NULL DEFAULT 0,  -- runs in a row that ended in an error
    last_error  text        NOT NULL DEFAULT '', -- a code, never a message: messages could hold personal data
    worker      integer,                         -- whose hand it is in
    handed_at   timestamptz,                     -- wall clock of the machine: a lease must not follow a jumping clock
    retry_at    timestamptz,                     -- wall clock: not before this after a failed run; due stays, so that lateness shows
    enqueued_at timestamptz,                     -- in the program's clock
    done_at     timestamptz,                     -- in the program's clock
    merged_into bigint,                          -- the row whose run covered this one
    CONSTRAINT outbox_pk PRIMARY KEY (id),
    CONSTRAINT outbox_state CHECK (state IN ('waiting', 'queued', 'running', 'done')),
    CONSTRAINT outbox_kind CHECK (kind <> ''),
    CONSTRAINT outbox_in_hand CHECK ((state IN ('queued', 'running')) = (worker IS NOT NULL AND handed_at IS NOT NULL)),
    CONSTRAINT outbox_done CHECK ((state = 'done') = (done_at IS NOT NULL))
) WITH (
    -- Every row is changed three or four times within seconds and then lies still: clean up by what changed, not by a
    -- share of all that was ever done.
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 10000
);
CREATE INDEX outbox_waiting ON gateway.outbox (due, id) WHERE state = 'waiting';
CREATE INDEX outbox_waiting_key ON gateway.outbox (book, kind, ref) WHERE state = 'waiting';
-- One run at a time of one piece of work, whatever the relays believe.
CREATE UNIQUE INDEX outbox_one_in_hand ON gateway.outbox (book, kind, ref) WHERE state IN ('queued', 'running');
CREATE INDEX outbox_done_at ON gateway.outbox (done_at) WHERE state = 'done';

CREATE SEQUENCE gateway.outbox_worker AS integer CYCLE;

-- The name of this installation's queue: databases that share one Redis must not take each other's tasks.
CREATE TABLE gateway.outbox_queue (
    name text NOT NULL,
    CONSTRAINT outbox_queue_pk PRIMARY KEY (name)
);
INSERT INTO gateway.outbox_queue (name) VALUES (gen_random_uuid()::text);

GRANT SELECT, INSERT, UPDATE, DELETE ON gateway.outbox TO exchequer_app;
GRANT SELECT ON gateway.outbox_queue TO exchequer_app;
GRANT USAGE ON SEQUENCE gateway.outbox_worker TO exchequer_app;

-- +goose Down
DROP SCHEMA gateway CASCADE;
