package vnpay

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"exchequer/providers"
)

// maxSettlement bounds a day's file: some two million payments.
const maxSettlement = 512 << 20

// settlementHeader is the first line of a settlement file.
var settlementHeader = []string{
	"record", "day", "batch", "terminal", "txn_ref", "transaction_no", "pay_date", "currency", "lines", "amount", "fee", "net",
}

// Columns of a settlement file, in the order of settlementHeader.
const (
	colRecord = iota
	colDay
	colBatch
	colTerminal
	colTxnRef
	colTransactionNo
	colPayDate
	colCurrency
	colLines
	colAmount
	colFee
	colNet
)

// FetchSettlement gets the file of a settlement day (00:00 UTC of the date). ErrNotDone when it is not there yet,
// ErrUnknown when it could not be got; either way it can be asked for again.
func (a *Adapter) FetchSettlement(ctx context.Context, day time.Time) ([]byte, error) {
	if a.config.SettlementURL == "" {
		return nil, notDone("no SettlementURL is configured: import the file by hand")
	}
	ctx, cancel := context.WithTimeout(ctx, a.config.Timeout)
	defer cancel()
	address := strings.TrimSuffix(a.config.SettlementURL, "/") + "/" + day.Format(time.DateOnly) + ".csv"
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, unknown("making the request: %w", err)
	}
	status, body, err := a.fetch(r, maxSettlement)
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusNotFound:
		return nil, notDone("there is no settlement file of %s yet", day.Format(time.DateOnly))
	case status != http.StatusOK:
		return nil, unknown("VNPAY answers HTTP %d", status)
	}
	return body, nil
}

// ReadSettlement reads a settlement file. No provider publishes its form; this one is declared here and made by the
// simulator. It is CSV (RFC 4180, UTF-8) with the header
//
//	record,day,batch,terminal,txn_ref,transaction_no,pay_date,currency,lines,amount,fee,net
//
// and three kinds of record. Amounts are whole đồng; net = amount - fee; fee is 0 where fees are invoiced.
//
//	P  one payment: lines 1
//	T  end of a batch: its number of payments and their sums; net is the bank credit, whose text names the batch
//	E  end of the file: number of payments and sums of all batches; the last record, also of a day without payments
//
// pay_date is yyyyMMddHHmmss of GMT+7, day is YYYY-MM-DD. What does not agree (sums, counts, a missing end, a terminal we do not
// know) is an error joined with ErrMalformed, and the batches read are returned all the same, with the net that the file states.
func (a *Adapter) ReadSettlement(r io.Reader) ([]providers.Settlement, error) {
	in := csv.NewReader(r)
	in.ReuseRecord = true
	in.FieldsPerRecord = len(settlementHeader)
	header, err := in.Read()
	if err != nil || !slices.Equal(header, settlementHeader) {
		return nil, malformed("first line must be %s", strings.Join(settlementHeader, ","))
	}
	s := settlementReader{terminals: a.byCode}
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			s.fault("%w", err)
			break
		}
		s.line, _ = in.FieldPos(0)
		s.read(record)
	}
	s.finish()
	if err := errors.Join(s.faults...); err != nil {
		return s.batches, fmt.Errorf("%w: %w", providers.ErrMalformed, err)
	}
	return s.batches, nil
}

// maxLineDong bounds what a record may state, far above VNPAY's largest payment, so that no sum can overflow.
const maxLineDong = 1_000_000_000_000_000

// maxFaults bounds what is told of one file.
const maxFaults = 20

// totals are the count and sums a T or E record states.
type totals struct {
	lines            int
	amount, fee, net int64
}

func (t *totals) add(o totals) {
	t.lines += o.lines
	t.amount += o.amount
	t.fee += o.fee
	t.net += o.net
}

// settlementReader builds batches from records and notes what does not agree.
type settlementReader struct {
	terminals map[string]Terminal
	line      int
	batches   []providers.Settlement
	open      bool // the last batch has no T record yet
	sum       totals
	all       totals
	ended     bool
	faults    []error
}

