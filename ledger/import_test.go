package ledger_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"exchequer/ledger"
)

func (b *bench) digest(book string) string {
	b.t.Helper()
	digest, err := b.Digest(context.Background(), book)
	if err != nil {
		b.t.Fatal(err)
	}
	return digest
}

// mustCopy reads a book's CSV into another ledger and compares all that there is to compare.
func mustCopy(t rapid.TB, from, to *bench, book string) {
	t.Helper()
	file := from.export(ledger.ExportOptions{Format: ledger.CSV, Book: book})
	done, err := to.Import(context.Background(), strings.NewReader(file))
	if err != nil {
		t.Fatalf("%v\n%s", err, file)
	}
	if want := from.digest(book); len(done) != 1 || done[0].Digest != want || to.digest(book) != want {
		t.Fatalf("imported %+v, the copy's digest is %s, want %s", done, to.digest(book), want)
	}
	all := ledger.Query{Book: book}
	has, err := to.Balances(context.Background(), all)
	if err != nil {
		t.Fatal(err)
	}
	want, err := from.Balances(context.Background(), all)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(has) != fmt.Sprint(want) {
		t.Fatalf("the copy stands at %v, want %v", has, want)
	}
}

// TestCopyHasTheSameDigest copies every kind of transaction; what can be done to the original can be done to the copy.
func TestCopyHasTheSameDigest(t *testing.T) {
	from, to := exported(t), start(t)
	for _, book := range []string{"000", "A01"} {
		mustCopy(t, from, to, book)
	}
	to.mustVerify()
	for _, b := range []*bench{from, to} {
		r := b.post(resolve("K4", "H4", ledger.Capture, 8), resolve("V1", "H1", ledger.Void, 0), move("P0", "assets:bank", "l:pay", 9),
			move("N", "assets:Never_used/1.x", "l:pay", 1), move("T", "assets:bank", "l:pay", 1))
		got := fmt.Sprintf("%s %s %s %s %s %s", r[0].Code, r[1].Code, r[2].Code, r[3].Code, r[4].Code, r[4].Day.Format(time.DateOnly))
		if got != "posted hold_resolved reference_reused closed_account posted 2025-06-03" {
			t.Errorf("after the copy: %s", got)
		}
	}
	if from.digest("A01") != to.digest("A01") {
		t.Error("the same postings on a book and its copy give other digests")
	}
	if from.digest("A01") == from.digest("000") {
		t.Error("two books have one digest")
	}
	whole := start(t)
	file := from.export(ledger.ExportOptions{Format: ledger.CSV})
	if _, err := whole.Import(context.Background(), strings.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	if got := withoutOwn(whole.export(ledger.ExportOptions{Format: ledger.CSV})); got != withoutOwn(file) {
		t.Error("the copy of all books is written otherwise than the original")
	}
	whole.mustVerify()
}

// TestACopiedHoldKeepsItsTime: what was captured in time stays captured however late the copy is made, and a hold that is
// open expires when it would have.
func TestACopiedHoldKeepsItsTime(t *testing.T) {
	from, to := start(t), start(t)
	to.Ledger = ledger.New(to.pool, func() time.Time { return noon.AddDate(1, 0, 0) })
	from.open("A01", "assets:bank", "l:pay")
	open, captured, unlimited := hold("H1", 5), hold("H2", 5), hold("H3", 5)
	open.Expires, captured.Expires = noon.Add(time.Hour), noon.Add(time.Hour)
	from.mustPost(open, captured, unlimited)
	from.mustPost(resolve("K2", "H2", ledger.Capture, 4))
	mustCopy(t, from, to, "A01")
	to.mustVerify()
	r := to.post(resolve("K1", "H1", ledger.Capture, 4), resolve("K3", "H3", ledger.Capture, 4))
	if r[0].Code != ledger.HoldExpired || r[1].Code != ledger.Posted {
		t.Errorf("captured in the copy: %s and %s", r[0].Code, r[1].Code)
	}
	if n, err := to.ExpireHolds(context.Background(), "A01", monday, 10); n != 1 || err != nil {
		t.Errorf("%d holds of the copy expired (%v), want 1", n, err)
	}
	to.mustVerify()
}

// withoutOwn leaves out the id and the recorded time, which a copy has of its own.
func withoutOwn(file string) string {
	var out strings.Builder
	for line := range strings.Lines(file) {
		parts := strings.SplitN(line, ",", 3)
		out.WriteString(parts[2])
	}
	return out.String()
}

// TestCopiesOfRandomBooks plays random postings, holds, corrections, refusals and closings, and copies the book.
func TestCopiesOfRandomBooks(t *testing.T) {
	t.Parallel()
	from, to := start(t), start(t)
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		book := fmt.Sprintf("C%d", runs)
		from.open(book, append(modelAccounts, "assets:spare")...)
		var references []string
		for i := range rapid.IntRange(1, 6).Draw(rt, "steps") {
			if rapid.IntRange(0, 3).Draw(rt, "closes") == 0 {
				day := monday.AddDate(0, 0, rapid.IntRange(0, 4).Draw(rt, "closed day"))
				from.inTx(func(tx pgx.Tx) error {
					return from.CloseDayTx(context.Background(), tx, book, day, rapid.SampledFrom([]string{"", "a,\"b\r\nc"}).Draw(rt, "by"))
				})
				continue
			}
			var batch []ledger.Transaction
			for j := range rapid.IntRange(1, 5).Draw(rt, "transactions") {
				tx := drawTransaction(rt, book)
				tx.Reference = fmt.Sprintf("S%d-%d", i, j)
				drawRest(rt, &tx, references)
				batch, references = append(batch, tx), append(references, tx.Reference)
			}
			from.post(batch...) // some are refused
		}
		if rapid.Bool().Draw(rt, "closes an account") {
			from.inTx(func(tx pgx.Tx) error { return from.CloseAccountTx(context.Background(), tx, book, "assets:spare") })
		}
		mustCopy(rt, from, to, book)
	})
	to.mustVerify()
}

