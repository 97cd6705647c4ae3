package order

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
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
// the same each time; Status is above 0 when the request was answered before, with Answer.
type Claim struct {
	Reference string
	Status    int
	Answer    []byte
}

// Keys remembers requests and their answers (draft-ietf-httpapi-idempotency-key-header).
type Keys struct {
	Pool   *pgxpool.Pool
	Clock  calendar.Clock
	Timing Timing
}

// Begin commits the key's row before any work, with a lease. Errors: Invalid for a key that is missing or too long;
// KeyReused for another body; InProgress while another request holds the lease. After the lease the same request goes
// on with the same reference.
func (k *Keys) Begin(ctx context.Context, key Key, body []byte, newReference func() string) (Claim, error) {
	if key.Key == "" || len(key.Key) > 64 {
		return Claim{}, problem.AtField(problem.Invalid, "Idempotency-Key", "send a key of 1 to 64 characters, new for each new request")
	}
	hash := sha256.Sum256(body)
	now := k.Clock.Now().UTC()
	var c Claim
	err := pg.InTx(ctx, k.Pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			INSERT INTO gateway.idempotency_key (client, operation, key, body_hash, reference, lease_until, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (client, operation, key) DO NOTHING`,
			key.Client, key.Operation, key.Key, hash[:], newReference(), now.Add(k.Timing.KeyLease), now)
		if err != nil {
			return err
		}
		c, err = k.takeTx(ctx, tx, key, hash[:], now, tag.RowsAffected() == 1)
		return err
	})
	return c, err
}

func (k *Keys) takeTx(ctx context.Context, tx pgx.Tx, key Key, hash []byte, now time.Time, fresh bool) (Claim, error) {
	var c Claim
	var had []byte
	var lease, created time.Time
	var status *int
	err := tx.QueryRow(ctx, `
		SELECT body_hash, reference, lease_until, created_at, status, answer FROM gateway.idempotency_key
		WHERE client = $1 AND operation = $2 AND key = $3 FOR UPDATE`, key.Client, key.Operation, key.Key).
		Scan(&had, &c.Reference, &lease, &created, &status, &c.Answer)
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
	if now.Before(lease) {
		return Claim{}, problem.New(problem.InProgress, "this request is still being worked on: send it again in a moment")
	}
	_, err = tx.Exec(ctx, `UPDATE gateway.idempotency_key SET lease_until = $4 WHERE client = $1 AND operation = $2 AND key = $3`,
		key.Client, key.Operation, key.Key, now.Add(k.Timing.KeyLease))
	return c, err
}

// Finish stores the answer, so that the same request is answered the same. A refusal that a later try may not meet
// (400, 401, 403, 429, 5xx) is not stored: the lease is given back instead.
func (k *Keys) Finish(ctx context.Context, key Key, status int, answer []byte) error {
	if !stored(status) {
		_, err := k.Pool.Exec(ctx, `UPDATE gateway.idempotency_key SET lease_until = created_at
			WHERE client = $1 AND operation = $2 AND key = $3 AND status IS NULL`, key.Client, key.Operation, key.Key)
		return err
	}
	_, err := k.Pool.Exec(ctx, `UPDATE gateway.idempotency_key SET status = $4, answer = $5
		WHERE client = $1 AND operation = $2 AND key = $3 AND status IS NULL`,
		key.Client, key.Operation, key.Key, status, answer)
	return err
}

func stored(status int) bool {
	switch {
	case status == 400, status == 401, status == 403, status == 429, status >= 500:
		return false
	}
	return true
}

// Expire forgets answered keys older than the time they are kept. A key without an answer stays: its request may go on.
func (k *Keys) Expire(ctx context.Context) (int64, error) {
	tag, err := k.Pool.Exec(ctx, `DELETE FROM gateway.idempotency_key WHERE created_at < $1 AND status IS NOT NULL`,
		k.Clock.Now().UTC().Add(-k.Timing.KeyKept))
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, err
	}
	return tag.RowsAffected(), nil
}
