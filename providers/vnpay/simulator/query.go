package simulator

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// answerQuery answers querydr (POST JSON).
func (s *Simulator) answerQuery(w http.ResponseWriter, r *http.Request) {
	var q map[string]any
	in := json.NewDecoder(r.Body)
	in.UseNumber()
	if err := in.Decode(&q); err != nil {
		http.Error(w, "body is not JSON", http.StatusBadRequest)
		return
	}
	request := make(pairs, len(q))
	for name, value := range q {
		switch v := value.(type) {
		case string:
			request[name] = v
		case json.Number:
			request[name] = v.String()
		}
	}
	terminal, known := s.terminals[request["vnp_TmnCode"]]
	if !known {
		// There is no secret to sign such an answer with.
		writeJSON(w, map[string]string{"vnp_ResponseCode": "02", "vnp_Message": "Invalid TmnCode"})
		return
	}
	answer := s.lookUp(request, terminal.HashSecret)
	// What was just told must not be undone by a crash.
	if err := s.journal.Sync(); err != nil {
		s.fail(w, err)
		return
	}
	answer["vnp_SecureHash"] = hmacHex(terminal.HashSecret, barredAnswer(answer))
	writeJSON(w, answer)
}

// barredAnswer is what an answer is signed over.
func barredAnswer(a pairs) string {
	return barred(a["vnp_ResponseId"], a["vnp_Command"], a["vnp_ResponseCode"], a["vnp_Message"], a["vnp_TmnCode"],
		a["vnp_TxnRef"], a["vnp_Amount"], a["vnp_BankCode"], a["vnp_PayDate"], a["vnp_TransactionNo"],
		a["vnp_TransactionType"], a["vnp_TransactionStatus"], a["vnp_OrderInfo"], a["vnp_PromotionCode"],
		a["vnp_PromotionAmount"])
}

// lookUp checks a question and gives the unsigned answer.
func (s *Simulator) lookUp(q pairs, secret string) pairs {
	answer := pairs{
		"vnp_ResponseId": strings.ToLower(rand.Text()), "vnp_Command": q["vnp_Command"],
		"vnp_TmnCode": q["vnp_TmnCode"], "vnp_TxnRef": q["vnp_TxnRef"],
	}
	say := func(code, message string) pairs {
		answer["vnp_ResponseCode"], answer["vnp_Message"] = code, message
		return answer
	}
	signed := barred(q["vnp_RequestId"], q["vnp_Version"], q["vnp_Command"], q["vnp_TmnCode"], q["vnp_TxnRef"],
		q["vnp_TransactionDate"], q["vnp_CreateDate"], q["vnp_IpAddr"], q["vnp_OrderInfo"])
	if !hmac.Equal([]byte(hmacHex(secret, signed)), []byte(strings.ToLower(q["vnp_SecureHash"]))) {
		return say("97", "Invalid checksum")
	}
	created, err := time.ParseInLocation(wireTime, q["vnp_TransactionDate"], zone)
	id := q["vnp_RequestId"]
	if err != nil || q["vnp_Command"] != "querydr" || q["vnp_Version"] != "2.1.0" || id == "" || len(id) > 32 ||
		q["vnp_IpAddr"] == "" || q["vnp_OrderInfo"] == "" {
		return say("03", "Invalid format")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.config.Now()
	if s.repeated(id, now) {
		return say("94", "Duplicate request")
	}
	p := s.book.payments[paymentKey(q["vnp_TmnCode"], q["vnp_TxnRef"], created)]
	if p == nil {
		return say("91", "Transaction not found")
	}
	if err := s.expire(p, now); err != nil {
		return say("99", "Unknown error")
	}
	describe(answer, p)
	return say("00", "QueryDR Success")
}

// describe fills in the payment's state.
func describe(answer pairs, p *payment) {
	answer["vnp_Amount"] = strconv.FormatInt(p.Amount*100, 10)
	answer["vnp_OrderInfo"] = p.OrderInfo
	answer["vnp_TransactionType"] = "01"
	answer["vnp_TransactionStatus"] = "01"
	if p.State == Open {
		return
	}
	r := result(p, p.Amount)
	for _, name := range []string{"vnp_TransactionStatus", "vnp_TransactionNo", "vnp_BankCode", "vnp_PayDate"} {
		answer[name] = r[name]
	}
}

// repeated reports that a request id was used today. The caller holds mu.
func (s *Simulator) repeated(id string, now time.Time) bool {
	if day := dayOf(now); day != s.askedDay {
		s.askedDay, s.asked = day, make(map[string]bool)
	}
	twice := s.asked[id]
	s.asked[id] = true
	return twice
}