func drawRest(rt *rapid.T, tx *ledger.Transaction, references []string) {
	tx.Phase = rapid.SampledFrom([]ledger.Phase{ledger.Post, ledger.Hold, ledger.Hold, ledger.Capture, ledger.Void}).Draw(rt, "phase")
	if len(references) > 0 && tx.Phase != ledger.Hold && rapid.Bool().Draw(rt, "names another") {
		tx.Of = rapid.SampledFrom(references).Draw(rt, "of")
	}
	if tx.Phase == ledger.Void || tx.Phase == ledger.Capture && rapid.Bool().Draw(rt, "in full") {
		tx.Postings = nil
	}
	if tx.Phase == ledger.Hold && rapid.Bool().Draw(rt, "expires") {
		tx.Expires = noon.Add(time.Duration(rapid.IntRange(0, 1e6).Draw(rt, "expires after")) * time.Millisecond)
	}
	tx.Occurred = noon.Add(time.Duration(rapid.IntRange(0, 3e9).Draw(rt, "occurred")) * time.Microsecond)
	tx.Link = rapid.SampledFrom([]string{"", "camt/1:2", "=x"}).Draw(rt, "link")
	tx.Metadata = rapid.MapOf(rapid.String(), rapid.String()).Draw(rt, "metadata")
}

// small is a book with one transaction of each kind, as a file whose lines the cases below change.
func small(t *testing.T) (from *bench, file string) {
	from = start(t)
	from.open("A01", "assets:a>0", "l:b>0", "l:z")
	two := move("R1", "assets:a", "l:b", 9)
	two.Postings = append(two.Postings, ledger.Posting{Debit: "assets:a", Credit: "l:z", Amount: 1, Currency: "VND"})
	two.Metadata = map[string]string{"k": "v"}
	held := move("H1", "l:b", "assets:a", 5)
	held.Phase, held.Expires = ledger.Hold, noon.Add(time.Hour)
	from.mustPost(two, held)
	from.inTx(func(tx pgx.Tx) error { return from.CloseDayTx(context.Background(), tx, "A01", monday, "tester") })
	capture := move("K1", "l:b", "assets:a", 4)
	capture.Phase, capture.Of = ledger.Capture, "H1"
	fix := move("C1", "assets:a", "l:b", 1)
	fix.Of = "R1"
	from.mustPost(capture, fix)
	return from, from.export(ledger.ExportOptions{Format: ledger.CSV})
}

