package reconciliation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/authn"
	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/providers"
)

// file is a file as it is known.
type file struct {
	kind    string
	partner string
	day     time.Time
	digest  string
	entries int
	faulty  bool
}

// registerTx records a file by its content and says what may be done with it: Applied means that this transaction
// applies it. Two imports of one content, or of one day, wait for each other here.
func (d *Desk) registerTx(ctx context.Context, tx pgx.Tx, actor Actor, f file) (FileState, error) {
	state := Applied
	if f.faulty {
		state = Faulty
	}
	for range 2 { // the content is known, or else the day has an applied file
		tag, err := tx.Exec(ctx, `
			INSERT INTO gateway.partner_file (book, kind, partner, digest, day, state, entries, imported_by, imported_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
			booking.House, f.kind, f.partner, f.digest, f.day, state, f.entries, actor.Name(), d.Now())
		if err != nil || tag.RowsAffected() == 1 {
			return state, err
		}
		before, err := stateTx(ctx, tx, f)
		switch {
		case err == nil && before == Applied:
			return Repeated, nil
		case err == nil:
			return before, nil // still as faulty, or as much a restatement, as it was
		case err != pgx.ErrNoRows:
			return "", err
		}
		state = Restated // the content is new, so the conflict was with the day's applied file
	}
	return state, nil
}

func stateTx(ctx context.Context, tx pgx.Tx, f file) (FileState, error) {
	var state FileState
	err := tx.QueryRow(ctx, `SELECT state FROM gateway.partner_file WHERE book = $1 AND kind = $2 AND partner = $3 AND digest = $4`,
		booking.House, f.kind, f.partner, f.digest).Scan(&state)
	return state, err
}

// ahead says what is wrong with a file of no day, or of one that has not begun ("" for nothing). Such a file is kept by
// nobody: on its day the same content may be right.
func (d *Desk) ahead(day time.Time) string {
	switch today := calendar.DayOf(d.Now()); {
	case day.IsZero():
		return "it says of no day that it is its own: it was not applied, ask for a corrected one"
	case calendar.DateOf(day).After(today):
		return fmt.Sprintf("it is of a day that has not begun, today is %s: it was not applied, ask for a corrected one", today)
	}
	return ""
}

// byProgram says whether the program itself imports: it asks for a file again after a crash, and having it already is
// then no news to anybody.
func byProgram(actor Actor) bool {
	a, ok := actor.(authn.Actor)
	return ok && a.Role == authn.System
}

// settlementDigest is the SHA-256 of what a file says: neither its name nor the order of its batches and lines counts.
func settlementDigest(partner string, day time.Time, batches []providers.Settlement) string {
	content := slices.Clone(batches)
	for i := range content {
		content[i].Lines = slices.Clone(content[i].Lines)
		for j := range content[i].Lines {
			content[i].Lines[j].Paid = content[i].Lines[j].Paid.UTC()
		}
		slices.SortStableFunc(content[i].Lines, func(a, b providers.SettlementLine) int {
			return strings.Compare(a.Reference+"\x00"+a.ProviderID, b.Reference+"\x00"+b.ProviderID)
		})
	}
	slices.SortStableFunc(content, func(a, b providers.Settlement) int { return strings.Compare(a.Batch, b.Batch) })
	text, err := json.Marshal(struct {
		Partner string
		Day     string
		Batches []providers.Settlement
	}{partner, day.Format(time.DateOnly), content})
	if err != nil {
		panic(err) // strings, integers and times of sane years always marshal
	}
	return rawDigest(text)
}

func rawDigest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
