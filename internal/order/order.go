// Package order owns payment orders: which bills are paid together, by which attempts, and what a provider's word
// does to them.
//
// It guarantees that one live attempt claims a bill, across all providers; that a timeout is never taken for a
// failure; that no second provider is tried by the program while a first outcome is unknown; that a notification is
// recorded before it is answered and applied once, with its bookings, in one transaction; and that the same
// Idempotency-Key never starts a second attempt. No provider is called inside a database transaction.
//
// It does not know the fee law (internal/fee), the accountant's rules (internal/booking) or whether the provider paid
// over what it collected (reconciliation).
package order

import (
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/bill"
	"exchequer/internal/calendar"
	"exchequer/internal/catalog"
	"exchequer/ledger"
	"exchequer/providers"
)

// State is how far an order is.
type State string

// The states of an order.
const (
	Open         State = "open"
	Paid         State = "paid"
	PartRefunded State = "part_refunded"
	Refunded     State = "refunded"
	Reversed     State = "reversed"
	Cancelled    State = "cancelled"
	Expired      State = "expired"
)

// Item is a bill in an order with the amount it takes, whole đồng.
type Item struct {
	Book   string `json:"book"`
	Bill   string `json:"bill"`
	Amount int64  `json:"amount"`
}

// Order is one or more bills paid together. Book is the home book: that of its first bill.
type Order struct {
	Book      string    `json:"book"`
	Ref       string    `json:"ref"`
	Client    string    `json:"-"`
	Amount    int64     `json:"amount"`
	State     State     `json:"state"`
	CreatedAt time.Time `json:"created_at"`
	Items     []Item    `json:"items"`
	Attempts  []Attempt `json:"attempts"`
}

// Attempt is one try to collect an order's amount through one provider.
type Attempt struct {
	Book       string            `json:"book"`
	Ref        string            `json:"ref"`
	Order      string            `json:"order"`
	Provider   string            `json:"provider"`
	Merchant   string            `json:"-"`
	Amount     int64             `json:"amount"`
	State      AttemptState      `json:"state"`
	Action     *providers.Action `json:"action,omitempty"`
	ProviderID string            `json:"provider_id,omitempty"`
	Code       string            `json:"provider_code,omitempty"`
	OccurredAt *time.Time        `json:"occurred_at,omitempty"`
	CreatedAt  time.Time         `json:"created_at"`
	ExpiresAt  time.Time         `json:"expires_at"`
}

// Timing is how long things may take, in the program's clock.
type Timing struct {
	Window    time.Duration   // how long a payer has at the provider
	Grace     time.Duration   // how long after the window "not finished" is still waited for; asked later, the attempt is over
	AskAfter  []time.Duration // after an attempt's start, when it is asked about; the last step repeats, doubling
	KeyLease  time.Duration   // how long a request holds its Idempotency-Key
	KeyKept   time.Duration   // how long its answer is kept
	BatchSize int             // most notifications applied in one transaction
}

// DefaultTiming is what runs in production.
func DefaultTiming() Timing {
	return Timing{
		Window:    15 * time.Minute,
		Grace:     15 * time.Minute,
		AskAfter:  []time.Duration{3 * time.Minute, 8 * time.Minute, 16 * time.Minute, 32 * time.Minute},
		KeyLease:  time.Minute,
		KeyKept:   24 * time.Hour,
		BatchSize: 200,
	}
}

// Deps is what the service needs.
type Deps struct {
	Pool      *pgxpool.Pool
	Ledger    *ledger.Ledger
	Catalog   *catalog.Catalog
	Law       bill.Law // as it is published: how long a bill still holds
	Calendar  *calendar.Calendar
	Providers map[string]providers.Provider
	Clock     calendar.Clock
	ReturnURL string // where a provider sends the browser back; the attempt's reference is appended as a path element
	Timing    Timing
	Log       *slog.Logger
}

// Service decides on orders and attempts.
type Service struct {
	Deps
}

// New makes a service.
func New(d Deps) *Service { return &Service{d} }

func (s *Service) now() time.Time { return s.Clock.Now().UTC() }
