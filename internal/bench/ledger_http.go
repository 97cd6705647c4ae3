package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/publication"
)

// Serve starts the program's API on a database, in a process of its own. Where it fails, nothing is left running.
type Serve func(ctx context.Context, databaseURL string) (*Served, error)

// Served is an API that runs.
type Served struct {
	Address string // http://host:port
	Token   string // of a bookkeeper of the book Book
	Process int    // its id
	Stop    func() error
}

// Book is the book that a benchmark of the ledger writes to.
const Book = book

// overHTTP posts through the API: each caller on a connection that stays open, one transaction a request.
func (c ledgerCase) overHTTP(serve Serve) way {
	return way{load: c.load, open: func(ctx context.Context, database string, _ *pgxpool.Pool, now func() time.Time) (*poster, error) {
		served, err := serve(ctx, database)
		if err != nil {
			return nil, err
		}
		clients := make([]httpClient, c.callers)
		for i := range clients {
			clients[i] = httpClient{host: strings.TrimPrefix(served.Address, "http://"), token: served.Token}
		}
		return &poster{
			post: func(ctx context.Context, caller int, batch []transfer) error {
				return clients[caller].post(ctx, batch[0], now())
			},
			process: served.Process,
			close: func() error {
				for i := range clients {
					clients[i].close()
				}
				return served.Stop()
			},
		}, nil
	}}
}

// httpClient writes requests by hand: the client of the standard library would take as much of the processors that it
// shares with the server as the server.
type httpClient struct {
	host, token string
	conn        net.Conn
	answers     *bufio.Reader
}

// answerTimeout bounds one request, so that a server that hangs ends the benchmark.
const answerTimeout = time.Minute

func (c *httpClient) post(ctx context.Context, t transfer, at time.Time) error {
	if c.conn == nil {
		conn, err := (&net.Dialer{Timeout: answerTimeout}).DialContext(ctx, "tcp", c.host)
		if err != nil {
			return err
		}
		c.conn, c.answers = conn, bufio.NewReader(conn)
	}
	if err := c.conn.SetDeadline(at.Add(answerTimeout)); err != nil {
		return err
	}
	if _, err := c.conn.Write(c.request(t, at)); err != nil {
		return err
	}
	answer, err := http.ReadResponse(c.answers, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusCreated {
		err = fmt.Errorf("a new transaction is answered by %s: %s", answer.Status, body)
	}
	return err
}

func (c *httpClient) request(t transfer, at time.Time) []byte {
	body, _ := json.Marshal(map[string]any{ // strings and integers: it cannot fail
		"book": book, "reference": t.reference, "kind": kind, "occurred": at.UTC().Format(time.RFC3339Nano), "day": day(at).Format(time.DateOnly),
		"postings": []any{map[string]any{"debit": codes[t.debit], "credit": codes[t.credit], "amount": t.amount, "currency": currency}},
	})
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST /v1/ledger/transactions HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
		c.host, c.token, len(body))
	b.Write(body)
	return b.Bytes()
}

func (c *httpClient) close() {
	if c.conn != nil {
		_ = c.conn.Close() // its answers were read
	}
}

// beginLaw publishes the documents that come with the program: its API does not start without.
func beginLaw(ctx context.Context, pool *pgxpool.Pool, now func() time.Time) error {
	docs, err := publication.Included()
	if err != nil {
		return err
	}
	_, err = publication.New(pool, clock(now)).Begin(ctx, docs)
	return err
}

type clock func() time.Time

// Now is the machine's time.
func (c clock) Now() time.Time { return c() }
