package web

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/text/language"

	"exchequer/internal/calendar"
	"exchequer/internal/fee"
	"exchequer/internal/money"
)

// words is everything a page says, once a language.
type words struct {
	lang, otherLang, otherName string

	portal, skip, foot                                                          string
	findTitle, findLead, refLabel, refHint, findButton                          string
	billTitle, reference, service, payee, issuerNumber, total, validThrough     string
	lines, amount, law, rule, version, steps, provisional                       string
	stateOpen, statePaid, stateNothing, stateExpired                            string
	paidText, nothingText, expiredText                                          string
	payTitle, payWith, payNote                                                  string
	heldTitle, heldText, heldOver, heldElsewhere, carryOn, seeState, giveUp     string
	resultTitle, paidTitle, checkTitle, failedTitle, cancelledTitle, overTitle  string
	paidLead, excessLead, checkLead, failedLead, cancelledLead, overLead        string
	reversedTitle, reversedLead, wrongWay, otherSite                            string
	leftTitle, leftLead, again, toBill, toProvider, refresh, provider, attempt  string
	where, stagePaid, stageBooked, stageSettled, waiting                        string
	wrongTitle, notFound, ourFault, busy, conflict, unavailable, badForm, stale string
	scanOrRead, home                                                            string
}

var vietnamese = words{
	lang: "vi", otherLang: "en", otherName: "English",
	portal: "Thanh toán dịch vụ công", skip: "Đến nội dung chính",
	foot:      "Số tiền được tính theo quy định ghi bên cạnh từng khoản.",
	findTitle: "Tìm khoản phải nộp", findLead: "Nhập mã tham chiếu ghi trên thông báo nộp tiền.",
	refLabel: "Mã tham chiếu", refHint: "16 ký tự gồm chữ và số; có thể gõ cả dấu cách.", findButton: "Tìm",
	billTitle: "Khoản phải nộp", reference: "Mã tham chiếu", service: "Dịch vụ", payee: "Nơi nhận tiền", issuerNumber: "Số của nơi ban hành",
	total: "Tổng cộng", validThrough: "Có giá trị đến hết ngày",
	lines: "Chi tiết từng khoản và căn cứ pháp lý", amount: "Số tiền", law: "Căn cứ", rule: "Quy định áp dụng", version: "Phiên bản", steps: "Cách tính",
	provisional: "Một phần số tiền dựa trên căn cứ chưa chắc chắn.",
	stateOpen:   "Chưa nộp", statePaid: "Đã nộp", stateNothing: "Không phải nộp", stateExpired: "Hết hiệu lực",
	paidText: "Khoản này đã được nộp đủ. Bạn không phải làm gì thêm.", nothingText: "Pháp luật không thu tiền trong trường hợp này.",
	expiredText: "Số tiền này không còn hiệu lực. Hãy xin thông báo mới ở nơi đã ban hành.",
	payTitle:    "Nộp tiền", payWith: "Nộp qua", payNote: "Bạn sẽ được chuyển sang trang của đơn vị thanh toán.",
	heldTitle: "Khoản này đang được thanh toán", heldText: "Một lượt thanh toán đã bắt đầu và chưa kết thúc. Bạn có thể tiếp tục, hoặc bỏ lượt đó rồi thanh toán lại.",
	heldOver:      "Một lượt thanh toán đã bắt đầu và chưa kết thúc. Bạn có thể xem tình trạng, hoặc bỏ lượt đó rồi thanh toán lại.",
	heldElsewhere: "Một lượt thanh toán đã bắt đầu ở nơi khác và chưa kết thúc. Hãy tiếp tục ở nơi đó; ở đây bạn có thể xem tình trạng.",
	carryOn:       "Tiếp tục thanh toán", seeState: "Xem tình trạng", giveUp: "Bỏ lượt này và thanh toán lại",
	resultTitle: "Kết quả thanh toán", paidTitle: "Đã thanh toán", checkTitle: "Đang kiểm tra", failedTitle: "Thanh toán không thành công",
	cancelledTitle: "Bạn đã hủy thanh toán", overTitle: "Đã hết thời gian thanh toán",
	paidLead:      "Chúng tôi đã nhận được tiền của bạn.",
	excessLead:    "Chúng tôi đã nhận được tiền, nhưng khoản phải nộp đã được thanh toán trước đó. Số tiền thừa sẽ được hoàn lại cho bạn:",
	checkLead:     "Chúng tôi đang hỏi đơn vị thanh toán. Trang này tự cập nhật. Xin đừng thanh toán lần nữa.",
	failedLead:    "Không có khoản tiền nào được ghi nhận. Bạn có thể thanh toán lại hoặc chọn cách khác.",
	cancelledLead: "Không có khoản tiền nào được ghi nhận. Bạn có thể thanh toán lại hoặc chọn cách khác.",
	overLead:      "Đơn vị thanh toán không nhận được tiền. Bạn có thể thanh toán lại.",
	reversedTitle: "Giao dịch đã bị đảo",
	reversedLead:  "Ngân hàng có thể đã trừ tiền trong tài khoản của bạn nhưng thanh toán không hoàn tất và ngân hàng sẽ trả lại số tiền đó. Nếu chưa nhận lại được, hãy hỏi ngân hàng và nêu mã lượt thanh toán dưới đây.",
	wrongWay:      "Không thể mở trang này theo cách đó. Hãy bắt đầu lại từ khoản phải nộp.", otherSite: "Biểu mẫu được gửi từ một trang khác. Hãy mở khoản phải nộp tại đây rồi thử lại.",
	leftTitle: "Bạn đã bỏ lượt thanh toán này", leftLead: "Nếu tiền vẫn được chuyển qua lượt này, chúng tôi sẽ ghi nhận hoặc hoàn lại.",
	again: "Thanh toán lại", toBill: "Xem khoản phải nộp", toProvider: "Đến trang thanh toán", refresh: "Cập nhật", provider: "Đơn vị thanh toán", attempt: "Mã lượt thanh toán",
	where: "Tiền đang ở đâu", stagePaid: "Bạn đã trả tiền", stageBooked: "Đã ghi sổ", stageSettled: "Đơn vị thanh toán đã chuyển tiền", waiting: "đang chờ",
	wrongTitle: "Chưa thực hiện được", notFound: "Không tìm thấy. Hãy kiểm tra lại từng ký tự của mã tham chiếu.",
	ourFault: "Hệ thống đang có lỗi. Xin thử lại sau.", busy: "Yêu cầu này đang được xử lý. Hãy xem tình trạng bên dưới.",
	conflict:    "Khoản này không thể thanh toán lúc này. Hãy xem tình trạng bên dưới.",
	unavailable: "Đơn vị thanh toán chưa nhận yêu cầu. Hãy thử lại hoặc chọn cách khác.",
	badForm:     "Biểu mẫu không đầy đủ. Hãy chọn lại cách thanh toán.", stale: "Biểu mẫu đã được dùng. Hãy chọn lại cách thanh toán.",
	scanOrRead: "Thanh toán theo nội dung sau", home: "Tìm khoản khác",
}

