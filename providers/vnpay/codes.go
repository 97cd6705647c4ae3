package vnpay

import (
	"errors"

	"exchequer/providers"
)

// statusKinds says what vnp_TransactionStatus means for the payment itself. Marked * : read only in the copy of the
// technical specification, not on VNPAY's pages.
//
//	00   success                            succeeded
//	01   not finished                       pending
//	02   error                              failed
//	04   debited at the bank, not taken     reversed   the payer's bank gives it back; we never held it
//	07   debited, suspected fraud           uncertain  the payer is debited and VNPAY has still to decide: it must be asked
//	                                                   until it has, while a pending payment is over with its window
//	08*  time over                          failed
//	11*  cancelled                          cancelled
//	05, 06, 09   a refund, in three states  uncertain  speaks of a refund, not of the payment
//	10*, 20*     delivered, settled         uncertain  VNPAY's pages call only 00 paid
//
// Any other code is uncertain. Failed is final at VNPAY, which takes a vnp_TxnRef once; should it say success later
// all the same, that is an observation of its own, and the order's states allow it.
var statusKinds = map[string]providers.Kind{
	"00": providers.Succeeded,
	"01": providers.Pending,
	"02": providers.Failed,
	"04": providers.Reversed,
	"07": providers.Uncertain,
	"08": providers.Failed,
	"11": providers.Cancelled,
}

const (
	success        = "00"
	suspectedFraud = "07"
	notFound       = "91"
	payerCancelled = "24"
	failedStatus   = "02"
)

// kindOfStatus reads vnp_TransactionStatus alone, as querydr gives it.
func kindOfStatus(status string) providers.Kind {
	if kind, ok := statusKinds[status]; ok {
		return kind
	}
	return providers.Uncertain
}

// kindOfResult reads both codes of an IPN or a return: paid only if both are 00. Two codes that contradict each other
// are uncertain, so that VNPAY is asked.
func kindOfResult(response, status string) (providers.Kind, error) {
	if response == "" || status == "" {
		return "", errors.New("vnp_ResponseCode or vnp_TransactionStatus is missing")
	}
	kind := kindOfStatus(status)
	switch {
	case kind == providers.Pending || kind == providers.Reversed:
		return kind, nil // the status says it, whatever the attempt's own result was
	case response == suspectedFraud:
		return providers.Uncertain, nil // debited, and held by VNPAY
	case (response == success) != (status == success):
		return providers.Uncertain, nil
	case response == payerCancelled && kind == providers.Failed:
		return providers.Cancelled, nil
	}
	return kind, nil
}
