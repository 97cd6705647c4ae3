package ledger_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"exchequer/ledger"
)

// BenchmarkPost reports the time a posting takes in batches of a size. The test server does not wait for the disk.
func BenchmarkPost(b *testing.B) {
	var round atomic.Int64
	for _, size := range []int{1, 100, 1000, 8000} {
		b.Run(fmt.Sprintf("batch-%d", size), func(b *testing.B) {
			bed := start(b)
			accounts := make([]string, 1000)
			for i := range accounts {
				accounts[i] = fmt.Sprintf("assets:%d", i)
			}
			bed.open("A01", accounts...)
			b.ResetTimer()
			for posted := 0; posted < b.N; posted += size {
				batch := make([]ledger.Transaction, size)
				n := round.Add(1)
				for i := range batch {
					batch[i] = move(fmt.Sprintf("R%d-%d", n, i), accounts[(i*7+posted)%1000], accounts[(i*7+posted+3)%1000], 1)
				}
				bed.mustPost(batch...)
			}
		})
	}
}
