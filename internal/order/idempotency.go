package order

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/calendar"
	"exchequer/internal/pg"
	"exchequer/internal/problem"
)

// Key names a request that may be sent more than once. Keys are per client and operation.
type Key struct {
	Client    string
	Operation string
	Key       string // the Idempotency-Key, 1 to 64 characters
}

// Claim is what a key's row says when a request begins. Reference is the one reserved for what the request makes,
// the same each time; Status is above 0 when the request was answered before, with Answer. Lease is the end of the
// caller's lease, and shows Finish that it still holds it.
type Claim struct {
	Reference string
	Lease     time.Time
	Status    int
	Answer    []byte
}

// Keys remembers requests and their answers (draft-ietf-httpapi-idempotency-key-header).
type Keys struct {
	Pool  *pgxpool.Pool
	Clock calendar.Clock // the program's: how long answers are kept
	// Leases is the machine's clock, because a lease is about a request that is running: it must not end when the
	// program's clock is moved forward. Without it leases run in Clock.
	Leases calendar.Clock
	Timing Timing
}

// Begin commits the key's row before any work, with a lease. Errors: Invalid for a key that is missing, too long or
// not printable ASCII; KeyReused for another body; InProgress while another request holds the lease. After the lease
// the same request goes on with the same reference.
func (k *Keys) Begin(ctx context.Context, key Key, body []byte, newReference func() string) (Claim, error) {
	if key.Key == "" || len(key.Key) > 64 || strings.ContainsFunc(key.Key, func(r rune) bool { return r < 0x20 || r > 0x7e }) {
		return Claim{}, problem.AtField(problem.Invalid, "Idempotency-Key",
			"send a key of 1 to 64 printable ASCII characters, new for each new request")
	}
	hash := sha256.Sum256(body)
	var c Claim
	err := pg.InTx(ctx, k.Pool, func(tx pgx.Tx) error {
		until := k.leaseEnd()
		tag, err := tx.Exec(ctx, `
			INSERT INTO gateway.idempotency_key (client, operation, key, body_hash, reference, lease_until, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (client, operation, key) DO NOTHING`,
			key.Client, key.Operation, key.Key, hash[:], newReference(), until, k.Clock.Now().UTC())
		if err != nil {
			return err
		}
		c, err = k.takeTx(ctx, tx, key, hash[:], tag.RowsAffected() == 1)
		return err
	})
	return c, err
}

func (k *Keys) takeTx(ctx context.Context, tx pgx.Tx, key Key, hash []byte, fresh bool) (Claim, error) {
	var c Claim
	var had []byte
	var status *int
	err := tx.QueryRow(ctx, `
		SELECT body_hash, reference, lease_until, status, answer FROM gateway.idempotency_key
		WHERE client = $1 AND operation = $2 AND key = $3 FOR UPDATE`, key.Client, key.Operation, key.Key).
		Scan(&had, &c.Reference, &c.Lease, &status, &c.Answer)
	if err != nil || fresh {
		return c, err
	}
	if subtle.ConstantTimeCompare(had, hash) != 1 {
		return Claim{}, problem.AtField(problem.KeyReused, "Idempotency-Key", "this key was sent with another body: use a new key for a new request")
	}
	if status != nil {
		c.Status = *status
		return c, nil
	}
	// Read after the row was locked: the wait for the lock may have been long.
	if k.leaseNow().Before(c.Lease) {
		return Claim{}, errInProgress()
	}
	c.Lease = k.leaseEnd()
	_, err = tx.Exec(ctx, `UPDATE gateway.idempotency_key SET lease_until = $4 WHERE client = $1 AND operation = $2 AND key = $3`,
		key.Client, key.Operation, key.Key, c.Lease)
	return c, err
}

func errInProgress() error {
	return problem.New(problem.InProgress, "this request is still being worked on: send it again in a moment")
}

func (k *Keys) leaseNow() time.Time {
	if k.Leases != nil {
		return k.Leases.Now().UTC()
	}
	return k.Clock.Now().UTC()
}

// leaseEnd is rounded to what PostgreSQL keeps: Finish compares it.
func (k *Keys) leaseEnd() time.Time {
	return k.leaseNow().Add(k.Timing.KeyLease).Truncate(time.Microsecond)
}

// Finish stores the answer of whoever holds the lease, so that the same request is answered the same. A refusal that
// a later try may not meet (400, 401, 403, 429, 5xx) is not stored: the lease is given back instead. Error: InProgress
// when the lease was over and the same request has gone on elsewhere; its answer is the one that counts.
func (k *Keys) Finish(ctx context.Context, key Key, lease time.Time, status int, answer []byte) error {
	if !stored(status) {
		_, err := k.Pool.Exec(ctx, `UPDATE gateway.idempotency_key SET lease_until = $5
			WHERE client = $1 AND operation = $2 AND key = $3 AND status IS NULL AND lease_until = $4`,
			key.Client, key.Operation, key.Key, lease, k.leaseNow())
		return err
	}
	tag, err := k.Pool.Exec(ctx, `UPDATE gateway.idempotency_key SET status = $5, answer = $6
		WHERE client = $1 AND operation = $2 AND key = $3 AND status IS NULL AND lease_until = $4`,
		key.Client, key.Operation, key.Key, lease, status, answer)
	if err == nil && tag.RowsAffected() == 0 {
		return errInProgress()
	}
	return err
}

func stored(status int) bool {
	switch {
	case status == 400, status == 401, status == 403, status == 429, status >= 500:
		return false
	}
	return true
}

// Expire forgets keys older than the time they are kept, answered or not, unless a request still holds its lease.
func (k *Keys) Expire(ctx context.Context) (int64, error) {
	tag, err := k.Pool.Exec(ctx, `DELETE FROM gateway.idempotency_key WHERE created_at < $1 AND (status IS NOT NULL OR lease_until <= $2)`,
		k.Clock.Now().UTC().Add(-k.Timing.KeyKept), k.leaseNow())
	return tag.RowsAffected(), err
}
