package providertest

import (
	"bytes"
	"errors"
	"testing"

	"exchequer/providers"
)

// testSettlement pays twice, cancels once, and holds the settlement file against that.
func testSettlement(t *testing.T, b *bench) {
	source, ok := b.Provider.(providers.SettlementSource)
	if !ok {
		t.Skip("this provider has no settlement files")
	}
	want := make(map[string]int64)
	for reference, amount := range map[string]int64{"SETTLE1A": 135_000, "SETTLE2A": 7_001} {
		p := b.payment(reference)
		p.Amount = amount
		b.begin(t, p, Pay)
		want[reference] = amount
	}
	b.begin(t, b.payment("SETTLE3A"), Cancel)
	day := b.Settle(t)
	if _, err := source.FetchSettlement(t.Context(), day.AddDate(0, 0, 1)); !errors.Is(err, providers.ErrNotDone) {
		t.Errorf("the file of tomorrow: %v, want ErrNotDone", err)
	}
	file, err := source.FetchSettlement(t.Context(), day)
	if err != nil {
		t.Fatalf("fetching: %v", err)
	}
	batches, err := source.ReadSettlement(bytes.NewReader(file))
	if err != nil {
		t.Fatalf("reading: %v", err)
	}
	for _, s := range batches {
		if s.Batch == "" || s.Merchant != b.Merchant || s.Currency != "VND" || !s.Day.Equal(day) {
			t.Errorf("batch %+v", s)
		}
		checkFoots(t, s)
		for _, l := range s.Lines {
			if l.Amount != want[l.Reference] || l.ProviderID == "" || l.Paid.IsZero() {
				t.Errorf("line %+v, want %d", l, want[l.Reference])
			}
			delete(want, l.Reference)
		}
	}
	if len(want) > 0 {
		t.Errorf("not settled: %v", want)
	}
	testSpoiltFile(t, source, file)
}

func checkFoots(t *testing.T, s providers.Settlement) {
	t.Helper()
	net := s.Net
	for _, l := range s.Lines {
		net -= l.Amount - l.Fee
	}
	if net != 0 {
		t.Errorf("batch %s does not foot by %d", s.Batch, net)
	}
}

// testSpoiltFile: one amount is changed, and the file's second half is lost. Both are findings, and what can be read is.
func testSpoiltFile(t *testing.T, source providers.SettlementSource, file []byte) {
	t.Helper()
	changed := bytes.Replace(file, []byte("135000"), []byte("134000"), 1)
	for name, spoilt := range map[string][]byte{"changed": changed, "cut off": file[:len(file)*3/4]} {
		batches, err := source.ReadSettlement(bytes.NewReader(spoilt))
		if !errors.Is(err, providers.ErrMalformed) {
			t.Errorf("%s file: %v, want ErrMalformed", name, err)
		}
		if len(batches) == 0 || len(batches[0].Lines) == 0 {
			t.Errorf("%s file: nothing of it was read", name)
		}
	}
	if _, err := source.ReadSettlement(bytes.NewReader(nil)); !errors.Is(err, providers.ErrMalformed) {
		t.Errorf("empty file: %v, want ErrMalformed", err)
	}
}
