package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Mirror names two kinds of account that stand for one debt between two books: what book A has on DueFrom followed by
// B must be what book B has on DueTo followed by A. The zero Mirror means there are none.
type Mirror struct {
	DueFrom string // prefix of an account code
	DueTo   string // prefix of an account code
}

// FindingKind says what does not hold. The set is closed.
type FindingKind string

// The kinds of finding.
const (
	BalanceDiffers     FindingKind = "balance_differs"     // an account's totals are not the sum of its postings
	RunningDiffers     FindingKind = "running_differs"     // a posting does not follow from the account's posting before
	DefinitionDiffers  FindingKind = "definition_differs"  // an account is not decided by what it was opened as
	TrialBalance       FindingKind = "trial_balance"       // debits and credits of a book and currency differ
	MirrorDiffers      FindingKind = "mirror_differs"      // a debt between two books does not cancel
	ReferenceRepeated  FindingKind = "reference_repeated"  // a reference stands twice in a book
	IncompletePostings FindingKind = "incomplete_postings" // postings without their transaction, or the other way round
	AccountUnfit       FindingKind = "account_unfit"       // a posting on an account that is not open or of another currency
	LimitBroken        FindingKind = "limit_broken"        // an account stands below its limit
	DayDiffers         FindingKind = "day_differs"         // an effective day that was closed, or is not the asked open one
	ClosingDiffers     FindingKind = "closing_differs"     // the last closed day and the record of closings differ
	BookMissing        FindingKind = "book_missing"        // transactions or postings of a book that is not open
	RightsTooWide      FindingKind = "rights_too_wide"     // the program's role could change what must only grow
	PendingDiffers     FindingKind = "pending_differs"     // what an account has pending is not the sum of its unresolved holds
	OfDiffers          FindingKind = "of_differs"          // a transaction names none that it may name, or one resolved before
	CaptureDiffers     FindingKind = "capture_differs"     // a capture posts what its hold did not set aside
	HoldOverdue        FindingKind = "hold_overdue"        // a hold was captured too late or expired too early
	ExpiringDiffers    FindingKind = "expiring_differs"    // the list of holds whose time runs is not that of the open ones
	LeafDiffers        FindingKind = "leaf_differs"        // a transaction's rows do not give the hash of its leaf
	LeafRemoved        FindingKind = "leaf_removed"        // leaves are gone
	TransactionRemoved FindingKind = "transaction_removed" // a leaf's transaction is gone
	TransactionAdded   FindingKind = "transaction_added"   // a transaction the sealer must have seen has no leaf
	TreeDiffers        FindingKind = "tree_differs"        // the leaves do not give the tree that was sealed
	CheckpointDiffers  FindingKind = "checkpoint_differs"  // the leaves do not give the tree of a checkpoint
)

// Finding is one thing that does not hold.
type Finding struct {
	Kind        FindingKind `json:"kind"`
	Book        string      `json:"book,omitempty"`
	Account     string      `json:"account,omitempty"`
	Transaction int64       `json:"transaction,omitempty"`
	Reference   string      `json:"reference,omitempty"` // the transaction's, where that is known
	Detail      string      `json:"detail"`
}

// Report is what Verify found; OK means nothing.
type Report struct {
	OK           bool      `json:"ok"`
	Books        int       `json:"books"`
	Transactions int64     `json:"transactions"`
	Findings     []Finding `json:"findings"`
}

// VerifyOptions says what Verify cannot know by itself.
type VerifyOptions struct {
	Mirror Mirror
	// Checkpoints were published before: the trees must have them in their past. See OpenCheckpoint.
	Checkpoints []Checkpoint
}

// mostFindings is how many findings of one kind are listed for a book: the first ones lead to the cause.
const mostFindings = 100

// Verify recomputes the ledger from its postings and the trees from their transactions, on one consistent view, and says
// what does not hold. It also asks what the role of its pool could do. It takes no lock: posting goes on. An error is a
// fault, not a finding.
func (l *Ledger) Verify(ctx context.Context, o VerifyOptions) (Report, error) {
	report := Report{Findings: []Finding{}}
	err := l.reading(ctx, func(tx pgx.Tx) error {
		// No foreign key leads from a transaction to its book: a book that is not open is looked for where it would show.
		if err := report.collectBooks(ctx, tx); err != nil {
			return err
		}
		books, err := bookNames(ctx, tx)
		if err != nil {
			return err
		}
		report.Books = len(books)
		for _, book := range books {
			if err := report.verifyBook(ctx, tx, book); err != nil {
				return err
			}
			if err := report.verifyTree(ctx, tx, book, o.Checkpoints); err != nil {
				return err
			}
		}
		report.collectStrangers(books, o.Checkpoints)
		if err := report.verifyRights(ctx, tx); err != nil || o.Mirror == (Mirror{}) {
			return err
		}
		return report.verifyMirror(ctx, l, tx, o.Mirror)
	})
	if err != nil {
		return Report{}, err
	}
	report.OK = len(report.Findings) == 0
	return report, nil
}

