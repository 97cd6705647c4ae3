package bill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/audit"
	"exchequer/internal/authn"
	"exchequer/internal/calendar"
	"exchequer/internal/catalog"
	"exchequer/internal/fee"
	"exchequer/internal/pg"
	"exchequer/internal/problem"
	"exchequer/internal/publication"
	"exchequer/internal/quote"
	"exchequer/internal/reference"
)

// maxText is the most characters of an issuer's number and of a payer's id.
const maxText = 64

// Issue makes a bill from a quote, or returns the one that was made from the same issuer's number. When that one is
// unpaid and its amount no longer holds, a new edition takes its place, unless a payment of it is still under way.
// The number goes on when another body takes over. Errors: what the quote refuses; Invalid for a source_ref or payer that is missing, too long or not plain text, and for
// a date that lies ahead; Conflict when the number was used for something else.
func (s *Store) Issue(ctx context.Context, actor authn.Actor, r Request) (Bill, error) {
	if err := checkText("source_ref", r.SourceRef); err != nil {
		return Bill{}, err
	}
	if err := checkText("payer", r.Payer); err != nil {
		return Bill{}, err
	}
	if r.Date.After(calendar.DayOf(s.clock.Now())) {
		return Bill{}, problem.Both(problem.Invalid, "date", "khoản phải nộp chỉ lập cho điều đã phát sinh: ngày này chưa đến",
			"a bill is for what is owed by now: its date lies ahead")
	}
	if len(bytes.TrimSpace(r.Inputs)) == 0 {
		r.Inputs = json.RawMessage("{}")
	}
	law, err := s.law.Current(ctx)
	if err != nil {
		return Bill{}, err
	}
	body, err := law.Catalog.BodyFor(r.Service, r.Body, r.Date)
	if err != nil {
		return Bill{}, err
	}
	if err := actor.Require(body.Book, authn.Client, authn.Officer); err != nil {
		return Bill{}, err
	}
	var out Bill
	err = pg.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		out, err = s.issueTx(ctx, tx, actor, issue{Request: r, body: body, law: law})
		return err
	})
	return out, err
}

// checkText keeps out what PostgreSQL cannot store as text, and what nobody can read.
func checkText(field, text string) error {
	n := utf8.RuneCountInString(text)
	if n == 0 || n > maxText || !utf8.ValidString(text) || slices.ContainsFunc([]rune(text), unicode.IsControl) {
		return problem.Both(problem.Invalid, field, fmt.Sprintf("cần từ 1 đến %d ký tự, không có ký tự điều khiển", maxText),
			fmt.Sprintf("give 1 to %d characters, without control characters", maxText))
	}
	return nil
}

// issue is a request with the body it is for, the law that it is worked out by, and the time when its turn came.
type issue struct {
	Request
	body catalog.Body
	law  *publication.Law
	now  time.Time
}

// lockNumber is the class of the advisory lock under which the bills of one number are made one after another, whichever
// body's they are: what a body makes in its last moment the one that takes over must see.
const lockNumber int32 = 0x62696c6e // "biln"

