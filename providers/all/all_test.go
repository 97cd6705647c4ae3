package all_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"exchequer/providers/all"
	"exchequer/providers/vnpay"
)

func TestNew(t *testing.T) {
	uses := all.Uses{Do: http.DefaultClient, Now: time.Now}
	good := &vnpay.Config{
		Terminals: []vnpay.Terminal{{TmnCode: "EXCHQ001", HashSecret: "x"}},
		PayURL:    "https://vnpay.example/pay", TransactionURL: "https://vnpay.example/query",
	}
	built, err := all.New(all.Config{VNPAY: good}, uses)
	if err != nil || len(built) != 1 || built["vnpay"].Name() != "vnpay" {
		t.Errorf("configured: %v, %v", built, err)
	}
	if built, err := all.New(all.Config{}, uses); err != nil || len(built) != 0 {
		t.Errorf("not configured: %v, %v", built, err)
	}
	if _, err := all.New(all.Config{VNPAY: &vnpay.Config{}}, uses); err == nil || !strings.Contains(err.Error(), "vnpay") {
		t.Errorf("configured wrongly: %v", err)
	}
}
