package main

import (
	"os"
	"path/filepath"
)

// copied reads the story's books into another installation: each is there as it was, and proves itself.
func (i *installation) copied() {
	i.Helper()
	file, status := i.run("ledger", "export", "--format", "csv")
	other := install(i.T, i.uid)
	path := filepath.Join(other.dir, "books.csv")
	if err := os.WriteFile(path, []byte(file), 0o644); err != nil || status != 0 {
		i.Fatalf("ledger export ended with %d (%v)", status, err)
	}
	if out, status := other.run("ledger", "import", path, "--json"); status != 0 {
		i.Fatalf("ledger import ended with %d: %s", status, out)
	}
	want, _ := i.run("ledger", "digest")
	if got, _ := other.run("ledger", "digest"); got != want || got == "" {
		i.Errorf("the copies' digests\n%s\nthe books'\n%s", got, want)
	}
	if out, status := other.run("ledger", "verify"); status != 0 { // a copy has no checkpoints yet
		i.Errorf("ledger verify of the copies ended with %d: %s", status, out)
	}
	if out, status := other.run("ledger", "import", path); status != 2 || out != "" {
		i.Errorf("reading the books again ended with %d: %s", status, out)
	}
}
