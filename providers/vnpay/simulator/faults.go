package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// FaultKind names what goes wrong.
type FaultKind string

// The faults that can be ordered. They speak of notifications (ipn) and of the settlement file with its bank credit.
const (
	IPNLost           FaultKind = "ipn_lost"           // never sent
	IPNDuplicated     FaultKind = "ipn_duplicated"     // the first one is sent twice at once
	IPNLate           FaultKind = "ipn_late"           // held until Until, or until released
	IPNWrongAmount    FaultKind = "ipn_wrong_amount"   // says Amount, correctly signed, each time
	IPNBadSignature   FaultKind = "ipn_bad_signature"  // each time
	SettlementMissing FaultKind = "settlement_missing" // not settled, until released
	SettlementShort   FaultKind = "settlement_short"   // line and credit are Amount đồng too low
)

// Fault is an order that something go wrong with the payment of one vnp_TxnRef. It may be ordered before the payment
// exists. One fault of a kind holds for a payment; a later order replaces it.
type Fault struct {
	TxnRef string    `json:"txn_ref"`
	Kind   FaultKind `json:"kind"`
	Amount int64     `json:"amount,omitempty"` // đồng; for IPNWrongAmount and SettlementShort
	Until  time.Time `json:"until,omitzero"`   // for IPNLate; none: until released
}

func (f Fault) check() error {
	if f.TxnRef == "" {
		return fmt.Errorf("txn_ref is missing")
	}
	switch f.Kind {
	case IPNLost, IPNDuplicated, IPNLate, IPNBadSignature, SettlementMissing:
		return nil
	case IPNWrongAmount, SettlementShort:
		if f.Amount <= 0 {
			return fmt.Errorf("%s needs an amount in đồng", f.Kind)
		}
		return nil
	}
	return fmt.Errorf("kind %q is not a fault", f.Kind)
}

// orderFault takes a Fault and answers once it is durable.
func (s *Simulator) orderFault(w http.ResponseWriter, r *http.Request) {
	s.changeFault(w, r, ordered)
}

// releaseFault takes a fault back: {txn_ref, kind}, kind ipn_late where none is given.
func (s *Simulator) releaseFault(w http.ResponseWriter, r *http.Request) {
	s.changeFault(w, r, released)
}

func (s *Simulator) changeFault(w http.ResponseWriter, r *http.Request, kind string) {
	var f Fault
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	if err := in.Decode(&f); err != nil {
		http.Error(w, "body is not a fault in JSON: "+err.Error(), http.StatusBadRequest)
		return
	}
	if kind == released && f.Kind == "" {
		f.Kind = IPNLate
	}
	if err := f.check(); err != nil && kind == ordered {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	err := s.record(event{Kind: kind, At: s.config.Now(), Fault: &f})
	s.mu.Unlock()
	if err == nil {
		err = s.journal.Sync()
	}
	if err != nil {
		s.fail(w, err)
		return
	}
	s.wakeUp()
	writeJSON(w, f)
}

// fail answers a fault of the simulator itself.
func (s *Simulator) fail(w http.ResponseWriter, err error) {
	s.config.Log.Error("the VNPAY simulator cannot write its book", "err", err)
	http.Error(w, "the simulator cannot write its book", http.StatusInternalServerError)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the reader is gone: nothing to do about it
}
