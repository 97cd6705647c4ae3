package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// transfer is a transaction of one posting: what every way is given to write.
type transfer struct {
	reference     string
	debit, credit int // accounts by number
	amount        int64
}

// post writes transfers, all of them or it fails. It is called by several callers at once.
type post func(ctx context.Context, caller int, batch []transfer) error

// load is how a way is called: so many callers, each with a batch, each again as soon as it is answered.
type load struct {
	callers int
	batch   int
	hot     bool
	// apart gives each caller accounts that no other caller touches.
	apart bool
}

// maker makes one caller's transfers.
type maker struct {
	load
	caller int
	random *rand.Rand
	seed   uint64
	made   uint64
}

func (l load) maker(caller int, seed uint64) *maker {
	return &maker{load: l, caller: caller, random: rand.New(rand.NewPCG(seed, uint64(caller))), seed: seed}
}

func (m *maker) next() []transfer {
	batch := make([]transfer, m.batch)
	for i := range batch {
		t := transfer{reference: m.reference(), debit: m.account(), credit: m.account(), amount: 1 + m.random.Int64N(1_000_000)}
		if m.hot {
			t.debit = 0
		}
		for t.credit == t.debit {
			t.credit = m.account()
		}
		batch[i] = t
	}
	return batch
}

func (m *maker) account() int {
	if !m.apart {
		return m.random.IntN(accounts)
	}
	return m.random.IntN(accounts/m.callers)*m.callers + m.caller
}

// reference is unique and cannot be guessed from the one before, as the program's own: 16 characters 0-9A-Z. So the
// index of references is entered at random places.
func (m *maker) reference() string {
	n := m.seed<<48 | uint64(m.caller)<<36 | m.made
	m.made++
	// A bijection (the finaliser of SplitMix64, Steele and others 2014): different numbers stay different.
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	n ^= n >> 31
	s := strings.ToUpper(strconv.FormatUint(n, 36))
	return "B01" + strings.Repeat("0", 13-len(s)) + s
}

// measured is what the callers of one round did.
type measured struct {
	postings int64
	took     time.Duration
	times    histogram
}

// run calls until the time is up, each caller once at least, and waits for the last answers, which count.
func (l load) run(ctx context.Context, o LedgerOptions, seed uint64, length time.Duration, p post, tick func(time.Duration)) (*measured, error) {
	var m measured
	var mu sync.Mutex
	start := o.Wall()
	group, ctx := errgroup.WithContext(ctx)
	for caller := range l.callers {
		group.Go(func() error {
			for maker := l.maker(caller, seed); ; {
				batch := maker.next()
				began := o.Wall().Sub(start)
				if began >= length && maker.made > uint64(len(batch)) {
					return nil
				}
				if err := p(ctx, caller, batch); err != nil {
					return fmt.Errorf("caller %d: %w", caller, err)
				}
				ended := o.Wall().Sub(start)
				mu.Lock()
				m.postings += int64(len(batch))
				m.took = max(m.took, ended)
				m.times.add(ended - began)
				mu.Unlock()
			}
		})
	}
	done := make(chan error, 1)
	go func() { done <- group.Wait() }()
	ticker := time.NewTicker(slice)
	defer ticker.Stop()
	for {
		select {
		case err := <-done:
			return &m, err
		case <-ticker.C:
			tick(min(length, o.Wall().Sub(start)))
		}
	}
}
