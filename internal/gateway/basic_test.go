package gateway

import (
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"fanlight/internal/balance"
	"fanlight/internal/files"
	"fanlight/internal/flow"
	"fanlight/internal/testnet"
)

func echoed(t testing.TB, body string) (answer testnet.EchoAnswer) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatalf("%v in %q", err, body)
	}
	return answer
}

func fields(answer testnet.EchoAnswer) string {
	var b strings.Builder
	for _, f := range answer.Headers {
		b.WriteString(f[0] + ": " + f[1] + "\n")
	}
	return ownMark.ReplaceAllString(b.String(), ";by=_DOOR-1")
}

// ownMark is what a door marks requests with, another one in each process.
var ownMark = regexp.MustCompile(`;by=_[a-z2-7]{10}-1`)

const asked = "X-Forwarded-For: 127.0.0.1\nX-Forwarded-Proto: https\nX-Forwarded-Host: app.test\n" +
	"Forwarded: for=127.0.0.1;proto=https;host=\"app.test\";by=_DOOR-1\n"

func TestRequestFields(t *testing.T) {
	trusting := func(o *Options) { o.Trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }
	for _, test := range []struct {
		name   string
		option doorOption
		rules  HeaderRules
		host   string
		send   string
		target string // empty: /a/b?c=d
		want   string // fields at the origin
	}{
		{name: "order and letter case stay, hop-by-hop goes",
			send: "X-One: 1\r\nx-TWO: 2\r\nConnection: X-Hop, keep-alive\r\nX-Hop: gone\r\nTE: trailers\r\nKeep-Alive: 5\r\nX-One: again\r\n",
			want: "Host: app.test\nX-One: 1\nx-TWO: 2\nX-One: again\n" + asked},
		{name: "what an untrusted client says of itself is dropped",
			send: "X-Forwarded-For: 6.6.6.6\r\nx-forwarded-port: 1\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nCookie: a=b\r\n",
			want: "Host: app.test\nCookie: a=b\n" + asked},
		{name: "what a trusted client says is kept and added to", option: trusting,
			send: "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 7.7.7.7, 8.8.8.8\r\nX-Forwarded-Port: 1\r\nX-Forwarded-Proto: http\r\n" +
				"X-Forwarded-Host: outer.test\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n",
			want: "Host: app.test\nX-Forwarded-Port: 1\nX-Real-IP: 6.6.6.6\nX-Forwarded-For: 6.6.6.6, 7.7.7.7, 8.8.8.8, 127.0.0.1\n" +
				"X-Forwarded-Proto: http\nX-Forwarded-Host: outer.test\nForwarded: for=6.6.6.6, for=127.0.0.1;proto=https;host=\"app.test\";by=_DOOR-1\n"},
		{name: "rules", rules: HeaderRules{Remove: []string{"cookie", "X-Forwarded-Host"}, Set: [][2]string{{"X-Env", "test"}, {"X-Forwarded-For", "none"}},
			Add: [][2]string{{"X-More", "1"}}},
			send: "Cookie: a\r\nX-Env: live\r\nX-More: 0\r\n",
			want: "Host: app.test\nX-More: 0\nX-Forwarded-Proto: https\nForwarded: for=127.0.0.1;proto=https;host=\"app.test\";by=_DOOR-1\n" +
				"X-Env: test\nX-Forwarded-For: none\nX-More: 1\n"},
		{name: "host of the origin", host: "origin", want: "Host: ORIGIN\n" + asked},
		{name: "host by name", host: "inner.test", want: "Host: inner.test\n" + asked},
		{name: "no change to h2c", send: "Connection: upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n", want: "Host: app.test\n" + asked},
		{name: "absolute form", target: "https://app.test/x?y", want: "Host: app.test\n" + asked},
		{name: "absolute form without a path", target: "https://app.test", want: "Host: app.test\n" + asked},
		{name: "absolute form with a query alone", target: "https://app.test?q", want: "Host: app.test\n" + asked},
	} {
		t.Run(test.name, func(t *testing.T) {
			peer := testnet.Echo{}.Start(t)
			var options []doorOption
			if test.option != nil {
				options = append(options, test.option)
			}
			d := newDoor(t, options...)
			d.site(&Site{Name: "app", RequestHeaders: test.rules,
				Routes: []Route{{Prefix: "/", Host: test.host, Origins: balance.Of(d.to(peer, nil))}}}, "app.test")
			c := d.dial("app.test")
			target := test.target
			if target == "" {
				target = "/a/b?c=d"
			}
			c.send("GET " + target + " HTTP/1.1\r\nHost: app.test\r\n" + test.send + "\r\n")
			_, body, err := c.receive("GET")
			if err != nil {
				t.Fatal(err)
			}
			got := echoed(t, body)
			want := strings.Replace(test.want, "ORIGIN", peer.Addr, 1)
			if fields(got) != want {
				t.Errorf("got\n%s\nwant\n%s", fields(got), want)
			}
			inner := map[string]string{"https://app.test/x?y": "/x?y", "https://app.test": "/", "https://app.test?q": "/?q"}[target]
			if inner == "" {
				inner = target
			}
			if got.Target != inner {
				t.Errorf("target: got %s, want %s", got.Target, inner)
			}
		})
	}
}

