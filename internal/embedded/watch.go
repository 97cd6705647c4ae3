package embedded

import (
	"context"
	"time"
)

// restartPause is waited before a dead server is started again, and doubled after each failure up to restartPauseMax.
const (
	restartPause    = 100 * time.Millisecond
	restartPauseMax = 5 * time.Second
)

// watched is a server that can be started again on the same address.
type watched interface {
	current() *child
	start(ctx context.Context) error
}

// watch starts a server again whenever it dies, until ctx ends. Clients see failing connections in between and none
// after it: address, password and data are the same.
func (s *Servers) watch(ctx context.Context, name string, server watched) {
	s.watchers.Go(func() {
		for {
			c := server.current()
			select {
			case <-ctx.Done():
				return
			case <-c.done:
			}
			s.log.Warn("a server died and is started again", "server", name, "pid", c.pid, "reason", c.err)
			if !s.restart(ctx, name, server) {
				return
			}
		}
	})
}

func (s *Servers) restart(ctx context.Context, name string, server watched) bool {
	for wait := restartPause; ; wait = min(2*wait, restartPauseMax) {
		if pause(ctx, wait) != nil {
			return false
		}
		err := server.start(ctx)
		if ctx.Err() != nil {
			return false
		}
		if err == nil {
			break
		}
		s.log.Error("a server could not be started again", "server", name, "error", err)
	}
	if err := s.writeAddresses(); err != nil {
		s.log.Error("the addresses in use could not be written", "error", err)
	}
	s.log.Info("a server runs again", "server", name, "pid", server.current().pid)
	return true
}

// pause waits, or answers the context's error.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
