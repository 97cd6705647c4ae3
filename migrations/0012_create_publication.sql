-- +goose Up
-- An exclusion constraint on a text beside a range needs the operators of btree_gist. The extension is part of PostgreSQL
-- and trusted: the database's owner may create it.
CREATE EXTENSION IF NOT EXISTS btree_gist;

-- The documents of the law and the catalogue: each text once, under its own digest.
CREATE TABLE gateway.law_text (
    digest  text  NOT NULL, -- SHA-256 in hex
    content bytea NOT NULL,
    CONSTRAINT law_text_pk PRIMARY KEY (digest),
    CONSTRAINT law_text_digest CHECK (digest = encode(sha256(content), 'hex')),
    CONSTRAINT law_text_size CHECK (octet_length(content) BETWEEN 1 AND 1048576)
);

-- What became known, and since when.
CREATE TABLE gateway.publication (
    revision     bigint      NOT NULL,
    known_since  timestamptz NOT NULL,
    published_by text        NOT NULL, -- the second person; for the first one the program that brought it
    draft        bigint,               -- what that person approved; NULL: the first one
    written_in   xid8        NOT NULL DEFAULT pg_current_xact_id(), -- the transaction in which it may say what it says
    CONSTRAINT publication_pk PRIMARY KEY (revision),
    CONSTRAINT publication_draft_once UNIQUE (draft),
    CONSTRAINT publication_of_draft UNIQUE (revision, draft),
    CONSTRAINT publication_drafted CHECK ((revision = 1) = (draft IS NULL)),
    CONSTRAINT publication_one_a_time UNIQUE (known_since),
    CONSTRAINT publication_known_once UNIQUE (revision, known_since),
    CONSTRAINT publication_counted CHECK (revision > 0),
    CONSTRAINT publication_by CHECK (published_by <> '')
);

-- Which text stands under a name, and from when until when that is what is known.
CREATE TABLE gateway.law_document (
    name        text        NOT NULL,
    revision    bigint      NOT NULL,
    digest      text        NOT NULL,
    known_from  timestamptz NOT NULL,
    known_until timestamptz,          -- NULL: still
    CONSTRAINT law_document_pk PRIMARY KEY (name, revision),
    CONSTRAINT law_document_text FOREIGN KEY (digest) REFERENCES gateway.law_text (digest),
    CONSTRAINT law_document_published FOREIGN KEY (revision, known_from) REFERENCES gateway.publication (revision, known_since),
    CONSTRAINT law_document_replaced FOREIGN KEY (known_until) REFERENCES gateway.publication (known_since),
    CONSTRAINT law_document_known CHECK (known_from < known_until),
    CONSTRAINT law_document_one_a_time EXCLUDE USING gist (name WITH =, tstzrange(known_from, known_until) WITH &&)
);

-- Every dated version of every component and parameter: the days on which it is the law, and the time in which that is
-- what is known. Two versions of one thing never hold on one day, as known at one instant.
CREATE TABLE gateway.law_version (
    id          bigint GENERATED ALWAYS AS IDENTITY,
    document    text        NOT NULL,
    revision    bigint      NOT NULL,
    of          text        NOT NULL, -- service or parameter
    component   text        NOT NULL, -- of a service; '' of a parameter
    charges     text[]      NOT NULL, -- of its lines; none of a parameter
    optional    boolean     NOT NULL, -- outside the component's versions there is no such line
    name_vi     text        NOT NULL,
    name_en     text        NOT NULL,
    valid_from  date        NOT NULL,
    valid_until date,                 -- last day; NULL: open
    known_from  timestamptz NOT NULL,
    known_until timestamptz,
    act_vi      text        NOT NULL,
    act_en      text        NOT NULL,
    unknown     boolean     NOT NULL, -- the law has an amount that is not on file
    provisional boolean     NOT NULL,
    digest      text        NOT NULL, -- of its content
    CONSTRAINT law_version_pk PRIMARY KEY (id),
    CONSTRAINT law_version_published FOREIGN KEY (revision, known_from) REFERENCES gateway.publication (revision, known_since),
    CONSTRAINT law_version_replaced FOREIGN KEY (known_until) REFERENCES gateway.publication (known_since),
    CONSTRAINT law_version_named CHECK (of <> '' AND name_en <> '' AND digest <> ''),
    CONSTRAINT law_version_valid CHECK (valid_from <= valid_until),
    CONSTRAINT law_version_known CHECK (known_from < known_until),
    CONSTRAINT law_version_one_a_day EXCLUDE USING gist (of WITH =, component WITH =,
        daterange(valid_from, valid_until, '[]') WITH &&, tstzrange(known_from, known_until) WITH &&)
);

