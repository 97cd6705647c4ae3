// Package simulator plays VNPAY (PAY 2.1.0) as a server: the page on which a person pays, signed notifications with
// VNPAY's retry rule, querydr, and a settlement file with its bank credit every business day.
//
// It owns its own book, in a journal of its own that survives kill -9, and knows nothing of ours: it is reached over
// HTTP only and shares no signing code with the adapter, so that a mistake in one is not repeated in the other.
// Faults can be ordered per payment, and GET /book tells what really happened. It is not VNPAY: nothing real is paid.
package simulator

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"exchequer/providers/journal"
)

// zone is GMT+7, in which VNPAY writes every time and counts its days.
var zone = time.FixedZone("GMT+7", 7*60*60)

// FeeTerms say what VNPAY takes for a payment: Flat đồng plus BasisPoints of the amount, rounded half up to a đồng.
type FeeTerms struct {
	Flat        int64
	BasisPoints int64
	KeptBack    bool // true: net settlement; false: gross settlement, the fee is invoiced
}

// Terminal is one merchant's account at the simulated VNPAY.
type Terminal struct {
	TmnCode    string
	HashSecret string
	Fee        FeeTerms
	Account    string // the bank account its settlements are paid to
}

// Config sets the simulator up. Terminals, IPNURL, Journal, Now and IsBusinessDay are required.
type Config struct {
	Terminals     []Terminal
	IPNURL        string                   // where notifications go
	BankURL       string                   // the bank simulator; empty: settlements are not paid over
	Journal       string                   // path of its book
	Now           func() time.Time         // its clock, which may stand still or jump forward
	IsBusinessDay func(day time.Time) bool // day is 00:00 UTC of the date
	RetryAfter    time.Duration            // of its clock, between two notifications; 0 means 5 minutes
	SettleAt      time.Duration            // after midnight GMT+7 of a business day; 0 means 6 hours
	TickEvery     time.Duration            // wall time between two looks at what is due; 0 means 50 ms
	CallTimeout   time.Duration            // wall time of one call; 0 means 10 s
	Log           *slog.Logger             // nil: silent
}

// maxCalls is VNPAY's limit of notifications for one payment.
const maxCalls = 10

// Simulator is the server. It is safe for use by several goroutines.
type Simulator struct {
	config    Config
	terminals map[string]Terminal
	client    *http.Client
	journal   *journal.Journal
	wake      chan struct{}

	ticking sync.Mutex // one Tick at a time

	mu   sync.Mutex // guards book and the order of its events in the journal
	book *book
	// asked holds the request ids of querydr of one day: VNPAY refuses one that comes twice.
	asked    map[string]bool
	askedDay string
}

// New opens the book and makes the simulator. Close releases the book.
func New(config Config) (*Simulator, error) {
	if err := config.check(); err != nil {
		return nil, fmt.Errorf("configuration of the VNPAY simulator: %w", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = atOnce // notifications under way at once keep their connections
	s := &Simulator{
		config:    config,
		terminals: make(map[string]Terminal),
		wake:      make(chan struct{}, 1),
		book:      newBook(),
		client: &http.Client{
			Timeout:   config.CallTimeout,
			Transport: transport,
			// The notified server must answer itself; a redirect is not an answer.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	for _, t := range config.Terminals {
		s.terminals[t.TmnCode] = t
	}
	var err error
	if s.journal, err = journal.Open(config.Journal, s.book.replay); err != nil {
		return nil, fmt.Errorf("the VNPAY simulator's book: %w", err)
	}
	if s.book.started.IsZero() {
		// Settlement days count from here.
		if err := errors.Join(s.record(event{Kind: started, At: config.Now()}), s.journal.Sync()); err != nil {
			return nil, errors.Join(err, s.journal.Close())
		}
	}
	return s, nil
}

// check fills in what may be left out and names what is missing.
func (c *Config) check() error {
	set := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	set(&c.RetryAfter, 5*time.Minute)
	set(&c.SettleAt, 6*time.Hour)
	set(&c.TickEvery, 50*time.Millisecond)
	set(&c.CallTimeout, 10*time.Second)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if len(c.Terminals) == 0 || c.IPNURL == "" || c.Journal == "" || c.Now == nil || c.IsBusinessDay == nil {
		return errors.New("Terminals, IPNURL, Journal, Now and IsBusinessDay are required")
	}
	for _, t := range c.Terminals {
		if t.TmnCode == "" || t.HashSecret == "" {
			return errors.New("every terminal needs TmnCode and HashSecret")
		}
		if c.BankURL != "" && t.Account == "" {
			return fmt.Errorf("terminal %s needs the account its settlements are paid to", t.TmnCode)
		}
	}
	return nil
}

// Close makes the book durable and releases it. Run must have returned, and the server have stopped.
func (s *Simulator) Close() error {
	s.client.CloseIdleConnections()
	return s.journal.Close()
}

// Handler serves the simulator's pages and interfaces:
//
//	GET, POST /paymentv2/vpcpay.html          the page on which a person pays; choice=pay or choice=cancel
//	POST      /merchant_webapi/api/transaction  querydr
//	GET       /settlement/{YYYY-MM-DD}.csv
//	POST      /faults, /faults/release        orders a Fault, takes a held one back
//	GET       /book                           its whole Book
func (s *Simulator) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /paymentv2/vpcpay.html", s.showPayPage)
	mux.HandleFunc("POST /paymentv2/vpcpay.html", s.decide)
	mux.HandleFunc("POST /merchant_webapi/api/transaction", s.answerQuery)
	mux.HandleFunc("GET /settlement/{file}", s.serveSettlement)
	mux.HandleFunc("POST /faults", s.orderFault)
	mux.HandleFunc("POST /faults/release", s.releaseFault)
	mux.HandleFunc("GET /book", s.serveBook)
	return http.MaxBytesHandler(mux, 64<<10)
}

// record writes an event and applies it. The caller holds mu (or is New), and syncs before it answers anybody.
func (s *Simulator) record(e event) error {
	if err := s.journal.Write(e); err != nil {
		return err
	}
	return s.book.apply(e)
}

// wakeUp makes Run look at what is due now.
func (s *Simulator) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default: // it will look anyway
	}
}
