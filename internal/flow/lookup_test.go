package flow

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

// A lookup is the same behind its event, its notation and its JSON.
func TestLookupRoundTrip(t *testing.T) {
	began := time.Date(2026, 1, 1, 10, 0, 0, 0, time.UTC)
	want := &Lookup{Name: "app.example", Result: ResultFound, Rcode: "NOERROR",
		Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.5"), netip.MustParseAddr("2001:db8::5")},
		Ended:     began.Add(-time.Millisecond), Took: 5002 * time.Millisecond, Timed: true, By: "hosts", Reason: "none", DNS: 3}
	e := want.Event()
	e.Conn = 7
	trace := Fold([]Event{{At: began, Conn: 7, Kind: Open, Open: &Opening{}}, e})
	parsed, err := Parse(trace.String())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(ConnJSON(trace.Conns[0], nil))
	if err != nil {
		t.Fatal(err)
	}
	read, err := ReadRecords(strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]*Trace{"event": trace, "notation": parsed, "JSON": read} {
		if !reflect.DeepEqual(got.Conns[0].Lookup, want) {
			t.Errorf("%s: %+v\n%s", name, got.Conns[0].Lookup, trace)
		}
	}
	for _, part := range []string{`"took_ms":5002`, `"before_ms":1`, `"dns":"c3"`, `"addresses":["10.0.0.5","2001:db8::5"]`} {
		if !strings.Contains(string(raw), part) {
			t.Errorf("JSON lacks %s: %s", part, raw)
		}
	}
}
