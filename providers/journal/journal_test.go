package journal_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"exchequer/providers/journal"
)

// open replays a journal of numbers.
func open(t *testing.T, path string) (*journal.Journal, []int) {
	t.Helper()
	var got []int
	j, err := journal.Open(path, func(line []byte) error {
		var n int
		if err := json.Unmarshal(line, &n); err != nil {
			return err
		}
		got = append(got, n)
		return nil
	})
	if err != nil {
		t.Fatalf("opening the journal: %v", err)
	}
	return j, got
}

func TestWhatWasSyncedIsReplayedInOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "book.jsonl")
	j, got := open(t, path)
	if got != nil {
		t.Fatalf("a new journal replays %v", got)
	}
	for n := range 3 {
		if err := j.Write(n); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(j.Sync(), j.Close()); err != nil {
		t.Fatal(err)
	}
	j, got = open(t, path)
	defer j.Close()
	if !slices.Equal(got, []int{0, 1, 2}) {
		t.Fatalf("replayed %v", got)
	}
}

func TestTornLastLineIsDroppedAndTheNextLineIsWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "book.jsonl")
	if err := os.WriteFile(path, []byte("1\n2\n3456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	j, got := open(t, path)
	if !slices.Equal(got, []int{1, 2}) {
		t.Fatalf("replayed %v", got)
	}
	if err := errors.Join(j.Write(5), j.Close()); err != nil {
		t.Fatal(err)
	}
	j, got = open(t, path)
	defer j.Close()
	if !slices.Equal(got, []int{1, 2, 5}) {
		t.Fatalf("after a torn line and a new one: %v", got)
	}
	if raw, err := os.ReadFile(path); err != nil || string(raw) != "1\n2\n5\n" {
		t.Fatalf("the torn line left %q, %v", raw, err)
	}
}

func TestDamageBeforeTheEndIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "book.jsonl")
	if err := os.WriteFile(path, []byte("1\n{\n3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := journal.Open(path, func(line []byte) error { return json.Unmarshal(line, new(int)) })
	if err == nil {
		t.Fatal("a damaged line in the middle was passed over")
	}
}

func TestOneHolderAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "book.jsonl")
	j, _ := open(t, path)
	if _, err := journal.Open(path, func([]byte) error { return nil }); !errors.Is(err, journal.ErrInUse) {
		t.Fatalf("second holder: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	again, _ := open(t, path)
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestConcurrentWritersLoseNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "book.jsonl")
	j, _ := open(t, path)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for n := range 20 {
				if err := errors.Join(j.Write(w*20+n), j.Sync()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j, got := open(t, path)
	defer j.Close()
	slices.Sort(got)
	if len(got) != 160 || got[0] != 0 || got[159] != 159 {
		t.Fatalf("%d lines survive of 160", len(got))
	}
}
