-- +goose Up
-- The Merkle tree of each book (RFC 6962): one leaf a transaction, numbered from 0 without gaps. Nothing here is ever
-- updated. The wide columns stand last: so the rows have the least padding.
CREATE TABLE ledger.leaves (
    leaf           bigint NOT NULL,
    transaction_id bigint NOT NULL,
    book           text COLLATE "C" NOT NULL,
    hash           bytea NOT NULL,
    CONSTRAINT leaves_pkey PRIMARY KEY (book, leaf),
    CONSTRAINT leaves_transaction_key UNIQUE (book, transaction_id),
    CONSTRAINT leaves_leaf_counts CHECK (leaf >= 0),
    CONSTRAINT leaves_hash_length CHECK (length(hash) = 32)
);

-- Inner nodes at levels 8, 16, 24, ...: they follow from the leaves, and let the sealer and a proof read some hundred
-- rows instead of all leaves.
CREATE TABLE ledger.nodes (
    level integer NOT NULL,
    index bigint NOT NULL,
    book  text COLLATE "C" NOT NULL,
    hash  bytea NOT NULL,
    CONSTRAINT nodes_pkey PRIMARY KEY (book, level, index),
    CONSTRAINT nodes_level_kept CHECK (level > 0 AND level % 8 = 0),
    CONSTRAINT nodes_hash_length CHECK (length(hash) = 32)
);

-- The tree's root at each size at which the sealer stopped. Every transaction below sealed_below has its leaf or will
-- never exist. That moves on by the mark: mark_id is the last id drawn before database transaction mark_xid began, so
-- with every database transaction below mark_xid at its end each id up to mark_id is in sight or will never be.
CREATE TABLE ledger.seals (
    size         bigint NOT NULL,
    sealed_below bigint NOT NULL,
    mark_id      bigint NOT NULL,
    mark_xid     bigint NOT NULL,
    sealed       timestamptz NOT NULL,
    book         text COLLATE "C" NOT NULL,
    root         bytea NOT NULL,
    CONSTRAINT seals_pkey PRIMARY KEY (book, size, sealed_below),
    CONSTRAINT seals_size_counts CHECK (size >= 0),
    CONSTRAINT seals_root_length CHECK (length(root) = 32)
);

GRANT SELECT, INSERT ON ledger.leaves, ledger.nodes, ledger.seals TO exchequer_app;
GRANT SELECT ON SEQUENCE ledger.transaction_id TO exchequer_app;

-- +goose Down
REVOKE SELECT ON SEQUENCE ledger.transaction_id FROM exchequer_app;
DROP TABLE ledger.seals, ledger.nodes, ledger.leaves;