var english = words{
	lang: "en", otherLang: "vi", otherName: "Tiếng Việt",
	portal: "Public service payments", skip: "Skip to the content",
	foot:      "Amounts follow the law named beside each line.",
	findTitle: "Find what you owe", findLead: "Enter the reference printed on your payment notice.",
	refLabel: "Reference", refHint: "16 letters and digits; blanks do not matter.", findButton: "Find",
	billTitle: "Bill", reference: "Reference", service: "Service", payee: "Paid to", issuerNumber: "Issuer's number",
	total: "Total", validThrough: "Valid through",
	lines: "Each line and its law", amount: "Amount", law: "Legal basis", rule: "Rule", version: "Version", steps: "How it was worked out",
	provisional: "Part of the amount rests on evidence that is not yet certain.",
	stateOpen:   "To be paid", statePaid: "Paid", stateNothing: "Nothing due", stateExpired: "No longer valid",
	paidText: "This bill is paid in full. There is nothing more to do.", nothingText: "The law asks for nothing in this case.",
	expiredText: "This amount no longer holds. Ask the issuer for a new notice.",
	payTitle:    "Pay", payWith: "Pay with", payNote: "You will go to the payment provider's page.",
	heldTitle: "This bill is being paid", heldText: "A payment was started and is not finished. You can go on with it, or leave it and start again.",
	heldOver:      "A payment was started and is not finished. You can see how it stands, or leave it and start again.",
	heldElsewhere: "A payment was started elsewhere and is not finished. Go on with it there; here you can see how it stands.",
	carryOn:       "Go on with the payment", seeState: "See how it stands", giveUp: "Leave it and start again",
	resultTitle: "Result of the payment", paidTitle: "Paid", checkTitle: "Being checked", failedTitle: "The payment failed",
	cancelledTitle: "You cancelled the payment", overTitle: "The time to pay is over",
	paidLead:      "We have received your money.",
	excessLead:    "We have received your money, but the bill was already paid. What was too much goes back to you:",
	checkLead:     "We are asking the payment provider. This page updates itself. Please do not pay again.",
	failedLead:    "No money has been recorded. You can pay again or choose another way.",
	cancelledLead: "No money has been recorded. You can pay again or choose another way.",
	overLead:      "The payment provider received no money. You can pay again.",
	reversedTitle: "The payment was reversed",
	reversedLead:  "Your bank may have taken the money from your account, but the payment was not completed, and the bank gives the money back. If it does not come back, ask your bank and name the payment attempt below.",
	wrongWay:      "This page cannot be opened in that way. Start again from the bill.", otherSite: "The form was sent from another site. Open the bill here and try again.",
	leftTitle: "You left this payment", leftLead: "Should money still come by it, we will count it or send it back.",
	again: "Pay again", toBill: "See the bill", toProvider: "Go to the payment page", refresh: "Update", provider: "Payment provider", attempt: "Payment attempt",
	where: "Where the money is", stagePaid: "You paid", stageBooked: "Booked", stageSettled: "The provider paid it over", waiting: "waiting",
	wrongTitle: "That did not work", notFound: "Not found. Check each character of the reference.",
	ourFault: "Something is wrong on our side. Please try again later.", busy: "This request is being worked on. See below how it stands.",
	conflict:    "This bill cannot be paid now. See below how it stands.",
	unavailable: "The payment provider did not take the request. Try again or choose another way.",
	badForm:     "The form is not complete. Choose again how to pay.", stale: "This form was used before. Choose again how to pay.",
	scanOrRead: "Pay with these details", home: "Find another bill",
}

