package embedded

import (
	"fmt"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// miniredisTick is how often the substitute's clock is moved on: its keys expire with this precision.
const miniredisTick = 100 * time.Millisecond

// substitute is a Redis inside this program. It keeps nothing on disk.
type substitute struct {
	server   *miniredis.Miniredis
	password string
	quit     chan struct{}
	ticking  sync.WaitGroup
}

func startMiniredis(password string) (redisServer, error) {
	s := &substitute{server: miniredis.NewMiniRedis(), password: password, quit: make(chan struct{})}
	s.server.RequireAuth(password)
	if err := s.server.StartAddr("127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("starting the substitute for Redis: %w", err)
	}
	s.ticking.Go(s.tick)
	return s, nil
}

// tick moves the clock: left alone, nothing in miniredis ever expires, and locks and retention never end.
func (s *substitute) tick() {
	ticker := time.NewTicker(miniredisTick)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-s.quit:
			return
		case now := <-ticker.C:
			s.server.FastForward(now.Sub(last))
			last = now
		}
	}
}

func (s *substitute) address() string {
	return fmt.Sprintf("redis://:%s@%s/0", s.password, s.server.Addr())
}

// Stop ends the clock and the server.
func (s *substitute) Stop() {
	close(s.quit)
	s.ticking.Wait()
	s.server.Close()
}
