package story

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestOnlyARefusalByLawTurnsAPayerAway(t *testing.T) {
	for _, tc := range []struct {
		status int
		body   string
		away   bool
	}{
		{http.StatusUnprocessableEntity, `{"code": "refused", "act": "Circular 154/2025/TT-BTC"}`, true},
		{http.StatusUnprocessableEntity, `{"code": "invalid"}`, false},
		{http.StatusUnprocessableEntity, `refused`, false},
		{http.StatusInternalServerError, `{"code": "refused"}`, false},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(tc.status)
			_, _ = w.Write([]byte(tc.body))
		}))
		p := portal{api: server.URL, client: server.Client(), patience: time.Second}
		_, err := p.bill(context.Background(), payer{}, "x")
		server.Close()
		if err == nil || errors.Is(err, errRefused) != tc.away {
			t.Errorf("%d %s: %v", tc.status, tc.body, err)
		}
	}
}
