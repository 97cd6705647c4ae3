package statement

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"
)

// entryOf is one Ntry of a test statement.
func entryOf(ref, amount, direction string) string {
	return `<Ntry><NtryRef>` + ref + `</NtryRef><Amt Ccy="VND">` + amount + `</Amt><CdtDbtInd>` + direction +
		`</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2025-06-03</Dt></BookgDt><ValDt><Dt>2025-06-03</Dt></ValDt>` +
		`<AcctSvcrRef>FT` + ref + `</AcctSvcrRef><NtryDtls><TxDtls><Refs><EndToEndId>E` + ref + `</EndToEndId></Refs>` +
		`<RmtInf><Ustrd>VNPAY QUYET TOAN
  VNP20250603-T1</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>`
}

func balanceOf(code, amount, direction string) string {
	return `<Bal><Tp><CdOrPrtry><Cd>` + code + `</Cd></CdOrPrtry></Tp><Amt Ccy="VND">` + amount + `</Amt><CdtDbtInd>` +
		direction + `</CdtDbtInd><Dt><Dt>2025-06-03</Dt></Dt></Bal>`
}

func fileOf(version string, parts ...string) string {
	return `<?xml version="1.0" encoding="UTF-8"?><Document xmlns="` + namespacePrefix + version + `"><BkToCstmrStmt><GrpHdr>` +
		`<MsgId>M1</MsgId></GrpHdr><Stmt><Id>S1</Id><LglSeqNb>7</LglSeqNb><Acct><Id><Othr><Id>1130000001</Id></Othr></Id>` +
		`<Ccy>VND</Ccy></Acct>` + strings.Join(parts, "") + `</Stmt></BkToCstmrStmt></Document>`
}

// good foots: 100,000 + 98,599 - 50,000 = 148,599.
var good = fileOf("08", balanceOf("OPBD", "100000", "CRDT"), balanceOf("CLBD", "148599", "CRDT"),
	entryOf("1", "98599", "CRDT"), entryOf("2", "50000.00", "DBIT"))

func TestReadsWhatIsThere(t *testing.T) {
	got, findings, err := ReadCAMT053(iotest.OneByteReader(strings.NewReader(good)))
	if err != nil || len(findings) > 0 || len(got) != 1 {
		t.Fatalf("%+v, %v, %v", got, findings, err)
	}
	s := got[0]
	if s.Account != "1130000001" || s.Sequence != 7 || s.Currency != "VND" || day(s.Day) != "2025-06-03" || !s.Foots() {
		t.Errorf("statement %+v", s)
	}
	e := s.Entries[0]
	if e.Ref != "1" || e.BankRef != "FT1" || e.Amount != 98_599 || !e.Credit || e.EndToEndID != "E1" ||
		e.Remittance != "VNPAY QUYET TOAN VNP20250603-T1" || day(e.BookingDay) != "2025-06-03" {
		t.Errorf("entry %+v", e)
	}
	if s.Entries[1].Credit || s.Entries[1].Amount != 50_000 {
		t.Errorf("entry %+v", s.Entries[1])
	}
}

