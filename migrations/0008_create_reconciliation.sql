-- +goose Up
-- What partners say, and how it meets what is booked. Files, statements and their lines belong to no collecting body:
-- they stand in the house's book ('000'). A break stands in the book whose money it is about, else in the house's.

-- Every file that came in, known by its content. Only an applied one changed anything.
CREATE TABLE gateway.partner_file (
    book        text        NOT NULL,
    kind        text        NOT NULL,  -- settlement: a provider's file; statement: a bank's
    partner     text        NOT NULL,  -- provider, or bank account
    digest      text        NOT NULL,  -- SHA-256 of the content in canonical form, hex
    day         date        NOT NULL,
    state       text        NOT NULL,
    entries     integer     NOT NULL,
    imported_by text        NOT NULL,
    imported_at timestamptz NOT NULL,
    CONSTRAINT partner_file_content_once PRIMARY KEY (book, kind, partner, digest),
    CONSTRAINT partner_file_kind CHECK (kind IN ('settlement', 'statement')),
    -- faulty: it contradicts itself; restated: another content for a day that is already applied. Both wait for a person.
    CONSTRAINT partner_file_state CHECK (state IN ('applied', 'faulty', 'restated'))
);
CREATE UNIQUE INDEX partner_file_one_applied ON gateway.partner_file (book, kind, partner, day) WHERE state = 'applied';

-- What a provider announces to pay over in one credit.
CREATE TABLE gateway.settlement_batch (
    book        text   NOT NULL,
    partner     text   NOT NULL,
    batch       text   NOT NULL,  -- appears in the remittance text of the credit
    digest      text   NOT NULL,  -- of the file
    merchant    text   NOT NULL,
    day         date   NOT NULL,  -- the settlement day
    currency    text   NOT NULL DEFAULT 'VND',
    net         bigint NOT NULL,  -- the credit as announced
    credited_by text   NOT NULL DEFAULT '',  -- statement line key
    CONSTRAINT settlement_batch_once PRIMARY KEY (book, partner, batch),
    CONSTRAINT settlement_batch_net CHECK (net >= 0)
);
CREATE INDEX settlement_batch_by_name ON gateway.settlement_batch (book, batch);

CREATE TABLE gateway.settlement_line (
    book        text        NOT NULL,
    partner     text        NOT NULL,
    batch       text        NOT NULL,
    no          integer     NOT NULL,  -- from 1
    ref         text        NOT NULL,  -- attempt, as the provider names it
    provider_id text        NOT NULL,
    paid_at     timestamptz,
    amount      bigint      NOT NULL,
    fee         bigint      NOT NULL,  -- kept back
    state       text        NOT NULL,
    CONSTRAINT settlement_line_pk PRIMARY KEY (book, partner, batch, no),
    CONSTRAINT settlement_line_batch FOREIGN KEY (book, partner, batch) REFERENCES gateway.settlement_batch (book, partner, batch),
    -- announced: its expectations carry the batch. The others are breaks; their money goes to unallocated.
    CONSTRAINT settlement_line_state CHECK (state IN ('announced', 'missing_here', 'duplicate', 'amount_differs'))
);
CREATE INDEX settlement_line_by_ref ON gateway.settlement_line (book, partner, ref);

-- One statement an account and day, as applied. opening + credits - debits = closing.
CREATE TABLE gateway.bank_statement (
    book         text        NOT NULL,
    account      text        NOT NULL,
    day          date        NOT NULL,  -- the day of the closing balance
    statement_id text        NOT NULL,
    currency     text        NOT NULL DEFAULT 'VND',
    opening      bigint      NOT NULL,
    closing      bigint      NOT NULL,
    credits      bigint      NOT NULL,
    debits       bigint      NOT NULL,
    entries      integer     NOT NULL,
    digest       text        NOT NULL,
    imported_at  timestamptz NOT NULL,
    CONSTRAINT bank_statement_one_a_day PRIMARY KEY (book, account, day),
    CONSTRAINT bank_statement_foots CHECK (opening + credits - debits = closing),
    CONSTRAINT bank_statement_sums CHECK (credits >= 0 AND debits >= 0)
);

