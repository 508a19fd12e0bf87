package archive

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/testnet"
)

// TestReadSAZ: sessions as Fiddler keeps them, as a trace. What they do not say
// is not there.
func TestReadSAZ(t *testing.T) {
	raw := saz(t,
		"_index.htm", "<html>",
		"raw/10_c.txt", "GET https://shop.test/cart/17?sort=price HTTP/1.1\r\nHost: shop.test\r\nCookie: sid=1\r\n\r\n",
		"raw/10_s.txt", "HTTP/1.1 200 OK\r\nServer: Microsoft-IIS/10.0\r\nContent-Length: 5\r\n\r\nhello",
		"raw/10_m.xml", meta(1, "10:00:01", 52001, "192.0.2.80"),
		"raw/2_c.txt", "CONNECT shop.test:443 HTTP/1.1\r\nHost: shop.test:443\r\n\r\nA SSLv3-compatible ClientHello handshake was found.",
		"raw/2_s.txt", "HTTP/1.1 200 Connection Established\r\n\r\n",
		"raw/2_m.xml", meta(0, "10:00:00", 52001, "192.0.2.80"),
		`raw\011_c.txt`, "POST https://shop.test/pay HTTP/2\r\nHost: shop.test\r\nContent-Length: 3\r\n\r\na=b",
		"raw/011_s.txt", "HTTP/2 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nno!\r\n0\r\n\r\n",
		"raw/011_m.xml", meta(1, "10:00:02", 52001, "192.0.2.80"),
		"raw/12_c.txt", "GET http://gone.test/ HTTP/1.1\r\nHost: gone.test\r\n\r\n",
		"raw/12_s.txt", "HTTP/1.1 502 Fiddler - DNS Lookup Failed\r\nContent-Length: 0\r\n\r\n",
		"raw/12_m.xml", meta(256, "10:00:03", 0, ""),
		"raw/13_c.txt", "GET /plain HTTP/1.1\r\nHost: old.test\r\n\r\n",
		"raw/13_s.txt", "",
		"raw/14_c.txt", "GET http://old.test/film HTTP/1.1\r\nHost: old.test\r\n\r\n",
		"raw/14_s.txt", "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\ncut",
		"raw/14_m.xml", meta(0, "10:00:05", 52009, "*192.0.2.81"),
	)
	tr, err := ReadSAZ(bytes.NewReader(raw), int64(len(raw)), "shop.saz")
	if err != nil {
		t.Fatal(err)
	}
	testnet.Golden(t, "testdata/saz.flow", tr.String())
	for _, c := range tr.Conns {
		if c.Close.Ended || c.TLS != nil || c.Client.IsValid() {
			t.Errorf("%s: more is known than an archive says", c.ID)
		}
	}
	again, err := flow.Parse(tr.String())
	if err != nil || again.String() != tr.String() {
		t.Errorf("the trace does not parse back: %v", err)
	}
}

// meta is a session's metadata, of a request that takes 30 ms.
func meta(bits int, clock string, port int, server string) string {
	at := "2026-11-21T" + clock
	return fmt.Sprintf(`<?xml version="1.0" encoding="utf-8"?><Session SID="1" BitFlags="%d">
<SessionTimers ClientConnected="0001-01-01T00:00:00" ClientBeginRequest="%s.1000000+00:00" ClientDoneRequest="%s.1010000+00:00" ServerGotRequest="%s.1020000+00:00"
 ServerBeginResponse="%s.1200000" GotResponseHeaders="%s.1200000+00:00" ServerDoneResponse="%s.1300000+00:00" ClientDoneResponse="0001-01-01T00:00:00" DNSTime="0" />
<PipeInfo Reused="True" /><SessionFlags><SessionFlag N="X-HostIP" V="%s" /><SessionFlag N="x-egressport" V="%d" /></SessionFlags></Session>`,
		bits, at, at, at, at, at, at, server, port)
}

// TestSAZOfConversation packs what a client and a server really said.
func TestSAZOfConversation(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Path", r.URL.Path)
		fmt.Fprint(w, strings.Repeat("x", 100_000))
	}))
	defer server.Close()
	var members []string
	for i := range 3 {
		request := fmt.Sprintf("GET /page/%d HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", i, server.Listener.Addr())
		c, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.WriteString(c, request)
		response, err := io.ReadAll(c)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		members = append(members, fmt.Sprintf("raw/%03d_c.txt", i+1), request, fmt.Sprintf("raw/%03d_s.txt", i+1), string(response))
	}
	raw := saz(t, members...)
	tr, err := ReadSAZ(bytes.NewReader(raw), int64(len(raw)), "x.saz")
	if err != nil || len(tr.Conns) != 3 {
		t.Fatalf("%v, %d connections", err, len(tr.Conns))
	}
	for i, c := range tr.Conns {
		x := c.Exchanges[0]
		if path, _ := flow.Get(x.ResponseHeader, "X-Path"); x.Status != 200 || path != fmt.Sprintf("/page/%d", i) || x.Target != path {
			t.Errorf("exchange %d: %d %s, path %s", i, x.Status, x.Target, path)
		}
	}
}

