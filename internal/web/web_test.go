package web_test

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"
	"time"

	"exchequer/internal/bill"
	"exchequer/internal/calendar"
	"exchequer/internal/order"
	"exchequer/internal/pg/pgtest"
	"exchequer/internal/reference"
)

func TestABillIsFoundByWhatIsTyped(t *testing.T) {
	r := newRig(t)
	b := r.fine("d-1")
	r.get("/").shows(t, `<label for="ref">`, `name="ref"`)
	p := r.get("/bills?ref=" + url.QueryEscape(strings.ToLower(reference.Format(b.Ref))))
	if p.Request.URL.Path != "/bills/"+b.Ref || p.StatusCode != 200 {
		t.Fatalf("leads to %s, %d", p.Request.URL, p.StatusCode)
	}
	for _, typed := range []string{"", "nonsense", newRef(), `"><b>x`} {
		p := r.get("/bills?ref=" + url.QueryEscape(typed))
		if p.StatusCode != 404 {
			t.Errorf("%q: %d", typed, p.StatusCode)
		}
		p.shows(t, "Không tìm thấy", `aria-invalid="true"`)
		p.hides(t, "<b>x")
	}
}

func TestABillShowsEachLineAndItsLaw(t *testing.T) {
	r := newRig(t)
	b, err := r.bills.Issue(ctx, portal, bill.Request{Service: "electricity_household", Body: "EVNHANOI", SourceRef: "PE-1", Payer: "subject-1",
		Date: calendar.MustDate("2025-06-02"), Inputs: []byte(`{"kwh": 420}`)})
	r.must(err)
	p := r.get("/bills/" + b.Ref)
	p.shows(t, "Tổng công ty Điện lực TP Hà Nội", "(EX.1001)", "Quyết định 1279/QĐ-BCT", "<details>", "Nộp qua VNPAY", `lang="vi"`, " ₫")
	for _, l := range b.Quote.Lines {
		p.shows(t, ">"+l.Label.Vi+"<", l.Version.Vi)
		p.hides(t, ">"+l.Code+"<")
	}
	if len(b.Quote.Lines) < 5 {
		t.Errorf("%d lines", len(b.Quote.Lines))
	}
	p.hides(t, "subject-1")
	english := r.get("/bills/" + b.Ref + "?lang=en")
	english.shows(t, "Hanoi Power Corporation", "Decision 1279/QD-BCT", "Pay with VNPAY", `lang="en"`, " VND")
	r.get("/bills/"+b.Ref).shows(t, "Pay with VNPAY") // the choice is remembered
}

// A bill from before quotes had words for their lines and a payee is shown by what it has.
func TestABillOfBeforeIsStillShown(t *testing.T) {
	r := newRig(t)
	b := r.fine("d-1")
	_, err := pgtest.Owner(t, r.pool).Exec(ctx, `UPDATE gateway.bill SET quote = (quote - 'payee' - 'procedure' - 'budget' - 'currency' - 'revision' - 'known_since') #- '{lines,0,label}' WHERE ref = $1`, b.Ref)
	r.must(err)
	r.get("/bills/"+b.Ref).shows(t, ">"+b.Quote.Lines[0].Code+"<", "Kho bạc Nhà nước", "5.000.000 ₫", "Nộp qua VNPAY")
}

func TestTheBrowsersLanguageIsTaken(t *testing.T) {
	r := newRig(t)
	for header, lang := range map[string]string{"": "vi", "en-GB,en;q=0.8": "en", "fr": "vi", "vi,en;q=0.5": "vi"} {
		q, err := http.NewRequest("GET", r.site.URL+"/", nil)
		r.must(err)
		q.Header.Set("Accept-Language", header)
		if got := r.read(http.DefaultClient.Do(q)).Header.Get("Content-Language"); got != lang {
			t.Errorf("%q gives %s", header, got)
		}
	}
}

func TestABillIsPaidByFormsAlone(t *testing.T) {
	r := newRig(t)
	b := r.fine("d-1")
	back := r.choose(r.pay(b), "pay")
	back.shows(t, "Đang kiểm tra", `http-equiv="refresh"`)
	if !strings.HasPrefix(back.Request.URL.Path, "/return/") {
		t.Fatalf("came back to %s", back.Request.URL)
	}
	r.notified()
	r.get(back.Request.URL.Path).shows(t, "Đã thanh toán", "5.000.000 ₫", "Đã ghi sổ", "đang chờ")
	r.get(back.Request.URL.Path).hides(t, "http-equiv")
	paid := r.get("/bills/" + b.Ref)
	paid.shows(t, "Đã nộp")
	paid.hides(t, `name="token"`)

	r.settle("2025-06-03")
	r.get(back.Request.URL.Path).shows(t, "03/06/2025")
}

// settle marks what the provider owes as paid over, as reconciliation does.
func (r *rig) settle(day string) {
	r.Helper()
	_, err := r.pool.Exec(ctx, `UPDATE gateway.expectation SET state = 'met', met = amount, met_day = $1`, day)
	r.must(err)
}