CREATE TABLE gateway.bank_statement_line (
    book          text    NOT NULL,
    account       text    NOT NULL,
    day           date    NOT NULL,  -- the statement's
    no            integer NOT NULL,  -- from 1, in the statement's order
    credit        boolean NOT NULL,
    amount        bigint  NOT NULL,
    currency      text    NOT NULL DEFAULT 'VND',
    booked_on     date    NOT NULL,  -- the bank's booking date
    end_to_end_id text    NOT NULL DEFAULT '',
    bank_ref      text    NOT NULL DEFAULT '',
    reversal      boolean NOT NULL DEFAULT false,  -- the bank takes back what it booked
    -- may name a person: never copied into a break, finding, audit row or log, and blanked once nobody needs it any more:
    -- when the line is matched, and of a break by whoever closes it
    remittance    text    NOT NULL DEFAULT '',
    -- waiting: stored, not decided yet (a crash in the middle); importing the same file again goes on with these
    state         text    NOT NULL DEFAULT 'waiting',
    -- of a matched line: settlement, payout, funding; of a break: its kind in gateway.break
    kind          text    NOT NULL DEFAULT '',
    matched_book  text    NOT NULL DEFAULT '',  -- of a payout; the house's for the others
    matched_ref   text    NOT NULL DEFAULT '',  -- batch, payout or funding reference; of a break its ref
    -- whether the ledger's bank balance holds this line. A line that is not is a named open item of the bank roll-forward.
    in_ledger     boolean NOT NULL DEFAULT false,
    decided_at    timestamptz,
    CONSTRAINT bank_statement_line_pk PRIMARY KEY (book, account, day, no),
    CONSTRAINT bank_statement_line_statement FOREIGN KEY (book, account, day) REFERENCES gateway.bank_statement (book, account, day),
    CONSTRAINT bank_statement_line_amount CHECK (amount > 0),
    CONSTRAINT bank_statement_line_state CHECK (state IN ('waiting', 'matched', 'break')),
    CONSTRAINT bank_statement_line_decided CHECK ((state = 'waiting') = (decided_at IS NULL) AND (state = 'waiting') = (kind = '')),
    CONSTRAINT bank_statement_line_matched_is_booked CHECK (state <> 'matched' OR in_ledger)
);
CREATE INDEX bank_statement_line_open ON gateway.bank_statement_line (book, account, day) WHERE state <> 'matched';

-- Where their books and ours do not agree. Found again while it is open, it is the same break; after it was closed it is
-- another one, so that what was open on a day can be told for ever.
CREATE TABLE gateway.break (
    book      text        NOT NULL,
    id        bigint      GENERATED ALWAYS AS IDENTITY,
    kind      text        NOT NULL,
    partner   text        NOT NULL,  -- provider, or bank account
    ref       text        NOT NULL,  -- attempt, payout, batch, or key of the line at fault
    day       date        NOT NULL,  -- of the file in which it was found first
    currency  text        NOT NULL DEFAULT 'VND',
    expected  bigint      NOT NULL,  -- by our books; 0 where we know nothing
    found     bigint      NOT NULL,  -- by theirs; 0 where they say nothing
    source    text        NOT NULL,  -- batch or statement line that shows it
    state     text        NOT NULL DEFAULT 'open',
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    closed_by text        NOT NULL DEFAULT '',
    reason    text        NOT NULL DEFAULT '',  -- why it is closed
    CONSTRAINT break_pk PRIMARY KEY (book, id),
    CONSTRAINT break_kind CHECK (kind IN ('missing_there', 'missing_here', 'amount_differs', 'duplicate',
        'unknown_credit', 'unknown_debit', 'batch_differs', 'credit_differs')),
    CONSTRAINT break_state CHECK (state IN ('open', 'closed')),
    CONSTRAINT break_closed CHECK ((state = 'closed') = (closed_at IS NOT NULL AND closed_by <> '' AND reason <> ''))
);
CREATE INDEX break_open ON gateway.break (book, day) WHERE state = 'open';
CREATE UNIQUE INDEX break_open_once ON gateway.break (book, kind, partner, ref) WHERE state = 'open';
CREATE INDEX break_by_line ON gateway.break (kind, ref);

GRANT SELECT, INSERT ON gateway.partner_file, gateway.settlement_batch, gateway.settlement_line, gateway.bank_statement,
    gateway.bank_statement_line, gateway.break TO exchequer_app;
GRANT UPDATE (credited_by) ON gateway.settlement_batch TO exchequer_app;
GRANT UPDATE (state) ON gateway.settlement_line TO exchequer_app;
GRANT UPDATE (state, kind, matched_book, matched_ref, in_ledger, decided_at, remittance) ON gateway.bank_statement_line TO exchequer_app;
GRANT UPDATE (state, closed_at, closed_by, reason) ON gateway.break TO exchequer_app;

-- +goose Down
DROP TABLE gateway.break, gateway.bank_statement_line, gateway.bank_statement, gateway.settlement_line,
    gateway.settlement_batch, gateway.partner_file;
