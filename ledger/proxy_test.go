package ledger_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// cut says where a proxy cuts a connection that commits.
type cut int

const (
	nowhere   cut = iota
	before        // the COMMIT never reaches the server
	after         // the server has committed, its answer never reaches the client
	inBetween     // both at once: nobody knows
)

// proxy stands between a pool and PostgreSQL, reads both sides' messages, and cuts connections at their COMMIT.
type proxy struct {
	listener net.Listener
	server   func() (net.Conn, error)
	mu       sync.Mutex
	plan     func() cut // what to do with the next COMMIT; nil passes all on
	cuts     int
	open     map[net.Conn]bool
}

// startProxy gives a proxy and the pool's settings that lead through it.
func startProxy(t testing.TB, pool *pgxpool.Pool) (*proxy, *pgxpool.Config) {
	t.Helper()
	cfg := pool.Config()
	network, address := pgconn.NetworkAddress(cfg.ConnConfig.Host, cfg.ConnConfig.Port)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, open: map[net.Conn]bool{},
		server: func() (net.Conn, error) { return net.Dial(network, address) }}
	at := listener.Addr().(*net.TCPAddr)
	cfg.ConnConfig.Host, cfg.ConnConfig.Port = at.IP.String(), uint16(at.Port)
	cfg.ConnConfig.TLSConfig, cfg.ConnConfig.Fallbacks = nil, nil // the proxy reads along
	t.Cleanup(p.close)
	go p.accept()
	return p, cfg
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := p.server()
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.open[client], p.open[server] = true, true
		p.mu.Unlock()
		c := &connection{proxy: p, client: client, server: server, statements: map[string]string{}}
		go c.toServer()
		go c.toClient()
	}
}

// close ends it for good, with all its connections: the server is gone.
func (p *proxy) close() {
	p.listener.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		c.Close()
	}
}

// cutNext plans the next cuts, one a COMMIT, in this order; what comes then passes.
func (p *proxy) cutNext(cuts ...cut) {
	p.cutBy(func() cut {
		if len(cuts) == 0 {
			return nowhere
		}
		next := cuts[0]
		cuts = cuts[1:]
		return next
	})
}

func (p *proxy) cutBy(plan func() cut) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plan = plan
}

func (p *proxy) next() cut {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.plan == nil {
		return nowhere
	}
	c := p.plan()
	if c != nowhere {
		p.cuts++
	}
	return c
}

func (p *proxy) cutSoFar() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

// connection is one client's. The protocol: https://www.postgresql.org/docs/current/protocol-message-formats.html
type connection struct {
	proxy          *proxy
	client, server net.Conn
	statements     map[string]string // by the name they were prepared under
	mu             sync.Mutex
	swallow        bool // answers from the COMMIT on
}

func (c *connection) end() {
	c.client.Close()
	c.server.Close()
	c.proxy.mu.Lock()
	defer c.proxy.mu.Unlock()
	delete(c.proxy.open, c.client)
	delete(c.proxy.open, c.server)
}

// toServer passes the client's messages on, up to a COMMIT that is to be cut.
func (c *connection) toServer() {
	defer c.end()
	from := bufio.NewReader(c.client)
	if _, err := c.pass(from, 0); err != nil { // the start-up message has no type
		return
	}
	for {
		kind, err := from.ReadByte()
		if err != nil {
			return
		}
		body, err := read(from)
		if err != nil {
			return
		}
		where := nowhere
		if c.commits(kind, body) {
			where = c.proxy.next()
		}
		switch where {
		case before:
			return
		case after:
			c.mu.Lock()
			c.swallow = true
			c.mu.Unlock()
		}
		if _, err := c.server.Write(message(kind, body)); err != nil {
			return
		}
		if where == inBetween { // the server gets what it needs to commit, and nobody waits for it
			_, _ = io.CopyN(c.server, from, int64(from.Buffered()))
			return
		}
	}
}

func (c *connection) pass(from *bufio.Reader, kind byte) ([]byte, error) {
	body, err := read(from)
	if err != nil {
		return nil, err
	}
	_, err = c.server.Write(message(kind, body))
	return body, err
}

// commits reports that a message runs a COMMIT: a Bind of a prepared one, or a simple Query.
func (c *connection) commits(kind byte, body []byte) bool {
	text := func() string {
		s, rest, _ := bytes.Cut(body, []byte{0})
		body = rest
		return string(s)
	}
	switch kind {
	case 'P': // Parse: name, query
		name := text()
		c.statements[name] = text()
	case 'B': // Bind: portal, name
		text()
		return strings.EqualFold(c.statements[text()], "commit")
	case 'Q':
		return strings.EqualFold(text(), "commit")
	}
	return false
}

// toClient passes the server's messages on, and cuts when it reads that what it is to swallow was committed.
func (c *connection) toClient() {
	defer c.end()
	from := bufio.NewReader(c.server)
	for {
		kind, err := from.ReadByte()
		if err != nil {
			return
		}
		body, err := read(from)
		if err != nil {
			return
		}
		c.mu.Lock()
		swallow := c.swallow
		c.mu.Unlock()
		if swallow && kind == 'C' && bytes.Equal(body, []byte("COMMIT\x00")) {
			return
		}
		if _, err := c.client.Write(message(kind, body)); err != nil {
			return
		}
	}
}

// read gives a message's content: its length is the first four bytes, themselves counted.
func read(from *bufio.Reader) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(from, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n < 4 || n > 1<<30 {
		return nil, errors.New("no message of PostgreSQL's")
	}
	body := make([]byte, n-4)
	_, err := io.ReadFull(from, body)
	return body, err
}

func message(kind byte, body []byte) []byte {
	var m []byte
	if kind != 0 {
		m = append(m, kind)
	}
	m = binary.BigEndian.AppendUint32(m, uint32(len(body)+4))
	return append(m, body...)
}
