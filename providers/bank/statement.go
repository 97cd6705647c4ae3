package bank

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// The elements of a statement, in the schema's order. Only those the bank writes are here.
type (
	document struct {
		XMLName   xml.Name  `xml:"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08 Document"`
		MessageID string    `xml:"BkToCstmrStmt>GrpHdr>MsgId"`
		Created   string    `xml:"BkToCstmrStmt>GrpHdr>CreDtTm"`
		Statement statement `xml:"BkToCstmrStmt>Stmt"`
	}
	statement struct {
		ID       string     `xml:"Id"`
		Sequence int        `xml:"LglSeqNb"`
		Created  string     `xml:"CreDtTm"`
		From     string     `xml:"FrToDt>FrDtTm"`
		To       string     `xml:"FrToDt>ToDtTm"`
		Account  account    `xml:"Acct"`
		Balances []balance  `xml:"Bal"`
		Summary  summary    `xml:"TxsSummry"`
		Entries  []xmlEntry `xml:"Ntry"`
	}
	account struct {
		Number   string `xml:"Id>Othr>Id"`
		Currency string `xml:"Ccy"`
		Owner    string `xml:"Ownr>Nm,omitempty"`
		BIC      string `xml:"Svcr>FinInstnId>BICFI"`
	}
	money struct {
		Currency string `xml:"Ccy,attr"`
		Value    int64  `xml:",chardata"`
	}
	balance struct {
		Type      string `xml:"Tp>CdOrPrtry>Cd"`
		Amount    money  `xml:"Amt"`
		Direction string `xml:"CdtDbtInd"`
		Date      string `xml:"Dt>Dt"`
	}
	summary struct {
		Credits    int   `xml:"TtlCdtNtries>NbOfNtries"`
		CreditsSum int64 `xml:"TtlCdtNtries>Sum"`
		Debits     int   `xml:"TtlDbtNtries>NbOfNtries"`
		DebitsSum  int64 `xml:"TtlDbtNtries>Sum"`
	}
	xmlEntry struct {
		Ref       string  `xml:"NtryRef"`
		Amount    money   `xml:"Amt"`
		Direction string  `xml:"CdtDbtInd"`
		Status    string  `xml:"Sts>Cd"`
		Booked    string  `xml:"BookgDt>Dt"`
		Value     string  `xml:"ValDt>Dt"`
		Number    string  `xml:"AcctSvcrRef"`
		Domain    string  `xml:"BkTxCd>Domn>Cd"`
		Family    string  `xml:"BkTxCd>Domn>Fmly>Cd"`
		SubFamily string  `xml:"BkTxCd>Domn>Fmly>SubFmlyCd"`
		Details   details `xml:"NtryDtls>TxDtls"`
	}
	details struct {
		Number     string   `xml:"Refs>AcctSvcrRef"`
		EndToEndID string   `xml:"Refs>EndToEndId"`
		Amount     money    `xml:"Amt"`
		Direction  string   `xml:"CdtDbtInd"`
		Debtor     *party   `xml:"RltdPties>Dbtr"`
		Creditor   *another `xml:"RltdPties>CdtrAcct"`
		Remittance *unstruc `xml:"RmtInf"`
	}
	party struct {
		Name string `xml:"Pty>Nm"`
	}
	another struct {
		Number string `xml:"Id>Othr>Id"`
	}
	unstruc struct {
		Text string `xml:"Ustrd"`
	}
)

