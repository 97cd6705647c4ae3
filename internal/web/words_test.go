package web

import (
	"reflect"
	"testing"
)

func TestBothLanguagesSayEverything(t *testing.T) {
	for _, say := range []words{vietnamese, english} {
		v := reflect.ValueOf(say)
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("%s says nothing for %s", say.lang, v.Type().Field(i).Name)
			}
		}
	}
}