func TestReadSAZFaults(t *testing.T) {
	request := "GET http://a.test/ HTTP/1.1\r\n\r\n"
	for _, test := range []struct {
		members []string
		want    string
		left    int // connections that could be read
	}{
		{[]string{"other.txt", "x"}, "has no Fiddler session", 0},
		{[]string{"raw/1_s.txt", "HTTP/1.1 200 OK\r\n\r\n"}, "session 1: read request: it is empty", 0},
		{[]string{"raw/1_c.txt", "not HTTP", "raw/2_c.txt", request}, "session 1: read request", 1},
		{[]string{"raw/1_c.txt", "GET http://u:secret@[/ HTTP/1.1\r\n\r\n", "raw/2_c.txt", "x"}, "it is no URL; 2 of 2 sessions", 0},
		{[]string{"raw/1_c.txt", request, "raw/1_s.txt", "oops"}, "session 1: read response", 1},
		{[]string{"raw/1_c.txt", request, "raw/1_m.xml", "<Session"}, "session 1: read metadata", 1},
		{[]string{"raw/1_c.txt", "GET /" + strings.Repeat("x", maxHead)}, "session 1: read request", 0},
	} {
		raw := saz(t, test.members...)
		tr, err := ReadSAZ(bytes.NewReader(raw), int64(len(raw)), "x.saz")
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: got error %v, want %q", test.members, err, test.want)
		}
		if tr != nil && len(tr.Conns) != test.left || tr == nil && test.left > 0 {
			t.Errorf("%q: %v", test.members, tr)
		}
	}
	if _, err := ReadSAZ(strings.NewReader("PK\x03\x04"), 4, "x.saz"); err == nil {
		t.Error("half a zip file is read")
	}
}

// TestSAZWithPassword: Fiddler encrypts members as zip does.
func TestSAZWithPassword(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateRaw(&zip.FileHeader{Name: "raw/1_c.txt", Flags: 1, CompressedSize64: 4, UncompressedSize64: 4})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(w, "????")
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadSAZ(bytes.NewReader(b.Bytes()), int64(b.Len()), "x.saz"); err == nil || !strings.Contains(err.Error(), "it is encrypted; save the archive without a password") {
		t.Errorf("got %v", err)
	}
}

// TestSAZBomb: a body that unpacks to much is never unpacked, and heads that do
// are cut.
func TestSAZBomb(t *testing.T) {
	raw := saz(t,
		"raw/1_c.txt", "GET http://a.test/ HTTP/1.1\r\n\r\n",
		"raw/1_s.txt", "HTTP/1.1 200 OK\r\n\r\n"+strings.Repeat("\x00", 64<<20),
		"raw/2_c.txt", "GET http://a.test/"+strings.Repeat("a", 64<<20),
	)
	tr, err := ReadSAZ(bytes.NewReader(raw), int64(len(raw)), "x.saz")
	if err == nil || !strings.Contains(err.Error(), "session 2") {
		t.Errorf("got %v", err)
	}
	if x := tr.Conns[0].Exchanges[0]; x.Status != 200 || x.ResponseBodyBytes != 64<<20 {
		t.Errorf("%d, %d bytes", x.Status, x.ResponseBodyBytes)
	}
	b := sazBuilder{budget: 1}
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	if head, err := b.begin(z.File[1]); err != nil || len(head) != maxHead {
		t.Errorf("%d bytes were unpacked: %v", len(head), err)
	}
	if _, err := b.begin(z.File[1]); err == nil || !strings.Contains(err.Error(), "exceeds") {
		t.Errorf("more is unpacked than may be: %v", err)
	}
}

// saz packs members, given as name and content.
func saz(t testing.TB, members ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(members); i += 2 {
		w, err := z.Create(members[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, members[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// FuzzReadSAZ has the members changed, for a changed zip file seldom unpacks.
func FuzzReadSAZ(f *testing.F) {
	f.Add("GET https://a.test/x HTTP/1.1\r\nHost: a.test\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", meta(1, "10:00:00", 1, "192.0.2.1"))
	f.Add("CONNECT a.test:443 HTTP/1.1\r\n\r\n", "", meta(256, "10:00:00", 1, "::1"))
	f.Add("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/2 204\r\n\r\n", "<Session/>")
	f.Fuzz(func(t *testing.T, request, response, about string) {
		raw := saz(t, "raw/1_c.txt", request, "raw/1_s.txt", response, "raw/1_m.xml", about, "raw/2_c.txt", request, "raw/2_m.xml", about)
		tr, err := ReadSAZ(bytes.NewReader(raw), int64(len(raw)), "x.saz")
		if tr == nil {
			return
		}
		if _, parsed := flow.Parse(tr.String()); parsed != nil {
			t.Errorf("the trace does not parse back: %v (%v)\n%s", parsed, err, tr)
		}
	})
}
