package ledger_test

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// resultCases say what the ledger answers. accounts: "code=balance", ">0" where it may not go below zero, "!" where it is
// closed. before: what was done, as "reference: transaction", "wait 1h", "expire" (holds whose time is over) or "close"
// (Monday). transaction: "[hold [until 1h] | capture OF | void OF | correct OF] [fixed] [metadata BYTES]" and postings
// "debit<-credit amount [currency] [xTIMES]"; its reference is R. want: "code field account". after: the accounts that
// are not empty, as "code balance [+to come] [-set aside]"; "" is not looked at, and a refusal must change nothing.
var resultCases = []struct{ name, accounts, before, transaction, want, after string }{
	{"one posting", "assets:a l:b", "", "assets:a<-l:b 5", "posted", "assets:a 5, l:b 5"},
	{"two postings", "assets:a l:b l:c", "", "assets:a<-l:b 5, assets:a<-l:c 7", "posted", "assets:a 12, l:b 5, l:c 7"},
	{"the most int64", "assets:a l:b", "", "assets:a<-l:b 9223372036854775807", "posted", ""},
	{"down to zero", "assets:a>0=5 l:b=5", "", "l:b<-assets:a 5", "posted", ""},
	{"unlimited goes below zero", "assets:a=5 l:b=5", "", "l:b<-assets:a 6", "posted", "assets:a -1, l:b -1"},
	{"below zero inside, not at the end", "assets:a>0=5 l:b=5", "", "l:b<-assets:a 9, assets:a<-l:b 9", "posted", ""},
	{"10,000 postings", "assets:a l:b", "", "assets:a<-l:b 1 x10000", "posted", "assets:a 10000, l:b 10000"},
	{"metadata of 16 KiB", "assets:a l:b", "", "metadata 16384 assets:a<-l:b 1", "posted", ""},
	{"debit account below zero", "assets:a>0=5 l:b=5", "", "l:b<-assets:a 6", "limit postings[0].amount assets:a", ""},
	{"credit account below zero", "assets:a=5 l:b>0=5", "", "l:b<-assets:a 6", "limit postings[0].amount l:b", ""},
	{"below zero by the second posting", "assets:a>0=5 l:b l:c", "", "l:b<-assets:a 3, l:c<-assets:a 3", "limit postings[0].amount assets:a", ""},
	{"no postings", "assets:a", "", "", "no_postings postings", ""},
	{"10,001 postings", "assets:a l:b", "", "assets:a<-l:b 1 x10001", "too_many_postings postings", ""},
	{"metadata over 16 KiB", "assets:a l:b", "", "metadata 16385 assets:a<-l:b 1", "metadata_too_large metadata", ""},
	{"zero amount", "assets:a l:b", "", "assets:a<-l:b 0", "invalid_amount postings[0].amount", ""},
	{"negative amount", "assets:a l:b", "", "assets:a<-l:b 1, assets:a<-l:b -1", "invalid_amount postings[1].amount", ""},
	{"same account", "assets:a", "", "assets:a<-assets:a 1", "same_account postings[0].credit assets:a", ""},
	{"unknown debit", "l:b", "", "assets:a<-l:b 1", "unknown_account postings[0].debit assets:a", ""},
	{"unknown credit", "assets:a", "", "assets:a<-l:b 1", "unknown_account postings[0].credit l:b", ""},
	{"unknown after a good one", "assets:a l:b", "", "assets:a<-l:b 1, assets:a<-l:c 1", "unknown_account postings[1].credit l:c", ""},
	{"closed debit", "assets:a! l:b", "", "assets:a<-l:b 1", "closed_account postings[0].debit assets:a", ""},
	{"closed credit", "assets:a l:b!", "", "assets:a<-l:b 1", "closed_account postings[0].credit l:b", ""},
	{"other currency", "assets:a l:b", "", "assets:a<-l:b 1 USD", "currency_mismatch postings[0].currency assets:a", ""},
	{"debits over int64", "assets:a=1 l:b", "", "assets:a<-l:b 9223372036854775807", "overflow postings[0].amount assets:a", ""},
	{"credits over int64", "assets:a l:b=1", "", "assets:a<-l:b 9223372036854775807", "overflow postings[0].amount l:b", ""},
	{"over int64 by the second posting", "assets:a l:b l:c", "", "assets:a<-l:b 9223372036854775807, assets:a<-l:c 1", "overflow postings[1].amount assets:a", ""},

	{"same again", "assets:a l:b", "R: assets:a<-l:b 5", "assets:a<-l:b 5", "duplicate", "assets:a 5, l:b 5"},
	{"same reference, other amount", "assets:a l:b", "R: assets:a<-l:b 5", "assets:a<-l:b 6", "reference_reused postings[0].amount", ""},
	{"same reference after a refusal", "assets:a>0 l:b", "R: l:b<-assets:a 5", "assets:a<-l:b 5", "posted", "assets:a 5, l:b 5"},
	{"same again when it would now be refused", "assets:a>0=5 l:b=5", "R: l:b<-assets:a 5", "l:b<-assets:a 5", "duplicate", ""},

	{"on a closed day", "assets:a l:b", "close", "assets:a<-l:b 5", "posted", ""},
	{"on a day that is open and fixed", "assets:a l:b", "", "fixed assets:a<-l:b 5", "posted", ""},
	{"on a day that is closed and fixed", "assets:a l:b", "close", "fixed assets:a<-l:b 5", "period_closed day", ""},
	{"hold on a day that is closed and fixed", "assets:a l:b", "close", "hold fixed assets:a<-l:b 5", "period_closed day", ""},
	{"capture on a day that is closed and fixed", "assets:a l:b", "H: hold assets:a<-l:b 5; close", "capture H fixed", "period_closed day", ""},
	{"void on a day that is closed and fixed", "assets:a l:b", "H: hold assets:a<-l:b 5; close", "void H fixed", "period_closed day", ""},
	{"capture of a hold of a closed day", "assets:a l:b", "H: hold assets:a<-l:b 5; close", "capture H", "posted", "assets:a 5, l:b 5"},

	{"hold", "assets:a l:b", "", "hold assets:a<-l:b 5", "posted", "assets:a 0 +5, l:b 0 +5"},
	{"hold of all there is", "assets:a>0=5 l:b=5", "", "hold l:b<-assets:a 5", "posted", "assets:a 5 -5, l:b 5 -5"},
	{"hold of more than there is", "assets:a>0=5 l:b=5", "", "hold l:b<-assets:a 6", "limit postings[0].amount assets:a", ""},
	{"hold of more than is left beside a hold", "assets:a>0=5 l:b=5", "H: hold l:b<-assets:a 3", "hold l:b<-assets:a 3", "limit postings[0].amount assets:a", ""},
	{"hold in and out counts out alone", "assets:a>0=5 l:b=5", "", "hold l:b<-assets:a 6, assets:a<-l:b 6", "limit postings[0].amount assets:a", ""},
	{"hold of nothing", "assets:a", "", "hold", "no_postings postings", ""},
	{"hold on an unknown account", "assets:a", "", "hold assets:a<-l:b 1", "unknown_account postings[0].credit l:b", ""},
	{"hold on a closed account", "assets:a l:b!", "", "hold assets:a<-l:b 1", "closed_account postings[0].credit l:b", ""},
	{"hold in another currency", "assets:a l:b", "", "hold assets:a<-l:b 1 USD", "currency_mismatch postings[0].currency assets:a", ""},
	{"hold over int64", "assets:a=1 l:b", "", "hold assets:a<-l:b 9223372036854775807", "overflow postings[0].amount assets:a", ""},
	{"posting of what is held", "assets:a>0=5 l:b=5", "H: hold l:b<-assets:a 3", "l:b<-assets:a 3", "limit postings[0].amount assets:a", ""},
	{"posting of what is left beside a hold", "assets:a>0=5 l:b=5", "H: hold l:b<-assets:a 3", "l:b<-assets:a 2", "posted", "assets:a 3 -3, l:b 3 -3"},
	{"posting of what is held on a credit account", "assets:a=5 l:b>0=5", "H: hold l:b<-assets:a 3", "l:b<-assets:a 3", "limit postings[0].amount l:b", ""},
	{"posting of what is to come", "assets:a>0 l:b l:c", "H: hold assets:a<-l:b 5", "l:c<-assets:a 1", "limit postings[0].amount assets:a", ""},
	{"posting over int64 with what is to come", "assets:a l:b l:c", "H: hold assets:a<-l:b 9223372036854775807", "assets:a<-l:c 1", "overflow postings[0].amount assets:a", ""},
	{"posting over int64 with what is set aside", "assets:a assets:c l:b", "H: hold assets:a<-l:b 9223372036854775807", "assets:c<-l:b 1", "overflow postings[0].amount l:b", ""},
	{"second hold over int64", "assets:a l:b l:c", "H: hold assets:a<-l:b 9223372036854775807", "hold assets:a<-l:c 1", "overflow postings[0].amount assets:a", ""},
	{"posting after a void makes room", "assets:a l:b", "H: hold assets:a<-l:b 9223372036854775807; V: void H", "assets:a<-l:b 1", "posted", "assets:a 1, l:b 1"},
	{"posting after a void of what was held", "assets:a>0=5 l:b=5", "H: hold l:b<-assets:a 5; V: void H", "l:b<-assets:a 5", "posted", ""},
	{"posting after a capture in part of what was released", "assets:a>0=5 l:b=5", "H: hold l:b<-assets:a 5; C: capture H l:b<-assets:a 2", "l:b<-assets:a 3", "posted", ""},
	{"hold again", "assets:a l:b", "R: hold assets:a<-l:b 5", "hold assets:a<-l:b 5", "duplicate", "assets:a 0 +5, l:b 0 +5"},
	{"hold again after its capture", "assets:a l:b", "R: hold assets:a<-l:b 5; C: capture R", "hold assets:a<-l:b 5", "duplicate", "assets:a 5, l:b 5"},
	{"hold again as a posting", "assets:a l:b", "R: hold assets:a<-l:b 5", "assets:a<-l:b 5", "reference_reused phase", ""},
	{"hold again with a time", "assets:a l:b", "R: hold assets:a<-l:b 5", "hold until 1h assets:a<-l:b 5", "reference_reused expires", ""},

	{"capture in full", "assets:a l:b", "H: hold assets:a<-l:b 5", "capture H", "posted", "assets:a 5, l:b 5"},
	{"capture in full by its postings", "assets:a l:b", "H: hold assets:a<-l:b 5", "capture H assets:a<-l:b 5", "posted", "assets:a 5, l:b 5"},
	{"capture in part", "assets:a l:b", "H: hold assets:a<-l:b 5", "capture H assets:a<-l:b 3", "posted", "assets:a 3, l:b 3"},
	{"capture of one posting of two", "assets:a l:b l:c", "H: hold assets:a<-l:b 5, assets:a<-l:c 7", "capture H assets:a<-l:c 7", "posted", "assets:a 7, l:c 7"},
	{"capture split otherwise", "assets:a l:b", "H: hold assets:a<-l:b 2, assets:a<-l:b 3", "capture H assets:a<-l:b 4, assets:a<-l:b 1", "posted", "assets:a 5, l:b 5"},
	{"capture of one hold beside another", "assets:a l:b", "H: hold assets:a<-l:b 5; I: hold assets:a<-l:b 7", "capture H", "posted", "assets:a 5 +7, l:b 5 +7"},
	{"capture of the last there is", "assets:a>0=5 l:b=5", "H: hold l:b<-assets:a 5", "capture H", "posted", ""},
	{"capture of the most int64", "assets:a l:b", "H: hold assets:a<-l:b 9223372036854775807", "capture H", "posted", ""},
	{"capture before its time is over", "assets:a l:b", "H: hold until 1h assets:a<-l:b 5", "capture H", "posted", "assets:a 5, l:b 5"},
	{"capture of more than was held", "assets:a l:b", "H: hold assets:a<-l:b 5", "capture H assets:a<-l:b 6", "hold_exceeded postings[0].amount assets:a", ""},
	{"capture of more by the second posting", "assets:a l:b", "H: hold assets:a<-l:b 5", "capture H assets:a<-l:b 3, assets:a<-l:b 3", "hold_exceeded postings[1].amount assets:a", ""},
	{"capture of zero", "assets:a l:b", "H: hold assets:a<-l:b 5", "capture H assets:a<-l:b 0", "invalid_amount postings[0].amount", ""},
	{"capture on another account", "assets:a assets:c l:b", "H: hold assets:a<-l:b 5", "capture H assets:c<-l:b 5", "not_held postings[0].debit assets:c", ""},
	{"capture the other way round", "assets:a l:b", "H: hold assets:a<-l:b 5", "capture H l:b<-assets:a 5", "not_held postings[0].debit l:b", ""},
	{"capture in another currency", "assets:a l:b", "H: hold assets:a<-l:b 5", "capture H assets:a<-l:b 5 USD", "not_held postings[0].debit assets:a", ""},
	{"capture of nothing known", "assets:a l:b", "", "capture H", "unknown_of of", ""},
	{"capture of a hold that was refused", "assets:a>0 l:b", "H: hold l:b<-assets:a 5", "capture H", "unknown_of of", ""},
	{"capture of a posting", "assets:a l:b", "P: assets:a<-l:b 5", "capture P", "not_held of", ""},
	{"capture of a capture", "assets:a l:b", "H: hold assets:a<-l:b 5; C: capture H", "capture C", "not_held of", ""},
	{"capture of what is captured", "assets:a l:b", "H: hold assets:a<-l:b 5; C: capture H assets:a<-l:b 1", "capture H assets:a<-l:b 1", "hold_resolved of", ""},
	{"capture of what is voided", "assets:a l:b", "H: hold assets:a<-l:b 5; V: void H", "capture H", "hold_resolved of", ""},
	{"capture of what is expired", "assets:a l:b", "H: hold until 1h assets:a<-l:b 5; wait 1h; expire", "capture H", "hold_resolved of", ""},
	{"capture after its time is over", "assets:a l:b", "H: hold until 1h assets:a<-l:b 5; wait 1h", "capture H", "hold_expired of", ""},
	{"capture again", "assets:a l:b", "H: hold assets:a<-l:b 5; R: capture H", "capture H", "duplicate", "assets:a 5, l:b 5"},
	{"capture again by its postings", "assets:a l:b", "H: hold assets:a<-l:b 5; R: capture H", "capture H assets:a<-l:b 5", "duplicate", ""},
	{"capture in part again in full", "assets:a l:b", "H: hold assets:a<-l:b 5; R: capture H assets:a<-l:b 3", "capture H", "reference_reused postings[0].amount", ""},
	{"capture again of another hold", "assets:a l:b", "H: hold assets:a<-l:b 5; I: hold assets:a<-l:b 5; R: capture H", "capture I", "reference_reused of", ""},
	{"capture again as a void", "assets:a l:b", "H: hold assets:a<-l:b 5; R: capture H", "void H", "reference_reused phase", ""},

	{"void", "assets:a l:b", "H: hold assets:a<-l:b 5", "void H", "posted", ""},
	{"void of one hold beside another", "assets:a l:b", "H: hold assets:a<-l:b 5; I: hold assets:a<-l:b 7", "void H", "posted", "assets:a 0 +7, l:b 0 +7"},
	{"void after its time is over", "assets:a l:b", "H: hold until 1h assets:a<-l:b 5; wait 1h", "void H", "posted", ""},
	{"void of what is voided", "assets:a l:b", "H: hold assets:a<-l:b 5; V: void H", "void H", "hold_resolved of", ""},
	{"void of what is captured", "assets:a l:b", "H: hold assets:a<-l:b 5; C: capture H", "void H", "hold_resolved of", ""},
	{"void of what is expired", "assets:a l:b", "H: hold until 1h assets:a<-l:b 5; wait 1h; expire", "void H", "hold_resolved of", ""},
	{"void of nothing known", "assets:a l:b", "", "void H", "unknown_of of", ""},
	{"void of a posting", "assets:a l:b", "P: assets:a<-l:b 5", "void P", "not_held of", ""},
	{"void with postings", "assets:a l:b", "H: hold assets:a<-l:b 5", "void H assets:a<-l:b 5", "invalid_field postings", ""},
	{"void again", "assets:a l:b", "H: hold assets:a<-l:b 5; R: void H", "void H", "duplicate", ""},
	{"expiry by a caller", "assets:a l:b", "H: hold until 1h assets:a<-l:b 5; wait 1h", "expiry H", "invalid_field phase", ""},
	{"expiry frees what was set aside", "assets:a>0=5 l:b=5", "H: hold until 1h l:b<-assets:a 5; wait 1h; expire", "l:b<-assets:a 5", "posted", ""},
	{"time over frees nothing by itself", "assets:a>0=5 l:b=5", "H: hold until 1h l:b<-assets:a 5; wait 1h", "l:b<-assets:a 5", "limit postings[0].amount assets:a", ""},
	{"no expiry where none was asked for", "assets:a l:b", "H: hold assets:a<-l:b 5; wait 9999h; expire", "capture H", "posted", "assets:a 5, l:b 5"},

	{"correction", "assets:a l:b", "P: assets:a<-l:b 5", "correct P l:b<-assets:a 2", "posted", "assets:a 3, l:b 3"},
	{"correction of a capture", "assets:a l:b", "H: hold assets:a<-l:b 5; C: capture H", "correct C l:b<-assets:a 5", "posted", ""},
	{"correction of a correction", "assets:a l:b", "P: assets:a<-l:b 5; Q: correct P l:b<-assets:a 5", "correct Q assets:a<-l:b 5", "posted", ""},
	{"correction below zero", "assets:a>0=5 l:b=5", "P: assets:a<-l:b 1; Q: l:b<-assets:a 6", "correct P l:b<-assets:a 1", "limit postings[0].amount assets:a", ""},
	{"correction of nothing known", "assets:a l:b", "", "correct P l:b<-assets:a 5", "unknown_of of", ""},
	{"correction of itself", "assets:a l:b", "", "correct R l:b<-assets:a 5", "unknown_of of", ""},
	{"correction of a hold", "assets:a l:b", "H: hold assets:a<-l:b 5", "correct H l:b<-assets:a 5", "not_posted of", ""},
	{"correction of a void", "assets:a l:b", "H: hold assets:a<-l:b 5; V: void H", "correct V l:b<-assets:a 5", "not_posted of", ""},
	{"correction of an expiry", "assets:a l:b", "H: hold until 1h assets:a<-l:b 5; wait 1h; expire", "correct H/expired l:b<-assets:a 5", "not_posted of", ""},
	{"correction without postings", "assets:a l:b", "P: assets:a<-l:b 5", "correct P", "no_postings postings", ""},
	{"correction again", "assets:a l:b", "P: assets:a<-l:b 5; R: correct P l:b<-assets:a 2", "correct P l:b<-assets:a 2", "duplicate", "assets:a 3, l:b 3"},
	{"correction again of another", "assets:a l:b", "P: assets:a<-l:b 5; Q: assets:a<-l:b 5; R: correct P l:b<-assets:a 2", "correct Q l:b<-assets:a 2", "reference_reused of", ""},
}

