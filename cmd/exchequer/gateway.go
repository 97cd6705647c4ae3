package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/bill"
	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/internal/catalog"
	"exchequer/internal/jobs"
	"exchequer/internal/order"
	"exchequer/internal/publication"
	"exchequer/internal/settlement"
	"exchequer/internal/sign"
	"exchequer/internal/story"
	"exchequer/ledger"
	"exchequer/providers"
	"exchequer/providers/all"
	"exchequer/reconciliation"
)

// partnerTimeout bounds one call to a provider or the bank.
const partnerTimeout = 30 * time.Second

// gatewayConfig is what a gateway is composed from.
type gatewayConfig struct {
	pool     *pgxpool.Pool
	clock    calendar.Clock
	partners partners
	stateDir string
	redisURL string
	timing   timing
	log      *slog.Logger
}

// timing is how long things may take; the story makes the machine's waits short.
type timing struct {
	order order.Timing
	jobs  jobs.Config
}

func defaultTiming() timing { return timing{order: order.DefaultTiming()} }

// gateway is the composed program: every service once, wired by hand.
type gateway struct {
	gatewayConfig
	ledger     *ledger.Ledger
	catalog    *catalog.Catalog
	calendar   *calendar.Calendar
	published  *publication.Store
	keys       *sign.Keys
	providers  map[string]providers.Provider
	bills      *bill.Store
	orders     *order.Service
	requests   *order.Keys
	desk       *reconciliation.Desk
	settlement *settlement.Service
}

// newGateway composes a gateway on the books, contracts and collection account as they are published now: a program
// follows later ones of these when it is started again. Tariffs, bodies and accounts it asks for anew each time.
func newGateway(ctx context.Context, c gatewayConfig) (*gateway, error) {
	g := &gateway{gatewayConfig: c, ledger: ledger.New(c.pool, c.clock.Now), published: publication.New(c.pool, c.clock)}
	var err error
	if g.catalog, err = g.published.Catalog(ctx); err != nil {
		return nil, err
	}
	if g.calendar, err = calendar.Vietnam(); err != nil {
		return nil, err
	}
	if g.keys, err = sign.OpenKeys(filepath.Join(c.stateDir, keysFolder), time.Now); err != nil {
		return nil, err
	}
	client := &http.Client{Timeout: partnerTimeout}
	if g.providers, err = all.New(all.Config{VNPAY: c.partners.VNPAY.config()}, all.Uses{Do: client, Now: c.clock.Now}); err != nil {
		return nil, err
	}
	g.bills = bill.New(c.pool, g.published, c.clock)
	g.requests = &order.Keys{Pool: c.pool, Clock: c.clock, Leases: story.Machine{}, Timing: c.timing.order}
	g.orders = order.New(order.Deps{
		Pool: c.pool, Ledger: g.ledger, Catalog: g.catalog, Law: g.published, Calendar: g.calendar, Providers: g.providers, Clock: c.clock,
		ReturnURL: c.partners.Portal + "/return", Timing: c.timing.order, Log: c.log,
	})
	if g.desk, err = g.newDesk(); err != nil {
		return nil, err
	}
	g.settlement = &settlement.Service{
		Pool: c.pool, Ledger: g.ledger, Catalog: g.catalog, Law: g.published, Calendar: g.calendar, Clock: c.clock, Signer: g.keys,
	}
	if c.partners.Bank != nil {
		g.settlement.Bank = settlement.HTTPBank{URL: c.partners.Bank.PayoutURL, Doer: client}
	}
	return g, nil
}

func (g *gateway) newDesk() (*reconciliation.Desk, error) {
	c := reconciliation.Config{
		Pool: g.pool, Ledger: g.ledger, Now: g.clock.Now, Accounts: []string{g.catalog.CollectionAccount().Account},
		Sources: map[string]providers.SettlementSource{},
	}
	for _, k := range g.catalog.Contracts() {
		c.Contracts = append(c.Contracts, reconciliation.Contract{Partner: k.Provider, Book: k.Book, KeptBack: k.Settlement == booking.Net})
	}
	for name, p := range g.providers {
		if s, ok := p.(providers.SettlementSource); ok {
			c.Sources[name] = s
		}
	}
	return reconciliation.New(c)
}

// work runs the workers until ctx ends.
func (g *gateway) work(ctx context.Context) error {
	handlers := map[string]jobs.Handler{order.ApplyJob: g.orders.HandleApply, order.AskJob: g.orders.HandleAsk}
	if g.settlement.Bank != nil {
		handlers[settlement.SendJob] = g.settlement.HandleSend
	}
	config := g.timing.jobs
	config.RedisURL = g.redisURL
	runner, err := jobs.New(g.pool, g.clock, handlers, config, g.log)
	if err != nil {
		return fmt.Errorf("workers: %w", err)
	}
	return runner.Run(ctx)
}

// programClock is the clock kept with the books where a story was played, else the machine's.
func programClock(ctx context.Context, pool *pgxpool.Pool) (calendar.Clock, error) {
	c, err := story.LoadClock(ctx, pool, time.Now)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return story.Machine{}, nil
	}
	return c, nil
}

// ownTime gives the time by the story's clock, nil where the machine's holds.
func (g *gateway) ownTime() *time.Time {
	c, ok := g.clock.(*story.Clock)
	if !ok {
		return nil
	}
	now := c.Now()
	return &now
}

// keepClock keeps the story's clock while this program runs; the machine's needs no keeping.
func (g *gateway) keepClock(ctx context.Context) error {
	if c, ok := g.clock.(*story.Clock); ok {
		return c.KeepGoing(ctx, clockIsKept)
	}
	return nil
}
