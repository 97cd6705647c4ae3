package api

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

// FuzzReadTransactions holds the reader against the standard decoder: what it accepts means the same to both.
func FuzzReadTransactions(f *testing.F) {
	for _, seed := range []string{
		`{"book":"b","reference":"r\u0041\"","metadata":{"a":"\ud83d\ude00é"},"fixed_day":true,"postings":[{"debit":"x","credit":"y","amount":-7,"currency":"VND"},{}]}`,
		`[ {"day" : "" , "of":"x"} ,{}, {"postings":[]} ]`, `{"amount":1e3}`, `[[]]`, `{"kind":{"a":[1,"]}"]}}`, `{"postings":[{"amount":9223372036854775808}]}`, `null`, `-0`, "\"\xff\"",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if !json.Valid(body) {
			return
		}
		got, list, fault := readTransactions(body)
		if fault != nil {
			return
		}
		want := make([]transactionBody, 1)
		target := any(&want[0])
		if list {
			target = &want
		}
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.DisallowUnknownFields()
		if err := dec.Decode(target); err != nil {
			t.Fatalf("accepted %q, the decoder says %v", body, err)
		}
		for i := range want {
			if len(want[i].Postings) == 0 {
				want[i].Postings = nil
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q: read %+v, the decoder %+v", body, got, want)
		}
	})
}