// TestResponses compares what an origin sends with what the client sees.
func TestResponses(t *testing.T) {
	for _, test := range []struct {
		name, method, from string
		rules, routeRules  HeaderRules
		want               string // head and body
		proto              string
	}{
		{name: "plain", from: "HTTP/1.1 200 Fine\r\nserver: X\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 2\r\n\r\nhi",
			want: "HTTP/1.1 200 Fine\nserver: X\nX-A: 1\nx-a: 2\nContent-Length: 2\n\nhi"},
		{name: "hop-by-hop", from: "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nContent-Length: 0\r\n\r\n",
			want: "HTTP/1.1 200 OK\nContent-Length: 0\n\n"},
		{name: "HEAD", method: "HEAD", from: "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n", want: "HTTP/1.1 200 OK\nContent-Length: 77\n\n"},
		{name: "HEAD chunked", method: "HEAD", from: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", want: "HTTP/1.1 200 OK\n\n"},
		{name: "204", from: "HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n", want: "HTTP/1.1 204 No Content\nX-A: 1\n\n"},
		{name: "304 with a length", from: "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 100\r\n\r\n",
			want: "HTTP/1.1 304 Not Modified\nETag: \"a\"\nContent-Length: 100\n\n"},
		{name: "chunked with trailers", from: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n",
			want: "HTTP/1.1 200 OK\nTrailer: X-Sum\nTransfer-Encoding: chunked\n\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n"},
		{name: "until close", from: "HTTP/1.1 200 OK\r\n\r\nall of it", want: "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n9\r\nall of it\r\n0\r\n\r\n"},
		{name: "chunked to HTTP/1.0", proto: "HTTP/1.0", from: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
			want: "HTTP/1.1 200 OK\nConnection: close\n\nabc"},
		{name: "empty reason", from: "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n", want: "HTTP/1.1 299 \nContent-Length: 0\n\n"},
		{name: "interim", from: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
			want: "HTTP/1.1 103 Early Hints\nLink: </a>\n\nHTTP/1.1 200 OK\nContent-Length: 0\n\n"},
		{name: "rules of site and route", from: "HTTP/1.1 200 OK\r\nServer: X\r\nX-Powered-By: Y\r\nX-Keep: 1\r\nContent-Length: 0\r\n\r\n",
			rules:      HeaderRules{Remove: []string{"x-powered-by"}, Set: [][2]string{{"Server", "Fanlight"}, {"X-Both", "site"}}, Add: [][2]string{{"X-Add", "a"}}},
			routeRules: HeaderRules{Set: [][2]string{{"X-Both", "route"}}},
			want:       "HTTP/1.1 200 OK\nX-Keep: 1\nServer: Fanlight\nX-Add: a\nX-Both: route\nContent-Length: 0\n\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			peer := testnet.Raw{Responses: []string{test.from}}.Start(t)
			d := newDoor(t)
			d.site(&Site{Name: "app", ResponseHeaders: test.rules,
				Routes: []Route{{Prefix: "/", ResponseHeaders: test.routeRules, Origins: balance.Of(d.to(peer, nil))}}}, "app.test")
			c := d.dial("app.test")
			method, proto := "GET", "HTTP/1.1"
			if test.method != "" {
				method = test.method
			}
			if test.proto != "" {
				proto = test.proto
			}
			c.send(method + " / " + proto + "\r\nHost: app.test\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: other.test\r\nConnection: close\r\n\r\n")
			raw, _ := io.ReadAll(c.r)
			got, _, _ := strings.Cut(string(raw), "HTTP/1.1 421")
			head, body, _ := strings.Cut(got, "\r\n\r\n")
			if test.name == "interim" {
				head, body = strings.TrimSuffix(got, "\r\n\r\n"), ""
			}
			if got = strings.ReplaceAll(head, "\r\n", "\n") + "\n\n" + body; got != test.want {
				t.Errorf("got\n%q\nwant\n%q", got, test.want)
			}
		})
	}
}