// The lines of small: 1 header, 2 book, 3 to 5 accounts, 6 and 7 R1, 8 H1, 9 close, 10 K1, 11 C1, 12 end.
var tamperedFiles = []struct {
	name     string
	line     int // to be changed; 0 for the whole file
	old, new string
	want     string
}{
	{"another header", 1, "kind", "sort", `line 1: column 6 is "sort", expected "kind": this is no CSV export of a ledger, or one of another version`},
	{"an empty file", 0, "*", "", "line 1: the file is empty"},
	{"a column too many", 6, "\n", ",\n", "line 6: it has 22 columns, expected 21"},
	{"a quote in the middle", 6, "R1", `R"1`, `line 6: at byte 34: bare " in non-quoted-field`},
	{"a quote that is not closed", 3, ",assets:a", `,"assets:a`, `line 6: at byte 87: extraneous or missing " in quoted-field`},
	{"an empty line", 6, "\n", "\n\n", "line 7: it is empty, or the row before goes on in it"},
	{"no book", 2, "*", "", `line 2, type: "account", expected "book": a book begins here`},
	{"a part of a book", 2, "book", "extract", "line 2, type: this is a part of a book, which cannot be read back: export it without a period"},
	{"a book with days", 2, ",book,A01,,,,", ",book,A01,,,,2025-06-01", `line 2, asked_day: "2025-06-01", expected ""`},
	{"no accounts", 3, "account", "post", `line 3, type: "post", expected "account": a book has accounts`},
	{"accounts in another order", 4, "l:b", "a:b", "line 4, account: a:b does not come after assets:a: accounts stand once, in the order of their codes"},
	{"no account's code", 3, "assets:a", "assets::a", "line 3: the code must be parts of letters, digits, . _ / - joined by colons, 200 at most"},
	{"another side", 3, "debit", "left", "line 3: the normal side must be debit or credit"},
	{"another limit", 3, "never_below_zero", "none", `line 3, limits: "none", expected ""`},
	{"another book", 7, "A01", "A02", `line 7, book: "A02", expected "A01": its rows stand together`},
	{"another type", 6, "post", "posting", `line 6, type: "posting" is not known here`},
	{"an account after a transaction", 8, "hold", "account", `line 8, type: "account" is not known here`},
	{"an instant of another form", 6, "2025-06-02T05:00:00Z,2", "2025-06-02T05:00:00+00:00,2", `line 6, occurred: "2025-06-02T05:00:00+00:00", expected "2025-06-02T05:00:00Z"`},
	{"an instant too exact", 6, "2025-06-02T05:00:00Z,2", "2025-06-02T05:00:00.0000001Z,2", `line 6, occurred: "2025-06-02T05:00:00.0000001Z" is no instant in UTC to the microsecond, like 2025-06-02T05:00:00Z`},
	{"no instant", 8, "2025-06-02T06:00:00Z", "soon", `line 8, expires: "soon" is no instant in UTC to the microsecond, like 2025-06-02T05:00:00Z`},
	{"no day", 6, "2025-06-02,2025-06-02", "2025-06-32,2025-06-02", `line 6, asked_day: "2025-06-32" is no day like 2025-06-02`},
	{"a day that was not effective", 8, "2025-06-02,2025-06-02", "2025-06-02,2025-06-03", "line 8, effective_day: with the days that were closed by then it is 2025-06-02"},
	{"a day that was closed", 11, "2025-06-03", "2025-06-02", "line 11, effective_day: with the days that were closed by then it is 2025-06-03"},
	{"metadata of another form", 6, `{""k"":""v""}`, `{""k"": ""v""}`, `line 6, metadata: "{\"k\": \"v\"}", expected "{\"k\":\"v\"}"`},
	{"no metadata", 6, `{""k"":""v""}`, `{}`, `line 6, metadata: "{}" is no JSON object of texts`},
	{"metadata of numbers", 6, `""v""`, `1`, `line 6, metadata: "{\"k\":1}" is no JSON object of texts`},
	{"metadata too long", 6, `""v""`, `""` + strings.Repeat("v", ledger.MaxMetadata) + `""`, "line 6, metadata: it is longer than 16384 bytes"},
	{"metadata that cannot be kept", 6, `""v""`, `""\u0000""`, "line 6, metadata: it has a character that PostgreSQL cannot keep"},
	{"an amount with a fraction", 6, ",9,", ",9.5,", `line 6, amount: "9.5" is no whole number of minor units above zero`},
	{"an amount of zero", 6, ",9,", ",0,", `line 6, amount: "0" is no whole number of minor units above zero`},
	{"an amount in another form", 6, ",9,", ",+9,", `line 6, amount: "+9", expected "9"`},
	{"an amount over int64", 6, ",9,", ",9223372036854775808,", `line 6, amount: "9223372036854775808" is no whole number of minor units above zero`},
	{"a total over int64", 6, ",9,", ",9223372036854775807,", "line 7, amount: the ledger refuses it: overflow on account assets:a"},
	{"another kind in the second row", 7, ",test,", ",tests,", `line 7, kind: "tests", expected "test"`},
	{"a kind that is too long", 8, ",test,", "," + strings.Repeat("x", 65) + ",", "line 8, kind: the ledger refuses it: invalid_field"},
	{"an unknown account", 7, "l:z", "l:y", "line 7, credit: the ledger refuses it: unknown_account on account l:y"},
	{"one account twice", 7, "l:z", "assets:a", "line 7, credit: the ledger refuses it: same_account on account assets:a"},
	{"another currency", 7, "VND", "USD", "line 7, currency: the ledger refuses it: currency_mismatch on account assets:a"},
	{"below zero", 8, ",5,", ",15,", "line 8, amount: the ledger refuses it: limit on account l:b"},
	{"a reference twice", 11, "C1", "R1", "line 11, reference: R1 stands twice in the book"},
	{"a reference of another form", 11, "C1", "C 1", "line 11, reference: the ledger refuses it: invalid_field"},
	{"captured more than held", 10, ",4,", ",6,", "line 10, amount: the ledger refuses it: hold_exceeded on account l:b"},
	{"a capture of no hold", 10, ",H1,", ",R1,", "line 10, of: the ledger refuses it: not_held"},
	{"a capture of nothing", 10, ",H1,", ",,", "line 10, of: the ledger refuses it: invalid_field"},
	{"a correction of a hold", 11, ",R1,", ",H1,", "line 11, of: the ledger refuses it: not_posted"},
	{"a correction of what is not there", 11, ",R1,", ",R9,", "line 11, of: the ledger refuses it: unknown_of"},
	{"a hold that is captured twice", 11, ",post,A01,C1,test,2025-06-02T05:00:00Z,2025-06-02,2025-06-03,,R1,", ",capture,A01,C1,test,2025-06-02T05:00:00Z,2025-06-02,2025-06-03,,H1,",
		"line 11, of: the ledger refuses it: hold_resolved"},
	{"a posting that expires", 11, ",R1,", ",R1,2025-06-02T06:00:00Z", "line 11, expires: the ledger refuses it: invalid_field"},
	{"a void with a posting", 10, "capture", "void", `line 10, debit: "l:b", expected ""`},
	{"a day closed twice", 9, "\n", "\n*", "line 10, effective_day: 2025-06-02 is closed already"},
	{"a closing without a day", 9, "2025-06-02,", ",", `line 9, effective_day: "" is no day like 2025-06-02`},
	{"a closing by nobody that can be kept", 9, `tester`, `\u0000`, "line 9, metadata: it has a character that PostgreSQL cannot keep"},
	{"a closing with more", 9, `{""by"":""tester""}`, `{""by"":""tester"",""x"":""y""}`, `line 9, metadata: "{\"by\":\"tester\",\"x\":\"y\"}", expected "{\"by\":\"tester\"}"`},
	{"a transaction left out", 11, "*", "", "the book's digest is"},
	{"a word changed", 11, "test", "toast", "the book's digest is"},
	{"another digest", 12, "sha256\"\":\"\"", "sha256\"\":\"\"0", "the book's digest is"},
	{"an end with more", 12, ",end,A01,,", ",end,A01,X,", `line 12, reference: "X", expected ""`},
	{"no end", 12, "*", "", "line 12: the file ends within book A01: a part of it is missing"},
	{"the book twice", 0, "*", "twice", "book A01 is open: a copy is read only where no book of its name is"},
}

