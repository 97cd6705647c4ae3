package settlement

import (
	"context"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/audit"
	"exchequer/internal/authn"
	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/internal/expectation"
	"exchequer/internal/problem"
)

// Funding is the gateway's own money on its way to the collection account. Ref stands in the transfer's EndToEndId or
// remittance text and is what the statement's credit is known by.
type Funding struct {
	Ref    string        `json:"ref"`
	Amount int64         `json:"amount"` // đồng
	DueDay calendar.Date `json:"due_day"`
}

// fundingRef is what an EndToEndId can carry (ISO 20022: Max35Text), and what nobody writes into a transfer by chance: a
// credit that mentions it is taken for the gateway's own money.
var fundingRef = regexp.MustCompile(`^[0-9A-Z][0-9A-Z-]{6,33}[0-9A-Z]$`)

// AnnounceFunding records that the treasury sends Amount under Ref: a credit that shows it is booked as the gateway's
// and not as unknown. Announcing the same again changes nothing; another amount
// under the same reference is a Conflict. Forbidden unless the actor is treasury staff of the house's book.
func (s *Service) AnnounceFunding(ctx context.Context, actor authn.Actor, f Funding) (Funding, error) {
	if err := actor.Require(booking.House, authn.Treasury); err != nil {
		return Funding{}, err
	}
	if f.Amount <= 0 {
		return Funding{}, problem.AtField(problem.Invalid, "amount", "say how many đồng are sent: a number above 0")
	}
	if !fundingRef.MatchString(f.Ref) || !strings.ContainsAny(f.Ref, "0123456789") {
		return Funding{}, problem.AtField(problem.Invalid, "ref", "give the transfer a reference of 8 to 35 capital letters, digits and hyphens, at least one of them a digit")
	}
	err := s.inTx(ctx, func(tx pgx.Tx) (err error) {
		f, err = s.announceTx(ctx, tx, actor, f)
		return err
	})
	return f, err
}

func (s *Service) announceTx(ctx context.Context, tx pgx.Tx, actor authn.Actor, f Funding) (Funding, error) {
	day, err := s.Calendar.OnOrAfter(calendar.DayOf(s.now()))
	if err != nil {
		return f, err
	}
	due, err := s.Calendar.Next(day)
	if err != nil {
		return f, err
	}
	err = expectation.WriteTx(ctx, tx, s.now(), []expectation.Expectation{{
		Book: booking.House, Kind: expectation.Funding, Ref: f.Ref, Partner: s.Catalog.CollectionAccount().Account,
		Amount: f.Amount, Day: day, DueDay: due,
	}})
	if err != nil {
		return f, err
	}
	there, err := expectation.LockTx(ctx, tx, booking.House, expectation.Funding, []string{f.Ref})
	if err != nil {
		return f, err
	}
	if there[0].Amount != f.Amount {
		return f, problem.New(problem.Conflict, "funding %s was announced with another amount (%d): use a new reference", f.Ref, there[0].Amount)
	}
	f.DueDay = there[0].DueDay
	return f, audit.WriteTx(ctx, tx, actor, audit.Act{Action: "funding.announce", Book: booking.House, Subject: f.Ref, Detail: amountDetail(f.Amount)}, s.now())
}
