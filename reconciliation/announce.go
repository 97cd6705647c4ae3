package reconciliation

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/booking"
	"exchequer/internal/expectation"
	"exchequer/providers"
)

// knownBatchesTx gives the names that batches of another day's file already have.
func (d *Desk) knownBatchesTx(ctx context.Context, tx pgx.Tx, partner string, day time.Time, batches []providers.Settlement) ([]string, error) {
	names := make([]string, len(batches))
	for i, b := range batches {
		names[i] = b.Batch
	}
	rows, err := tx.Query(ctx, `SELECT batch FROM gateway.settlement_batch
		WHERE book = $1 AND partner = $2 AND batch = ANY($3) AND day <> $4 ORDER BY batch`, booking.House, partner, names, day)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// storeBatchTx keeps a batch and its lines. Each line begins as one that we do not know; announceTx finds those we do.
func (d *Desk) storeBatchTx(ctx context.Context, tx pgx.Tx, partner, digest string, b providers.Settlement) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO gateway.settlement_batch (book, partner, batch, digest, merchant, day, currency, net)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		booking.House, partner, b.Batch, digest, b.Merchant, b.Day, b.Currency, b.Net)
	if err != nil {
		return err
	}
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"gateway", "settlement_line"},
		[]string{"book", "partner", "batch", "no", "ref", "provider_id", "paid_at", "amount", "fee", "state"},
		pgx.CopyFromSlice(len(b.Lines), func(i int) ([]any, error) {
			l := b.Lines[i]
			var paid *time.Time
			if !l.Paid.IsZero() {
				paid = &l.Paid
			}
			return []any{booking.House, partner, b.Batch, i + 1, l.Reference, l.ProviderID, paid, l.Amount, l.Fee, MissingHere}, nil
		}))
	return err
}

// storedLine is a line of a batch that is not credited yet.
type storedLine struct {
	Batch string
	No    int
	Line  Line
	again bool // a batch that is credited names the same payment, which we still do not know
}

// announceTx meets every line of the partner that names a payment we did not know, in batches not credited yet, with
// what we wait for by now: the lines of a new file, and older ones whose payment has turned up since.
func (d *Desk) announceTx(ctx context.Context, tx pgx.Tx, report *Report, partner string, day time.Time) error {
	stored, err := openLinesTx(ctx, tx, partner)
	if err != nil || len(stored) == 0 {
		return err
	}
	var refs []string
	lines := make([]Line, len(stored))
	for i, s := range stored {
		lines[i] = s.Line
		refs = append(refs, s.Line.Ref)
	}
	slices.Sort(refs)
	waiting, awaited, err := d.lockAwaitedTx(ctx, tx, partner, slices.Compact(refs))
	if err != nil {
		return err
	}
	outcomes, _ := MatchPayments(awaited, lines)
	a := announcement{partner: partner, day: day, waiting: waiting, cleared: make(map[bookKind][]string)}
	for i, o := range outcomes {
		if o.Kind == MissingHere && stored[i].again {
			o.Kind = Duplicate
		}
		a.line(stored[i], o)
	}
	return a.writeTx(ctx, tx, d, report)
}

// openLinesTx locks the batches before it reads their lines: a credit does the same, so a line is announced before its
// batch is settled or not at all.
func openLinesTx(ctx context.Context, tx pgx.Tx, partner string) ([]storedLine, error) {
	_, err := tx.Exec(ctx, `SELECT 1 FROM gateway.settlement_batch WHERE book = $1 AND partner = $2 AND credited_by = '' ORDER BY batch FOR UPDATE`,
		booking.House, partner)
	if err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, `
		SELECT l.batch, l.no, l.ref, l.amount, l.fee, EXISTS (
			SELECT FROM gateway.settlement_line e WHERE e.book = l.book AND e.partner = l.partner AND e.ref = l.ref
			AND e.state = 'missing_here' AND (e.batch, e.no) <> (l.batch, l.no) AND EXISTS (
				SELECT FROM gateway.settlement_batch c WHERE c.book = e.book AND c.partner = e.partner AND c.batch = e.batch AND c.credited_by <> ''))
		FROM gateway.settlement_line l JOIN gateway.settlement_batch b ON b.book = l.book AND b.partner = l.partner AND b.batch = l.batch
		WHERE l.book = $1 AND l.partner = $2 AND l.state = 'missing_here' AND b.credited_by = ''
		ORDER BY b.day, l.batch, l.no`, booking.House, partner)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (storedLine, error) {
		var s storedLine
		err := r.Scan(&s.Batch, &s.No, &s.Line.Ref, &s.Line.Amount, &s.Line.Fee, &s.again)
		return s, err
	})
}

// bookRef names an expectation among a partner's.
type bookRef struct{ book, ref string }

