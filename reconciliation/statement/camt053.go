package statement

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// versions of camt.053.001 that were tried on real files. What is read here is the same in all of them; 02 to 06 have
// the status as a bare word, 08 and later as a code in an element.
var versions = []string{"02", "03", "04", "08", "10"}

const namespacePrefix = "urn:iso:std:iso:20022:tech:xsd:camt.053.001."

// The elements read, by their path below Stmt. Parts of the standard that are not named here are passed over.
type (
	amountXML struct {
		Currency string `xml:"Ccy,attr"`
		Text     string `xml:",chardata"`
	}
	dateXML struct {
		Date string `xml:"Dt"`
		Time string `xml:"DtTm"`
	}
	accountXML struct {
		IBAN     string `xml:"Id>IBAN"`
		Other    string `xml:"Id>Othr>Id"`
		Currency string `xml:"Ccy"`
	}
	balanceXML struct {
		Code      string    `xml:"Tp>CdOrPrtry>Cd"`
		Interim   string    `xml:"Tp>SubTp>Cd"`
		Amount    amountXML `xml:"Amt"`
		Direction string    `xml:"CdtDbtInd"`
		Date      dateXML   `xml:"Dt"`
	}
	totalXML struct {
		Count string `xml:"NbOfNtries"`
		Sum   string `xml:"Sum"`
	}
	summaryXML struct {
		Credits totalXML `xml:"TtlCdtNtries"`
		Debits  totalXML `xml:"TtlDbtNtries"`
	}
	entryXML struct {
		Ref       string    `xml:"NtryRef"`
		Amount    amountXML `xml:"Amt"`
		Direction string    `xml:"CdtDbtInd"`
		Reversal  string    `xml:"RvslInd"`
		Status    struct {
			Code string `xml:"Cd"`
			Text string `xml:",chardata"`
		} `xml:"Sts"`
		Booked  dateXML `xml:"BookgDt"`
		Value   dateXML `xml:"ValDt"`
		BankRef string  `xml:"AcctSvcrRef"`
		Info    string  `xml:"AddtlNtryInf"`
		Details []struct {
			Transactions []transactionXML `xml:"TxDtls"`
		} `xml:"NtryDtls"`
	}
	transactionXML struct {
		EndToEndID string     `xml:"Refs>EndToEndId"`
		BankRef    string     `xml:"Refs>AcctSvcrRef"`
		Amount     *amountXML `xml:"Amt"`               // 04 and later
		TxAmount   *amountXML `xml:"AmtDtls>TxAmt>Amt"` // before that
		Direction  string     `xml:"CdtDbtInd"`
		Texts      []string   `xml:"RmtInf>Ustrd"`
		References []string   `xml:"RmtInf>Strd>CdtrRefInf>Ref"`
	}
)

// ReadCAMT053 reads all statements of a camt.053 file (ISO 20022 Bank to Customer Statement, versions 02, 03, 04, 08
// and 10, also inside an envelope). Findings tell what is doubtful in what was read. On an error, which is one of
// ErrMalformed, ErrVersion, ErrTooLarge and ErrAmount or what reading r gave, nothing of the file may be used.
func ReadCAMT053(r io.Reader) ([]Statement, []Finding, error) { return readCAMT053(r, fileLimits) }

func readCAMT053(r io.Reader, l limits) ([]Statement, []Finding, error) {
	decoder, g, err := newReader(r, l)
	if err != nil {
		return nil, nil, err
	}
	c := camtReader{decoder: decoder}
	if err := c.read(); err != nil {
		return nil, nil, g.fault(err)
	}
	if len(c.statements) == 0 {
		c.findings = append(c.findings, Finding{Kind: StatementMissing, Count: 1})
	}
	return c.statements, c.findings, nil
}

// camtReader goes through a file once, holding one entry's XML at a time.
type camtReader struct {
	decoder    *xml.Decoder
	namespace  string // of Document, once found
	statements []Statement
	findings   []Finding
	morePages  bool
}

