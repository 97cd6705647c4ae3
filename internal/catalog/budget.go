package catalog

import (
	"slices"

	"exchequer/internal/calendar"
	"exchequer/internal/problem"
)

// Whole is the part of a charge that is not shared out.
const Whole = "whole"

// The regimes of a collector: whether a share of a fee is left to it for its costs (Law on Fees and Charges art. 12).
const (
	Allotted              = "allotted"
	AllottedDifficultArea = "allotted_difficult_area"
	NotAllotted           = "not_allotted"
)

// Fee is the nature of a charge of which the collector may keep a share for its costs: a phí, not a lệ phí (Law on Fees
// and Charges arts. 12-13).
const Fee = "fee"

// Charge is what a line of a quote is charged as. Split is the service whose schedule shares it out over the levels of
// the budget and the collector; empty: it stays whole. Another split is another row from its day on.
type Charge struct {
	Code   string
	NameVI string
	NameEN string
	Nature string // Fee, charge, fine, tax, insurance, price
	Split  string
	Period
}

// IndexCode is a chapter or a sub-item of the state budget index.
type IndexCode struct {
	Code   string
	NameVI string
	NameEN string
	Period
}

// BudgetLine is where one part of a charge at a body goes. Budget is its code in accounts of the ledger and on payouts;
// Chapter, SubItem and Area are what the treasury books by, empty for money that is no budget revenue. Account is the
// code of an account of the body.
type BudgetLine struct {
	Charge  string
	Body    string
	Part    string
	Budget  string
	Chapter string
	SubItem string
	Area    string
	Account string
	Period
}

type regime struct {
	Body   string
	Charge string
	Regime string
	Period
}

// charge finds a charge as it is on a day: NotFound when there is none of the code, Refused when not on that day.
func (c *Catalog) charge(code string, on calendar.Date) (Charge, error) {
	if ch, ok := c.charges.on(code, on); ok {
		return ch, nil
	}
	if c.charges.has(code) {
		return Charge{}, refusal(problem.Refused, "charge", "khoản thu %s không có vào ngày %s: hãy bổ sung vào danh mục",
			"there is no charge %s on %s: enter it in the catalogue", code, on)
	}
	return Charge{}, refusal(problem.NotFound, "charge", "danh mục không có khoản thu %q", "the catalogue has no charge %q", code)
}

// SplitOf gives the service whose schedule shares a charge out on a day, "" where it stays whole. NotFound for an unknown
// charge, Refused for one that is not there on the day.
func (c *Catalog) SplitOf(charge string, on calendar.Date) (service string, err error) {
	ch, err := c.charge(charge, on)
	return ch.Split, err
}

// Splits lists the services whose schedules share a charge out on any day.
func (c *Catalog) Splits(charge string) []string {
	var out []string
	for _, i := range c.charges.byKey[charge] {
		if split := c.charges.list[i].value.Split; split != "" && !slices.Contains(out, split) {
			out = append(out, split)
		}
	}
	return out
}

// Regime gives how a body is funded for a charge on a day. Of what is no fee nothing is kept, whoever collects: it is
// NotAllotted. Refused when a fee's is not entered, besides the errors of SplitOf.
func (c *Catalog) Regime(body, charge string, on calendar.Date) (string, error) {
	ch, err := c.charge(charge, on)
	if err != nil {
		return "", err
	}
	if ch.Nature != Fee {
		return NotAllotted, nil
	}
	if r, ok := c.regimes.on(keyed(body, charge), on); ok {
		return r.Regime, nil
	}
	return "", refusal(problem.Refused, "charge",
		"chưa rõ %[1]s có được khoán chi phí từ khoản thu %[2]s vào ngày %[3]s hay không: hãy bổ sung vào danh mục",
		"whether %[1]s is allotted costs of the charge %[2]s on %[3]s is not known: enter its regime in the catalogue", body, charge, on)
}

// Budget finds the budget line of a part of a charge at a body on a day; its Until is the last day on which all that it
// names is open too. Refused when there is none, and when its chapter, sub-item or area is closed on that day.
func (c *Catalog) Budget(body, charge, part string, on calendar.Date) (BudgetLine, error) {
	l, ok := c.lines.on(keyed(body, charge, part), on)
	if !ok {
		return BudgetLine{}, refusal(problem.Refused, "charge",
			"%s không có dòng ngân sách cho phần %s của khoản thu %s vào ngày %s: hãy bổ sung vào danh mục",
			"%s has no budget line for the part %s of the charge %s on %s: enter it in the catalogue", body, part, charge, on)
	}
	if _, ok := c.chapters.on(l.Chapter, on); !ok && l.Chapter != "" {
		return BudgetLine{}, closed(words{"chương", "chapter"}, l.Chapter, l, on)
	}
	if _, ok := c.subItems.on(l.SubItem, on); !ok && l.SubItem != "" {
		return BudgetLine{}, closed(words{"tiểu mục", "sub-item"}, l.SubItem, l, on)
	}
	if _, ok := c.areas.on(l.Area, on); !ok && l.Area != "" {
		return BudgetLine{}, closed(words{"địa bàn", "area"}, l.Area, l, on)
	}
	l.end(c.chapters.lastDay(l.Chapter, on), c.subItems.lastDay(l.SubItem, on), c.areas.lastDay(l.Area, on))
	return l, nil
}

func closed(what words, code string, l BudgetLine, on calendar.Date) error {
	return refusal(problem.Refused, "charge",
		"%s %s của mục lục ngân sách, nơi %s hạch toán khoản thu %s, không mở vào ngày %s: hãy bổ sung mã đang dùng vào danh mục",
		"the %s %s of the budget index, to which %s books the charge %s, is not open on %s: enter the one that holds in the catalogue",
		what, code, l.Body, l.Charge, on)
}