// serveStatement writes the statement of a business day that is over; 404 until then, and for other days.
func (b *Bank) serveStatement(w http.ResponseWriter, r *http.Request) {
	a, ours := b.accounts[r.PathValue("account")]
	day, err := parseDay(r.PathValue("day"))
	if !ours || err != nil {
		http.NotFound(w, r)
		return
	}
	b.mu.Lock()
	over := !b.config.Now().Before(day.Add(b.config.DayEnds)) && day.Format(time.DateOnly) >= b.book.started &&
		b.config.IsBusinessDay(utcDay(day))
	var doc document
	if over {
		doc = b.statementOf(a, day)
	}
	b.mu.Unlock()
	if !over {
		http.Error(w, "no statement of this day (yet)", http.StatusNotFound)
		return
	}
	if err := b.journal.Sync(); err != nil {
		b.answer(w, 0, err, nil)
		return
	}
	out := bytes.NewBufferString(xml.Header)
	e := xml.NewEncoder(out)
	e.Indent("", " ")
	if err := e.Encode(doc); err != nil {
		b.answer(w, 0, err, nil)
		return
	}
	w.Header().Set("Content-Type", "application/xml; charset=utf-8")
	_, _ = w.Write(append(out.Bytes(), '\n')) // the reader is gone: nothing to do about it
}

// statementOf builds the statement of a day; asked for again it is the same to the byte. The caller holds mu.
func (b *Bank) statementOf(a Account, day time.Time) document {
	date := day.Format(time.DateOnly)
	var opening, closing int64
	s := statement{
		ID: short(a.Number) + "-" + day.Format("20060102"), Sequence: b.sequence(day),
		Created: day.Add(b.config.DayEnds).Format(time.RFC3339), From: day.Format(time.RFC3339),
		To:      day.Add(24*time.Hour - time.Second).Format(time.RFC3339),
		Account: account{Number: a.Number, Currency: currency, Owner: a.Owner, BIC: b.config.BIC},
	}
	for _, e := range b.book.entries[a.Number] { // in order of booking, so days only grow
		change := e.Amount
		if !e.Credit {
			change = -change
		}
		switch {
		case e.Day < date:
			opening += change
		case e.Day == date:
			closing += change
			s.add(e)
		}
	}
	closing += opening
	s.Balances = []balance{balanceOf("OPBD", opening, date), balanceOf("CLBD", closing, date)}
	return document{MessageID: "STMT" + day.Format("20060102") + "-" + short(a.Number), Created: s.Created, Statement: s}
}

// short keeps the end of an account number: MsgId and Id have at most 35 characters.
func short(number string) string { return number[max(0, len(number)-20):] }

// sequence counts business days from the first one.
func (b *Bank) sequence(day time.Time) int {
	n := 1
	first, err := parseDay(b.book.started)
	if err != nil {
		return n // the book's own date always parses
	}
	for d := first; d.Before(day); d = d.AddDate(0, 0, 1) {
		if b.config.IsBusinessDay(utcDay(d)) {
			n++
		}
	}
	return n
}

// add writes an entry and counts it.
func (s *statement) add(e Entry) {
	amount := money{currency, e.Amount}
	x := xmlEntry{
		Ref: fmt.Sprintf("%s-%06d", strings.ReplaceAll(e.Day, "-", ""), len(s.Entries)+1), Amount: amount, Status: "BOOK",
		Booked: e.Day, Value: e.Day, Number: e.Number, Domain: "PMNT", Family: "RCDT", SubFamily: "ESCT", Direction: "CRDT",
	}
	d := details{Number: e.Number, EndToEndID: e.EndToEndID, Amount: amount}
	if e.Credit {
		s.Summary.Credits++
		s.Summary.CreditsSum += e.Amount
		if e.Party != "" {
			d.Debtor = &party{e.Party}
		}
	} else {
		x.Direction, x.Family = "DBIT", "ICDT"
		s.Summary.Debits++
		s.Summary.DebitsSum += e.Amount
		d.Creditor = &another{e.Party}
	}
	if e.Remittance != "" {
		d.Remittance = &unstruc{e.Remittance}
	}
	d.Direction = x.Direction
	x.Details = d
	s.Entries = append(s.Entries, x)
}

func balanceOf(kind string, amount int64, date string) balance {
	b := balance{Type: kind, Amount: money{currency, amount}, Direction: "CRDT", Date: date}
	if amount < 0 {
		b.Amount.Value, b.Direction = -amount, "DBIT"
	}
	return b
}