// issueTx looks for the bill before it asks for a quote: a bill that was made stays what it is, also when the schedule
// it came from was corrected since.
func (s *Store) issueTx(ctx context.Context, tx pgx.Tx, actor authn.Actor, r issue) (Bill, error) {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1::integer, hashtext($2))`, lockNumber, r.Service+" "+r.SourceRef); err != nil {
		return Bill{}, err
	}
	r.now = s.clock.Now() // after the wait: a body may be over by now
	had, err := r.lastEdition(ctx, tx)
	if err != nil {
		return Bill{}, err
	}
	if had.Ref != "" && (had.Payer != r.Payer || !had.over(r.now)) {
		return had.answer(r)
	}
	if had.Ref != "" {
		free, err := r.lockFree(ctx, tx, &had)
		if err != nil {
			return Bill{}, err
		}
		if !free {
			return had.answer(r)
		}
	}
	b, err := r.draft()
	switch {
	case had.madeFrom(r.Request) && (err != nil || b.Expired(r.now)):
		return had, nil // the same request again, not a new one
	case err != nil:
		return Bill{}, err
	case had.Ref != "" && b.Expired(r.now):
		return Bill{}, problem.Both(problem.Conflict, "date", "mức của ngày đó không còn giá trị: hãy chọn ngày sau đó",
			"what is owed on that day no longer holds: give a later date")
	}
	return insertTx(ctx, tx, actor, b, had)
}

// over reports whether another edition may take the bill's place, as far as its own row tells.
func (b Bill) over(now time.Time) bool {
	return b.State == Open && b.Paid == 0 && b.ReplacedBy == "" && b.Expired(now)
}

// lockFree locks the bill, so that no attempt can claim and no payment can reach it meanwhile, reads it again, and
// reports whether it is still over and no attempt claims it.
func (r issue) lockFree(ctx context.Context, tx pgx.Tx, b *Bill) (bool, error) {
	locked, err := read(ctx, tx, b.Book, b.Ref, " FOR UPDATE")
	if err != nil {
		return false, err
	}
	*b = locked.Under(r.law)
	// Asked for by itself: what the statement above read besides the row was read before it waited for it.
	var claimed bool
	err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM gateway.claim WHERE book = $1 AND bill = $2)`, b.Book, b.Ref).Scan(&claimed)
	return err == nil && b.over(r.now) && !claimed, err
}

// lastEdition finds the bill of an issuer's number; its Ref is empty where there is none. What the body has not billed
// itself, a body may have billed whose tasks it has taken over. Numbers of two bodies are their own, so that one counts
// as the same debt only where it is the same payer's.
func (r issue) lastEdition(ctx context.Context, q querier) (Bill, error) {
	b, err := r.find(ctx, q, r.body, "")
	for _, old := range r.law.Catalog.TookOverFrom(r.body.Code, calendar.DayOf(r.now)) {
		if err != nil || b.Ref != "" {
			break
		}
		b, err = r.find(ctx, q, old, r.Payer)
	}
	return b.Under(r.law), err
}

// find gives the last edition of the number at a body, of one payer unless payer is "".
func (r issue) find(ctx context.Context, q querier, at catalog.Body, payer string) (Bill, error) {
	var ref string
	err := q.QueryRow(ctx, `SELECT ref FROM gateway.bill WHERE book = $1 AND body = $2 AND service = $3 AND source_ref = $4
		AND ($5 = '' OR payer = $5) ORDER BY edition DESC LIMIT 1`,
		at.Book, at.Code, r.Service, r.SourceRef, payer).Scan(&ref)
	if errors.Is(err, pgx.ErrNoRows) {
		return Bill{}, nil
	}
	if err != nil {
		return Bill{}, err
	}
	return read(ctx, q, at.Book, ref, "")
}

// answer is the bill for a request that repeats the one it was made from; any other request is refused.
func (b Bill) answer(r issue) (Bill, error) {
	var why fee.Text
	switch {
	case b.madeFrom(r.Request):
		return b, nil
	case b.Payer != r.Payer:
		why = fee.Text{Vi: "số này đã dùng cho khoản phải nộp khác", En: "this number was used for another bill"}
	case b.ReplacedBy != "":
		why = fee.Text{Vi: "khoản phải nộp " + b.ReplacedBy + " đã thay thế khoản của số này", En: "bill " + b.ReplacedBy + " took the place of that of this number"}
	case b.State == Open && b.Expired(r.now):
		why = fee.Text{Vi: "chưa rõ kết quả một lần nộp của khoản " + b.Ref + " mang số này: hãy gửi lại sau",
			En: "a payment of bill " + b.Ref + " of this number is not certain yet: send it again later"}
	default:
		why = fee.Text{Vi: "số này đã dùng cho khoản phải nộp khác, " + b.Ref + " của " + b.Body,
			En: "this number was used for another bill, " + b.Ref + " of " + b.Body}
	}
	return Bill{}, problem.Both(problem.Conflict, "source_ref", why.Vi, why.En)
}

