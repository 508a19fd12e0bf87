package replay

import (
	"slices"
	"strings"
	"testing"
	"time"

	"fanlight/internal/flow"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// recorded makes an exchange of lines: method, target and version, header
// fields, an empty line, the body.
func recorded(text string) (*flow.Conn, *flow.Exchange) {
	head, body, hasBody := strings.Cut(text, "\n\n")
	line, fields, _ := strings.Cut(head, "\n")
	words := strings.Fields(line)
	x := &flow.Exchange{ID: 3, Method: words[0], Target: words[1], HTTP: words[2], Started: noon, RequestDone: noon,
		RequestHeader: flow.ParseFields([]byte(fields + "\n"))}
	x.Host, _ = flow.Get(x.RequestHeader, "Host")
	if hasBody {
		x.RequestBodyBytes = int64(len(body))
		x.RequestBody = &flow.Body{Kept: []byte(body), Seen: int64(len(body))}
	}
	return &flow.Conn{ID: 2, Source: "x.pcapng"}, x
}

const plain = "GET /a?b=1 1.1\nHost: a.test\nUser-Agent: test\nAccept: */*"

func TestRebuild(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*flow.Conn, *flow.Exchange)
		why    string
		lack   []string
		more   int64
	}{
		"as it was": {},
		"masked":    {change: func(_ *flow.Conn, x *flow.Exchange) { x.Target = "/a?token=masked-0123456789ab" }, lack: []string{LacksSecrets}},
		"masked field": {change: func(_ *flow.Conn, x *flow.Exchange) {
			x.RequestHeader = append(x.RequestHeader, flow.Field{Name: "Cookie", Value: "a=masked-0123456789ab"})
		}, lack: []string{LacksSecrets}},
		"no body": {change: func(_ *flow.Conn, x *flow.Exchange) { x.RequestBodyBytes = 7 }, lack: []string{LacksBody}, more: 7},
		"body in chunks": {change: func(_ *flow.Conn, x *flow.Exchange) {
			x.RequestDone = time.Time{}
			x.RequestHeader = append(x.RequestHeader, flow.Field{Name: "Transfer-Encoding", Value: "chunked"})
		}, lack: []string{LacksBody}, more: -1},
		"no body, no end": {change: func(_ *flow.Conn, x *flow.Exchange) {
			x.RequestDone = time.Time{}
			x.RequestHeader = append(x.RequestHeader, flow.Field{Name: "Content-Length", Value: "9"})
		}, lack: []string{LacksBody}, more: 9},
		"cut body": {change: func(_ *flow.Conn, x *flow.Exchange) {
			x.RequestDone = time.Time{}
			x.RequestBody = &flow.Body{Kept: []byte("abc"), Seen: 3}
		}, lack: []string{LacksEnd}, more: -1},
		"gap in the body": {change: func(_ *flow.Conn, x *flow.Exchange) {
			x.RequestBodyBytes = 9
			x.RequestBody = &flow.Body{Kept: []byte("abc"), Seen: 3}
		}, lack: []string{LacksMiddle}, more: 6},
		"long body": {change: func(_ *flow.Conn, x *flow.Exchange) {
			x.RequestBodyBytes = 9
			x.RequestBody = &flow.Body{Kept: []byte("abc"), Seen: 9}
		}, more: 6},
		"host of the URL": {change: func(_ *flow.Conn, x *flow.Exchange) { x.RequestHeader = x.RequestHeader[1:] }, lack: []string{LacksHost}},
		"no version":      {change: func(_ *flow.Conn, x *flow.Exchange) { x.HTTP = "" }, lack: []string{LacksVersion}},
		"HTTP/2":          {change: func(_ *flow.Conn, x *flow.Exchange) { x.HTTP = "2"; x.RequestHeader = x.RequestHeader[1:] }},
		"no request":      {change: func(_ *flow.Conn, x *flow.Exchange) { x.Method = "" }, why: NoRequest},
		"no fields":       {change: func(_ *flow.Conn, x *flow.Exchange) { x.RequestHeader = nil }, why: NoFields},
		"sent on":         {change: func(_ *flow.Conn, x *flow.Exchange) { x.Parent = 1 }, why: SentOn},
		"tunnel":          {change: func(_ *flow.Conn, x *flow.Exchange) { x.Method = "CONNECT" }, why: NoSite},
		"no HTTP":         {change: func(_ *flow.Conn, x *flow.Exchange) { x.Method = "GET\n" }, why: Unreadable},
	} {
		c, x := recorded(plain)
		if test.change != nil {
			test.change(c, x)
		}
		r, why := Rebuild(c, x)
		if why != test.why || (r == nil) != (test.why != "") {
			t.Errorf("%s: got %v, %q, want %q", name, r, why, test.why)
			continue
		}
		if r != nil && (!slices.Equal(r.Lack, test.lack) || r.More != test.more) {
			t.Errorf("%s: lacks %q, %d more bytes; want %q, %d", name, r.Lack, r.More, test.lack, test.more)
		}
	}
}

