package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// flush decides what was read, in order and by the rules of posting, and writes it.
func (im *importer) flush(ctx context.Context) error {
	if len(im.batch) == 0 {
		return nil
	}
	if err := im.lookup(ctx); err != nil {
		return err
	}
	// What was captured was captured in time: as long as no time is set, no hold is over.
	im.st.recorded = time.Time{}
	w := &writes{}
	for i, r := range im.batch {
		e := &entry{id: im.st.ids[i], effective: r.effective, tx: &r.Transaction}
		if err := im.accept(r, e, w); err != nil {
			return err
		}
		w.transactions = append(w.transactions, e)
		im.st.known[r.Reference] = e
	}
	im.st.recorded = im.recorded
	batch := &pgx.Batch{}
	if err := w.queue(batch, im.book, im.recorded, nil); err != nil {
		return err
	}
	if err := im.tx.SendBatch(ctx, batch).Close(); err != nil {
		return fault("import book "+im.book, err)
	}
	im.transactions += int64(len(im.batch))
	im.batch, im.batchRows = im.batch[:0], 0
	clear(im.lines)
	return nil
}

// accept takes a transaction to the writes, or refuses it as posting would have.
func (im *importer) accept(r *record, e *entry, w *writes) error {
	line := im.lines[r]
	if im.st.known[r.Reference] != nil {
		return faultAt(line, colReference, "%s stands twice in the book", r.Reference)
	}
	if day := effectiveDay(r.Day, im.st.closedThrough); !r.effective.Equal(day) {
		return faultAt(line, colEffectiveDay, "with the days that were closed by then it is %s", day.Format(time.DateOnly))
	}
	form := r.Transaction
	if form.Phase == expiry {
		form.Phase = Void // an expiry has the form of a void, but nobody may post one
	}
	refusal, ok := check(&form)
	if ok {
		refusal, ok = im.st.accept(e, w)
	}
	if ok {
		return nil
	}
	at, column := place(refusal.Field)
	reason := "the ledger refuses it: " + string(refusal.Code)
	if refusal.Account != "" {
		reason += " on account " + refusal.Account
	}
	return faultAt(line+at, column, "%s", reason)
}

// place says where a field of a transaction stands: so many rows after its first, in which column.
func place(field string) (rows, column int) {
	var name string
	if _, err := fmt.Sscanf(field, "postings[%d].%s", &rows, &name); err != nil {
		rows, name = 0, field
	}
	switch name {
	case "day":
		return rows, colAskedDay
	case "phase":
		return rows, colType
	}
	return rows, slices.Index(header[:], name)
}

// lookup reads what is written already of the references that the batch has or names, and draws its ids: a closing draws
// its own between those of the batches before and after it.
func (im *importer) lookup(ctx context.Context) error {
	items := make([]item, len(im.batch))
	for i, r := range im.batch {
		items[i] = item{tx: &r.Transaction}
	}
	want := wanted(inCallers, items, nil)
	im.st.known = make(map[string]*entry)
	batch := &pgx.Batch{}
	batch.Queue(sqlReadReferences, im.book, want.references).Query(im.st.scanReferences)
	batch.Queue(sqlReadResolutions, im.book, want.holds).Query(im.st.scanResolutions)
	batch.Queue(sqlReserve, len(items)).QueryRow(func(row pgx.Row) error { return row.Scan(&im.st.ids) })
	if err := im.tx.SendBatch(ctx, batch).Close(); err != nil {
		return fault("import book "+im.book, err)
	}
	slices.Sort(im.st.ids)
	return im.st.readPostings(ctx, im.tx, im.book)
}

// writeBalances brings the balances up to what is written: at the end, and before a closing looks at them.
func (im *importer) writeBalances(ctx context.Context) error {
	batch := &pgx.Batch{}
	if err := (&writes{}).queue(batch, im.book, im.recorded, im.st.moved()); err != nil {
		return err
	}
	if err := im.tx.SendBatch(ctx, batch).Close(); err != nil {
		return fault("import book "+im.book, err)
	}
	for _, a := range im.st.accounts {
		a.touched = false
	}
	return nil
}

// finish writes the balances, closes accounts, and proves that what stands now is what the file says.
func (im *importer) finish(ctx context.Context, digest string) error {
	if err := im.writeBalances(ctx); err != nil {
		return err
	}
	for code, line := range im.closing {
		err := im.l.CloseAccountTx(ctx, im.tx, im.book, code)
		if refused, ok := errors.AsType[*AccountError](err); ok {
			return faultAt(line, colClosed, "%s", refused.Reason)
		}
		if err != nil {
			return err
		}
	}
	copied, err := newCSVWriter(io.Discard).book(ctx, im.tx, 0, im.book, ExportOptions{})
	if err == nil && copied != digest {
		err = fmt.Errorf("ledger: import book %s: the copy's digest is %s, the file's %s: nothing was kept", im.book, copied, digest)
	}
	return err
}