// TestResults plays each case twice: step by step with Post, and with as much of it as goes into one call of PostTx.
// Both must answer alike and leave the same book.
func TestResults(t *testing.T) {
	t.Parallel()
	b := start(t)
	for i, c := range resultCases {
		play := script{t: t, name: c.name, first: map[string]ledger.Result{}}
		play.book = fmt.Sprintf("P%03d", i)
		b.before(play.book, c.accounts)
		steps := play.read(b.now(), c.before)
		last := play.transaction(b.now(), "R: "+c.transaction)
		for _, s := range steps {
			b.step(&play, s)
		}
		was, rows := b.standing(play.book), b.rows(play.book)
		r := b.post(last, neighbour(play.book))
		play.check(c.want, r[0], r[1])
		now := b.standing(play.book)
		switch {
		case !r[0].OK() && (now != was || b.rows(play.book) != rows.and(1, 1)):
			t.Errorf("%s: refused, but the book went from %s to %s", c.name, was, now)
		case c.after != "" && now != c.after:
			t.Errorf("%s: leaves %s, want %s", c.name, now, c.after)
		}

		play.book = fmt.Sprintf("T%03d", i)
		b.before(play.book, c.accounts)
		r = b.inOneCall(&play, c.before, c.transaction)
		play.check(c.want, r[0], r[1])
		if got := b.standing(play.book); got != now {
			t.Errorf("%s: in one call it leaves %s, step by step %s", c.name, got, now)
		}
	}
	b.mustStand()
}

