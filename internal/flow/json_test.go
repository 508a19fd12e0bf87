package flow

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConnJSON(t *testing.T) {
	trace, err := Parse(sampleText)
	if err != nil {
		t.Fatal(err)
	}
	want := `{
 "type": "connection",
 "id": "c8",
 "parent": "c7",
 "source": "live",
 "server": "[::1]:443",
 "scheme": "https",
 "started": "1970-01-01T00:00:00.000000000Z",
 "events": [
  {
   "at_ms": 0,
   "kind": "connect-failed",
   "text": "refused"
  },
  {
   "at_ms": 1,
   "from": "server",
   "kind": "response",
   "exchange": "x2",
   "status": 404,
   "text": "Not Found"
  },
  {
   "at_ms": 2,
   "from": "server",
   "kind": "response-done",
   "exchange": "x2",
   "bytes": 0
  },
  {
   "at_ms": 2,
   "kind": "exchange-done",
   "exchange": "x2",
   "text": "complete"
  },
  {
   "at_ms": 3.000001,
   "from": "server",
   "kind": "fin"
  }
 ],
 "self": "client",
 "close": {
  "by": "server",
  "how": "fin",
  "alert": null,
  "after_ms": 3.000001
 },
 "exchanges": 1
}`
	if diff := cmp.Diff(want, indented(t, ConnJSON(trace.Conn(8), nil))); diff != "" {
		t.Errorf("connection (-want +got):\n%s", diff)
	}
}

func TestExchangeJSON(t *testing.T) {
	trace, err := Parse(sampleText)
	if err != nil {
		t.Fatal(err)
	}
	want := `{
 "type": "exchange",
 "id": "x1",
 "conn": "c7",
 "http": "1.1",
 "method": "POST",
 "host": "app.example",
 "target": "/pay",
 "request_headers": [
  [
   "Host",
   "app.example"
  ],
  [
   "Cookie",
   "a=b; c=\"d\""
  ]
 ],
 "request_body_bytes": 4096,
 "started": "2026-11-21T10:00:00.521000000Z"
}`
	if diff := cmp.Diff(want, indented(t, ExchangeJSON(trace.Conn(7).Exchanges[0], nil))); diff != "" {
		t.Errorf("exchange (-want +got):\n%s", diff)
	}
	if got := indented(t, ExchangeJSON(trace.Conn(7).Exchanges[0], NewMask([]byte("key")))); !strings.Contains(got, `"a=masked-`) || strings.Contains(got, "=b;") {
		t.Errorf("the cookie is not masked: %s", got)
	}
}

func TestConnJSONWithoutFacts(t *testing.T) {
	want := `{"type":"connection","id":"c1","self":"none","exchanges":0}`
	got, _ := json.Marshal(ConnJSON(&Conn{ID: 1}, nil))
	if string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
	want = `{"type":"exchange","id":"x2","conn":"c1"}`
	got, _ = json.Marshal(ExchangeJSON(&Exchange{ID: 2, Conn: 1}, nil))
	if string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func indented(t *testing.T, v any) string {
	t.Helper()
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}

// What is no UTF-8 is not lost in JSON.
func TestRawFacts(t *testing.T) {
	c := &Conn{ID: 1, Events: []Event{{Kind: WAFMatch, Attrs: Attrs(KeyTarget, "ARGS:q", KeyValue, "a\xff\x00")}}}
	got, err := json.Marshal(ConnJSON(c, nil).Events)
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"kind":"waf-match","facts":{"target":"ARGS:q","value":"a\ufffd\u0000"},"raw_facts":{"value":"Yf8A"}}]`
	if string(got) != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}
