package bill_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/bill"
	"exchequer/internal/calendar"
	"exchequer/internal/pg"
	"exchequer/internal/pg/pgtest"
	"exchequer/internal/problem"
)

// decision is number d-9: of Binh Duong until the end of June 2025, of Ho Chi Minh City from then on.
func decision(body, day string) bill.Request {
	q := fine(day, `{"fine": 900}`)
	q.Body, q.SourceRef = body, "d-9"
	return q
}

// merged is a rig in which the bill of decision d-9 was made by Binh Duong, on the day after its merger.
func merged(t *testing.T) (*rig, bill.Bill) {
	r := newRig(t)
	r.clock.at = calendar.MustDate("2025-06-29").At(9 * time.Hour)
	made := r.issue(decision("KBNN-BDG", "2025-06-29"))
	r.clock.at = calendar.MustDate("2025-07-01").At(9 * time.Hour)
	return r, made
}

func TestADebtOfAMergedBodyIsBilledOnceByItsSuccessor(t *testing.T) {
	r, old := merged(t)
	next := r.issue(decision("KBNN-HCM", "2025-07-01"))
	if next.Book != "HCM" || next.Edition != 2 || r.get(old.Ref).ReplacedBy != next.Ref || r.get(next.Ref).Expired(r.clock.at) {
		t.Fatalf("%+v\n%+v", old, next)
	}
	if again := r.issue(decision("KBNN-HCM", "2025-07-01")); again.Ref != next.Ref {
		t.Errorf("sent again: %+v", again)
	}
	if again := r.issue(decision("KBNN-BDG", "2025-06-29")); again.Ref != old.Ref || !again.Expired(again.CreatedAt) {
		t.Errorf("the old request sent again: %+v", again)
	}
	r.refuses(decision("KBNN-BDG", "2025-06-30"), problem.Conflict, next.Ref)
	if n := r.count(`SELECT count(*) FROM gateway.audit WHERE subject = $1 AND detail->>'replaces' = $2`, next.Ref, old.Ref); n != 1 {
		t.Errorf("%d audit rows", n)
	}
	r.clock.at = next.ValidUntil
	if third := r.issue(decision("KBNN-HCM", "2025-07-08")); third.Edition != 3 || r.get(next.Ref).ReplacedBy != third.Ref {
		t.Errorf("%+v", third)
	}
}

func TestADebtOfAMergedBodyThatIsPaidOrBeingPaidIsNotBilledAgain(t *testing.T) {
	r, old := merged(t)
	r.claim(old)
	r.refuses(decision("KBNN-HCM", "2025-07-01"), problem.Conflict, "not certain yet")
	r.must(pg.InTx(ctx, r.pool, func(tx pgx.Tx) error { return bill.PayTx(ctx, tx, old.Book, old.Ref) }))
	r.refuses(decision("KBNN-HCM", "2025-07-01"), problem.Conflict, old.Ref)
	if n := r.count(`SELECT count(*) FROM gateway.bill`); n != 1 {
		t.Errorf("%d bills", n)
	}
}

func TestADebtOfAMergedBodyThatStillHoldsIsTheAnswer(t *testing.T) {
	r, old := merged(t)
	_, err := pgtest.Owner(t, r.pool).Exec(ctx, `UPDATE gateway.bill SET valid_until = '2025-08-01'`) // of before a quote ended with its body
	r.must(err)
	r.refuses(decision("KBNN-HCM", "2025-07-01"), problem.Conflict, old.Ref)
	if same := r.issue(decision("KBNN-HCM", "2025-06-29")); same.Ref != old.Ref {
		t.Errorf("the same request: %+v", same)
	}
}

// Two bodies number their own decisions: the same number of another payer was another decision.
func TestTheSameNumberOfAnotherPayerAtAMergedBodyIsAnotherDebt(t *testing.T) {
	r, old := merged(t)
	q := decision("KBNN-HCM", "2025-07-01")
	q.Payer = "subject-2"
	if b := r.issue(q); b.Edition != 1 || r.get(old.Ref).ReplacedBy != "" {
		t.Errorf("%+v", b)
	}
	// A body that is still there bills for itself.
	r.clock.at = calendar.MustDate("2025-06-30").At(9 * time.Hour)
	q = decision("KBNN-HCM", "2025-06-30")
	q.SourceRef = "d-10"
	r.issue(q)
	q.Body = "KBNN-BDG"
	if b := r.issue(q); b.Book != "BDG" || b.Edition != 1 {
		t.Errorf("%+v", b)
	}
}

// stopping is a clock that stops whoever asks it for the second time: in the transaction, when the time was read.
type stopping struct {
	at        time.Time
	asked     int
	read, run chan struct{}
}

func (c *stopping) Now() time.Time {
	if c.asked++; c.asked == 2 {
		close(c.read)
		<-c.run
	}
	return c.at
}

func TestTheLastBillOfABodyIsSeenByItsSuccessor(t *testing.T) {
	r := newRig(t)
	last := &stopping{at: calendar.MustDate("2025-06-30").At(24*time.Hour - time.Second), read: make(chan struct{}), run: make(chan struct{})}
	r.clock.at = calendar.MustDate("2025-07-01").At(0)
	done := make(chan error, 2)
	go func() {
		_, err := bill.New(r.pool, r.law, last).Issue(ctx, portal, decision("KBNN-BDG", "2025-06-30"))
		done <- err
	}()
	<-last.read
	go func() {
		_, err := r.bills.Issue(ctx, portal, decision("KBNN-HCM", "2025-07-01"))
		done <- err
	}()
	for r.count(`SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`) == 0 {
		time.Sleep(time.Millisecond)
	}
	close(last.run)
	r.must(<-done)
	r.must(<-done)
	if n := r.count(`SELECT count(*) FROM gateway.bill WHERE replaced_by IS NULL`); n != 1 {
		t.Errorf("%d bills of one debt can be paid", n)
	}
}
