package main

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Browsers and pools open connections in advance: a program that ends must not wait for a request on them, and must
// still answer the one that is under way.
func TestAnEndingServerCutsConnectionsWithoutARequestOnly(t *testing.T) {
	begun, answer := make(chan struct{}), make(chan struct{})
	s, err := listen("127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-answer
		_, _ = io.WriteString(w, "done")
	}), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	idle, err := net.Dial("tcp", s.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	busy, err := net.Dial("tcp", s.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	if _, err := io.WriteString(busy, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-begun
	for waiting := 0; waiting == 0; time.Sleep(time.Millisecond) {
		s.mu.Lock()
		waiting = len(s.fresh)
		s.mu.Unlock()
	}
	closed := make(chan error, 1)
	go func() { closed <- s.close() }()
	if _, err := idle.Read(make([]byte, 1)); err == nil {
		t.Error("the idle connection got an answer")
	}
	close(answer)
	if got, _ := io.ReadAll(busy); !strings.HasSuffix(string(got), "done") {
		t.Errorf("the request under way was answered %q", got)
	}
	if err := <-closed; err != nil {
		t.Errorf("close: %v", err)
	}
}