func TestFindings(t *testing.T) {
	prefixed := strings.Replace(regexp.MustCompile(`<(/?)([A-Z])`).ReplaceAllString(good, "<${1}c:$2"), "xmlns=", "xmlns:c=", 1)
	change := func(old, with string) string { return strings.Replace(good, old, with, 1) }
	cases := []struct {
		name, file string
		want       []FindingKind
		entries    int
	}{
		{"does not foot", change("98599", "98598"), []FindingKind{DoesNotFoot}, 2},
		{"no opening", change("OPBD", "OPAV"), []FindingKind{OpeningMissing}, 2},
		{"no closing", change("CLBD", "CLAV"), []FindingKind{ClosingMissing}, 2},
		{"closing of before", change("OPBD", "PRCD"), nil, 2},
		{"balance twice", change("<Ntry>", balanceOf("OPBD", "1", "CRDT")+"<Ntry>"), []FindingKind{BalanceRepeated}, 2},
		{"balance of a page", change("<Bal>", strings.Replace(balanceOf("OPBD", "1", "CRDT"), "</Tp>", "<SubTp><Cd>INTM</Cd></SubTp></Tp>", 1)+"<Bal>"), nil, 2},
		{"balance without sign", change("<CdtDbtInd>CRDT</CdtDbtInd>", ""), []FindingKind{SignMissing}, 2},
		{"announced", change("BOOK", "PDNG"), []FindingKind{NotBooked, DoesNotFoot}, 1},
		{"status in a word", change("<Sts><Cd>BOOK</Cd></Sts>", "<Sts>BOOK</Sts>"), nil, 2},
		{"no status", change("<Sts><Cd>BOOK</Cd></Sts>", ""), []FindingKind{StatusMissing}, 2},
		{"no booking date", change("<BookgDt><Dt>2025-06-03</Dt></BookgDt>", ""), []FindingKind{DateMissing}, 2},
		{"date-time as date", change("<BookgDt><Dt>2025-06-03</Dt>", "<BookgDt><Dt>2025-06-03T23:59:59+07:00</Dt>"), nil, 2},
		{"other currency", change(`<Ntry><NtryRef>1</NtryRef><Amt Ccy="VND">98599`, `<Ntry><NtryRef>1</NtryRef><Amt Ccy="USD">985.99`), []FindingKind{CurrencyDiffers}, 2},
		{"one reference twice", change("FT2", "FT1"), []FindingKind{ReferenceTwice}, 2},
		{"details differ", change("<Refs><EndToEndId>E1</EndToEndId></Refs>", `<Amt Ccy="VND">1</Amt>`), []FindingKind{DetailsDiffer}, 2},
		// 2^64 more than the entry: a sum that wraps around is the entry's.
		{"details past int64", change("<TxDtls><Refs><EndToEndId>E1</EndToEndId></Refs>",
			strings.Repeat(`<TxDtls><Amt Ccy="VND">999999999999999999</Amt></TxDtls>`, 18)+`<TxDtls><Amt Ccy="VND">446744073709650233</Amt>`), []FindingKind{DetailsDiffer}, 2},
		{"summary differs", change("<Ntry>", "<TxsSummry><TtlCdtNtries><NbOfNtries>3</NbOfNtries><Sum>98599</Sum></TtlCdtNtries></TxsSummry><Ntry>"), []FindingKind{SummaryDiffers}, 2},
		{"summary agrees", change("<Ntry>", "<TxsSummry><TtlDbtNtries><NbOfNtries>1</NbOfNtries><Sum>50000</Sum></TtlDbtNtries></TxsSummry><Ntry>"), nil, 2},
		{"summary not a number", change("<Ntry>", "<TxsSummry><TtlDbtNtries><Sum>much</Sum></TtlDbtNtries></TxsSummry><Ntry>"), []FindingKind{SummaryDiffers}, 2},
		{"more pages", change("<Acct>", "<StmtPgntn><PgNb>1</PgNb><LastPgInd>false</LastPgInd></StmtPgntn><Acct>"), []FindingKind{PagesMissing}, 2},
		{"no account", change("<Id><Othr><Id>1130000001</Id></Othr></Id>", ""), []FindingKind{AccountMissing}, 2},
		{"version 02", strings.Replace(good, namespacePrefix+"08", namespacePrefix+"02", 1), nil, 2},
		{"in an envelope", "<e:Envelope xmlns:e='urn:e'><e:AppHdr/>" + strings.TrimPrefix(good, `<?xml version="1.0" encoding="UTF-8"?>`) + "</e:Envelope>", nil, 2},
		{"with prefixes", prefixed, nil, 2},
		{"comment at the end", good + "<!-- end -->\n", nil, 2},
		{"a mark at the start", "\ufeff" + good, nil, 2},
		{"something unknown", change("<Acct>", "<Xtra><Id>9</Id></Xtra><Acct>"), nil, 2},
	}
	for _, c := range cases {
		got, findings, err := ReadCAMT053(strings.NewReader(c.file))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var kinds []FindingKind
		for _, f := range findings {
			kinds = append(kinds, f.Kind)
			if f.Count != 1 || f.Detail == "" || strings.Contains(f.String(), "QUYET") {
				t.Errorf("%s: finding %+v", c.name, f)
			}
		}
		// A statement whose entries are in two currencies, or are not all there, does not foot either.
		if slices.Contains(c.want, CurrencyDiffers) {
			kinds = slices.DeleteFunc(kinds, func(k FindingKind) bool { return k == DoesNotFoot })
		}
		if !slices.Equal(kinds, c.want) || len(got) != 1 || len(got[0].Entries) != c.entries {
			t.Errorf("%s: findings %v, want %v; %+v", c.name, findings, c.want, got)
		}
	}
	if _, findings, err := ReadCAMT053(strings.NewReader(`<Document xmlns="` + namespacePrefix + `08"/>`)); err != nil || len(findings) != 1 || findings[0].Kind != StatementMissing {
		t.Errorf("a file without statement: %v, %v", findings, err)
	}
}