// TestEveryCodeStandsInTheTable: a code that no case gives is one nobody has seen.
func TestEveryCodeStandsInTheTable(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "types.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range resultCases {
		seen[strings.Fields(c.want)[0]] = true
	}
	codes := 0
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || fmt.Sprint(v.Type) != "Code" {
			return true
		}
		codes++
		code, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
		if err != nil || !seen[code] {
			t.Errorf("no case gives %s (%v)", v.Names[0], err)
		}
		return true
	})
	if codes < len(seen) {
		t.Errorf("found %d codes in types.go, the cases give %d", codes, len(seen))
	}
}

// script is a case being played.
type script struct {
	t          *testing.T
	name, book string
	first      map[string]ledger.Result // what references were first answered
}

// read gives the transactions and commands of a case.
func (s *script) read(now time.Time, text string) []any {
	var steps []any
	for _, one := range strings.Split(text, "; ") {
		switch word, _, _ := strings.Cut(one, " "); word {
		case "":
		case "wait", "expire", "close":
			steps = append(steps, one)
		default:
			steps = append(steps, s.transaction(now, one))
		}
	}
	return steps
}

func (s *script) transaction(now time.Time, text string) ledger.Transaction {
	tx := move("", "", "", 0)
	tx.Book, tx.Postings = s.book, nil
	var rest string
	tx.Reference, rest, _ = strings.Cut(text, ": ")
	words := strings.Fields(rest)
	next := func() string { words = words[1:]; return words[0] }
	for ; len(words) > 0 && !strings.Contains(words[0], "<-"); words = words[1:] {
		switch word := words[0]; word {
		case "hold":
			tx.Phase = ledger.Hold
		case "capture", "void", "expiry":
			tx.Phase, tx.Of = ledger.Phase(word), next()
		case "correct":
			tx.Of = next()
		case "fixed":
			tx.FixedDay = true
		case "until":
			d, err := time.ParseDuration(next())
			if err != nil {
				s.t.Fatal(err)
			}
			tx.Expires = now.Add(d)
		case "metadata":
			tx.Metadata = map[string]string{"k": strings.Repeat("x", int(s.number(next()))-len(`{"k":""}`))}
		default:
			s.t.Fatalf("%s: what is %q?", s.name, word)
		}
	}
	for _, one := range strings.Split(strings.Join(words, " "), ", ") {
		if one != "" {
			tx.Postings = append(tx.Postings, s.postings(one)...)
		}
	}
	return tx
}

