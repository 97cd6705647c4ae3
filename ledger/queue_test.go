package ledger

// Queued is how many calls wait in the queue of a book, the one being committed not counted.
func (l *Ledger) Queued(book string) int {
	l.queue.mu.Lock()
	defer l.queue.mu.Unlock()
	if at := l.queue.lanes[laneKey{book: book}]; at != nil {
		return len(at.waiting)
	}
	return 0
}