func (r *Report) verifyBook(ctx context.Context, tx pgx.Tx, book string) error {
	var n int64
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM ledger.transactions WHERE book = $1`, book).Scan(&n); err != nil {
		return fault("verify book "+book, err)
	}
	r.Transactions += n
	for _, c := range slices.Concat(checks[:], holdChecks[:], snapshotChecks[:]) {
		// These set rows of one table against others of it. With statistics from when it was small, the planner would go
		// over all of it for each row.
		hash := c.kind == OfDiffers || c.kind == HoldOverdue || c.kind == PendingDiffers || c.kind == CaptureDiffers ||
			c.kind == SnapshotDiffers
		if _, err := tx.Exec(ctx, `SELECT set_config('enable_nestloop', $1, true), set_config('jit', 'off', true)`, onOff(!hash)); err != nil {
			return fault("verify book "+book, err)
		}
		if err := r.collect(ctx, tx, c.kind, book, c.sql, book, mostFindings); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, `SELECT set_config('enable_nestloop', 'on', true)`); err != nil {
		return fault("verify book "+book, err)
	}
	return nil
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// collectBooks adds a finding for each book that has rows and was never opened.
func (r *Report) collectBooks(ctx context.Context, tx pgx.Tx) error {
	missing := make(map[string]bool)
	for _, table := range []string{"transactions", "postings", "pending", "leaves"} {
		rows, err := tx.Query(ctx, fmt.Sprintf(sqlMissingBooks, table), mostFindings)
		if err != nil {
			return fault("look for books that are not open", err)
		}
		books, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return fault("look for books that are not open", err)
		}
		for _, book := range books {
			missing[book] = true
		}
	}
	for _, book := range slices.Sorted(maps.Keys(missing)) {
		r.Findings = append(r.Findings, Finding{Kind: BookMissing, Book: book,
			Detail: "it has transactions, postings or leaves and was never opened: they are in no balance and no report"})
	}
	return nil
}

func (r *Report) verifyRights(ctx context.Context, tx pgx.Tx) error {
	return r.collect(ctx, tx, RightsTooWide, "", sqlRights)
}

// collect adds the rows of a check: account, transaction, detail.
func (r *Report) collect(ctx context.Context, tx pgx.Tx, kind FindingKind, book, sql string, args ...any) error {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return fault(fmt.Sprintf("check %s of book %s", kind, book), err)
	}
	f := Finding{Kind: kind, Book: book}
	_, err = pgx.ForEachRow(rows, []any{&f.Account, &f.Transaction, &f.Detail}, func() error {
		r.Findings = append(r.Findings, f)
		return nil
	})
	if err != nil {
		return fault(fmt.Sprintf("check %s of book %s", kind, book), err)
	}
	return nil
}

// verifyMirror sets every debt between two books against its other half.
func (r *Report) verifyMirror(ctx context.Context, l *Ledger, tx pgx.Tx, m Mirror) error {
	type debt struct{ creditor, debtor, currency string }
	open := make(map[debt]int64)
	var order []debt
	add := func(d debt, amount int64) {
		if _, seen := open[d]; !seen {
			order = append(order, d)
		}
		open[d] += amount
	}
	for _, prefix := range []string{m.DueFrom, m.DueTo} {
		balances, err := l.BalancesTx(ctx, tx, Query{Prefix: prefix})
		if err != nil {
			return err
		}
		for _, b := range balances {
			other := strings.TrimPrefix(b.Account, prefix)
			standing := b.DebitsPosted - b.CreditsPosted
			if prefix == m.DueFrom {
				add(debt{b.Book, other, b.Currency}, standing)
			} else {
				add(debt{other, b.Book, b.Currency}, standing)
			}
		}
	}
	for _, d := range order {
		if left := open[d]; left != 0 {
			r.Findings = append(r.Findings, Finding{
				Kind: MirrorDiffers, Book: d.creditor, Account: m.DueFrom + d.debtor,
				Detail: fmt.Sprintf("it does not cancel with %s%s of book %s: %d %s are left",
					m.DueTo, d.creditor, d.debtor, left, d.currency),
			})
		}
	}
	return nil
}