// The browser's word is the payer's to change: only our own state is shown.
func TestWhatTheBrowserBringsAlongIsNotBelieved(t *testing.T) {
	r := newRig(t)
	address, err := url.Parse(r.pay(r.fine("d-1")))
	r.must(err)
	ref := address.Query().Get("vnp_TxnRef")
	p := r.get("/return/" + ref + "?vnp_ResponseCode=00&vnp_TransactionStatus=00&vnp_Amount=500000000")
	p.shows(t, "Đang kiểm tra")
	p.hides(t, "Đã thanh toán")
}

func TestACancelledPaymentCanBeMadeAgain(t *testing.T) {
	r := newRig(t)
	b := r.fine("d-1")
	back := r.choose(r.pay(b), "cancel")
	r.notified()
	p := r.get(back.Request.URL.Path)
	p.shows(t, "Bạn đã hủy thanh toán", "Thanh toán lại")
	again := r.post("/bills/"+b.Ref+"/pay", url.Values{"provider": {"vnpay"}, "token": {p.value(t, "token")}})
	if again.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d: %s", again.StatusCode, again.text)
	}
	r.choose(again.Header.Get("Location"), "pay")
	r.notified()
	r.get("/bills/"+b.Ref).shows(t, "Đã nộp")
	r.get(back.Request.URL.Path).hides(t, `name="token"`) // the old page offers nothing any more
}

func TestAFormSentTwiceStartsOneAttempt(t *testing.T) {
	r := newRig(t)
	b := r.fine("d-1")
	form := url.Values{"provider": {"vnpay"}, "token": {r.get("/bills/"+b.Ref).value(t, "token")}}
	first, second := r.post("/bills/"+b.Ref+"/pay", form), r.post("/bills/"+b.Ref+"/pay", form)
	if first.Header.Get("Location") != second.Header.Get("Location") || second.StatusCode != http.StatusSeeOther {
		t.Errorf("%s\n%s", first.Header.Get("Location"), second.Header.Get("Location"))
	}
	if r.count("attempt") != 1 || r.count("payment_order") != 1 {
		t.Errorf("%d attempts of %d orders", r.count("attempt"), r.count("payment_order"))
	}
	other := r.fine("d-2")
	p := r.post("/bills/"+other.Ref+"/pay", form)
	if p.StatusCode != http.StatusConflict {
		t.Errorf("the token of one bill's form pays another: %d", p.StatusCode)
	}
}

func TestABillThatIsBeingPaid(t *testing.T) {
	r := newRig(t)
	b := r.fine("d-1")
	stale := r.get("/bills/"+b.Ref).value(t, "token") // a second window
	address := r.pay(b)
	held := r.get("/bills/" + b.Ref)
	held.shows(t, "đang được thanh toán", "Tiếp tục thanh toán", strings.ReplaceAll(address, "&", "&amp;"))
	held.hides(t, `name="token"`)

	p := r.post("/bills/"+b.Ref+"/pay", url.Values{"provider": {"vnpay"}, "token": {stale}})
	if p.StatusCode != http.StatusConflict {
		t.Errorf("a second window is answered %d", p.StatusCode)
	}
	p.shows(t, "Tiếp tục thanh toán")

	left := r.post("/bills/"+b.Ref+"/abandon", url.Values{"attempt": {held.value(t, "attempt")}})
	if left.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d: %s", left.StatusCode, left.text)
	}
	r.get("/return/"+held.value(t, "attempt")).shows(t, "Bạn đã bỏ lượt thanh toán này")

	// Both are paid in the end: the second one is the payer's to get back.
	r.choose(r.pay(b), "pay")
	r.notified()
	late := r.choose(address, "pay")
	r.notified()
	r.get(late.Request.URL.Path).shows(t, "Số tiền thừa sẽ được hoàn lại", "5.000.000 ₫")
}

func TestAnAttemptStartedElsewhereCannotBeGivenUpHere(t *testing.T) {
	r := newRig(t)
	b := r.fine("d-1")
	o, err := r.orders.Open(ctx, portal, newRef(), []string{b.Ref})
	r.must(err)
	a, err := r.orders.Start(ctx, portal, order.StartRequest{Order: o.Ref, Provider: "vnpay", Key: "k", Locale: "vi"})
	r.must(err)
	p := r.get("/bills/" + b.Ref)
	p.shows(t, "ở nơi khác", "Xem tình trạng")
	p.hides(t, `name="attempt"`, "Tiếp tục thanh toán")
	r.post("/bills/"+b.Ref+"/abandon", url.Values{"attempt": {a.Ref}})
	got, err := r.orders.Get(ctx, portal, o.Ref)
	r.must(err)
	if got.Attempts[0].State != order.Pending {
		t.Errorf("it is %s", got.Attempts[0].State)
	}
	r.get("/return/"+a.Ref).shows(t, "Đang kiểm tra") // but whoever was sent back here sees how it stands
}

