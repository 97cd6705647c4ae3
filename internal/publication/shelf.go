package publication

import (
	"context"
	"slices"
	"sync"
)

// What is kept compiled: the current law, with the one before it for requests that have just read which it is; and what a
// few questions about the past need. Apart, so that no such question costs a quote its law.
const (
	keptNewest = 2
	keptOlder  = 4
)

// shelf keeps compiled laws, the last used first, and lets one caller at a time add one: a compiler takes a processor
// for a moment, and who asks about the past may ask about all of it.
type shelf struct {
	turn chan struct{} // has room for one
	most int

	mu   sync.Mutex
	laws []*Law
}

func newShelf(most int) shelf { return shelf{turn: make(chan struct{}, 1), most: most} }

// law gives the law of a revision, by load where it is not on the shelf.
func (s *shelf) law(ctx context.Context, revision int64, load func() (*Law, error)) (*Law, error) {
	if law := s.find(revision); law != nil {
		return law, nil
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case s.turn <- struct{}{}:
	}
	defer func() { <-s.turn }()
	if law := s.find(revision); law != nil { // who had the turn before may have loaded it
		return law, nil
	}
	law, err := load()
	if err == nil {
		s.put(law)
	}
	return law, err
}

func (s *shelf) find(revision int64) *Law {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.laws, func(l *Law) bool { return l.Revision == revision })
	if i < 0 {
		return nil
	}
	law := s.laws[i]
	copy(s.laws[1:i+1], s.laws[:i])
	s.laws[0] = law
	return law
}

func (s *shelf) put(law *Law) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.laws = slices.Insert(s.laws, 0, law)
	s.laws = slices.Delete(s.laws, min(s.most, len(s.laws)), len(s.laws))
}