func TestShape(t *testing.T) {
	for target, want := range map[string]string{
		"/":                           "GET /",
		"/cart/17/items?x=1":          "GET /cart/*/items",
		"/a/3f2504e0-4f89-41d3":       "GET /a/*",
		"/deadbeef":                   "GET /deadbeef",
		"/cafe/babe1234":              "GET /cafe/*",
		"http://a.test/b/1":           "GET /b/*",
		"/" + strings.Repeat("q", 41): "GET /*",
		"/1/2/3/4/5/6/7/8/9/10":       "GET /*/*/*/*/*/*/*/…",
	} {
		c, x := recorded(plain)
		x.Target = target
		r, _ := Rebuild(c, x)
		if got := r.Shape(); got != want {
			t.Errorf("%s: got %s, want %s", target, got, want)
		}
	}
}

// TestWith: another value goes where a target says, and nowhere else.
func TestWith(t *testing.T) {
	form := "POST /a?b=1&b=2 1.1\nHost: a.test\nCookie: s=1; t=2\nContent-Type: application/x-www-form-urlencoded\nContent-Length: 7\n\nc=1&d=2"
	parts := "POST / 1.1\nHost: a.test\nContent-Type: multipart/form-data; boundary=X\n\n--X\r\nContent-Disposition: form-data; name=\"c\"\r\n\r\nold\r\n--X--\r\n"
	document := "POST / 1.1\nHost: a.test\nContent-Type: application/json\n\n{\"list\":[{\"name\":\"x\"}]}"
	for _, test := range []struct{ record, target, want string }{
		{form, "ARGS:b", "/a?b=%27+x&b=2|s=1; t=2|c=1&d=2"},
		{form, "ARGS_GET:b", "/a?b=%27+x&b=2|s=1; t=2|c=1&d=2"},
		{form, "ARGS:d", "/a?b=1&b=2|s=1; t=2|c=1&d=%27+x"},
		{form, "ARGS_GET:d", ""},
		{form, "ARGS:z", ""},
		{form, "REQUEST_COOKIES:t", "/a?b=1&b=2|s=1; t=%27%20x|c=1&d=2"},
		{form, "REQUEST_HEADERS:Cookie", "/a?b=1&b=2|' x|c=1&d=2"},
		{form, "REQUEST_BODY", "/a?b=1&b=2|s=1; t=2|' x"},
		{form, "REQUEST_URI", ""},
		{parts, "ARGS:c", "/||--X\r\nContent-Disposition: form-data; name=\"c\"\r\n\r\n' x\r\n--X--\r\n"},
		{parts, "ARGS:d", ""},
		{document, "ARGS:json.list.0.name", `/||{"list":[{"name":"' x"}]}`},
		{document, "ARGS:json.list.1.name", ""},
	} {
		r, _ := Rebuild(recorded(test.record))
		got := ""
		if with, placed := r.with(test.target, "' x"); placed {
			got = with.Target + "|" + string(with.head.Get("Cookie")) + "|" + string(with.Body)
			if n := string(with.head.Get("Content-Length")); n != "" && n != "7" && test.target == "ARGS:b" {
				t.Errorf("%s: Content-Length became %s", test.target, n)
			}
		}
		if got != test.want {
			t.Errorf("%s: got %q, want %q", test.target, got, test.want)
		}
	}
}
