package ledger

import (
	"context"
	"slices"
)

// row takes a row of a transaction or a closing.
func (im *importer) row(ctx context.Context, read row) error {
	if err := im.digest.add(&read); err != nil {
		return err
	}
	if read[colType] == rowClose {
		return im.close(ctx, read)
	}
	if !slices.Contains([]Phase{"post", Hold, Capture, Void, expiry}, Phase(read[colType])) {
		return im.rows.at(colType, "%s is not known here", quote(read[colType]))
	}
	var under *record
	if n := len(im.batch); n > 0 && im.batch[n-1].Reference == read[colReference] {
		under = im.batch[n-1]
	}
	if under == nil {
		if im.batchRows >= batchSize {
			if err := im.flush(ctx); err != nil {
				return err
			}
		}
		var err error
		if under, err = im.rows.transaction(read); err != nil {
			return err
		}
		im.batch = append(im.batch, under)
		im.lines[under] = im.rows.line
	}
	i := im.rows.line - im.lines[under]
	if i == MaxPostings {
		return im.rows.at(wholeRow, "a transaction has %d postings at most", MaxPostings)
	}
	if err := im.rows.posting(read, under, i > 0); err != nil {
		return err
	}
	im.batchRows++
	return im.rows.same(read, under.row(i))
}

// close closes a day, with everything before it written.
func (im *importer) close(ctx context.Context, read row) error {
	day, err := im.rows.day(read, colEffectiveDay)
	if err != nil {
		return err
	}
	m, err := im.rows.metadata(read)
	if err != nil {
		return err
	}
	if err := im.rows.same(read, closeRow(im.book, period{day: day, by: m["by"]})); err != nil {
		return err
	}
	if !im.st.closedThrough.IsZero() && !day.After(im.st.closedThrough) {
		return im.rows.at(colEffectiveDay, "%s is closed already", read[colEffectiveDay])
	}
	if err := im.flush(ctx); err != nil {
		return err
	}
	if err := im.writeBalances(ctx); err != nil {
		return err
	}
	im.st.closedThrough = day
	return im.l.CloseDayTx(ctx, im.tx, im.book, day, m["by"])
}