func (s *settlementReader) fault(format string, args ...any) {
	if len(s.faults) < maxFaults {
		s.faults = append(s.faults, fmt.Errorf("line %d: "+format, append([]any{s.line}, args...)...))
	}
}

func (s *settlementReader) read(record []string) {
	if s.ended {
		s.fault("a record after the end of the file")
		return
	}
	stated, err := readTotals(record)
	if err != nil {
		s.fault("%w", err)
		return
	}
	switch record[colRecord] {
	case "P":
		s.payment(record, stated)
	case "T":
		s.total(record, stated)
	case "E":
		s.ended = true
		if s.open {
			s.fault("batch %q has no total", s.batches[len(s.batches)-1].Batch)
		}
		if stated != s.all {
			s.fault("the file's totals do not agree with its batches")
		}
	default:
		s.fault("record %q is none of P, T, E", record[colRecord])
	}
}

// payment adds one payment to its batch, which it may begin.
func (s *settlementReader) payment(record []string, stated totals) {
	paid, err := parseTime(record[colPayDate])
	if err != nil {
		s.fault("pay_date: %w", err)
	}
	if stated.lines != 1 || record[colTxnRef] == "" {
		s.fault("a payment must have txn_ref and count as one line")
	}
	s.batch(record)
	b := &s.batches[len(s.batches)-1]
	b.Lines = append(b.Lines, providers.SettlementLine{
		Reference: record[colTxnRef], ProviderID: record[colTransactionNo], Paid: paid,
		Amount: stated.amount, Fee: stated.fee,
	})
	b.Net += stated.net
	s.sum.add(stated)
	s.all.add(stated)
}

// total ends a batch. The net it states is kept, right or wrong: it is what the provider pays over.
func (s *settlementReader) total(record []string, stated totals) {
	s.batch(record)
	if stated != s.sum {
		s.fault("batch %q does not foot: it states %d lines, net %d, and holds %d lines, net %d",
			record[colBatch], stated.lines, stated.net, s.sum.lines, s.sum.net)
	}
	s.batches[len(s.batches)-1].Net = stated.net
	s.open, s.sum = false, totals{}
}

// batch begins a batch unless the open one goes on.
func (s *settlementReader) batch(record []string) {
	if s.open {
		b := s.batches[len(s.batches)-1]
		if b.Batch == record[colBatch] {
			return
		}
		s.fault("batch %q has no total", b.Batch)
	}
	day, err := time.Parse(time.DateOnly, record[colDay])
	if err != nil {
		s.fault("day is not YYYY-MM-DD")
	}
	if record[colCurrency] != currency {
		s.fault("currency %q is not VND", record[colCurrency])
	}
	terminal, known := s.terminals[record[colTerminal]]
	if !known {
		s.fault("terminal %q is not in the configuration", record[colTerminal])
		terminal.Merchant = record[colTerminal]
	}
	s.batches = append(s.batches, providers.Settlement{
		Batch: record[colBatch], Merchant: terminal.Merchant, Day: day, Currency: record[colCurrency],
	})
	s.open, s.sum = true, totals{}
}

func (s *settlementReader) finish() {
	if !s.ended {
		s.fault("the file has no end record: it is cut off")
	}
}

// readTotals reads the four numbers of a record.
func readTotals(record []string) (totals, error) {
	var t totals
	var faults [5]error
	t.lines, faults[0] = strconv.Atoi(record[colLines])
	t.amount, faults[1] = strconv.ParseInt(record[colAmount], 10, 64)
	t.fee, faults[2] = strconv.ParseInt(record[colFee], 10, 64)
	t.net, faults[3] = strconv.ParseInt(record[colNet], 10, 64)
	if t.amount < 0 || t.fee < 0 || t.amount > maxLineDong || t.fee > maxLineDong || t.net != t.amount-t.fee {
		faults[4] = errors.New("net must be amount - fee, neither below 0")
	}
	return t, errors.Join(faults[:]...)
}
