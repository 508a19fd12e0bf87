package httpwire

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const browserRequest = "GET /orders/2026/list?page=3&sort=date HTTP/1.1\r\n" +
	"Host: orders.example.test\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n" +
	"Accept-Language: de-DE,de;q=0.9,en;q=0.8\r\n" +
	"Accept-Encoding: gzip, deflate, br\r\n" +
	"Cookie: session=0123456789abcdef\r\n" +
	"Cache-Control: max-age=0\r\n" +
	"Connection: keep-alive\r\n" +
	"\r\n"

func parsedRequest(t *testing.T, raw string) *Head {
	t.Helper()
	var h Head
	n, err := h.ParseRequest([]byte(raw), Limits{})
	if err != nil || n == 0 {
		t.Fatalf("ParseRequest(%q) = %d, %v", raw, n, err)
	}
	return &h
}

func parsedResponse(t *testing.T, raw string) *Head {
	t.Helper()
	var h Head
	n, err := h.ParseResponse([]byte(raw), Limits{})
	if err != nil || n == 0 {
		t.Fatalf("ParseResponse(%q) = %d, %v", raw, n, err)
	}
	return &h
}

func TestParseRequest(t *testing.T) {
	h := parsedRequest(t, browserRequest+"GET /next")
	if got := string(h.Buf); got != browserRequest {
		t.Errorf("Buf = %q", got)
	}
	if m, tg := string(h.Bytes(h.Method)), string(h.Bytes(h.Target)); m != "GET" || tg != "/orders/2026/list?page=3&sort=date" {
		t.Errorf("request line %q %q", m, tg)
	}
	if h.Minor != 1 || len(h.Fields) != 8 || len(h.Irregular) != 0 {
		t.Errorf("minor %d, %d fields, irregular %v", h.Minor, len(h.Fields), h.Irregular)
	}
	if got := string(h.Get("cookie")); got != "session=0123456789abcdef" {
		t.Errorf("Cookie = %q", got)
	}
	_, lines, _ := strings.Cut(browserRequest, "\r\n")
	if got := string(h.FieldLines()); got+"\r\n" != lines {
		t.Errorf("FieldLines = %q", got)
	}
}

func TestParseResponse(t *testing.T) {
	const raw = "HTTP/1.0 404 Not \xe4 Found\r\nServer: x\r\nEmpty:\r\nserver:\ty \t\r\n\r\n"
	h := parsedResponse(t, raw+"body")
	if h.Status != 404 || h.Minor != 0 || string(h.Bytes(h.Reason)) != "Not \xe4 Found" || len(h.Irregular) != 0 {
		t.Errorf("got %d minor %d %q %v", h.Status, h.Minor, h.Bytes(h.Reason), h.Irregular)
	}
	if !h.Has("EMPTY") || h.Has("Server2") || h.Get("absent") != nil || len(h.Get("empty")) != 0 {
		t.Error("presence is told wrongly")
	}
	if got := string(h.Bytes(h.Fields[2].Name)) + "=" + string(h.Bytes(h.Fields[2].Value)); got != "server=y" {
		t.Errorf("third field %q", got)
	}
}

func TestTruncatedHeadIsIncomplete(t *testing.T) {
	for _, raw := range regularRequests {
		for cut := range len(raw) {
			var h Head
			if n, err := h.ParseRequest([]byte(raw[:cut]), Limits{}); n != 0 || err != nil {
				t.Errorf("ParseRequest(%q) = %d, %v", raw[:cut], n, err)
			}
		}
	}
	for _, raw := range regularResponses {
		for cut := range len(raw) {
			var h Head
			if n, err := h.ParseResponse([]byte(raw[:cut]), Limits{}); n != 0 || err != nil {
				t.Errorf("ParseResponse(%q) = %d, %v", raw[:cut], n, err)
			}
		}
	}
}

func TestRegularMessages(t *testing.T) {
	for _, raw := range regularRequests {
		if h := parsedRequest(t, raw); len(h.Irregular) != 0 || len(h.Buf) != len(raw) {
			t.Errorf("%q: %d bytes, irregular %v", raw, len(h.Buf), h.Irregular)
		}
	}
	for _, raw := range regularResponses {
		if h := parsedResponse(t, raw); len(h.Irregular) != 0 || len(h.Buf) != len(raw) {
			t.Errorf("%q: %d bytes, irregular %v", raw, len(h.Buf), h.Irregular)
		}
	}
}

// A head written from what was parsed parses to the same again.
func TestRoundTrip(t *testing.T) {
	for _, raw := range regularRequests {
		h := parsedRequest(t, raw)
		out := AppendRequestLine(nil, h.Bytes(h.Method), h.Bytes(h.Target))
		for _, f := range h.Fields {
			out = AppendField(out, string(h.Bytes(f.Name)), string(h.Bytes(f.Value)))
		}
		again := parsedRequest(t, string(append(out, "\r\n"...)))
		if diff := cmp.Diff(contents(h), contents(again)); diff != "" {
			t.Errorf("%q: %s", raw, diff)
		}
	}
}

func contents(h *Head) []string {
	all := []string{string(h.Bytes(h.Method)), string(h.Bytes(h.Target))}
	for _, f := range h.Fields {
		all = append(all, string(h.Bytes(f.Name)), string(h.Bytes(f.Value)))
	}
	return all
}