func TestABillThatCanNotBePaid(t *testing.T) {
	r := newRig(t)
	b := r.fine("d-1")
	token := r.get("/bills/"+b.Ref).value(t, "token")
	for title, form := range map[string]url.Values{
		"no provider": {"token": {token}}, "unknown provider": {"provider": {"nobody"}, "token": {token}},
		"no token": {"provider": {"vnpay"}}, "long token": {"provider": {"vnpay"}, "token": {strings.Repeat("t", 65)}},
	} {
		if p := r.post("/bills/"+b.Ref+"/pay", form); p.StatusCode != 422 {
			t.Errorf("%s: %d", title, p.StatusCode)
		}
	}
	if p := r.post("/bills/"+newRef()+"/pay", nil); p.StatusCode != 404 {
		t.Errorf("no such bill: %d", p.StatusCode)
	}
	if p := r.post("/bills/"+b.Ref+"/pay", url.Values{"provider": {strings.Repeat("x", 8<<10)}}); p.StatusCode != 422 {
		t.Errorf("a large form: %d", p.StatusCode)
	}
	r.clock.advance(60 * 24 * time.Hour)
	expired := r.get("/bills/" + b.Ref)
	expired.shows(t, "Hết hiệu lực")
	expired.hides(t, `name="token"`)
	if p := r.post("/bills/"+b.Ref+"/pay", url.Values{"provider": {"vnpay"}, "token": {rand.Text()}}); p.StatusCode != 409 {
		t.Errorf("an expired bill: %d", p.StatusCode)
	}
	if n := r.count("attempt"); n != 0 {
		t.Errorf("%d attempts", n)
	}
}

func TestOtherSitesCanNeitherFrameNorPost(t *testing.T) {
	r := newRig(t)
	b := r.fine("d-1")
	p := r.get("/bills/" + b.Ref)
	policy := p.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "form-action 'self' " + r.page.URL} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy %q lacks %q", policy, want)
		}
	}
	p.hides(t, "<script", "<style", " style=", "javascript:", " onclick")
	q, err := http.NewRequest("POST", r.site.URL+"/bills/"+b.Ref+"/pay", strings.NewReader("provider=vnpay&token=x"))
	r.must(err)
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.Header.Set("Sec-Fetch-Site", "cross-site")
	if p := r.read(r.browser.Do(q)); p.StatusCode != http.StatusForbidden || r.count("attempt") != 0 {
		t.Errorf("another site's form is answered %d", p.StatusCode)
	}
}

func TestPagesThatAreNotThere(t *testing.T) {
	r := newRig(t)
	for _, at := range []string{"/nothing", "/return/nothing", "/return/" + newRef() + "A", "/bills/nothing"} {
		p := r.get(at)
		if p.StatusCode != 404 {
			t.Errorf("%s: %d", at, p.StatusCode)
		}
		p.shows(t, `href="/"`)
	}
}

func TestTheStyleSheetIsKeptByBrowsers(t *testing.T) {
	r := newRig(t)
	at := r.get("/").text
	at = at[strings.Index(at, "/style-"):]
	p := r.get(at[:strings.Index(at, ".css")+4])
	if p.StatusCode != 200 || !strings.Contains(p.Header.Get("Cache-Control"), "immutable") || path.Ext(p.Request.URL.Path) != ".css" {
		t.Errorf("%d %v", p.StatusCode, p.Header)
	}
	if len(p.text) > 12<<10 {
		t.Errorf("the style sheet has %d bytes", len(p.text))
	}
}

// An order of the portal's over bills of two books: its payer is sent back here too, and its money is settled when
// both books have theirs.
func TestTheResultOfAnOrderOverTwoBooks(t *testing.T) {
	r := newRig(t)
	fine := r.fine("d-1")
	licence, err := r.bills.Issue(ctx, portal, bill.Request{Service: "driving_licence", Body: "CSGT-C08", SourceRef: "l-1", Payer: "subject-1",
		Date: calendar.MustDate("2025-06-02"), Inputs: []byte(`{"channel": "online", "action": "exchange"}`)})
	r.must(err)
	o, err := r.orders.Open(ctx, portal, newRef(), []string{fine.Ref, licence.Ref})
	r.must(err)
	a, err := r.orders.Start(ctx, portal, order.StartRequest{Order: o.Ref, Provider: "vnpay", Key: "k", Locale: "vi"})
	r.must(err)
	back := r.choose(a.Action.URL, "pay")
	r.notified()
	p := r.get(back.Request.URL.Path)
	p.shows(t, "Đã thanh toán", "5.115.000 ₫", "/bills/"+fine.Ref, "/bills/"+licence.Ref, "đang chờ")
	p.hides(t, `name="token"`)

	for _, step := range []struct{ book, day, shows string }{{"HNI", "2025-06-03", "đang chờ"}, {"BCA", "2025-06-04", "04/06/2025"}} {
		_, err := r.pool.Exec(ctx, `UPDATE gateway.expectation SET state = 'met', met = amount, met_day = $2 WHERE book = $1`, step.book, step.day)
		r.must(err)
		r.get(back.Request.URL.Path).shows(t, step.shows)
	}
}
