package rehearsal_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/calendar"
	"exchequer/internal/reference"
	"exchequer/internal/rehearsal"
)

// TestManyBillsKeepMemorySmall works out many bills of six tiers and holds the memory to a bound that does not depend on
// their number.
func TestManyBillsKeepMemorySmall(t *testing.T) { newRig(t).many(3_000) }

// TestSoakAHundredThousandBills is the same for longer, and says how long it took.
func TestSoakAHundredThousandBills(t *testing.T) {
	if os.Getenv("EXCHEQUER_SOAK") == "" {
		return // run by make soak
	}
	newRig(t).many(100_000)
}

func (r *rig) many(bills int64) {
	inForce, draft := rehearsal.By(whole(r)), rehearsal.By(whole(r, tariff()))
	issued := r.issue(bills, inForce)
	held, most := heap(), uint64(0)
	began, computed := time.Now(), processor()
	report, err := r.store.Run(ctx, officer, request(draft, inForce, electricity), rehearsal.Watcher{
		Rows: rehearsal.NewCSV(io.Discard).Write,
		Progress: func(done, total int, _ string) {
			if done%2048 == 0 {
				most = max(most, heap())
			}
		},
	})
	took, used := time.Since(began), processor()-computed
	r.must(err)
	// 100 less for each of the first 50 kWh and 100 more for each above 400, with VAT of 8%.
	e := report.Total
	if e.Bills != bills || e.Same.Before+e.More.Before+e.Less.Before != issued.charged || e.Difference != issued.difference {
		r.Errorf("%+v, want %+v", e, issued)
	}
	more := int64(max(most, heap())) - int64(held)
	if more > 64<<20 {
		r.Errorf("%d MiB more were held", more>>20)
	}
	r.Logf("%d bills in %.2f s, %.0f a second on %d cores, %.2f s of processor time in this program; at most %d MiB more were held", bills,
		took.Seconds(), float64(bills)/took.Seconds(), runtime.GOMAXPROCS(0), used.Seconds(), more>>20)
}

type sums struct{ charged, difference int64 }

// issue keeps bills of August 2025 from 401 kWh up, as the law in force makes them.
func (r *rig) issue(bills int64, inForce rehearsal.Law) (s sums) {
	r.Helper()
	first := calendar.MustDate("2025-08-01")
	var next int64
	columns := []string{"book", "ref", "body", "service", "source_ref", "payer", "quote_date", "inputs", "quote", "schedule_hash",
		"amount", "paid", "state", "valid_until", "issued_by", "created_at"}
	_, err := r.pool.CopyFrom(ctx, pgx.Identifier{"gateway", "bill"}, columns, pgx.CopyFromFunc(func() ([]any, error) {
		if next == bills {
			return nil, nil
		}
		kwh := 401 + next%1000
		b := rehearsal.Bill{Service: electricity, Body: "EVNHANOI", Date: first.AddDays(int(next % 31)), Inputs: json.RawMessage(fmt.Sprintf(`{"kwh": %d}`, kwh))}
		amount, err := inForce(b)
		s.charged += amount
		s.difference += ((kwh-400)*100 - 50*100) * 108 / 100
		next++
		return []any{"EHN", reference.New("EHN"), b.Body, electricity, fmt.Sprint("meter-", next), fmt.Sprint("payer-", next), b.Date,
			b.Inputs, "{}", "hash", amount, amount, "paid", noon{}.Now(), "portal", noon{}.Now()}, err
	}))
	r.must(err)
	return s
}

// processor is how long this process has computed, the database not counted.
func processor() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // it has no reason to fail
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// heap is what is held after a collection, in bytes.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
