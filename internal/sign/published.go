package sign

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// PublishEvery is how often a server notes which keys it publishes.
const PublishEvery = time.Minute

// forgotten is how long after a server's last note a key that was not in it counts no more. It is several notes, because
// machines may have a new key, and the right time, a little apart.
const forgotten = 5 * time.Minute

// Note writes down on the gateway's database that a server publishes these keys now.
func (k *Keys) Note(ctx context.Context, pool *pgxpool.Pool) error {
	k.look()
	k.mu.Lock()
	kids := make([]string, len(k.keys))
	for i, key := range k.keys {
		kids[i] = key.kid
	}
	k.mu.Unlock()
	_, err := pool.Exec(ctx, `
		INSERT INTO gateway.signing_key AS s (kid, published_at) SELECT kid, $2 FROM unnest($1::text[]) AS kid ORDER BY kid
		ON CONFLICT (kid) DO UPDATE SET published_at = greatest(s.published_at, excluded.published_at)`, kids, k.wall().UTC())
	if err != nil {
		return fmt.Errorf("noting which signing keys are published: %w", err)
	}
	return nil
}

// Published reports whether servers on the gateway's database publish the key that signs now, or did until they stopped.
func (k *Keys) Published(ctx context.Context, pool *pgxpool.Pool) (bool, error) {
	var published bool
	err := pool.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM gateway.signing_key
		               WHERE kid = $1 AND published_at > (SELECT max(published_at) FROM gateway.signing_key) - make_interval(secs => $2))`,
		k.signer().kid, forgotten.Seconds()).Scan(&published)
	if err != nil {
		return false, fmt.Errorf("asking which signing keys are published: %w", err)
	}
	return published, nil
}
