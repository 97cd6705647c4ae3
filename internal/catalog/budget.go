package catalog

import (
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

// Charge is what a line of a quote is charged as. Split is the service whose schedule shares it out over the levels of
// the budget and the collector; empty: it stays whole.
type Charge struct {
	Code   string
	NameVI string
	NameEN string
	Nature string // fee, charge, fine, tax, insurance, price
	Split  string
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

// charge finds a charge by code; NotFound when there is none.
func (c *Catalog) charge(code string) (Charge, error) {
	if ch, ok := c.charges.last(code); ok {
		return ch, nil
	}
	return Charge{}, problem.AtField(problem.NotFound, "charge", "the catalogue has no charge %q", code)
}

// SplitOf gives the service whose schedule shares a charge out, "" where it stays whole; NotFound for an unknown charge.
func (c *Catalog) SplitOf(charge string) (service string, err error) {
	ch, err := c.charge(charge)
	return ch.Split, err
}

// Regime gives how a body is funded for a charge on a day: Allotted, AllottedDifficultArea, and NotAllotted where
// nothing is entered.
func (c *Catalog) Regime(body, charge string, on calendar.Date) string {
	if r, ok := c.regimes.on(keyed(body, charge), on); ok {
		return r.Regime
	}
	return NotAllotted
}

// Budget finds the budget line of a part of a charge at a body on a day; its Until is the last day on which all that it
// names is open too. Refused when there is none, and when its chapter, sub-item or area is closed on that day.
func (c *Catalog) Budget(body, charge, part string, on calendar.Date) (BudgetLine, error) {
	l, ok := c.lines.on(keyed(body, charge, part), on)
	if !ok {
		return BudgetLine{}, problem.AtField(problem.Refused, "charge", "%s has no budget line for the part %s of the charge %s on %s: enter it in the catalogue",
			body, part, charge, on)
	}
	if _, ok := c.chapters.on(l.Chapter, on); !ok && l.Chapter != "" {
		return BudgetLine{}, closed("chapter", l.Chapter, l, on)
	}
	if _, ok := c.subItems.on(l.SubItem, on); !ok && l.SubItem != "" {
		return BudgetLine{}, closed("sub-item", l.SubItem, l, on)
	}
	if _, ok := c.areas.on(l.Area, on); !ok && l.Area != "" {
		return BudgetLine{}, closed("area", l.Area, l, on)
	}
	l.end(c.chapters.lastDay(l.Chapter, on), c.subItems.lastDay(l.SubItem, on), c.areas.lastDay(l.Area, on))
	return l, nil
}

func closed(what, code string, l BudgetLine, on calendar.Date) error {
	return problem.AtField(problem.Refused, "charge", "the %s %s of the budget index, to which %s books the charge %s, is not open on %s: enter the one that holds in the catalogue",
		what, code, l.Body, l.Charge, on)
}