// read walks the document to its very end: what follows the root is checked too.
func (c *camtReader) read() error {
	for {
		token, err := c.decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		start, ok := token.(xml.StartElement)
		switch {
		case !ok:
		case c.namespace == "" && start.Name.Local == "Document":
			if err := c.enter(start.Name.Space); err != nil {
				return err
			}
		case c.namespace == "" || start.Name.Space != c.namespace:
			// An envelope around the document, or its header.
		case start.Name.Local == "Stmt":
			if err := c.statement(); err != nil {
				return err
			}
		case start.Name.Local == "LastPgInd":
			var last string
			if err := c.decoder.DecodeElement(&last, &start); err != nil {
				return err
			}
			c.morePages = strings.TrimSpace(last) == "false" || strings.TrimSpace(last) == "0"
		}
	}
	if c.namespace == "" {
		return fmt.Errorf("%w: it holds no Document", ErrVersion)
	}
	return nil
}

// enter accepts the versions read here by their namespace.
func (c *camtReader) enter(namespace string) error {
	for _, v := range versions {
		if namespace == namespacePrefix+v {
			c.namespace = namespace
			return nil
		}
	}
	return fmt.Errorf("%w: namespace %.80q", ErrVersion, namespace)
}

// statement reads one Stmt to its end.
func (c *camtReader) statement() error {
	b := builder{index: len(c.statements)}
	for {
		token, err := c.decoder.Token()
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.EndElement: // children are read whole below, so this is Stmt's own
			s, findings, err := b.finish(c.morePages)
			if err != nil {
				return err
			}
			c.statements = append(c.statements, s)
			c.findings = append(c.findings, findings...)
			return nil
		case xml.StartElement:
			if err := c.part(&b, t); err != nil {
				return err
			}
		}
	}
}

// part reads one child of Stmt.
func (c *camtReader) part(b *builder, start xml.StartElement) error {
	if start.Name.Space != c.namespace {
		return c.decoder.Skip()
	}
	switch start.Name.Local {
	case "Id":
		return c.decoder.DecodeElement(&b.id, &start)
	case "ElctrncSeqNb":
		return c.decoder.DecodeElement(&b.electronic, &start)
	case "LglSeqNb":
		return c.decoder.DecodeElement(&b.legal, &start)
	case "FrToDt":
		return c.decoder.DecodeElement(&b.period, &start)
	case "StmtPgntn":
		return c.decoder.DecodeElement(&b.pages, &start)
	case "Acct":
		return c.decoder.DecodeElement(&b.account, &start)
	case "TxsSummry":
		b.summary = new(summaryXML)
		return c.decoder.DecodeElement(b.summary, &start)
	case "Bal":
		var x balanceXML
		if err := c.decoder.DecodeElement(&x, &start); err != nil {
			return err
		}
		b.balances = append(b.balances, x)
		return nil
	case "Ntry":
		var x entryXML
		if err := c.decoder.DecodeElement(&x, &start); err != nil {
			return err
		}
		return b.entry(&x)
	}
	return c.decoder.Skip()
}

// day reads the date of a date or date-time as the bank wrote it: a bank's day is its own, so no zone is applied.
func (d dateXML) day() (time.Time, error) {
	text := strings.TrimSpace(d.Date)
	if text == "" {
		text = strings.TrimSpace(d.Time)
	}
	if text == "" {
		return time.Time{}, nil
	}
	if len(text) > 10 && text[10] != 'T' && text[10] != 'Z' && text[10] != '+' && text[10] != '-' {
		return time.Time{}, fmt.Errorf("%w: %.40q is not a date", ErrMalformed, text)
	}
	t, err := time.Parse(time.DateOnly, text[:min(10, len(text))])
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %.40q is not a date", ErrMalformed, text)
	}
	return t, nil
}