-- What a publication makes known, and what it ends, is written in its own transaction or never: so what was known at an
-- instant cannot be added to or taken from afterwards, nor at any instant but the last publication's. A CHECK sees neither
-- other rows nor the old one, and a privilege only which column changes: it takes a trigger.
-- +goose StatementBegin
CREATE FUNCTION gateway.check_known() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    published timestamptz := (
        SELECT p.known_since FROM gateway.publication p
        WHERE p.revision = (SELECT max(revision) FROM gateway.publication) AND p.written_in = pg_current_xact_id());
BEGIN
    IF published IS NULL
        OR TG_OP = 'INSERT' AND (NEW.known_from <> published OR NEW.known_until IS NOT NULL)
        OR TG_OP = 'UPDATE' AND (NEW.known_until IS DISTINCT FROM published OR OLD.known_until IS NOT NULL) THEN
        RAISE EXCEPTION 'what was known is never changed: publish a correction'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER law_document_known_once BEFORE INSERT OR UPDATE ON gateway.law_document
    FOR EACH ROW EXECUTE FUNCTION gateway.check_known();
CREATE TRIGGER law_version_known_once BEFORE INSERT OR UPDATE ON gateway.law_version
    FOR EACH ROW EXECUTE FUNCTION gateway.check_known();

-- Documents that somebody wants published. What is in a draft never changes: another text is another draft.
CREATE TABLE gateway.law_draft (
    id          bigint GENERATED ALWAYS AS IDENTITY,
    base        bigint      NOT NULL, -- the revision it was drafted from
    digest      text        NOT NULL, -- of its documents and of what they replace
    changes     jsonb       NOT NULL, -- what it changes, as the second person sees it
    services    text[]      NOT NULL, -- whose quotes can change
    drafted_by  text        NOT NULL,
    drafted_at  timestamptz NOT NULL,
    state       text        NOT NULL DEFAULT 'drafted',
    approval    bigint,               -- the request a second person decides
    proposed_by text,
    proposed_at timestamptz,
    decided_by  text,
    decided_at  timestamptz,
    revision    bigint,               -- what it became
    reason      text        NOT NULL DEFAULT '',
    CONSTRAINT law_draft_pk PRIMARY KEY (id),
    CONSTRAINT law_draft_base FOREIGN KEY (base) REFERENCES gateway.publication (revision),
    CONSTRAINT law_draft_approval FOREIGN KEY (approval) REFERENCES gateway.approval (id),
    CONSTRAINT law_draft_publication FOREIGN KEY (revision, id) REFERENCES gateway.publication (revision, draft),
    CONSTRAINT law_draft_published_once UNIQUE (revision),
    CONSTRAINT law_draft_state CHECK (state IN ('drafted', 'proposed', 'published', 'rejected')),
    CONSTRAINT law_draft_proposed CHECK (
        (proposed_by IS NULL) = (approval IS NULL) AND (proposed_by IS NULL) = (proposed_at IS NULL)
        AND (state <> 'drafted' OR proposed_by IS NULL) AND (state NOT IN ('proposed', 'published') OR proposed_by IS NOT NULL)),
    CONSTRAINT law_draft_decided CHECK ((state IN ('published', 'rejected')) = (decided_by IS NOT NULL AND decided_at IS NOT NULL)),
    CONSTRAINT law_draft_published CHECK ((state = 'published') = (revision IS NOT NULL)),
    CONSTRAINT law_draft_second_person CHECK (state <> 'published' OR (decided_by <> drafted_by AND decided_by <> proposed_by)),
    CONSTRAINT law_draft_reason_short CHECK (octet_length(reason) <= 200)
);