func (b Bill) madeFrom(r Request) bool {
	return b.QuoteDate == r.Date && b.Payer == r.Payer && sameJSON(b.Inputs, r.Inputs)
}

// sameJSON compares content: neither blanks nor the order of names count, and numbers are what was written.
func sameJSON(a, b json.RawMessage) bool {
	x, err := quote.Canonical(a)
	y, other := quote.Canonical(b)
	return err == nil && other == nil && bytes.Equal(x, y)
}

// draft works out the bill; nothing is written.
func (r issue) draft() (Bill, error) {
	if today := calendar.DayOf(r.now); !r.body.Covers(today) {
		// A body that is no more issues nothing, not for a day when it still did either: its successor does.
		_, err := r.law.Catalog.BodyFor(r.Service, r.body.Code, today)
		return Bill{}, err
	}
	q, err := quote.Make(r.law, quote.Request{Service: r.Service, Body: r.body.Code, Date: r.Date, Inputs: r.Inputs})
	if err != nil {
		return Bill{}, err
	}
	if err := q.Payable(); err != nil {
		return Bill{}, err
	}
	b := Bill{
		Book: r.body.Book, Body: r.body.Code, Service: r.Service, SourceRef: r.SourceRef, Payer: r.Payer,
		QuoteDate: r.Date, Inputs: r.Inputs, Quote: *q, ScheduleHash: q.ScheduleHash, Amount: q.TotalVND, State: Open,
		ValidUntil: q.ValidUntil, CreatedAt: r.now.UTC().Truncate(time.Microsecond), // what the row keeps
	}
	if b.Amount == 0 {
		b.State = NothingDue
	}
	for i, l := range q.Budget {
		b.Lines = append(b.Lines, Line{No: i + 1, Charge: l.Charge, Budget: l.Budget, Amount: l.Amount})
	}
	return b, nil
}

// insertTx writes a bill and marks the one that it takes the place of, where there is one.
func insertTx(ctx context.Context, tx pgx.Tx, actor authn.Actor, b, old Bill) (Bill, error) {
	b.Ref, b.IssuedBy, b.Edition = reference.New(b.Book), actor.ID, old.Edition+1
	kept := b.Quote
	kept.Inputs = nil // they have a column, where numbers stay as they were written
	text, err := json.Marshal(kept)
	if err != nil {
		return Bill{}, err
	}
	var batch pgx.Batch
	batch.Queue(`
		INSERT INTO gateway.bill (book, ref, body, service, source_ref, edition, payer, quote_date, inputs, quote,
			schedule_hash, amount, state, valid_until, issued_by, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
		b.Book, b.Ref, b.Body, b.Service, b.SourceRef, b.Edition, b.Payer, b.QuoteDate, []byte(b.Inputs), text,
		b.ScheduleHash, b.Amount, b.State, b.ValidUntil, b.IssuedBy, b.CreatedAt)
	for _, l := range b.Lines {
		batch.Queue(`INSERT INTO gateway.bill_line (book, bill, no, charge, budget, amount) VALUES ($1, $2, $3, $4, $5, $6)`,
			b.Book, b.Ref, l.No, l.Charge, l.Budget, l.Amount)
	}
	act := audit.Act{Action: "bill.issue", Book: b.Book, Subject: b.Ref}
	if old.Ref != "" {
		batch.Queue(`UPDATE gateway.bill SET replaced_by = $3 WHERE book = $1 AND ref = $2`, old.Book, old.Ref, b.Ref)
		act.Detail = map[string]string{"replaces": old.Ref}
	}
	if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
		return Bill{}, err
	}
	return b, audit.WriteTx(ctx, tx, actor, act, b.CreatedAt)
}