func TestRequestBodies(t *testing.T) {
	for _, test := range []struct {
		name, send string
		bytes      int
		extra      string // a field the origin must see
	}{
		{"with the head", "Content-Length: 5\r\n\r\nhello", 5, "Content-Length: 5"},
		{"empty", "Content-Length: 0\r\n\r\n", 0, "Content-Length: 0"},
		{"chunked", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n", 5, "Transfer-Encoding: chunked"},
		{"larger than every buffer", "Content-Length: 200000\r\n\r\n" + strings.Repeat("z", 200000), 200000, "Content-Length: 200000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := front(t, testnet.Echo{}.Start(t), nil)
			c := d.dial("app.test")
			for range 2 { // the second on the same connections
				c.send("POST /p HTTP/1.1\r\nHost: app.test\r\n" + test.send)
				_, body, err := c.receive("POST")
				if err != nil {
					t.Fatal(err)
				}
				got := echoed(t, body)
				if got.BodyBytes != test.bytes || got.Conn != 1 {
					t.Errorf("the origin got %d bytes on connection %d, want %d on 1", got.BodyBytes, got.Conn, test.bytes)
				}
				contains(t, "fields", fields(got), test.extra+"\n")
			}
		})
	}
}

func TestExpectContinue(t *testing.T) {
	d := front(t, testnet.Echo{}.Start(t), nil)
	c := d.dial("app.test")
	c.send("POST /p HTTP/1.1\r\nHost: app.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	if got := c.lines(); len(got) != 1 || got[0] != "HTTP/1.1 100 Continue" {
		t.Fatalf("got %q", got)
	}
	c.send("hello")
	_, body, err := c.receive("POST")
	if err != nil {
		t.Fatal(err)
	}
	if got := echoed(t, body); got.BodyBytes != 5 || strings.Contains(fields(got), "Expect") {
		t.Errorf("the origin got %+v", got)
	}
}

func TestFilesAndRedirects(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "a.txt"), []byte("0123456789"), 0o644); err != nil {
		t.Fatal(err)
	}
	served, err := files.New(folder)
	if err != nil {
		t.Fatal(err)
	}
	d := newDoor(t)
	d.site(&Site{Name: "app", ResponseHeaders: HeaderRules{Set: [][2]string{{"Server", "Fanlight"}}}, Routes: []Route{
		{Prefix: "/static/", Folder: served},
		{Prefix: "/old", Redirect: "https://{host}/new{uri}"},
	}}, "app.test")
	c := d.dial("app.test")
	for _, test := range []struct {
		request string
		status  int
		body    string
		field   string
	}{
		{"GET /static/a.txt", 200, "0123456789", "Server: Fanlight"},
		{"HEAD /static/a.txt", 200, "", "Content-Length: 10"},
		{"GET /static/a.txt|Range: bytes=2-4", 206, "234", "Content-Range: bytes 2-4/10"},
		{"GET /static/a.txt|Range: bytes=50-", 416, "", "Content-Range: bytes */10"},
		{"POST /static/a.txt", 405, "405 Method Not Allowed\n", "Allow: GET, HEAD"},
		{"GET /static/../static/a.txt", 200, "0123456789", ""},
		{"GET /old/x?y=1", 308, "", "Location: https://app.test/new/old/x?y=1"},
	} {
		method, _, _ := strings.Cut(test.request, " ")
		line, field, _ := strings.Cut(test.request, "|")
		if field != "" {
			field += "\r\n"
		}
		c.send(line + " HTTP/1.1\r\nHost: app.test\r\n" + field + "\r\n")
		res, body, err := c.receive(method)
		if err != nil || res.StatusCode != test.status || !strings.HasPrefix(body, test.body) {
			t.Fatalf("%s: got %v %q %v, want %d %q", test.request, res, body, err, test.status, test.body)
		}
		if name, value, ok := strings.Cut(test.field, ": "); ok && res.Header.Get(name) != value {
			t.Errorf("%s: %s is %q, want %q", test.request, name, res.Header.Get(name), value)
		}
	}
	for _, path := range []string{"/static/b.txt", "/elsewhere", "/static/.git"} {
		res, _ := c.get(path)
		if in := d.incident(res); res.StatusCode != 404 || in.Cause == "" || in.Site != "app" {
			t.Errorf("%s: got %d, %+v", path, res.StatusCode, in)
		}
	}
}

func TestRecordOfExchange(t *testing.T) {
	d := front(t, testnet.Raw{Responses: []string{"HTTP/1.1 200 OK\r\nServer: raw\r\nContent-Length: 2\r\n\r\nhi"}, Open: true}.Start(t), nil)
	c := d.dial("app.test")
	if res, body := c.get("/a"); res.StatusCode != http.StatusOK || body != "hi" {
		t.Fatal(res, body)
	}
	c.Close()
	d.settled(func(tr *flow.Trace) bool { return clientConn(t, tr).Close.Ended })
	d.g.groups((*balance.Group).Close)
	golden(t, "plain exchange", d.settled(over))
}
