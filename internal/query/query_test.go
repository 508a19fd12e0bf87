package query

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"fanlight/internal/flow"
)

// trace has a connection that worked, one that was reset behind a
// HelloRequest, one that stays encrypted, and one of which little was seen.
const trace = `
conn 1  192.0.2.10:51544 -> 10.0.0.5:443  source a.pcapng  keys yes  scheme https  at 2026-11-21T10:00:00Z
  +0.000 syn [#1]   +0.001 established [#3]
  +0.002 > client-hello sni=shop.test alpn=http/1.1 versions=1.3,1.2 [#4]   +0.004 tls-done 1.3 cipher=TLS_AES_128_GCM_SHA256 alpn=http/1.1 resumed=no
  +0.010 > GET "/list?a=1&b=(2)" http=1.1 host=Shop.Test:8443 x1 [#10]
    > Host: Shop.Test:8443
    > User-Agent: curl/8.5.0
    > Cookie: sid=1
    > Cookie: lang=en
  +0.010 > request-done 0 B x1
  +0.050 < 200 OK http=1.1 x1
    < Server: nginx
    < Content-Type: text/html
  +0.060 < response-done 4096 B x1   +0.060 exchange-done complete x1
  +0.110 > POST /pay http=1.1 host=shop.test reused=yes x2 [#20]
    > Host: shop.test
    > X-Trace: abc
  +0.110 > request-done 2000 B x2
  +2.110 < 503 "Service Unavailable" http=1.1 x2
  +2.110 incident fl-9 cause="no origin" x2   +2.110 < response-done 10 B x2   +2.110 exchange-done complete x2
  +3.000 fin by client [#30]   +3.001 closed idle client_bytes=3000 server_bytes=7000 packets=30
conn 2  192.0.2.11:40000 -> 10.0.1.6:8443  source a.pcapng  keys yes  parent c1
  +0.000 > client-hello sni=app.internal   +0.001 tls-done 1.2 cipher=TLS_RSA_WITH_AES_256_CBC_SHA resumed=yes
  +0.010 > GET /secure http=1.1 x3
    > Host: app.internal
  +0.030 < hello-request [#118]   +120.000 < alert handshake_failure   +120.030 rst by server [#131]   +120.030 exchange-done no-response x3
conn 3  [2001:db8::1]:1000 -> [2001:db8::2]:443  source b.pcapng  keys no  why-not "no secret for this client random"
  +0.000 > client-hello sni=bank.test   +0.001 tls-done 1.3
conn 4  ? -> ?
  +0.000 < 204 "No Content" x4
`