func (s *script) postings(text string) []ledger.Posting {
	debit, rest, _ := strings.Cut(text, "<-")
	f := strings.Fields(rest)
	p := ledger.Posting{Debit: debit, Credit: f[0], Amount: s.number(f[1]), Currency: "VND"}
	times := int64(1)
	for _, word := range f[2:] {
		if n, ok := strings.CutPrefix(word, "x"); ok {
			times = s.number(n)
		} else {
			p.Currency = word
		}
	}
	var all []ledger.Posting
	for range times {
		all = append(all, p)
	}
	return all
}

func (s *script) number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func (s *script) check(want string, r, neighbour ledger.Result) {
	s.t.Helper()
	if got := shown(r); got != want {
		s.t.Errorf("%s: %s, want %s", s.name, got, want)
	}
	if first := s.first[s.book+" R"]; r.Code == ledger.Duplicate && (r.ID != first.ID || !r.Day.Equal(first.Day)) {
		s.t.Errorf("%s: answered %+v, the first was %+v", s.name, r, first)
	}
	if neighbour.Code != ledger.Posted {
		s.t.Errorf("%s: its neighbour was answered %s", s.name, neighbour.Code)
	}
}

// step does one thing that was done before; what is refused is part of the case.
func (b *bench) step(s *script, step any) {
	b.t.Helper()
	ctx := context.Background()
	if tx, ok := step.(ledger.Transaction); ok {
		s.first[s.book+" "+tx.Reference] = b.post(tx)[0]
		return
	}
	switch word, rest, _ := strings.Cut(step.(string), " "); word {
	case "wait":
		d, err := time.ParseDuration(rest)
		if err != nil {
			b.t.Fatal(err)
		}
		b.pass(d)
	case "expire":
		if _, err := b.ExpireHolds(ctx, s.book, monday, 100); err != nil {
			b.t.Fatal(err)
		}
	case "close":
		b.inTx(func(tx pgx.Tx) error { return b.CloseDayTx(ctx, tx, s.book, monday, "tester") })
	}
}