// lockAwaitedTx locks what the partner owes under these references, book after book.
func (d *Desk) lockAwaitedTx(ctx context.Context, tx pgx.Tx, partner string, refs []string) (map[bookRef]expectation.Expectation, []Awaited, error) {
	books, keptBack := d.contracts(partner)
	waiting := make(map[bookRef]expectation.Expectation)
	var awaited []Awaited
	for _, book := range books {
		list, err := expectation.LockTx(ctx, tx, book, expectation.Settlement, refs)
		if err != nil {
			return nil, nil, err
		}
		for _, e := range list {
			if e.Partner != partner {
				continue // its reference, in another provider's file, is unknown there
			}
			waiting[bookRef{book, e.Ref}] = e
			awaited = append(awaited, Awaited{
				Book: book, Ref: e.Ref, Amount: e.Amount, KeptBack: keptBack[book], Named: e.State != expectation.Open,
			})
		}
	}
	return waiting, awaited, nil
}

// announcement gathers the outcome of lines, to write it in a few statements however many lines there are.
type announcement struct {
	partner string
	day     time.Time
	waiting map[bookRef]expectation.Expectation

	updates []expectation.Expectation
	breaks  []Break
	cleared map[bookKind][]string // references whose break has ended
	matched int
	// The new states of lines.
	batches, states []string
	nos             []int32
}

// bookKind names breaks of a kind in a book.
type bookKind struct {
	book string
	kind BreakKind
}

func (a *announcement) line(s storedLine, o Outcome) {
	found := Break{
		Book: booking.House, Kind: o.Kind, Partner: a.partner, Ref: s.Line.Ref, Day: a.day.Format(time.DateOnly),
		Expected: o.Expected, Found: s.Line.Amount, Source: s.Batch,
	}
	switch {
	case o.Kind == MissingHere: // the line's state already
		a.breaks = append(a.breaks, found)
		return
	case o.Kind == Duplicate:
		// A name of its own: a payment may be named a third time.
		found.Ref += "@" + s.Batch + "#" + strconv.Itoa(s.No)
		found.Expected = 0
	case len(o.Parts) > 0:
		a.announced(s, o, found)
		return
	}
	a.setState(s, string(o.Kind))
	a.breaks = append(a.breaks, found)
}

// announced notes each book's part. What the line is over stands, as a break, with the first book's.
func (a *announcement) announced(s storedLine, o Outcome, found Break) {
	a.setState(s, "announced")
	a.clear(booking.House, MissingHere, s.Line.Ref)
	if o.Kind == Matched {
		a.matched++
	}
	for i, p := range o.Parts {
		e := a.waiting[bookRef{p.Book, s.Line.Ref}]
		e.State, e.Batch, e.Announced, e.Fee = expectation.Announced, s.Batch, p.Amount, p.Fee
		a.updates = append(a.updates, e)
		a.clear(p.Book, MissingThere, e.Ref)
		found.Book, found.Expected, found.Found = p.Book, p.Expected, p.Amount
		if i == 0 {
			found.Found += o.Rest
		}
		if found.Found != found.Expected {
			a.breaks = append(a.breaks, found)
		}
	}
}

func (a *announcement) setState(s storedLine, state string) {
	a.batches, a.nos, a.states = append(a.batches, s.Batch), append(a.nos, int32(s.No)), append(a.states, state)
}

func (a *announcement) clear(book string, kind BreakKind, ref string) {
	k := bookKind{book, kind}
	a.cleared[k] = append(a.cleared[k], ref)
}

func (a *announcement) writeTx(ctx context.Context, tx pgx.Tx, d *Desk, report *Report) error {
	report.Matched += a.matched
	if _, err := tx.Exec(ctx, `
		UPDATE gateway.settlement_line l SET state = w.state
		FROM unnest($3::text[], $4::integer[], $5::text[]) AS w (batch, no, state)
		WHERE l.book = $1 AND l.partner = $2 AND l.batch = w.batch AND l.no = w.no`,
		booking.House, a.partner, a.batches, a.nos, a.states); err != nil {
		return err
	}
	if err := expectation.UpdateTx(ctx, tx, d.Now(), a.updates); err != nil {
		return err
	}
	for k, refs := range a.cleared {
		reason := "named by a later file"
		if k.kind == MissingHere {
			reason = "payment turned up"
		}
		if err := d.closeTx(ctx, tx, report, k, closing{partner: a.partner, refs: refs, reason: reason, by: a.partner + ":" + a.day.Format(time.DateOnly)}); err != nil {
			return err
		}
	}
	for _, b := range a.breaks {
		if err := d.openTx(ctx, tx, report, b); err != nil {
			return err
		}
	}
	return nil
}
