package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// server is an HTTP server that is already listening.
type server struct {
	*http.Server
	listener net.Listener
	ended    chan error

	mu    sync.Mutex
	fresh map[net.Conn]bool // connections without a request so far
}

// Limits of every server here: a slow or silent client holds nothing for long.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 30 * time.Second
	writeTimeout  = 60 * time.Second
	idleTimeout   = 2 * time.Minute
	closeTimeout  = 5 * time.Second
)

func listen(address string, handler http.Handler, log *slog.Logger) (*server, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	return serveOn(l, handler, log), nil
}

func serveOn(l net.Listener, handler http.Handler, log *slog.Logger) *server {
	s := &server{listener: l, ended: make(chan error, 1), fresh: make(map[net.Conn]bool), Server: &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}
	s.ConnState = s.note
	s.RegisterOnShutdown(s.cutFresh)
	go func() { s.ended <- s.Serve(l) }()
	return s
}

func (s *server) note(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state == http.StateNew {
		s.fresh[c] = true
	} else {
		delete(s.fresh, c)
	}
}

func (s *server) address() string { return "http://" + s.listener.Addr().String() }

// close lets requests under way finish.
func (s *server) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	err := s.Shutdown(ctx)
	if served := <-s.ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// cutFresh ends the connections that clients opened in advance: Shutdown would wait seconds for a first request on them.
func (s *server) cutFresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.fresh {
		_ = c.Close()
	}
}
