package ledger

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/transparency-dev/merkle/compact"
)

// SealAtOnce is how many transactions one step of sealing takes at most.
const SealAtOnce = 10_000

// SealStep gives the next transactions of a book their leaves, at most SealAtOnce, in a short database transaction of
// its own, and says how many it took. It does nothing while somebody else seals the book. A transaction that commits
// after one with a higher id gets its leaf a little later: once all that was under way before has ended.
func (l *Ledger) SealStep(ctx context.Context, book string) (int, error) {
	ids, err := l.sealStep(ctx, book, false)
	return len(ids), err
}

// Seal gives every transaction of a book that was committed before the call its leaf, and says how many it took. It
// waits for whoever else is sealing the book, and not for what is posted meanwhile.
func (l *Ledger) Seal(ctx context.Context, book string) (int, error) {
	var drawn int64
	if err := l.pool.QueryRow(ctx, sqlReadDrawn).Scan(&drawn); err != nil {
		return 0, fault("begin to seal book "+book, err)
	}
	taken := 0
	for {
		ids, err := l.sealStep(ctx, book, true)
		if taken += len(ids); err != nil || len(ids) < SealAtOnce || ids[len(ids)-1] >= drawn {
			return taken, err
		}
	}
}

// seal is how far a book is sealed, as one step found it.
type seal struct {
	Tree
	below   int64 // every id below it has its leaf or will never exist
	markID  int64 // with all before markXID at its end, every id up to markID is in sight or will never be
	markXID int64
	highest int64 // id with a leaf
	drawn   int64 // the last id drawn, by anybody
	xmin    int64 // every database transaction below it is at its end
	xmax    int64
}

// sealStep gives the transactions it took, in the order of their ids.
func (l *Ledger) sealStep(ctx context.Context, book string, whole bool) (taken []int64, err error) {
	err = pgx.BeginTxFunc(ctx, l.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		s, ours, err := lockSeal(ctx, tx, book, whole)
		if err != nil || !ours {
			return err
		}
		if taken, err = s.candidates(ctx, tx, whole); err != nil {
			return err
		}
		next := s.after(taken)
		if len(taken) == 0 && (next.below == s.below || s.highest < s.below) {
			return nil // an idle book writes nothing
		}
		return l.writeSeal(ctx, tx, s, next, taken)
	})
	if err != nil {
		return nil, err
	}
	return taken, nil
}

// lockSeal takes the turn to seal the book and reads where sealing stands. ours is false when somebody else has it.
func lockSeal(ctx context.Context, tx pgx.Tx, book string, wait bool) (s seal, ours bool, err error) {
	s.Book = book
	batch := &pgx.Batch{}
	batch.Queue(sqlPinIndexes)
	if wait {
		batch.Queue(`SELECT pg_advisory_xact_lock($1, hashtext($2)) IS NOT NULL`, sealLock, book).QueryRow(func(pgx.Row) error {
			ours = true
			return nil
		})
	} else {
		batch.Queue(`SELECT pg_try_advisory_xact_lock($1, hashtext($2))`, sealLock, book).QueryRow(func(row pgx.Row) error {
			return row.Scan(&ours)
		})
	}
	batch.Queue(sqlReadSeal, book).QueryRow(func(row pgx.Row) error {
		return row.Scan(&s.Size, &s.Root, &s.below, &s.markID, &s.markXID, &s.highest, &s.xmin, &s.xmax)
	})
	// Read before this database transaction has its number (its first write gives it one): then whoever drew an id up to
	// this one has a lower number, for he locked balances before he drew.
	batch.Queue(sqlReadDrawn).QueryRow(func(row pgx.Row) error { return row.Scan(&s.drawn) })
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return s, false, fault("begin to seal book "+book, err)
	}
	if s.Size == 0 {
		s.Root = hasher.EmptyRoot()
	}
	return s, ours, nil
}

// passed reports that the mark says something: all that was under way when it was set has ended.
func (s *seal) passed() bool { return !s.strange() && s.xmin >= s.markXID }

// strange reports that the mark is of another server's numbers: the database was restored.
func (s *seal) strange() bool { return s.markXID >= s.xmax }

// candidates gives the next transactions without leaf, in the order of their ids. Those that were overtaken are looked
// for when the mark is passed: while some long database transaction is open, nothing is read over and over.
func (s *seal) candidates(ctx context.Context, tx pgx.Tx, whole bool) ([]int64, error) {
	from := s.highest + 1
	if whole || s.passed() {
		from = min(from, s.below)
	}
	rows, err := tx.Query(ctx, sqlCandidates, s.Book, from, SealAtOnce)
	if err != nil {
		return nil, fault("look for transactions to seal in book "+s.Book, err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fault("look for transactions to seal in book "+s.Book, err)
	}
	return ids, nil
}

// after gives where sealing stands once the candidates have their leaves. markXID is 0 where a new mark is set.
func (s *seal) after(ids []int64) seal {
	next := *s
	if s.passed() {
		reached := s.markID
		if len(ids) == SealAtOnce {
			reached = min(reached, ids[len(ids)-1]) // there may be more below the mark
		}
		next.below = max(s.below, reached+1)
	}
	if next.below > s.markID || s.strange() {
		next.markID, next.markXID = s.drawn, 0
	}
	return next
}

// writeSeal appends the leaves to the tree and records its root.
func (l *Ledger) writeSeal(ctx context.Context, tx pgx.Tx, s, next seal, ids []int64) error {
	tree, err := readTree(ctx, tx, s.Book, s.Size)
	if err == nil {
		err = checkRoot(tree, s.Root, s.Book)
	}
	if err != nil {
		return err
	}
	hashes := make(leafHashes, len(ids))
	if _, err := readLeaves(ctx, tx, s.Book, ids, hashes.open); err != nil {
		return err
	}
	leaves, sums := make([]int64, len(ids)), make([][]byte, len(ids))
	var kept keptNodes
	for i, id := range ids {
		leaves[i], sums[i] = s.Size+int64(i), hashes.sum(id)
		if err := tree.Append(sums[i], kept.visit); err != nil {
			return fault("seal book "+s.Book, err)
		}
	}
	batch := &pgx.Batch{}
	batch.Queue(sqlInsertLeaves, s.Book, leaves, ids, sums)
	if len(kept.levels) > 0 {
		batch.Queue(sqlInsertNodes, s.Book, kept.levels, kept.indexes, kept.hashes)
	}
	batch.Queue(sqlInsertSeal, s.Book, s.Size+int64(len(ids)), root(tree), next.below, next.markID, next.markXID, stored(l.now()))
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fault("seal book "+s.Book, err)
	}
	return nil
}

