package foreignlog

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"fanlight/internal/flow"
)

// seen is a gateway with two clients: each asks for /slow, one a minute after
// the other, and the second is also seen on the origin's side.
const seen = `conn 1  192.0.2.10:40001 -> 10.0.0.1:443  at 2026-11-21T10:00:00Z
  +0.000 syn  +0.001 established
  +0.100 > GET /slow http=1.1 x1
    > Host: shop.test
  +0.100 > request-done 0 B x1
  +60.100 < 504 "Gateway Timeout" x1  +60.101 < response-done 0 B x1  +60.200 fin by client
conn 2  192.0.2.11:40002 -> 10.0.0.1:443  at 2026-11-21T10:01:30Z
  +0.000 syn  +0.001 established
  +0.100 > GET /slow http=1.1 x2
    > Host: shop.test
  +0.100 > request-done 0 B x2
  +60.100 < 504 "Gateway Timeout" x2  +60.101 < response-done 0 B x2  +60.200 fin by client
conn 3  10.0.0.1:50000 -> 10.0.0.5:8443  at 2026-11-21T10:01:30Z
  +0.000 syn  +0.001 established
  +0.100 > GET /slow http=1.1 x3
    > Host: 10.0.0.5:8443
  +0.100 > request-done 0 B x3
conn 4  192.0.2.12:40003 -> 10.0.0.1:443  at 2026-11-21T10:02:00Z
  +0.000 syn  +0.001 established  +1.000 rst by client
`

func ties(t *testing.T, log string, o Options) (*Ties, []*Line) {
	t.Helper()
	trace, err := flow.Parse(seen)
	if err != nil {
		t.Fatal(err)
	}
	_, lines := readAll(t, strings.NewReader(log), o)
	out := NewTies(trace)
	for _, l := range lines {
		out.Learn(l)
	}
	out.Settle()
	return out, lines
}

func TestTies(t *testing.T) {
	haproxy := func(client, at, target string) string {
		return fmt.Sprintf(`%s [21/Nov/2026:%s] web app/s1 0/0/0/-1/60000 504 198 - - sH-- 1/1/0/0/0 0/0 "GET %s HTTP/1.1"`, client, at, target)
	}
	access := func(client, at string, status int) string {
		return fmt.Sprintf(`%s - - [21/Nov/2026:%s +0000] "GET /slow HTTP/1.1" %d 0 "-" "-"`, client, at, status)
	}
	tests := []struct{ name, log, want string }{
		{"address and port", haproxy("192.0.2.10:40001", "10:00:00.100", "/slow"), "c1 x1 proof"},
		{"another port of that client", haproxy("192.0.2.10:40009", "10:00:00.100", "/slow"), "none"},
		{"another target", haproxy("192.0.2.10:40001", "10:00:00.100", "/fast"), "none"},
		{"address alone, at the end", access("192.0.2.11", "10:02:30", 504), "c2 x2 likely"},
		{"the client of nginx left: 499 was never sent", access("192.0.2.11", "10:02:30", 499), "c2 x2 likely"},
		{"another status, but no answer was seen at the origin", access("192.0.2.11", "10:02:30", 200), "c3 x3 possible"},
		{"both sides by the origin's address", `2026/11/21 10:02:30 [error] 1#1: *1 upstream timed out (110: x) while reading response header from upstream, client: 192.0.2.11, server: shop.test, request: "GET /slow HTTP/1.1", upstream: "https://10.0.0.5:8443/slow", host: "shop.test"`,
			"c2 x2 likely, origin c3 x3"},
		{"a connection without a request", "192.0.2.12:40003 [21/Nov/2026:10:02:01.000] web/1: SSL handshake failure", "c4 proof"},
		{"the exchange of a connection", "[Sat Nov 21 10:02:30.100000 2026] [proxy:error] [pid 1] [client 192.0.2.11:40002] AH01102: error reading status line from remote server 10.0.0.5:8443", "c2 x2 proof"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ties, lines := ties(t, tt.log, Options{})
			if got := tieText(ties, lines[0]); got != tt.want {
				t.Errorf("tied to %s, want %s", got, tt.want)
			}
		})
	}
}

func tieText(ties *Ties, l *Line) string {
	tie, found := ties.Of(l)
	if !found {
		return "none"
	}
	out := tie.Conn.String()
	if tie.Exchange != 0 {
		out += " " + tie.Exchange.String()
	}
	out += " " + tie.Confidence
	if tie.Origin != 0 {
		out += ", origin " + tie.Origin.String() + " " + tie.OriginExchange.String()
	}
	return out
}

// TestClock: a difference is taken from what most lines agree on, and the
// smallest of those that nearly as many agree on, because requests repeat.
func TestClock(t *testing.T) {
	lines := func(zone string) string {
		return `192.0.2.10 - - [21/Nov/2026:10:01:00 ` + zone + `] "GET /slow HTTP/1.1" 504 0 "-" "-"
192.0.2.11 - - [21/Nov/2026:10:02:30 ` + zone + `] "GET /slow HTTP/1.1" 504 0 "-" "-"
192.0.2.99 - - [21/Nov/2026:10:02:30 ` + zone + `] "GET /unknown HTTP/1.1" 504 0 "-" "-"
`
	}
	tests := []struct {
		name, log string
		want      time.Duration
		evidence  int
		tied      bool
	}{
		{"the same", lines("+0000"), 0, 2, true},
		{"an hour ahead", lines("-0100"), time.Hour, 2, true},
		{"two hours behind", lines("+0200"), -2 * time.Hour, 2, true},
		{"one line without a common address", strings.Replace(strings.Split(lines("+0000"), "\n")[1], "192.0.2.11", "192.0.2.77", 1), 0, 0, true},
		{"nothing fits", strings.Split(lines("+0000"), "\n")[2], 0, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ties, lines := ties(t, tt.log, Options{})
			if (ties.Offset-tt.want).Abs() > slack || ties.Evidence != tt.evidence {
				t.Errorf("offset %v by %d lines, want %v by %d", ties.Offset, ties.Evidence, tt.want, tt.evidence)
			}
			if _, found := ties.Of(lines[0]); found != tt.tied {
				t.Errorf("first line tied: %v", found)
			}
		})
	}
}
