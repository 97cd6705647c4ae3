package catalog

import (
	"exchequer/internal/calendar"
	"exchequer/internal/problem"
)

// The kinds of account: at a unit of the State Treasury, or at a bank.
const (
	Treasury = "treasury"
	Bank     = "bank"
)

// Account is where a body's money is paid out to. Code says what it is for and stays the same when the number changes
// and when a successor takes over; At is the treasury unit or the bank that keeps it.
type Account struct {
	Body   string
	Code   string
	Kind   string
	Number string
	At     string
	Period
}

// PayTo finds the account to which a budget line of a body is paid out on a day. When the body's own account is closed
// it is the one of the same code at its successor: what was owed to a merged body stays payable. NotFound when the body
// never had such a budget line, Refused when no account is open.
func (c *Catalog) PayTo(body, budget string, on calendar.Date) (Account, error) {
	code, ok := c.accountCodes[keyed(body, budget)]
	if !ok {
		return Account{}, refusal(problem.NotFound, "budget", "%s không có dòng ngân sách %q", "%s has no budget line %q", body, budget)
	}
	for at := body; at != ""; {
		if a, ok := c.accounts.on(keyed(at, code), on); ok {
			return a, nil
		}
		b, err := c.Body(at)
		if err != nil {
			return Account{}, err
		}
		at = b.Successor
	}
	return Account{}, refusal(problem.Refused, "account",
		"không có tài khoản %s nào của %s hoặc của cơ quan kế thừa đang mở vào ngày %s: hãy bổ sung vào danh mục",
		"no account %s of %s or of a successor is open on %s: enter it in the catalogue", code, body, on)
}
