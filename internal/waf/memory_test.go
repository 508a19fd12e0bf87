package waf

import (
	"strings"
	"testing"
)

// Between two phases a transaction keeps what came, and not all that rules made of
// it: a client may take its time there.
func TestIdleLetsGo(t *testing.T) {
	p := Defaults()
	p.Responses = true
	made, err := New(&p)
	if err != nil {
		t.Fatal(err)
	}
	body := "<a>" + strings.Repeat(`<b>\\</b>`, 10_000) + "</a>"
	q := askWith(t, "POST", "/?a=1%27+OR+%271%27%3D%271", "text/xml", body)
	x := made.Begin(q.req).(*run)
	x.Headers()
	if kept := x.Idle(); kept > 32<<10 {
		t.Errorf("an ordinary head keeps %d bytes", kept)
	}
	x.Body(q.body, 0)
	many := len(x.values.forms)
	kept := x.Idle()
	if len(x.values.forms) != 0 || kept < len(body) || kept > 20*len(body) {
		t.Errorf("of %d forms %d are kept; it says that it keeps %d bytes of %d", many, len(x.values.forms), kept, len(body))
	}
	x.phase(1) // looks at everything anew
	ids := map[int]int{}
	for _, m := range x.End().Matches {
		ids[m.Rule]++
		if m.Rule == 942100 && m.Hits[0].Value != "1' OR '1'='1" {
			t.Errorf("the value has become %q", m.Hits[0].Value)
		}
	}
	if ids[942100] == 0 {
		t.Errorf("matched %v", ids)
	}
}

// What an unusual request needed is not kept for the next one.
func TestRoomIsGivenBack(t *testing.T) {
	p := Defaults()
	made, err := New(&p)
	if err != nil {
		t.Fatal(err)
	}
	q := askWith(t, "POST", "/", "text/xml", "<a>"+strings.Repeat(`<b>\\</b>`, 14_000)+"</a>")
	x := made.Begin(q.req).(*run)
	x.Headers()
	x.Body(q.body, 0)
	x.reset()
	for name, kept := range map[string]int{"entries": cap(x.values.entries) * 56, "forms": cap(x.values.forms) * 72, "made": cap(x.values.made) * 4, "may": cap(x.values.may) * 8, "each": cap(x.values.each) * 8} {
		if kept > mostKept {
			t.Errorf("%s: %d bytes are kept", name, kept)
		}
	}
}
