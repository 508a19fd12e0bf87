package accesslog

import (
	"encoding/json"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/foreignlog"
)

func exchange() (*flow.Conn, *flow.Exchange) {
	at := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	c := &flow.Conn{ID: 7, Client: netip.MustParseAddrPort("10.0.0.7:40000"), Proxied: netip.MustParseAddrPort("203.0.113.9:4711"),
		Server: netip.MustParseAddrPort("192.0.2.1:443"), Site: "shop"}
	x := &flow.Exchange{ID: 12, Conn: 7, HTTP: "1.1", Method: "GET", Scheme: "https", Host: "shop.test", Target: "/a b?token=geheim&x=1", Status: 200,
		RequestHeader: []flow.Field{{Name: "User-Agent", Value: "curl/8 \"quoted\" \\ \x1b[31m\nnext ü"}, {Name: "Referer", Value: "https://a.test/?password=geheim"}},
		Started:       at, Responded: at.Add(time.Second), ResponseDone: at.Add(1500 * time.Millisecond), Ended: at.Add(1500 * time.Millisecond), ResponseBodyBytes: 4096, Outcome: flow.Complete}
	x.Target = "/a%20b?token=geheim&x=1"
	return c, x
}

func line(t *testing.T, format string, c *flow.Conn, x *flow.Exchange) string {
	t.Helper()
	out := string(Formats()[format].Line(nil, c, x, flow.NewMask([]byte("key"))))
	if strings.Count(out, "\n") != 1 || !strings.HasSuffix(out, "\n") || strings.ContainsAny(out, "\x1b\r") || strings.Contains(out, "geheim") {
		t.Errorf("%s: %q", format, out)
	}
	return out
}

// goAccess is how programs that read the combined format take a line apart.
var goAccess = regexp.MustCompile(`^(\S+) (\S+) (\S+) \[([^\]]+)\] "((?:[^"\\]|\\.)*)" (\d{3}) (\d+|-) "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)"\n$`)

func TestCombined(t *testing.T) {
	c, x := exchange()
	out := line(t, "combined", c, x)
	m := goAccess.FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("not the combined format: %q", out)
	}
	for i, want := range map[int]string{1: "203.0.113.9", 6: "200", 7: "4096", 9: `curl/8 \"quoted\" \\ \x1B[31m\nnext \xC3\xBC`} {
		if m[i] != want {
			t.Errorf("field %d: %q, want %q", i, m[i], want)
		}
	}
	if !strings.HasPrefix(m[5], "GET /a%20b?token=") || !strings.HasSuffix(m[5], "&x=1 HTTP/1.1") {
		t.Errorf("request line %q", m[5])
	}
	x.Status, x.ResponseDone, x.Method, x.RequestHeader = 0, time.Time{}, "", nil
	if out := line(t, "combined", c, x); !strings.HasSuffix(out, ` "-" 000 - "-" "-"`+"\n") {
		t.Errorf("without a response: %q", out)
	}
}

// What was not seen of a request is not guessed.
func TestNoRequest(t *testing.T) {
	c, x := exchange()
	x.Method, x.Target, x.HTTP, x.Host, x.RequestHeader, x.Status = "", "", "", "", nil, 408
	fields := strings.Fields(line(t, "w3c", c, x))
	for i, name := range strings.Fields(w3cFields) {
		if strings.HasPrefix(name, "cs") && fields[i] != "-" {
			t.Errorf("%s is %q of no request", name, fields[i])
		}
	}
}

// Each line is understood by our own reader of such logs.
func TestReadBack(t *testing.T) {
	for _, format := range []string{"combined", "w3c"} {
		c, x := exchange()
		var b strings.Builder
		if header := Formats()[format].Header; header != nil {
			b.WriteString(header(x.Started))
		}
		b.WriteString(line(t, format, c, x))
		x.Status, x.Target, x.HTTP = 404, "/none", "2"
		b.WriteString(line(t, format, c, x))
		r, err := foreignlog.NewReader(strings.NewReader(b.String()), foreignlog.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []int{200, 404} {
			l, err := r.Next()
			if err != nil {
				t.Fatalf("%s: %v in %s", format, err, b.String())
			}
			if l.Status != want || l.Method != "GET" || l.Client.Addr() != c.Proxied.Addr() || !l.Time.Equal(x.Ended.Truncate(time.Second)) || !strings.HasPrefix(x.Target+l.Target, x.Target+"/") {
				t.Errorf("%s: %+v", format, l)
			}
		}
	}
}

func TestW3C(t *testing.T) {
	c, x := exchange()
	header := Formats()["w3c"].Header(x.Started)
	_, names, _ := strings.Cut(header, "#Fields: ")
	fields, values := strings.Fields(names), strings.Fields(line(t, "w3c", c, x))
	if len(fields) != len(values) {
		t.Fatalf("%d fields, %d values: %q", len(fields), len(values), values)
	}
	got := map[string]string{}
	for i, name := range fields {
		got[name] = values[i]
	}
	for name, want := range map[string]string{"date": "2026-11-21", "time": "10:00:01", "s-ip": "192.0.2.1", "s-port": "443", "cs-uri-stem": "/a%20b", "c-ip": "203.0.113.9",
		"sc-status": "200", "sc-substatus": "-", "time-taken": "1500", "sc-bytes": "4096", "cs-host": "shop.test", "cs(User-Agent)": `curl/8+"quoted"+\+%1B[31m%0Anext+%C3%BC`} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
}

// The sub-status is that of IIS where the door has one to tell.
func TestSubStatus(t *testing.T) {
	c, x := exchange()
	x.Status, x.SubStatus = 404, 5
	if out := line(t, "w3c", c, x); !strings.Contains(out, " 404 5 - 1500 ") {
		t.Errorf("w3c: %s", out)
	}
	if out := line(t, "json", c, x); !strings.Contains(out, `"substatus":5`) {
		t.Errorf("json: %s", out)
	}
}

func TestJSON(t *testing.T) {
	c, x := exchange()
	var r Record
	if err := json.Unmarshal([]byte(line(t, "json", c, x)), &r); err != nil {
		t.Fatal(err)
	}
	if r.Client != "203.0.113.9" || r.Peer != "10.0.0.7:40000" || *r.Bytes != 4096 || *r.TotalMS != 1500 || r.Status != 200 || r.ID != "x12" {
		t.Errorf("%+v", r)
	}
}