func TestRefuses(t *testing.T) {
	change := func(old, with string) string { return strings.Replace(good, old, with, 1) }
	small := limits{bytes: 8 << 10, token: 1 << 10, depth: 20}
	cases := []struct {
		name, file string
		want       error
	}{
		{"nothing", "", ErrMalformed},
		{"not XML", "MT940", ErrMalformed},
		{"cut off", good[:len(good)-20], ErrMalformed},
		{"another message", strings.Replace(good, "camt.053", "camt.054", 1), ErrVersion},
		{"a version not tried", strings.Replace(good, namespacePrefix+"08", namespacePrefix+"99", 1), ErrVersion},
		{"no namespace", strings.Replace(good, ` xmlns="`+namespacePrefix+`08"`, "", 1), ErrVersion},
		{"no document", "<a/>", ErrVersion},
		{"a second root", good + "<a/>", ErrMalformed},
		{"text after the root", good + "x", ErrMalformed},
		{"document type", "<!DOCTYPE Document>" + good, ErrMalformed},
		{"entity", change("S1", "&x;"), ErrMalformed},
		{"too deep", change("<Acct>", strings.Repeat("<a>", 20)+strings.Repeat("</a>", 20)+"<Acct>"), ErrTooLarge},
		{"too long", change("<Acct>", "<Xtra>"+strings.Repeat("<a/>", 4<<10)+"</Xtra><Acct>"), ErrTooLarge},
		{"exponent", change("98599", "9.8599e4"), ErrAmount},
		{"a sign", change("98599", "-98599"), ErrAmount},
		{"part of a đồng", change("98599", "98598.5"), ErrAmount},
		{"too many digits", change("98599", "1000000000000000000"), ErrAmount},
		{"no amount", change("98599", ""), ErrAmount},
		{"gold", strings.ReplaceAll(good, "VND", "XAU"), ErrAmount},
		{"no direction", strings.Replace(good, "</Amt><CdtDbtInd>DBIT</CdtDbtInd>", "</Amt>", 1), ErrMalformed},
		{"no date", change("<BookgDt><Dt>2025-06-03", "<BookgDt><Dt>2025-02-30"), ErrMalformed},
		{"another encoding", change("UTF-8", "windows-1258"), ErrMalformed},
		{"not UTF-8", change("QUYET", "QUY\xff"), ErrMalformed},
		{"UTF-16 without a mark", string(utf16Of(good)[2:]), ErrMalformed},
	}
	for _, c := range cases {
		got, findings, err := readCAMT053(strings.NewReader(c.file), small)
		if !errors.Is(err, c.want) || got != nil || findings != nil {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	broken := errors.New("the disk is gone")
	if _, _, err := ReadCAMT053(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("a reader that fails: %v", err)
	}
}

// TestOneHugeElement: the limit on one text holds before the text is in memory.
func TestOneHugeElement(t *testing.T) {
	file := strings.Replace(good, "S1", strings.Repeat("9", 4<<20), 1)
	if _, _, err := ReadCAMT053(strings.NewReader(file)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%v, want ErrTooLarge", err)
	}
}

func utf16Of(s string) []byte {
	var b bytes.Buffer
	_ = binary.Write(&b, binary.BigEndian, append([]uint16{0xfeff}, utf16.Encode([]rune(s))...))
	return b.Bytes()
}

func TestUTF16(t *testing.T) {
	want, _, err := ReadCAMT053(strings.NewReader(good))
	if err != nil {
		t.Fatal(err)
	}
	for _, label := range []string{"UTF-8", "UTF-16"} {
		got, _, err := ReadCAMT053(bytes.NewReader(utf16Of(strings.Replace(good, "UTF-8", label, 1))))
		if err != nil || got[0].Digest != want[0].Digest {
			t.Errorf("declared as %s: %v", label, err)
		}
	}
	if _, _, err := ReadCAMT053(strings.NewReader(strings.Replace(good, "UTF-8", "UTF-16", 1))); err == nil {
		t.Error("bytes that are not UTF-16, though declared so, were read")
	}
}

func TestDigestIsOfTheContent(t *testing.T) {
	digest := func(file string) string {
		t.Helper()
		got, _, err := ReadCAMT053(strings.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		return got[0].Digest
	}
	base := digest(good)
	for name, file := range map[string]string{
		"another message id":   strings.Replace(good, "M1", "M2", 1),
		"another statement id": strings.Replace(good, "S1", "S2", 1),
		"entries reordered": fileOf("08", balanceOf("OPBD", "100000", "CRDT"), balanceOf("CLBD", "148599", "CRDT"),
			entryOf("2", "50000", "DBIT"), entryOf("1", "98599", "CRDT")),
		"zeros after the point": strings.Replace(good, "98599", "98599.0", 1),
	} {
		if digest(file) != base {
			t.Errorf("%s: another digest for the same content", name)
		}
	}
	for name, file := range map[string]string{
		"amount":    strings.Replace(good, "98599", "98598", 1),
		"account":   strings.Replace(good, "1130000001", "1130000002", 1),
		"opening":   strings.Replace(good, "100000", "100001", 1),
		"closing":   strings.Replace(good, "148599", "148598", 1),
		"direction": strings.Replace(good, "DBIT", "CRDT", 1),
		"day":       strings.ReplaceAll(good, "2025-06-03", "2025-06-04"),
		"text":      strings.Replace(good, "QUYET", "QUYEN", 1),
		"reversal":  strings.Replace(good, "<Sts>", "<RvslInd>true</RvslInd><Sts>", 1),
		"an entry":  strings.Replace(good, "</Stmt>", entryOf("3", "0", "CRDT")+"</Stmt>", 1),
	} {
		if digest(file) == base {
			t.Errorf("%s changed, and the digest did not", name)
		}
	}
}

func TestAmounts(t *testing.T) {
	cases := []struct {
		text, currency string
		want           int64
	}{
		{"0", "VND", 0}, {"123456789012345678", "VND", 123456789012345678}, {"8.850", "EUR", 885}, {" 12.3 ", "EUR", 1230},
		{".5", "EUR", 50}, {"5.", "EUR", 500}, {"007", "VND", 7}, {".00", "VND", 0}, {"1.234", "KWD", 1234}, {"1.2345", "CLF", 12345},
		{"7.00000", "JPY", 7},
	}
	for _, c := range cases {
		if got, err := parseAmount(c.text, c.currency); err != nil || got != c.want {
			t.Errorf("%q %s is %d, %v; want %d", c.text, c.currency, got, err, c.want)
		}
	}
	for _, bad := range []string{"", ".", "+1", "1,5", "1.2.3", "0x1", "1_000", "٣", "1.005", "NaN"} {
		if got, err := parseAmount(bad, "EUR"); !errors.Is(err, ErrAmount) {
			t.Errorf("%q was read as %d, %v", bad, got, err)
		}
	}
}

// TestDecimalsOfAllCurrencies holds the table against ISO 4217 as published by others; the list is not part of the project.
func TestDecimalsOfAllCurrencies(t *testing.T) {
	const path = "../../../shared/testdata/thirdparty/datasets__currency-codes/data/codes-all.csv"
	f, err := os.Open(path)
	if os.IsNotExist(err) && os.Getenv("CI") != "true" {
		t.Skipf("SKIPPED: %s is not here, the currencies were not checked", path)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		code, minor, withdrawn := row[2], row[4], row[5]
		if code == "" || withdrawn != "" {
			continue
		}
		got, err := decimals(code)
		if (minor == "-") != (err != nil) || err == nil && fmt.Sprint(got) != minor {
			t.Errorf("%s has %s decimals, not %d, %v", code, minor, got, err)
		}
	}
}

// FuzzReadCAMT053: no input crashes the reader, and what is read is read again the same.
func FuzzReadCAMT053(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(strings.Replace(good, "98599", "1e4", 1)))
	f.Add([]byte(good + "<a/>"))
	f.Add(utf16Of(good))
	f.Add([]byte(`<Document xmlns="` + namespacePrefix + `02"><BkToCstmrStmt><Stmt/></BkToCstmrStmt></Document>`))
	f.Fuzz(func(t *testing.T, file []byte) {
		got, findings, err := readCAMT053(bytes.NewReader(file), limits{bytes: 1 << 20, token: 1 << 16, depth: 64})
		if err != nil {
			if got != nil || findings != nil {
				t.Errorf("an error, and yet %v, %v", got, findings)
			}
			return
		}
		again, _, err := readCAMT053(bytes.NewReader(file), limits{bytes: 1 << 20, token: 1 << 16, depth: 64})
		if err != nil || len(again) != len(got) {
			t.Fatalf("read again: %v", err)
		}
		for i, s := range got {
			if s.Digest != again[i].Digest || len(s.Digest) != 64 {
				t.Errorf("digest %q, then %q", s.Digest, again[i].Digest)
			}
			for _, e := range s.Entries {
				if e.Amount < 0 || e.Currency == "" {
					t.Errorf("entry %+v", e)
				}
			}
			foots := !slices.ContainsFunc(findings, func(f Finding) bool {
				return f.Statement == i && (f.Kind == DoesNotFoot || f.Kind == OpeningMissing || f.Kind == ClosingMissing)
			})
			if s.Foots() != foots {
				t.Errorf("foots %v, but the findings are %v", s.Foots(), findings)
			}
		}
	})
}
