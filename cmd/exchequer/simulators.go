package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"exchequer/internal/calendar"
	"exchequer/internal/catalog"
	"exchequer/internal/story"
	"exchequer/providers/bank"
	"exchequer/providers/vnpay/simulator"
)

// The simulated contract with VNPAY: one terminal with invoiced fees, one whose fees are kept back. The secrets sign
// nothing but play money.
var terminals = []struct {
	merchant, tmnCode, secret string
	keptBack                  bool
}{
	{"gross", "EXCHGROS", "SIMULATEDSECRETGROSS0123456789AB", false},
	{"net", "EXCHNET0", "SIMULATEDSECRETNET0123456789ABCD", true},
}

// providerFee is what the simulated VNPAY takes for a payment, đồng.
const providerFee = 1_100

// simulators are VNPAY and the bank as servers of their own, each with its own book under the state folder.
type simulators struct {
	vnpay       *simulator.Simulator
	bank        *bank.Bank
	vnpayServer *server
	bankServer  *server
}

func startSimulators(ctx context.Context, stateDir, portal string, clock *story.Clock, cat *catalog.Catalog, cal *calendar.Calendar, log *slog.Logger) (*simulators, error) {
	dir := filepath.Join(stateDir, "simulators")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	businessDay := func(day time.Time) bool {
		ok, err := cal.IsBusinessDay(calendar.DateOf(day))
		return err == nil && ok
	}
	account := cat.CollectionAccount().Account
	var s simulators
	var err error
	s.bank, err = bank.New(bank.Config{
		Accounts: []bank.Account{{Number: account, Owner: "EXCHEQUER"}}, Journal: filepath.Join(dir, "bank.journal"),
		Now: clock.Now, IsBusinessDay: businessDay, Log: log,
	})
	if err != nil {
		return nil, err
	}
	if s.bankServer, err = listen("127.0.0.1:0", s.bank.Handler(), log); err != nil {
		return nil, errors.Join(err, s.close())
	}
	config := simulator.Config{
		IPNURL: portal + "/notifications/vnpay", BankURL: s.bankServer.address(), Journal: filepath.Join(dir, "vnpay.journal"),
		Now: clock.Now, IsBusinessDay: businessDay, Log: log,
	}
	for _, t := range terminals {
		config.Terminals = append(config.Terminals, simulator.Terminal{
			TmnCode: t.tmnCode, HashSecret: t.secret, Account: account, Fee: simulator.FeeTerms{Flat: providerFee, KeptBack: t.keptBack},
		})
	}
	if s.vnpay, err = simulator.New(config); err != nil {
		return nil, errors.Join(err, s.close())
	}
	if s.vnpayServer, err = listen("127.0.0.1:0", s.vnpay.Handler(), log); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return &s, nil
}

// partners describes the simulators as a deployment describes its real partners.
func (s *simulators) partners(portal string) partners {
	p := partners{Portal: portal, Bank: &bankPartner{PayoutURL: s.bankServer.address()}}
	v := &vnpayPartner{
		PayURL:         s.vnpayServer.address() + "/paymentv2/vpcpay.html",
		TransactionURL: s.vnpayServer.address() + "/merchant_webapi/api/transaction",
		SettlementURL:  s.vnpayServer.address() + "/settlement",
	}
	for _, t := range terminals {
		v.Terminals = append(v.Terminals, vnpayTerminal{Merchant: t.merchant, TmnCode: t.tmnCode, HashSecret: t.secret})
	}
	p.VNPAY = v
	return p
}

// merchants gives our name of each terminal by its code at VNPAY.
func merchants() map[string]string {
	out := make(map[string]string, len(terminals))
	for _, t := range terminals {
		out[t.tmnCode] = t.merchant
	}
	return out
}

func (s *simulators) close() error {
	var err error
	for _, v := range []*server{s.vnpayServer, s.bankServer} {
		if v != nil {
			err = errors.Join(err, v.close())
		}
	}
	if s.vnpay != nil {
		err = errors.Join(err, s.vnpay.Close())
	}
	if s.bank != nil {
		err = errors.Join(err, s.bank.Close())
	}
	return err
}