func TestHeadLimits(t *testing.T) {
	const regular = "GET /12345 HTTP/1.1\r\nHost: a\r\n\r\n"
	tests := []struct {
		name, raw string
		lim       Limits
		want      error
	}{
		{"just fits", regular, Limits{len(regular), 6, 1}, nil},
		{"one byte too long", regular, Limits{len(regular) - 1, 6, 1}, ErrHeadTooLarge},
		{"incomplete and full", regular[:25], Limits{25, 6, 1}, ErrHeadTooLarge},
		{"target", regular, Limits{0, 5, 0}, ErrTargetTooLong},
		{"target, line not complete", "GET /" + strings.Repeat("a", 30), Limits{0, 20, 0}, ErrTargetTooLong},
		{"target, more than the head may have", "GET /" + strings.Repeat("a", 30), Limits{25, 10, 0}, ErrTargetTooLong},
		{"fields", "GET / HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\n", Limits{0, 0, 1}, ErrTooManyFields},
		{"defaults", "GET / HTTP/1.1\r\n" + strings.Repeat("a: b\r\n", 201) + "\r\n", Limits{}, ErrTooManyFields},
		{"endless empty lines", strings.Repeat("\r\n", 40), Limits{64, 0, 0}, ErrHeadTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var h Head
			if _, err := h.ParseRequest([]byte(tt.raw), tt.lim); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
}

func TestKeepAlive(t *testing.T) {
	tests := []struct {
		head string
		want bool
	}{
		{"HTTP/1.1 200 OK\r\n\r\n", true},
		{"HTTP/1.1 200 OK\r\nConnection: Close\r\n\r\n", false},
		{"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nconnection: x , close\r\n\r\n", false},
		{"HTTP/1.1 200 OK\r\nConnection: closed\r\n\r\n", true},
		{"HTTP/1.0 200 OK\r\n\r\n", false},
		{"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n\r\n", true},
		{"HTTP/1.0 200 OK\r\nConnection: keep-alive, close\r\n\r\n", false},
		{"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n", false},
	}
	for _, tt := range tests {
		if got := parsedResponse(t, tt.head).KeepAlive(); got != tt.want {
			t.Errorf("%q: %v, want %v", tt.head, got, tt.want)
		}
	}
}

func TestHasToken(t *testing.T) {
	h := parsedRequest(t, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nupgrade: foo ,\tWebSocket\r\nX: close\r\n\r\n")
	for token, want := range map[string]bool{"websocket": true, "H2C": true, "foo": true, "web": false, "close": false} {
		if got := h.HasToken("Upgrade", token); got != want {
			t.Errorf("HasToken(%q) = %v", token, got)
		}
	}
}

func TestHopByHop(t *testing.T) {
	h := parsedRequest(t, "POST / HTTP/1.1\r\nHost: a\r\nConnection: close, X-Own, Host, Content-Length\r\nx-own: 1\r\n"+
		"TE: trailers\r\nContent-Length: 1\r\nTrailer: X\r\nProxy-Authorization: x\r\nAccept: y\r\n\r\n")
	var kept []string
	for _, f := range h.Fields {
		if !h.HopByHop(f) {
			kept = append(kept, string(h.Bytes(f.Name)))
		}
	}
	if diff := cmp.Diff([]string{"Host", "Content-Length", "Trailer", "Proxy-Authorization", "Accept"}, kept); diff != "" {
		t.Error(diff)
	}
}

func TestHeadIsReusedWithoutAllocation(t *testing.T) {
	var h Head
	raw, bad := []byte(browserRequest), []byte("GET /\x01 HTTP/1.1\r\na : b\r\n c\r\n\r\n")
	allocs := testing.AllocsPerRun(100, func() {
		_, _ = h.ParseRequest(bad, Limits{})
		_, _ = h.ParseRequest(raw, Limits{})
		_ = h.KeepAlive() && h.HasToken("Accept-Encoding", "br") && h.RequestFraming().Kind == NoBody
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
	if len(h.Irregular) != 0 || len(h.Fields) != 8 {
		t.Errorf("the head before shows through: %v", h.Irregular)
	}
	if h.Reset(); h.Buf != nil || len(h.Fields) != 0 || h.Get("Host") != nil || h.RequestFraming() != (Framing{}) {
		t.Error("Reset leaves something")
	}
}

func TestIrregularListIsBounded(t *testing.T) {
	h := parsedRequest(t, "GET / HTTP/1.1\r\n"+strings.Repeat("a:\x01\r\n", 100)+"Content-Length: x\r\n\r\n")
	if want := []string{BadFieldValue, BadFieldValue, BadFieldValue, BadFieldValue, BadLength, HostMissing}; !cmp.Equal(want, names(h.Irregular)) {
		t.Errorf("irregular %v", h.Irregular)
	}
}

func names(list []Irregularity) (names []string) {
	for _, i := range list {
		names = append(names, i.Name)
	}
	return names
}

func BenchmarkParseRequest(b *testing.B) {
	raw := []byte(browserRequest)
	var h Head
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if n, err := h.ParseRequest(raw, Limits{}); n != len(raw) || err != nil {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkParseResponse(b *testing.B) {
	raw := []byte("HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 10:00:00 GMT\r\nServer: Microsoft-IIS/10.0\r\n" +
		"Content-Type: text/html; charset=utf-8\r\nContent-Length: 1024\r\nETag: \"0123456789\"\r\n\r\n")
	var h Head
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if n, err := h.ParseResponse(raw, Limits{}); n != len(raw) || err != nil {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkChunkReader(b *testing.B) {
	body := append(bytes.Repeat(AppendChunk(nil, make([]byte, 4000)), 8), LastChunk...)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		var c ChunkReader
		for rest, done := body, false; !done; {
			_, n, end, err := c.Next(rest)
			if err != nil {
				b.Fatal(err)
			}
			rest, done = rest[n:], end
		}
	}
}