// TestImportRefuses: each file is refused for its own reason, and nothing of the book is kept.
func TestImportRefuses(t *testing.T) {
	_, file := small(t)
	to := start(t)
	lines := strings.SplitAfter(file, "\n")
	for _, c := range tamperedFiles {
		tampered := tamper(t, lines, c.line, c.old, c.new)
		done, err := to.Import(context.Background(), strings.NewReader(tampered))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if c.line == 0 && len(tampered) > 0 {
			continue // the first of the two stands
		}
		if _, wrong := errors.AsType[*ledger.ImportError](err); !wrong || len(done) > 0 {
			t.Errorf("%s: %T and %v, want an *ImportError and no book", c.name, err, done)
		}
		if left := to.kept(); left != 0 {
			t.Fatalf("%s: %d rows are left", c.name, left)
		}
	}
	if _, err := to.Import(context.Background(), strings.NewReader(file)); err == nil {
		t.Error("a book was read twice")
	} else if _, open := errors.AsType[*ledger.BookError](err); !open {
		t.Errorf("a book read twice: %v", err)
	}
}

// TestADigestIsNoProof: who changes a file can write the digest that goes with it; what a book cannot be is refused all
// the same. The digest is made as docs/ledger-formats.md says.
func TestADigestIsNoProof(t *testing.T) {
	from, file := small(t)
	if got := seal(file); got != file {
		t.Fatalf("the file is sealed as\n%s\nwant\n%s", file, got)
	}
	if !strings.Contains(file, from.digest("A01")) {
		t.Error("the file has not the book's digest")
	}
	to := start(t)
	lines := strings.SplitAfter(file, "\n")
	closed := seal(tamper(t, lines, 5, ",\n", ",closed\n"))
	want := "line 5, closed: it does not stand at zero: move what is on it first"
	if _, err := to.Import(context.Background(), strings.NewReader(closed)); err == nil || err.Error() != want || to.kept() > 0 {
		t.Errorf("%v and %d rows, want %q and none", err, to.kept(), want)
	}
	other := seal(tamper(t, lines, 11, "test", "toast"))
	if done, err := to.Import(context.Background(), strings.NewReader(other)); err != nil || done[0].Digest == from.digest("A01") {
		t.Errorf("a book that could have been was read as %v (%v)", done, err)
	}
}