// keptNodes are the nodes of a tree that ledger.nodes has, as they come to be.
type keptNodes struct {
	levels  []int32
	indexes []int64
	hashes  [][]byte
}

func (k *keptNodes) visit(id compact.NodeID, hash []byte) {
	if id.Level > 0 && id.Level%nodeLevels == 0 {
		k.levels = append(k.levels, int32(id.Level))
		k.indexes = append(k.indexes, int64(id.Index))
		k.hashes = append(k.hashes, hash)
	}
}

// Unsealed gives how many transactions of all books have no leaf yet.
func (l *Ledger) Unsealed(ctx context.Context) (int64, error) {
	var all int64
	err := l.reading(ctx, func(tx pgx.Tx) error {
		books, err := bookNames(ctx, tx)
		if err != nil {
			return err
		}
		batch := &pgx.Batch{}
		batch.Queue(sqlPinIndexes)
		for _, book := range books {
			batch.Queue(sqlUnsealed, book).QueryRow(func(row pgx.Row) error {
				var n int64
				err := row.Scan(&n)
				all += n
				return err
			})
		}
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return fault("count what is not sealed", err)
		}
		return nil
	})
	return all, err
}

// sealLock is the class of the advisory locks of sealers, one a book.
const sealLock int32 = 0x6c6467 // "ldg"

const (
	// The shapes below leave one index to each lookup; sorting and scanning whole tables are ruled out, whatever was or
	// was not analysed, until the end of the database transaction.
	sqlPinIndexes = `
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
       set_config('enable_sort', 'off', true)`

	sqlReadSeal = `
SELECT coalesce(s.size, 0), s.root, coalesce(s.sealed_below, 0), coalesce(s.mark_id, -1), coalesce(s.mark_xid, 0),
       coalesce(h.transaction_id, -1), pg_snapshot_xmin(v.seen)::text::bigint, pg_snapshot_xmax(v.seen)::text::bigint
FROM (SELECT pg_current_snapshot() AS seen) v
LEFT JOIN LATERAL (
    SELECT size, root, sealed_below, mark_id, mark_xid FROM ledger.seals WHERE book = $1
    ORDER BY size DESC, sealed_below DESC LIMIT 1
) s ON true
LEFT JOIN LATERAL (
    SELECT transaction_id FROM ledger.leaves WHERE book = $1 ORDER BY transaction_id DESC LIMIT 1
) h ON true`

	sqlReadDrawn = `SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM ledger.transaction_id`

	// A subquery in the place of a value stays a lookup a row; NOT EXISTS would become a join over all leaves.
	sqlCandidates = `
SELECT t.id FROM ledger.transactions t
WHERE t.book = $1 AND t.id >= $2
  AND (SELECT l.leaf FROM ledger.leaves l WHERE l.book = $1 AND l.transaction_id = t.id) IS NULL
ORDER BY t.id LIMIT $3`

	sqlInsertLeaves = `
INSERT INTO ledger.leaves (book, leaf, transaction_id, hash)
SELECT $1, w.leaf, w.transaction_id, w.hash
FROM unnest($2::bigint[], $3::bigint[], $4::bytea[]) AS w (leaf, transaction_id, hash)`

	sqlInsertNodes = `
INSERT INTO ledger.nodes (book, level, index, hash)
SELECT $1, w.level, w.index, w.hash
FROM unnest($2::integer[], $3::bigint[], $4::bytea[]) AS w (level, index, hash)`

	// A new mark (0) carries the number of this database transaction.
	sqlInsertSeal = `
INSERT INTO ledger.seals (book, size, root, sealed_below, mark_id, mark_xid, sealed)
SELECT $1, $2, $3, $4, $5, CASE $6::bigint WHEN 0 THEN pg_current_xact_id()::text::bigint ELSE $6::bigint END, $7`

	sqlUnsealed = `
SELECT (SELECT count(*) FROM ledger.transactions t WHERE t.book = $1 AND t.id >= s.below)
     - (SELECT count(*) FROM ledger.leaves l WHERE l.book = $1 AND l.transaction_id >= s.below)
FROM (SELECT coalesce((SELECT sealed_below FROM ledger.seals WHERE book = $1
                       ORDER BY size DESC, sealed_below DESC LIMIT 1), 0) AS below) s`
)
