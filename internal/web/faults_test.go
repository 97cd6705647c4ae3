package web_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"exchequer/internal/authn"
	"exchequer/internal/bill"
	"exchequer/internal/order"
	"exchequer/internal/problem"
	"exchequer/internal/web"
)

func TestATokenThatIsNoneOfOursIsABadForm(t *testing.T) {
	r := newRig(t)
	b := r.fine("d-1")
	for _, body := range []string{"provider=vnpay&token=a%00b", "provider=vnpay&token=%ff", "provider=vnpay&token=abc",
		"provider=nobody&token=AAAAAAAAAAAAAAAAAAAAAAAAAA", "provider=v%00&token=AAAAAAAAAAAAAAAAAAAAAAAAAA"} {
		p := r.read(r.browser.Post(r.site.URL+"/bills/"+b.Ref+"/pay", "application/x-www-form-urlencoded", strings.NewReader(body)))
		if p.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", body, p.StatusCode)
		}
		p.shows(t, "Biểu mẫu không đầy đủ", `name="token"`)
	}
	if n := r.count("payment_order"); n != 0 {
		t.Errorf("%d orders were opened", n)
	}
}

// A form that is answered with a page leaves the browser at the form's address: what can be clicked there are links.
func TestALanguageIsChosenOnAnyPage(t *testing.T) {
	r := newRig(t)
	b := r.fine("d-1")
	for _, at := range []string{"pay", "abandon"} {
		p := r.get("/bills/" + b.Ref + "/" + at + "?lang=en")
		if p.StatusCode != 200 || p.Request.URL.Path != "/bills/"+b.Ref {
			t.Errorf("%s leads to %s, %d", at, p.Request.URL, p.StatusCode)
		}
		p.shows(t, "Pay with VNPAY")
	}
	r.get("/bills?ref=bad+one").shows(t, `href="?lang=vi&amp;ref=bad+one"`)
	r.get("/").shows(t, `href="?lang=vi"`)
	r.get("//evil.example/").hides(t, "evil.example") // a link that names a host would lead there
}

func TestRefusalsOfTheTransportAreOurPages(t *testing.T) {
	r := newRig(t)
	b := r.fine("d-1")
	p := r.post("/bills/"+b.Ref, nil)
	if p.StatusCode != http.StatusMethodNotAllowed || p.Header.Get("Allow") != "GET" {
		t.Errorf("a post to a page: %d, Allow %q", p.StatusCode, p.Header.Get("Allow"))
	}
	p.shows(t, "Không thể mở trang này", `href="/"`)
	q, err := http.NewRequest("POST", r.site.URL+"/bills/"+b.Ref+"/pay", strings.NewReader("provider=vnpay"))
	r.must(err)
	q.Header.Set("Origin", "https://elsewhere.example")
	if p = r.read(r.browser.Do(q)); p.StatusCode != http.StatusForbidden {
		t.Errorf("another site's form: %d", p.StatusCode)
	}
	p.shows(t, "từ một trang khác", `href="/"`)
}

// A provider that reversed a payment says that the payer was debited: he must not read that nothing happened.
func TestAReversedPaymentIsExplained(t *testing.T) {
	r := newRig(t)
	address, err := url.Parse(r.pay(r.fine("d-1")))
	r.must(err)
	attempt := address.Query().Get("vnp_TxnRef")
	for _, statement := range []string{`UPDATE gateway.attempt SET state = 'reversed' WHERE ref = $1`, `DELETE FROM gateway.claim WHERE attempt = $1`} {
		_, err := r.pool.Exec(ctx, statement, attempt)
		r.must(err)
	}
	p := r.get("/return/" + attempt)
	p.shows(t, "Giao dịch đã bị đảo", "ngân hàng sẽ trả lại")
	p.hides(t, "Không có khoản tiền nào")
	r.get("/return/"+attempt+"?lang=en").shows(t, "The payment was reversed", "the bank gives the money back")
}

// The address of a provider's page holds what its opener said of himself.
func TestTheWayOnOfAnAttemptStartedElsewhereIsNotShown(t *testing.T) {
	r := newRig(t)
	b := r.fine("d-1")
	o, err := r.orders.Open(ctx, portal, newRef(), []string{b.Ref})
	r.must(err)
	a, err := r.orders.Start(ctx, portal, order.StartRequest{Order: o.Ref, Provider: "vnpay", Key: "k", Locale: "vi", PayerIP: "203.0.113.9"})
	r.must(err)
	for _, at := range []string{"/bills/" + b.Ref, "/return/" + a.Ref} {
		r.get(at).hides(t, "203.0.113.9", r.page.URL)
	}
	// One that is ours is shown, and no way on once the time for it is over.
	mine := r.fine("d-2")
	address := r.pay(mine)
	held := r.get("/bills/" + mine.Ref)
	held.shows(t, "Tiếp tục thanh toán", "Bạn có thể tiếp tục")
	r.get("/return/"+held.value(t, "attempt")).shows(t, strings.ReplaceAll(address, "&", "&amp;"))
	r.clock.advance(r.orders.Timing.Window)
	over := r.get("/bills/" + mine.Ref)
	over.hides(t, "Tiếp tục thanh toán", "Bạn có thể tiếp tục")
	over.shows(t, "hoặc bỏ lượt đó")
}

type broken struct{}

func (broken) Get(context.Context, authn.Actor, string) (bill.Bill, error) { panic("out of order") }

func TestAPanicIsAPageAndALine(t *testing.T) {
	var log strings.Builder
	site := httptest.NewServer(web.New(web.Deps{Bills: broken{}, Log: slog.New(slog.NewTextHandler(&log, nil))}))
	defer site.Close()
	resp, err := http.Get(site.URL + "/bills/" + newRef())
	p := (&rig{T: t}).read(resp, err)
	if p.StatusCode != http.StatusInternalServerError {
		t.Errorf("answered %d", p.StatusCode)
	}
	p.shows(t, "Hệ thống đang có lỗi", `href="/"`)
	p.hides(t, "out of order")
	if !strings.Contains(log.String(), "out of order") || !strings.Contains(log.String(), "faults_test.go") {
		t.Errorf("logged %q", log.String())
	}
}

// refused is what the law says of every bill.
type refused struct{}

func (refused) Get(context.Context, authn.Actor, string) (bill.Bill, error) {
	return bill.Bill{}, &problem.Error{Code: problem.Refused, Act: "Circular 1", Detail: "Circular 1 gives no amount", DetailVi: "Thông tư 1 không nêu số tiền"}
}

func TestWhatTheLawRefusesIsSaidInTheReadersLanguage(t *testing.T) {
	site := httptest.NewServer(web.New(web.Deps{Bills: refused{}, Log: slog.New(slog.DiscardHandler)}))
	defer site.Close()
	for lang, want := range map[string]string{"vi": "Thông tư 1 không nêu số tiền", "en": "Circular 1 gives no amount"} {
		resp, err := http.Get(site.URL + "/bills/" + newRef() + "?lang=" + lang)
		p := (&rig{T: t}).read(resp, err)
		if p.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: answered %d", lang, p.StatusCode)
		}
		p.shows(t, want)
	}
}