CREATE TABLE gateway.law_draft_document (
    draft    bigint NOT NULL,
    name     text   NOT NULL,
    digest   text   NOT NULL,
    replaces text   NOT NULL, -- digest of the text that stood there; '': none did
    CONSTRAINT law_draft_document_pk PRIMARY KEY (draft, name),
    CONSTRAINT law_draft_document_draft FOREIGN KEY (draft) REFERENCES gateway.law_draft (id),
    CONSTRAINT law_draft_document_text FOREIGN KEY (digest) REFERENCES gateway.law_text (digest),
    CONSTRAINT law_draft_document_differs CHECK (digest <> replaces)
);

ALTER TABLE gateway.publication ADD CONSTRAINT publication_draft FOREIGN KEY (draft) REFERENCES gateway.law_draft (id);

-- Publications follow one after another, in number and in time, and each but the first publishes what a second person
-- approved.
-- +goose StatementBegin
CREATE FUNCTION gateway.check_publication() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last gateway.publication := (SELECT p FROM gateway.publication p ORDER BY revision DESC LIMIT 1);
BEGIN
    IF NEW.revision <> coalesce(last.revision, 0) + 1 OR NEW.known_since <= last.known_since THEN
        RAISE EXCEPTION 'publications follow one after another'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'publication_in_order';
    END IF;
    IF NEW.draft IS NOT NULL AND NOT EXISTS (
        SELECT FROM gateway.law_draft d JOIN gateway.approval a ON a.id = d.approval
        WHERE d.id = NEW.draft AND d.state = 'proposed' AND a.kind = 'law' AND a.ref = 'law-' || d.id AND a.digest = d.digest
          AND a.state = 'approved' AND a.approved_by = NEW.published_by AND d.drafted_by <> NEW.published_by) THEN
        RAISE EXCEPTION 'a publication is what a second person approved'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'publication_second_person';
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER publication_checked BEFORE INSERT ON gateway.publication
    FOR EACH ROW EXECUTE FUNCTION gateway.check_publication();

-- A draft goes on and never back: what was published or rejected is final, and what was proposed stays what was proposed.
-- +goose StatementBegin
CREATE FUNCTION gateway.check_draft_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT (OLD.state = 'drafted' AND NEW.state IN ('proposed', 'rejected')
        OR OLD.state = 'proposed' AND NEW.state IN ('published', 'rejected')
            AND (NEW.approval, NEW.proposed_by, NEW.proposed_at) = (OLD.approval, OLD.proposed_by, OLD.proposed_at)) THEN
        RAISE EXCEPTION 'a draft that was decided is final: draft the documents again'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER law_draft_goes_on BEFORE UPDATE ON gateway.law_draft
    FOR EACH ROW EXECUTE FUNCTION gateway.check_draft_step();

GRANT SELECT, INSERT (revision, known_since, published_by, draft) ON gateway.publication TO exchequer_app;
GRANT SELECT, INSERT ON gateway.law_text, gateway.law_document, gateway.law_version,
    gateway.law_draft_document TO exchequer_app;
GRANT SELECT, INSERT (base, digest, changes, services, drafted_by, drafted_at) ON gateway.law_draft TO exchequer_app;
GRANT UPDATE (known_until) ON gateway.law_document, gateway.law_version TO exchequer_app;
GRANT UPDATE (state, approval, proposed_by, proposed_at, decided_by, decided_at, revision, reason) ON gateway.law_draft TO exchequer_app;

-- +goose Down
DROP TABLE gateway.law_draft_document, gateway.law_draft, gateway.law_version, gateway.law_document, gateway.publication,
    gateway.law_text;
DROP FUNCTION gateway.check_known(), gateway.check_publication(), gateway.check_draft_step();
-- The extension stays: others of this database may use it.
