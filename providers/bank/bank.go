// Package bank plays a bank as a server: it takes credits and payout instructions, books them on its business days and
// writes a camt.053.001.08 statement of each day from its own book.
//
// It is a simulator only; there is no adapter beside it. Its book is a journal of its own that survives kill -9. It
// guarantees that an instruction carried out once is never carried out again, that no account falls below zero, and
// that statements of successive days join: each opening balance is the closing balance before it.
package bank

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"sync"
	"time"

	"exchequer/providers/journal"
)

// zone is GMT+7: the bank's days are those of Vietnam, which has no summer time.
var zone = time.FixedZone("GMT+7", 7*60*60)

// currency is the only one in which the bank keeps accounts; it has no minor unit.
const currency = "VND"

// Account is one the bank keeps. Accounts of other banks need no entry: money leaves to them and is seen no more.
type Account struct {
	Number string // 1 to 34 letters, digits or . -
	Owner  string
}

// Config sets the bank up. Accounts, Journal, Now and IsBusinessDay are required.
type Config struct {
	Accounts      []Account
	BIC           string                   // the bank's own; empty means EXCHVNVX
	Journal       string                   // path of its book
	Now           func() time.Time         // its clock, which may stand still or jump forward
	IsBusinessDay func(day time.Time) bool // day is 00:00 UTC of the date
	DayEnds       time.Duration            // after midnight GMT+7, cut-off and statement time; 0 means 23:59:59
	Log           *slog.Logger             // nil: silent
}

// Bank is the server. It is safe for use by several goroutines.
type Bank struct {
	config   Config
	accounts map[string]Account
	journal  *journal.Journal

	mu   sync.Mutex // guards book and the order of its events in the journal
	book *book
}

var (
	accountNumber = regexp.MustCompile(`^[0-9A-Za-z.-]{1,34}$`)
	bankCode      = regexp.MustCompile(`^[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?$`)
)

// New opens the book and makes the bank. Close releases the book.
func New(config Config) (*Bank, error) {
	if config.BIC == "" {
		config.BIC = "EXCHVNVX"
	}
	if config.DayEnds == 0 {
		config.DayEnds = 24*time.Hour - time.Second
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if len(config.Accounts) == 0 || config.Journal == "" || config.Now == nil || config.IsBusinessDay == nil {
		return nil, errors.New("configuration of the bank simulator: Accounts, Journal, Now and IsBusinessDay are required")
	}
	if !bankCode.MatchString(config.BIC) {
		return nil, fmt.Errorf("configuration of the bank simulator: BIC %q is not one (ISO 9362)", config.BIC)
	}
	b := &Bank{config: config, accounts: make(map[string]Account), book: newBook()}
	for _, a := range config.Accounts {
		if !accountNumber.MatchString(a.Number) {
			return nil, fmt.Errorf("configuration of the bank simulator: account %q must be 1 to 34 letters, digits or . -", a.Number)
		}
		b.accounts[a.Number] = a
	}
	var err error
	if b.journal, err = journal.Open(config.Journal, b.book.replay); err != nil {
		return nil, fmt.Errorf("the bank simulator's book: %w", err)
	}
	if b.book.started == "" {
		// Statements count from the first business day.
		day, err := b.bookingDay(config.Now())
		if err == nil {
			err = errors.Join(b.record(event{Kind: started, Day: day}), b.journal.Sync())
		}
		if err != nil {
			return nil, errors.Join(err, b.journal.Close())
		}
	}
	return b, nil
}

// Close makes the book durable and releases it.
func (b *Bank) Close() error { return b.journal.Close() }

// Handler serves the bank's interfaces:
//
//	POST /credits                            a Credit comes in from outside
//	POST /payouts                            a Payout is instructed
//	GET  /payouts/{end_to_end_id}            its PayoutState
//	GET  /statements/{account}/{YYYY-MM-DD}  camt.053.001.08 of a business day that is over
//	GET  /book                               its whole Book
//
// An id that comes again with the same content gets the first answer; with other content, 409.
func (b *Bank) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /credits", b.takeCredit)
	mux.HandleFunc("POST /payouts", b.takePayout)
	mux.HandleFunc("GET /payouts/{id}", b.servePayout)
	mux.HandleFunc("GET /statements/{account}/{day}", b.serveStatement)
	mux.HandleFunc("GET /book", b.serveBook)
	return http.MaxBytesHandler(mux, 64<<10)
}

// record writes an event and applies it. The caller holds mu (or is New), and syncs before it answers anybody.
func (b *Bank) record(e event) error {
	if err := b.journal.Write(e); err != nil {
		return err
	}
	return b.book.apply(e)
}

// longestBreak bounds the search for a business day: a calendar that knows none is not on file.
const longestBreak = 31

// bookingDay is the business day on which something that comes at an instant is booked: that day until its cut-off,
// else the next business day.
func (b *Bank) bookingDay(at time.Time) (string, error) {
	local := at.In(zone)
	day := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, zone)
	if !at.Before(day.Add(b.config.DayEnds)) {
		day = day.AddDate(0, 0, 1)
	}
	for range longestBreak {
		if b.config.IsBusinessDay(utcDay(day)) {
			// A clock that was set back must not write into a day whose statement may be out.
			return max(day.Format(time.DateOnly), b.book.lastDay), nil
		}
		day = day.AddDate(0, 0, 1)
	}
	return "", fmt.Errorf("no business day within %d days of %s: is the calendar on file?", longestBreak, local.Format(time.DateOnly))
}

// utcDay is 00:00 UTC of a local date.
func utcDay(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

// parseDay reads YYYY-MM-DD as midnight GMT+7.
func parseDay(s string) (time.Time, error) { return time.ParseInLocation(time.DateOnly, s, zone) }