// inOneCall plays a case up to its last command, and the rest with the case's transaction and its neighbour in one call.
func (b *bench) inOneCall(s *script, before, transaction string) (results []ledger.Result) {
	b.t.Helper()
	var batch []ledger.Transaction
	for _, step := range append(s.read(b.now(), before), s.transaction(b.now(), "R: "+transaction)) {
		if tx, ok := step.(ledger.Transaction); ok {
			batch = append(batch, tx)
			continue
		}
		for _, tx := range batch {
			b.step(s, tx)
		}
		batch = nil
		b.step(s, step)
	}
	batch = append(batch, neighbour(s.book))
	b.inTx(func(tx pgx.Tx) (err error) {
		results, err = b.PostTx(context.Background(), tx, batch)
		return err
	})
	last := len(batch) - 2
	for i, tx := range batch[:last] {
		s.first[s.book+" "+tx.Reference] = results[i]
	}
	return results[last:]
}

func neighbour(book string) ledger.Transaction {
	tx := move("NEIGHBOUR", "assets:neighbour", "equity:start", 1)
	tx.Book = book
	return tx
}

// before opens the accounts of a case and brings them to their balances against equity:start.
func (b *bench) before(book, accounts string) {
	b.t.Helper()
	open := []string{"assets:neighbour", "equity:start"}
	var first []ledger.Transaction
	var closed []string
	for i, spec := range strings.Fields(accounts) {
		spec, ends := strings.CutSuffix(spec, "!")
		spec, balance, _ := strings.Cut(spec, "=")
		open = append(open, spec)
		a := definition(book, spec)
		if amount, _ := strconv.ParseInt(balance, 10, 64); amount > 0 {
			tx := move(fmt.Sprintf("START%d", i), a.Code, "equity:start", amount)
			if a.Normal == ledger.Credit {
				tx = move(tx.Reference, "equity:start", a.Code, amount)
			}
			tx.Book = book
			first = append(first, tx)
		}
		if ends {
			closed = append(closed, a.Code)
		}
	}
	b.open(book, open...)
	b.mustPost(first...)
	for _, code := range closed {
		b.inTx(func(tx pgx.Tx) error { return b.CloseAccountTx(context.Background(), tx, book, code) })
	}
}