func parseTrace(t testing.TB) *flow.Trace {
	t.Helper()
	tr, err := flow.Parse(trace)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// matched gives what a filter matches: the connections and the exchanges.
func matched(f *Filter, tr *flow.Trace) string {
	var ids []string
	for _, c := range tr.Conns {
		if f.Conn(c) {
			ids = append(ids, c.ID.String())
		}
		for _, x := range c.Exchanges {
			if f.Exchange(c, x) {
				ids = append(ids, x.ID.String())
			}
		}
	}
	return strings.Join(ids, " ")
}

func TestMatch(t *testing.T) {
	tr := parseTrace(t)
	for _, test := range []struct{ expr, want string }{
		{`ip.addr == 10.0.0.0/8`, "c1 x1 x2 c2 x3"},
		{`ip.addr == 192.0.2.10`, "c1 x1 x2"},
		{`ip.src == 10.0.0.0/8`, ""},
		{`ip.dst in {10.0.1.6 2001:db8::/32}`, "c2 x3 c3"},
		{`ip.addr != 10.0.0.5`, "c2 x3 c3"},
		{`ip.addr`, "c1 x1 x2 c2 x3 c3"},
		{`!ip.addr`, "c4 x4"},
		{`ip.dst == ::ffff:10.0.0.5`, "c1 x1 x2"},
		{`tcp.port == 443`, "c1 x1 x2 c3"},
		{`tcp.port != 443`, "c2 x3"},
		{`tcp.srcport == 443`, ""},
		{`tcp.dstport in {1..500}`, "c1 x1 x2 c3"},
		{`tcp.stream == 2 || conn.id == c3`, "c2 x3 c3"},
		{`frame.number == 118`, "c2 x3"},
		{`frame.number == 20`, "c1 x2"},
		{`frame.number in {118..131}`, "c2 x3"},

		{`tls`, "c1 x1 x2 c2 x3 c3"},
		{`!tls`, "c4 x4"},
		{`tls.sni == SHOP.test`, "c1 x1 x2"},
		{`tls.handshake.extensions_server_name contains .TEST`, "c1 x1 x2 c3"},
		{`tls.version < 1.3`, "c2 x3"},
		{`tls.version in {ssl3..1.2}`, "c2 x3"},
		{`tls.version == "TLS 1.3"`, "c1 x1 x2 c3"},
		{`tls.cipher contains _RSA_`, "c2 x3"},
		{`tls.alpn == http/1.1`, "c1 x1 x2"},
		{`tls.resumed`, "c2 x3"},
		{`tls.resumed == no`, "c1 x1 x2"},
		{`tls.resumed != yes`, "c1 x1 x2"},
		{`!tls.resumed`, "c1 x1 x2 c3 c4 x4"},
		{`tls.alert == handshake_failure && close.alert`, "c2 x3"},
		{`tls.decrypted == no`, "c3"},
		{`tls.why_not contains "client random"`, "c3"},
		{`tls.done`, "c1 x1 x2 c2 x3 c3"},

		{`http`, "c1 x1 x2 c2 x3 c4 x4"},
		{`!http`, "c3"},
		{`http2`, ""},
		{`http.host == shop.test`, "c1 x1 x2"},
		{`http.host == shop.test:8443`, "c1 x1"},
		{`http.host != shop.test`, "c2 x3"},
		{`!http.host`, "c3 c4 x4"},
		{`!(http.host == shop.test)`, "c2 x3 c3 c4 x4"},
		{`http.request.method in {POST, PUT}`, "c1 x2"},
		{`http.request.method not in {POST PUT}`, "c1 x1 c2 x3"},
		{`http.request.method == post`, ""},
		{`http.request.uri == "/list?a=1&b=(2)"`, "c1 x1"},
		{`http.request.uri matches "^/(pay|secure)$"`, "c1 x2 c2 x3"},
		{`http.request.uri ~ "a=\d"`, "c1 x1"},
		{`http.request.full_uri contains Test:8443/list`, "c1 x1"},
		{`http.response.code >= 500`, "c1 x2"},
		{`http.response.code in {200 400..599}`, "c1 x1 x2"},
		{`http.response.code != 200`, "c1 x2 c4 x4"},
		{`http.response.phrase == OK`, "c1 x1"},
		{`http.version >= 1.1`, "c1 x1 x2 c2 x3"},
		{`http.cookie == "lang=en"`, "c1 x1"},
		{`http.cookie != "lang=en"`, ""},
		{`http.header.x-trace`, "c1 x2"},
		{`http.header.Server == nginx`, "c1 x1"},
		{`http.request.header.server`, ""},
		{`http.response.header.SERVER`, "c1 x1"},
		{`http.content_type contains html and http.server == nginx`, "c1 x1"},
		{`http.user_agent matches "(?i)^CURL"`, "c1 x1"},
		{`http.response.body > 4kB`, "c1 x1"},
		{`http.response.body == 4KiB`, "c1 x1"},
		{`http.request.body == 2KB`, "c1 x2"},
		{`http.request.body`, "c1 x1 x2"},
		{`http.time > 1s`, "c1 x2"},
		{`http.time <= 0.04`, "c1 x1"},
		{`http.total < 100ms`, "c1 x1"},
		{`http.outcome == no-response`, "c2 x3"},
		{`reused`, "c1 x2"},
		{`incident == fl-9`, "c1 x2"},
		{`tunnel`, ""},
		{`exchange.id in {x1 3}`, "c1 x1 c2 x3"},

		{`event == hello-request`, "c2 x3"},
		{`event in {hello-request retransmission gap}`, "c2 x3"},
		{`event == incident`, "c1 x2"},
		{`event == response && event == fin`, "c1 x1 x2"},
		{`event != established`, "c2 x3 c3 c4 x4"},
		{`time < 2026-11-21T10:00:00.1Z && time > 2026-01-01`, "c1 x1"},
		{`time >= 2026-11-21T11:00:00.1+01:00`, "c1 x2"},
		{`time == "2026-11-21 10:00:00.11"`, "c1 x2"},

		{`conn.parent == c1`, "c2 x3"},
		{`conn.source == b.pcapng`, "c3"},
		{`conn.self == none and conn.exchanges == 0`, "c3"},
		{`conn.packets >= 30`, "c1 x1 x2"},
		{`conn.bytes == 10kB`, "c1 x1 x2"},
		{`conn.duration > 2m`, "c2 x3"},
		{`close.by == client`, "c1 x1 x2"},
		{`close.by == server && close.how == rst && close.after >= 120s`, "c2 x3"},
		{`close.why == idle`, "c1 x1 x2"},
		{`!close.by`, "c3 c4 x4"},

		{`tls || http.host && tcp.port == 1`, "c1 x1 x2 c2 x3 c3"},
		{`(tls or http.host) and tcp.port eq 1`, ""},
		{`not tls and not http or conn.id==3`, "c3"},
		{`! ! tls`, "c1 x1 x2 c2 x3 c3"},
	} {
		f, err := Parse(test.expr)
		if err != nil {
			t.Errorf("%s: %v", test.expr, err)
			continue
		}
		if got := matched(f, tr); got != test.want {
			t.Errorf("%s matches %q, want %q", test.expr, got, test.want)
		}
		again, err := Parse(f.String())
		if err != nil {
			t.Errorf("%s is written %s, which does not parse: %v", test.expr, f, err)
			continue
		}
		if got := matched(again, tr); got != test.want || again.String() != f.String() {
			t.Errorf("%s is written %s, then %s, which matches %q", test.expr, f, again, got)
		}
	}
}

func TestString(t *testing.T) {
	for expr, want := range map[string]string{
		`tls  and(http or not reused)`:                       `tls && (http || !reused)`,
		`(tls && http) || reused`:                            `tls && http || reused`,
		`tls && (http && reused)`:                            `tls && http && reused`,
		`!(http.response.code eq "200")`:                     `!(http.response.code == 200)`,
		`http.host not in {a, "b c" }`:                       `http.host not in {a "b c"}`,
		`http.request.uri ~ "a\.b \"\\\\"`:                   `http.request.uri matches "a\\.b \"\\\\"`,
		`http.header.X-Y contains "and"`:                     `http.header.x-y contains "and"`,
		`http.request.uri == "~x" or http.server == ""`:      `http.request.uri == "~x" || http.server == ""`,
		`TLS.SNI == Shop.test`:                               `tls.sni == Shop.test`,
		`!!(tls)`:                                            `!!tls`,
		`close.after>=1m30s`:                                 `close.after >= 1m30s`,
		"http.request.uri == \"/\x1b\" \n&& \ttls":           "http.request.uri == /\x1b && tls",
		`ip.addr==[2001:db8::1]`:                             `ip.addr == [2001:db8::1]`,
		`http.request.uri == /~user/%20?a || incident in{x}`: `http.request.uri == /~user/%20?a || incident in {x}`,
	} {
		f, err := Parse(expr)
		if err != nil {
			t.Errorf("%s: %v", expr, err)
		} else if f.String() != want {
			t.Errorf("%s is written\n%s, want\n%s", expr, f, want)
		}
	}
}

func TestFaults(t *testing.T) {
	long := `http.request.uri == "` + strings.Repeat("a", 100) + `" && htp.host == b && http.request.uri == "` + strings.Repeat("b", 100) + `"`
	for _, test := range []struct{ expr, want string }{
		{``, "it is empty\n  \n  ^\n  such as http.response.code >= 500"},
		{`http.hots == shop.test`, "no field is called http.hots\n  http.hots == shop.test\n  ^~~~~~~~~\n  did you mean http.host?"},
		{`tls && ssl.version == 1.2`, "no field is called ssl.version\n  tls && ssl.version == 1.2\n         ^~~~~~~~~~~\n  did you mean tls.version?"},
		{`http.request.version`, "no field is called http.request.version\n  http.request.version\n  ^~~~~~~~~~~~~~~~~~~~\n  did you mean http.version?"},
		{`http.host = a`, "= is no operator\n  http.host = a\n            ^\n  did you mean ==?"},
		{`tls & http`, "& is no operator\n  tls & http\n      ^\n  did you mean &&?"},
		{`http.host == a | tls`, "one | is no operator\n  http.host == a | tls\n                 ^\n  did you mean ||?"},
		{`http.host == a=b`, "one = is no operator\n  http.host == a=b\n                ^\n  did you mean ==? A value with = in it stands in quotes"},
		{`http.request.uri == /a b`, "expected && or || before \"b\"\n  http.request.uri == /a b\n                         ^\n  a value with blanks in it stands in quotes"},
		{`http.host ==`, "expected a value behind ==\n  http.host ==\n              ^\n  a value with signs or brackets in it stands in quotes"},
		{`http.host eq and`, "expected a value behind eq\n  http.host eq and\n               ^~~\n  a value with signs or brackets in it stands in quotes"},
		{`http.host == "a`, "the quoted text does not end\n  http.host == \"a\n               ^~\n  a quote inside of it is written \\\""},
		{`(tls && http`, "this ( is not closed\n  (tls && http\n  ^"},
		{`tls)`, "no ( belongs to this )\n  tls)\n     ^"},
		{`tls &&`, "expected a field\n  tls &&\n        ^"},
		{`&& tls`, "expected a field before &&\n  && tls\n  ^~"},
		{`"shop"`, "expected a field, found a text\n  \"shop\"\n  ^~~~~~\n  a comparison is written http.host == \"shop.test\""},
		{`http.host > a`, "http.host is of type name, which has no order\n  http.host > a\n            ^\n  it can be compared with == != in"},
		{`tcp.port contains 4`, "tcp.port is of type number, not text\n  tcp.port contains 4\n           ^~~~~~~~\n  it can be compared with == != in"},
		{`tcp.port == https`, "\"https\" is no whole number\n  tcp.port == https\n              ^~~~~"},
		{`close.by == clint`, "\"clint\" is never the value of close.by\n  close.by == clint\n              ^~~~~\n  did you mean client?"},
		{`close.how == zzzzzz`, "\"zzzzzz\" is never the value of close.how\n  close.how == zzzzzz\n               ^~~~~~\n  known are fin, rst, none"},
		{`event in {hello-request retransmision}`, "\"retransmision\" is never the value of event\n  event in {hello-request retransmision}\n                          ^~~~~~~~~~~~~\n  did you mean retransmission?"},
		{`close.after > 120sec`, "\"120sec\" is no duration\n  close.after > 120sec\n                ^~~~~~\n  write 30ms, 120s, 1h30m, or a number of seconds"},
		{`http.response.body > 4XB`, "\"4XB\" is no size\n  http.response.body > 4XB\n                       ^~~\n  write 4kB, 64KiB, or a number of bytes"},
		{`ip.addr == 10.0.0.0/33`, "\"10.0.0.0/33\" is neither an address nor a network\n  ip.addr == 10.0.0.0/33\n             ^~~~~~~~~~~\n  write 10.0.0.5, 10.0.0.0/8 or 2001:db8::/32"},
		{`time > yesterday`, "\"yesterday\" is no time\n  time > yesterday\n         ^~~~~~~~~\n  write 2006-01-02T15:04:05Z"},
		{`tls.version > 2k`, "\"2k\" is no version\n  tls.version > 2k\n                ^~\n  write 1.2, or ssl3"},
		{`tls.resumed == maybe`, "\"maybe\" is neither yes nor no\n  tls.resumed == maybe\n                 ^~~~~"},
		{`http.host matches "("`, "missing closing ): `(`\n  http.host matches \"(\"\n                    ^~~\n  regular expressions are written as RE2 has them"},
		{`tcp.port in 443`, "expected { behind in\n  tcp.port in 443\n              ^~~\n  a set is written {a b c}"},
		{`tcp.port in {443`, "this { is not closed\n  tcp.port in {443\n              ^"},
		{`tcp.port in {}`, "expected a value, found }\n  tcp.port in {}\n               ^\n  a set is written {a b c}"},
		{`tcp.port in {9..1}`, "the range 9..1 is empty\n  tcp.port in {9..1}\n               ^~~~\n  the smaller value stands first"},
		{`tcp.port not 443`, "expected an operator behind tcp.port\n  tcp.port not 443\n           ^~~\n  did you mean not in, or !=?"},
		{"http.host == é\x1b\t&&", "expected a field\n  http.host == é? &&\n                    ^"},
		{"http.host == é\x1b\u202e\xff &", "one & is no operator\n  http.host == é??\ufffd &\n                    ^\n  did you mean &&?"},
		{long, "no field is called htp.host\n  ..." + strings.Repeat("a", 43) + `" && htp.host == b && http.request.uri == "` + strings.Repeat("b", 10) + "...\n" +
			strings.Repeat(" ", 53) + "^~~~~~~~\n  did you mean http.host?"},
	} {
		_, err := Parse(test.expr)
		var fault *SyntaxError
		if !errors.As(err, &fault) {
			t.Errorf("%s: error %v, want a SyntaxError", test.expr, err)
			continue
		}
		if want := "read filter: " + test.want; fault.Error() != want {
			t.Errorf("fault of %q is\n%s\nwant\n%s\n%q", test.expr, fault, want, fault.Error())
		}
	}
}

func TestBounds(t *testing.T) {
	for name, expr := range map[string]string{
		"brackets":  strings.Repeat("(", 5000) + "tls" + strings.Repeat(")", 5000),
		"negations": strings.Repeat("!", 5000) + "tls",
		"length":    `http.host == "` + strings.Repeat("a", maxBytes) + `"`,
		"terms":     "tls" + strings.Repeat("||tls", 2000),
	} {
		if _, err := Parse(expr); err == nil {
			t.Errorf("%s: no fault", name)
		}
	}
}

func TestFieldsAreDescribed(t *testing.T) {
	var seen []string
	for _, f := range Fields() {
		if f.Doc == "" || slices.Contains(seen, f.Name) {
			t.Errorf("field %s: no description, or twice", f.Name)
		}
		seen = append(seen, f.Name)
		if _, err := Parse(strings.ToLower(f.Name)); err != nil {
			t.Errorf("field %s: %v", f.Name, err)
		}
		if f.Type == Word && len(f.Values) == 0 {
			t.Errorf("field %s: no values", f.Name)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`http.host == "a b" && !(tls.version < 1.2) or close.after in {1s..2s, 3}`,
		`event not in {gap} and http.header.x-y ~ "\\d+\""`, `ip.addr == 10.0.0.0/8`, `((`, "\xff\"", `time>2026-01-01 | a`,
	} {
		f.Add(seed)
	}
	tr := parseTrace(f)
	f.Fuzz(func(t *testing.T, expr string) {
		filter, err := Parse(expr)
		if err != nil {
			var fault *SyntaxError
			if !errors.As(err, &fault) || fault.Offset < 0 || fault.Length < 0 || fault.Offset+fault.Length > len(fault.Expr) {
				t.Fatalf("%q: fault %+v", expr, err)
			}
			if strings.ContainsAny(fault.Error(), "\x1b\r\t\x00") {
				t.Fatalf("%q: control characters in %q", expr, fault.Error())
			}
			return
		}
		again, err := Parse(filter.String())
		if err != nil {
			t.Fatalf("%q is written %q: %v", expr, filter, err)
		}
		if again.String() != filter.String() || matched(again, tr) != matched(filter, tr) {
			t.Fatalf("%q is written %q, then %q", expr, filter, again)
		}
	})
}

func TestSQL(t *testing.T) {
	columns := map[string][]Column{
		"http.response.code": {{Name: "status", Instead: "failed", From: 400}},
		"http.host":          {{Name: "host"}, {Name: "bare"}},
	}
	for _, test := range []struct {
		expr, text string
		args       int
		exact      bool
	}{
		{"http.response.code == 200", "(status = ?)", 1, true},
		{"http.response.code >= 500", "(failed >= ?)", 1, true},
		{"http.response.code <= 500", "(status <= ?)", 1, true},
		{"http.response.code in {200 500..599}", "(status = ? OR failed BETWEEN ? AND ?)", 3, true},
		{"http.response.code != 404", "((status IS NOT NULL) AND NOT coalesce((failed = ?), 0))", 1, true},
		{"!(http.host == A)", "NOT coalesce((host = ? OR bare = ?), 0)", 2, true},
		{"http.host", "(host IS NOT NULL OR bare IS NOT NULL)", 0, true},
		{"http.host contains a && http.cookie", "(instr(host, ?) > 0 OR instr(bare, ?) > 0)", 2, false},
		{"http.host matches a && http.response.code == 1", "(status = ?)", 1, false},
		{"http.cookie || http.response.code == 1", "1", 0, false},
		{"!(http.cookie && http.response.code == 1)", "1", 0, false},
		{"tls", "1", 0, false},
	} {
		f, err := Parse(test.expr)
		if err != nil {
			t.Fatal(err)
		}
		got := f.SQL(columns)
		if got.Text != test.text || len(got.Args) != test.args || got.Exact != test.exact {
			t.Errorf("%s: got %+v", test.expr, got)
		}
	}
}

// A name is that of the lookup behind a connection, and what a name server was
// asked for.
func TestMatchNames(t *testing.T) {
	tr, err := flow.Parse(`
conn 1  10.0.0.1:41258 -> 10.0.0.2:53  scheme dns
  +0.000 > query App.test type=A   +5.001 < answer app.test type=A rcode=NOERROR addresses=10.0.0.5
conn 2  10.0.0.1:51000 -> 10.0.0.5:80
  +-0.001 looked-up app.test result=found addresses=10.0.0.5 took_ms=5001 dns=c1   +0.000 > syn
conn 3  10.0.0.1:51001 -> 10.0.0.6:80
  +0.000 > syn
`)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ expr, want string }{
		{`dns.name == app.test`, "c1 c2"},
		{`dns.qry.name contains "app"`, "c1 c2"},
		{`dns.time > 1s`, "c2"},
		{`dns.time < 1s`, ""},
	} {
		f, err := Parse(test.expr)
		if err != nil {
			t.Fatal(err)
		}
		if got := matched(f, tr); got != test.want {
			t.Errorf("%s matched %q, want %q", test.expr, got, test.want)
		}
	}
}
