package publication

// HoldOlder takes the turn in which laws that are no longer current are compiled.
func (s *Store) HoldOlder() (release func()) {
	s.older.turn <- struct{}{}
	return func() { <-s.older.turn }
}

// HeadChanges is what a document says outside of its versions, and said otherwise.
var HeadChanges = headChanges
