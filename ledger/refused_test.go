package ledger

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestWhatConcernsOneCall: each call of a batch is posted by itself only where that can help. A server that ends or is not
// up refuses each of them, and each would wait as long as the ledger is patient.
func TestWhatConcernsOneCall(t *testing.T) {
	unknown := &OutcomeUnknownError{"A01", &pgconn.PgError{Code: "23514"}}
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{fault("write", &pgconn.PgError{Code: "23514"}), true},
		{fault("write", &pgconn.PgError{Code: "22003"}), true},
		{fault("connect", &pgconn.PgError{Code: "57P03"}), false},
		{fault("write", &pgconn.PgError{Code: "57P01"}), false},
		{errors.New("connection reset"), false},
		{unknown, false},
	} {
		if got := concernsOne(c.err); got != c.want {
			t.Errorf("%v: %t, want %t", c.err, got, c.want)
		}
	}
}