// seal writes the digest of a file of one book anew.
func seal(file string) string {
	lines := strings.SplitAfter(file, "\n")
	content := withoutOwn(strings.Join(lines[1:len(lines)-2], ""))
	end := lines[len(lines)-2]
	at := strings.Index(end, `"":""`) + len(`"":""`)
	return strings.Join(lines[:len(lines)-2], "") + fmt.Sprintf("%s%x%s", end[:at], sha256.Sum256([]byte(content)), end[at+64:])
}

// tamper changes one line; "*" stands for all of it.
func tamper(t *testing.T, lines []string, line int, old, new string) string {
	t.Helper()
	if line == 0 {
		if new == "" {
			return ""
		}
		return strings.Join(lines, "") + strings.Join(lines[1:], "")
	}
	was := lines[line-1]
	is := new
	if old != "*" {
		is = strings.Replace(was, old, strings.ReplaceAll(new, "*", was), 1)
		if is == was && old != new {
			t.Fatalf("line %d has no %q: %s", line, old, was)
		}
	}
	return strings.Join(lines[:line-1], "") + is + strings.Join(lines[line:], "")
}

// kept counts the rows of every table.
func (b *bench) kept() (n int) {
	b.t.Helper()
	err := b.pool.QueryRow(context.Background(), `
		SELECT (SELECT count(*) FROM ledger.books) + (SELECT count(*) FROM ledger.accounts) + (SELECT count(*) FROM ledger.balances)
		     + (SELECT count(*) FROM ledger.transactions) + (SELECT count(*) FROM ledger.postings)
		     + (SELECT count(*) FROM ledger.pending) + (SELECT count(*) FROM ledger.periods)`).Scan(&n)
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// TestImportStopsAtARowWithoutEnd: a quote that is never closed does not fill the memory.
func TestImportStopsAtARowWithoutEnd(t *testing.T) {
	_, file := small(t)
	header, _, _ := strings.Cut(file, "\n")
	endless := &repeated{text: []byte("x,\n")}
	_, err := start(t).Import(context.Background(), io.MultiReader(strings.NewReader(header+"\n1,2,\""), endless))
	if err == nil || err.Error() != "line 2: the row does not end: a quote may not be closed" {
		t.Errorf("a row without end: %v", err)
	}
	if endless.read > 1<<20 {
		t.Errorf("%d bytes of it were read", endless.read)
	}
}

// repeated is a text without end.
type repeated struct {
	text []byte
	read int
}

func (r *repeated) Read(p []byte) (int, error) {
	n := 0
	for n+len(r.text) <= len(p) {
		n += copy(p[n:], r.text)
	}
	r.read += n
	return n, nil
}

func TestAPartOfABookIsWrittenAsOne(t *testing.T) {
	from, _ := small(t)
	tuesday := monday.AddDate(0, 0, 1)
	part := strings.Split(from.export(ledger.ExportOptions{Format: ledger.CSV, From: tuesday, To: tuesday}), "\n")
	if !strings.HasPrefix(part[1], ",,extract,A01,,,,2025-06-03,2025-06-03,") || len(part) != 9 {
		t.Errorf("the part is written as %q", part)
	}
	held := from.export(ledger.ExportOptions{Format: ledger.CSV, To: monday})
	if !strings.Contains(held, ",hold,A01,H1,") || !strings.Contains(held, ",close,A01,") || strings.Contains(held, ",C1,") {
		t.Errorf("the part is written as %s", held)
	}
}

// TestSoakALargeBook copies 100,000 postings, some in one transaction of 10,000, in memory that does not grow with them.
func TestSoakALargeBook(t *testing.T) {
	if os.Getenv("EXCHEQUER_SOAK") == "" {
		return // a soak test: make soak
	}
	from, to := start(t), start(t)
	from.open("A01", "assets:a", "l:b", "l:c")
	large := move("LARGE", "assets:a", "l:b", 1)
	for len(large.Postings) < ledger.MaxPostings {
		large.Postings = append(large.Postings, ledger.Posting{Debit: "assets:a", Credit: "l:c", Amount: 2, Currency: "VND"})
	}
	from.mustPost(large)
	for i := range 90 {
		var batch []ledger.Transaction
		for j := range 1000 {
			tx := move(fmt.Sprintf("S%d-%d", i, j), "assets:a", "l:b", 3)
			if tx.Day = monday.AddDate(0, 0, i); j%10 == 0 {
				tx.Phase = ledger.Hold
			}
			batch = append(batch, tx)
		}
		from.mustPost(batch...)
		from.inTx(func(tx pgx.Tx) error {
			return from.CloseDayTx(context.Background(), tx, "A01", monday.AddDate(0, 0, i-1), "tester")
		})
	}
	file := from.export(ledger.ExportOptions{Format: ledger.CSV})
	runtime.GC()
	began := time.Now()
	done, err := to.Import(context.Background(), strings.NewReader(file))
	if err != nil || done[0].Digest != from.digest("A01") {
		t.Fatalf("%+v (%v)", done, err)
	}
	t.Logf("%d transactions, %d MB of CSV, read in %s", done[0].Transactions, len(file)>>20, time.Since(began))
	to.mustVerify()
}
