package flow

import (
	"bytes"
	"strings"
	"testing"
)

func TestMaskWAFMatch(t *testing.T) {
	mask := NewMask([]byte("key"))
	for _, test := range []struct {
		target, value string
		keeps         string // what a reader still sees
	}{
		{"ARGS:password", "the-secret", ""},
		{"ARGS:json.user.Password", "the-secret", ""},
		{"ARGS:json.user.pass", "the-secret", ""},
		{"ARGS:user[pass]", "the-secret", ""},
		{"ARGS:login_pass", "the-secret", ""},
		{"ARGS:passenger", "Mr Smith", "Mr Smith"},
		{"ARGS:PHPSESSID", "the-secret", ""},
		{"REQUEST_HEADERS:X-Amz-Security-Token", "the-secret", ""},
		{"REQUEST_URI", "/a?pass%77ord=the-secret&b=c", "&b=c"},
		{"XML:/* within=Password", "the-secret", ""},
		{"XML:/* within=Comment", "plain", "plain"},
		{"XML:/*", "the-secret", ""},
		{"ARGS:q", "plain & open", "plain & open"},
		{"ARGS_NAMES", "password", "password"},
		{"REQUEST_HEADERS:Authorization", "Basic the-secret", "Basic "},
		{"REQUEST_HEADERS:User-Agent", "sqlmap", "sqlmap"},
		{"REQUEST_HEADERS:X-Api-Key", "the-secret", ""},
		{"REQUEST_COOKIES:session", "the-secret=1", ""},
		{"REQUEST_URI", "/a?token=the-secret&b=c", "&b=c"},
		{"REQUEST_LINE", "GET /a?token=the-secret HTTP/1.1", " HTTP/1.1"},
		{"QUERY_STRING", "a=b&pwd=the-secret", "a=b&"},
		{"REQUEST_BODY", "…word=the-secret&a=b", "…&a=b"},
		{"REQUEST_FILENAME", "/etc/passwd", "/etc/passwd"},
	} {
		target, within, _ := strings.Cut(test.target, " within=")
		e := Event{Kind: WAFMatch, Text: "m", Attrs: Attrs(KeyTarget, target, KeyWithin, within, KeyValue, test.value, KeyCompared, strings.ToUpper(test.value), KeyMatched, "the-secret",
			KeySteps, "lowercase "+test.value+"\nurlDecode "+test.value)}
		in := Batch(nil).Append(&e)
		out := mask.Batch(in)
		if strings.Contains(test.value, "the-secret") && bytes.Contains(bytes.ToLower(out), []byte("the-secret")) {
			t.Errorf("%s: the secret is still there: %q", test.target, out)
		}
		if again := mask.Batch(out); !bytes.Equal(again, out) {
			t.Errorf("%s: masked twice it is another: %q, %q", test.target, out, again)
		}
		for shown := range out.Events {
			if got := shown.Attr(KeyValue); !strings.Contains(got, test.keeps) {
				t.Errorf("%s: got %q without %q", test.target, got, test.keeps)
			}
		}
		conn := mask.Conn(&Conn{Events: []Event{e}})
		if strings.Contains(conn.Events[0].Attr(KeyValue), "the-secret") {
			t.Errorf("%s: shown with its connection: %q", test.target, conn.Events[0].Attr(KeyValue))
		}
	}
}