type (
	wordsKey  struct{}
	switchKey struct{}
)

// supported are the languages, the default first.
var supported = language.NewMatcher([]language.Tag{language.Vietnamese, language.English})

// languageCookie remembers the choice of ?lang=.
const languageCookie = "lang"

// speak chooses the language: what the address asks for, else what was chosen before, else what the browser prefers.
func speak(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		chosen := r.URL.Query().Get("lang")
		if chosen == "vi" || chosen == "en" {
			http.SetCookie(w, &http.Cookie{Name: languageCookie, Value: chosen, Path: "/", MaxAge: 365 * 24 * 3600,
				HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteLaxMode})
		} else if c, err := r.Cookie(languageCookie); err == nil && (c.Value == "vi" || c.Value == "en") {
			chosen = c.Value
		} else {
			tag, _ := language.MatchStrings(supported, r.Header.Get("Accept-Language"))
			base, _ := tag.Base()
			chosen = base.String()
		}
		say := &vietnamese
		if chosen == "en" {
			say = &english
		}
		w.Header().Set("Content-Language", say.lang)
		w.Header().Add("Vary", "Accept-Language, Cookie")
		ctx := context.WithValue(r.Context(), wordsKey{}, say)
		next.ServeHTTP(w, r.WithContext(context.WithValue(ctx, switchKey{}, switchTo(say.otherLang, r.URL.Query().Get("ref")))))
	})
}

// switchTo is the link to the same page in another language. It holds no path, so that it leads nowhere else, and of the
// query what the pages read.
func switchTo(lang, ref string) string {
	q := url.Values{"lang": {lang}}
	if ref != "" {
		q.Set("ref", ref)
	}
	return "?" + q.Encode()
}

// switchOf gives the link of a request to its page in the other language.
func switchOf(ctx context.Context) string {
	link, _ := ctx.Value(switchKey{}).(string)
	return link
}

// in gives the words of a request.
func in(ctx context.Context) *words {
	if say, ok := ctx.Value(wordsKey{}).(*words); ok {
		return say
	}
	return &vietnamese
}

func (t *words) money(amount int64) string { return money.Format(amount, t.lang) }

// called is what a line is called; lines of older bills have no words but their code.
func (t *words) called(l fee.Line) string { return cmp.Or(l.Label.In(t.lang), l.Code) }

// day writes a date as it is written in Vietnam, in both languages.
func (t *words) day(d calendar.Date) string { return d.UTC().Format("02/01/2006") }

// at writes an instant in Vietnam's time.
func (t *words) at(instant time.Time) string {
	return instant.In(calendar.Zone).Format("15:04 02/01/2006")
}

// providerName is what people call a provider.
func providerName(key string) string {
	if name, ok := map[string]string{"vnpay": "VNPAY", "momo": "MoMo", "zalopay": "ZaloPay", "vietqr": "VietQR"}[key]; ok {
		return name
	}
	return strings.ToUpper(key)
}