// standing gives the accounts of a case that are not empty: balance, what is to come, what is set aside.
func (b *bench) standing(book string) string {
	b.t.Helper()
	list, err := b.Balances(context.Background(), ledger.Query{Book: book})
	if err != nil {
		b.t.Fatal(err)
	}
	var lines []string
	for _, x := range list {
		if x.Account == "assets:neighbour" || x.Account == "equity:start" {
			continue
		}
		in, out := x.DebitsPending, x.CreditsPending
		if x.Normal == ledger.Credit {
			in, out = out, in
		}
		line := fmt.Sprintf("%s %d", x.Account, x.Net())
		if in != 0 {
			line += fmt.Sprintf(" +%d", in)
		}
		if out != 0 {
			line += fmt.Sprintf(" -%d", out)
		}
		if x.Net() != 0 || in != 0 || out != 0 {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, ", ")
}

// rows is how much stands in the tables of a book that only grow.
type rows struct{ transactions, postings, pending int }

func (r rows) and(transactions, postings int) rows {
	return rows{r.transactions + transactions, r.postings + postings, r.pending}
}

func (b *bench) rows(book string) (r rows) {
	b.t.Helper()
	err := b.pool.QueryRow(context.Background(), `SELECT
		(SELECT count(*) FROM ledger.transactions WHERE book = $1), (SELECT count(*) FROM ledger.postings WHERE book = $1),
		(SELECT count(*) FROM ledger.pending WHERE book = $1)`, book).Scan(&r.transactions, &r.postings, &r.pending)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func shown(r ledger.Result) string {
	return strings.TrimSpace(strings.Join(strings.Fields(fmt.Sprintf("%s %s %s", r.Code, r.Field, r.Account)), " "))
}
func TestMalformed(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:a", "l:b")
	cases := []struct {
		name   string
		change func(*ledger.Transaction)
		want   string
	}{
		{"no book", func(x *ledger.Transaction) { x.Book = "" }, "invalid_field book"},
		{"unknown book", func(x *ledger.Transaction) { x.Book = "NOT" }, "unknown_account postings[0].debit assets:a"},
		{"no reference", func(x *ledger.Transaction) { x.Reference = "" }, "invalid_field reference"},
		{"reference with a space", func(x *ledger.Transaction) { x.Reference = "A B" }, "invalid_field reference"},
		{"long reference", func(x *ledger.Transaction) { x.Reference = strings.Repeat("A", 129) }, "invalid_field reference"},
		{"no kind", func(x *ledger.Transaction) { x.Kind = "" }, "invalid_field kind"},
		{"link over lines", func(x *ledger.Transaction) { x.Link = "a\nb" }, "invalid_field link"},
		{"no occurred", func(x *ledger.Transaction) { x.Occurred = time.Time{} }, "invalid_field occurred"},
		{"day with an hour", func(x *ledger.Transaction) { x.Day = noon }, "invalid_field day"},
		{"another phase", func(x *ledger.Transaction) { x.Phase = "post" }, "invalid_field phase"},
		{"expiry", func(x *ledger.Transaction) { x.Phase, x.Of = "expiry", "H" }, "invalid_field phase"},
		{"capture of nothing", func(x *ledger.Transaction) { x.Phase = ledger.Capture }, "invalid_field of"},
		{"void of nothing", func(x *ledger.Transaction) { x.Phase, x.Postings = ledger.Void, nil }, "invalid_field of"},
		{"hold that names another", func(x *ledger.Transaction) { x.Phase, x.Of = ledger.Hold, "H" }, "invalid_field of"},
		{"of with a space", func(x *ledger.Transaction) { x.Of = "A B" }, "invalid_field of"},
		{"posting that expires", func(x *ledger.Transaction) { x.Expires = noon }, "invalid_field expires"},
		{"hold until the year 10000", func(x *ledger.Transaction) { x.Phase, x.Expires = ledger.Hold, noon.AddDate(8000, 0, 0) }, "invalid_field expires"},
		{"hold whose expiry would have too long a reference", func(x *ledger.Transaction) {
			x.Phase, x.Expires, x.Reference = ledger.Hold, noon, strings.Repeat("A", 121)
		}, "invalid_field reference"},
		{"NUL in an account", func(x *ledger.Transaction) { x.Postings[0].Debit = "a\x00" }, "unknown_account postings[0].debit a\x00"},
		{"NUL in metadata", func(x *ledger.Transaction) { x.Metadata = map[string]string{"a": "\x00"} }, "invalid_field metadata"},
		{"metadata that is not text", func(x *ledger.Transaction) { x.Metadata = map[string]string{"a": "\xff"} }, "invalid_field metadata"},
	}
	for _, c := range cases {
		tx := move("R", "assets:a", "l:b", 1)
		c.change(&tx)
		if got := shown(b.post(tx)[0]); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	if got := b.balances(ledger.Query{}); got != "assets:a 0; l:b 0" {
		t.Errorf("malformed transactions were posted: %s", got)
	}
}

func TestRepeatedReference(t *testing.T) {
	first := move("R", "assets:a", "l:b", math.MaxInt32)
	first.Link, first.Metadata = "L1", map[string]string{"order": "1"}
	first.Occurred = noon.Add(123456789 * time.Nanosecond)
	cases := []struct {
		name   string
		change func(*ledger.Transaction)
		want   string
	}{
		{"equal", func(*ledger.Transaction) {}, "duplicate"},
		{"equal in another zone", func(x *ledger.Transaction) {
			x.Occurred, x.Day = x.Occurred.In(time.FixedZone("ICT", 7*3600)), x.Day.In(time.FixedZone("EST", -5*3600))
		}, "duplicate"},
		{"kind", func(x *ledger.Transaction) { x.Kind = "other" }, "reference_reused kind"},
		{"occurred", func(x *ledger.Transaction) { x.Occurred = x.Occurred.Add(time.Second) }, "reference_reused occurred"},
		{"day", func(x *ledger.Transaction) { x.Day = x.Day.AddDate(0, 0, 1) }, "reference_reused day"},
		{"link", func(x *ledger.Transaction) { x.Link = "L2" }, "reference_reused link"},
		{"metadata value", func(x *ledger.Transaction) { x.Metadata = map[string]string{"order": "2"} }, "reference_reused metadata"},
		{"metadata gone", func(x *ledger.Transaction) { x.Metadata = nil }, "reference_reused metadata"},
		{"amount", func(x *ledger.Transaction) { x.Postings[0].Amount++ }, "reference_reused postings[0].amount"},
		{"credit account", func(x *ledger.Transaction) { x.Postings[0].Credit = "l:c" }, "reference_reused postings[0].credit"},
		{"one posting more", func(x *ledger.Transaction) { x.Postings = append(x.Postings, x.Postings[0]) }, "reference_reused postings"},
	}
	for _, where := range []string{"in one batch", "in another"} {
		b := start(t)
		b.open("A01", "assets:a", "l:b", "l:c")
		batch := []ledger.Transaction{first}
		for _, c := range cases {
			again := first
			again.Postings = append([]ledger.Posting(nil), first.Postings...)
			c.change(&again)
			batch = append(batch, again)
		}
		var results []ledger.Result
		if where == "in one batch" {
			results = b.post(batch...)
		} else {
			for _, x := range batch {
				results = append(results, b.post(x)...)
			}
		}
		for i, c := range cases {
			r := results[i+1]
			if got := shown(r); got != c.want {
				t.Errorf("%s, %s: %s, want %s", c.name, where, got, c.want)
			}
			if r.Code == ledger.Duplicate && (r.ID != results[0].ID || !r.Day.Equal(results[0].Day)) {
				t.Errorf("%s, %s: answered %+v, the first was %+v", c.name, where, r, results[0])
			}
		}
		if got, want := b.balances(ledger.Query{}), "assets:a 2147483647; l:b 2147483647; l:c 0"; got != want {
			t.Errorf("%s: balances %s, want %s", where, got, want)
		}
	}
}

func TestRefusedReferenceMayBeUsedAgain(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:a>0", "l:b")
	r := b.post(move("R", "l:b", "assets:a", 1), move("R", "assets:a", "l:b", 1), move("R2", "l:b", "assets:a", 1))
	if shown(r[0]) != "limit postings[0].amount assets:a" || r[1].Code != ledger.Posted || r[2].Code != ledger.Posted {
		t.Errorf("results %+v: limits and references must be decided in the order given", r)
	}
}
