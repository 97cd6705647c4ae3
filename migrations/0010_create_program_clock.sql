-- +goose Up
-- The clock of a program that plays the story: where it stood, and when (by the machine's clock) it was last written
-- down. Without a row the machine's clock holds.
CREATE TABLE gateway.program_clock (
    one      boolean     PRIMARY KEY DEFAULT true,
    program  timestamptz NOT NULL,
    machine  timestamptz NOT NULL,
    CONSTRAINT program_clock_is_one CHECK (one)
);

-- The runs of the story; each plays four business days. A run without an end goes on where it was.
CREATE TABLE gateway.story_run (
    run       int  PRIMARY KEY,
    first_day date NOT NULL,
    steps     int  NOT NULL DEFAULT 0,  -- steps that are done
    ended_at  timestamptz
);

GRANT SELECT, INSERT, UPDATE ON gateway.program_clock, gateway.story_run TO exchequer_app;
