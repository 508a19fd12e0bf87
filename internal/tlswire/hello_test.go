package tlswire_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"slices"
	"strings"
	"testing"

	"fanlight/internal/tlswire"
)

func vec(size int, b ...byte) []byte {
	out := make([]byte, size, size+len(b))
	for n, i := len(b), size-1; i >= 0; n, i = n>>8, i-1 {
		out[i] = byte(n)
	}
	return append(out, b...)
}

func ext(id uint16, data ...byte) []byte {
	return append([]byte{byte(id >> 8), byte(id)}, vec(2, data...)...)
}

// helloBody is a ClientHello body with the given extensions.
func helloBody(extensions ...[]byte) []byte {
	return slices.Concat([]byte{3, 3}, bytes.Repeat([]byte{7}, 32), vec(1, 1, 2, 3), vec(2, 0x0a, 0x0a, 0x13, 0x01, 0, 0xff), vec(1, 0), vec(2, slices.Concat(extensions...)...))
}

func fullHello() []byte {
	return helloBody(
		ext(0x1a1a),
		ext(0, vec(2, append([]byte{0}, vec(2, []byte("app.example")...)...)...)...),
		ext(10, vec(2, 0x2a, 0x2a, 0, 29)...),
		ext(11, vec(1, 0)...),
		ext(13, vec(2, 4, 3)...),
		ext(16, vec(2, vec(1, []byte("h2")...)...)...),
		ext(35, 1, 2, 3),
		ext(42), ext(49), ext(23), ext(0xfe0d, 0),
		ext(43, vec(1, 3, 3, 0x3a, 0x3a, 3, 4)...),
		ext(51, vec(2, slices.Concat([]byte{0x2a, 0x2a}, vec(2, 0), []byte{0, 29}, vec(2, make([]byte, 32)...))...)...),
		ext(41),
	)
}

func TestClientHelloFields(t *testing.T) {
	h, err := tlswire.ParseClientHello(fullHello())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, h.Versions, []uint16{0x0304, 0x0303})
	equal(t, h.CipherSuites, []uint16{0x0a0a, 0x1301, 0x00ff})
	equal(t, h.Extensions, []uint16{0x1a1a, 0, 10, 11, 13, 16, 35, 42, 49, 23, 0xfe0d, 43, 51, 41})
	equal(t, h.Groups, []uint16{0x2a2a, 29})
	equal(t, h.KeyShares, []tlswire.KeyShare{{Group: 0x2a2a, Length: 1}, {Group: 29, Length: 32}})
	equal(t, h.SignatureAlgorithms, []uint16{0x0403})
	equal(t, h.SessionID, []byte{1, 2, 3})
	if h.SNI != "app.example" || h.SessionTicket != (tlswire.Ticket{Offered: true, Length: 3}) || h.Random[31] != 7 {
		t.Errorf("got %+v", h)
	}
	if !h.PostHandshakeAuth || !h.EarlyData || !h.PSK || !h.RenegotiationInfo || !h.ExtendedMasterSecret || !h.ECH {
		t.Errorf("got %+v", h)
	}
}

func TestClientHelloFaults(t *testing.T) {
	for _, c := range []struct {
		name string
		body []byte
		want string
	}{
		{"nothing", nil, "parse ClientHello: it ends inside a field"},
		{"odd cipher suites", slices.Concat([]byte{3, 3}, make([]byte, 32), vec(1), vec(2, 1, 2, 3), vec(1, 0)), "parse ClientHello: it ends inside a field"},
		{"trailing bytes", append(helloBody(), 1, 2), "parse ClientHello: 2 bytes follow its extensions"},
		{"short SNI", helloBody(ext(0, 0, 9), ext(49)), "parse ClientHello: extension server_name is malformed"},
		{"odd versions", helloBody(ext(43, 3, 3, 4, 3), ext(49)), "parse ClientHello: extension supported_versions is malformed"},
		{"unknown SNI type only", helloBody(ext(0, vec(2, 9, 0, 1, 'x')...), ext(49)), ""},
	} {
		h, err := tlswire.ParseClientHello(c.body)
		if c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != c.want) {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
		if bytes.HasSuffix(c.body, ext(49)) && !h.PostHandshakeAuth {
			t.Errorf("%s: the extension after the fault was not read", c.name)
		}
	}
}

// TestTruncation cuts each message everywhere: an error but where the message
// is legal without what follows.
func TestTruncation(t *testing.T) {
	clientHello, serverHello := fullHello(), serverHelloBody()
	request := slices.Concat(vec(1, 1, 64), vec(2, 4, 3), vec(2, vec(2, 0x30, 0)...))
	for _, c := range []struct {
		name  string
		body  []byte
		legal int // also complete at this length
		parse func([]byte) error
	}{
		{"ClientHello", clientHello, len(helloBody()) - 2, func(b []byte) error { _, err := tlswire.ParseClientHello(b); return err }},
		{"ServerHello", serverHello, 2 + 32 + 4 + 2 + 1, func(b []byte) error { _, err := tlswire.ParseServerHello(b); return err }},
		{"Certificate", vec(3, slices.Concat(vec(3, 1, 2), vec(3, 3))...), -1, func(b []byte) error { _, err := tlswire.ParseCertificate12(b); return err }},
		{"CertificateRequest", request, -1, func(b []byte) error { _, err := tlswire.ParseCertificateRequest12(b); return err }},
	} {
		for n := range c.body {
			if err := c.parse(c.body[:n:n]); (err == nil) != (n == c.legal) {
				t.Errorf("%s cut to %d of %d bytes: %v", c.name, n, len(c.body), err)
			}
		}
		if err := c.parse(c.body); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if err := c.parse(append(slices.Clone(c.body), 0)); err == nil {
			t.Errorf("%s: one byte too many was not noticed", c.name)
		}
	}
}

func serverHelloBody() []byte {
	retry := sha256.Sum256([]byte("HelloRetryRequest"))
	return slices.Concat([]byte{3, 3}, retry[:], vec(1, 1, 2, 3), []byte{0x13, 1, 0},
		vec(2, slices.Concat(ext(43, 3, 4), ext(51, 0, 24), ext(16, vec(2, vec(1, 'h', '2')...)...), ext(41), ext(35), ext(0xff01, 0), ext(23))...))
}

func TestServerHelloFields(t *testing.T) {
	h, err := tlswire.ParseServerHello(serverHelloBody())
	if err != nil {
		t.Fatal(err)
	}
	if h.Version != 0x0304 || h.Cipher != 0x1301 || h.Group != 24 || h.ALPN != "h2" || !h.HelloRetryRequest || !h.PSK ||
		!h.SessionTicket || !h.RenegotiationInfo || !h.ExtendedMasterSecret || h.Length != len(serverHelloBody())+4 {
		t.Errorf("got %+v", h)
	}
	equal(t, h.Extensions, []uint16{43, 51, 16, 41, 35, 0xff01, 23})
}

func TestResumedUnknown(t *testing.T) {
	c := &tlswire.ClientHello{SessionTicket: tlswire.Ticket{Offered: true, Length: 99}}
	if _, known := (&tlswire.ServerHello{Version: 0x0303}).Resumed(c); known {
		t.Error("a ticket without a session id cannot show")
	}
	if resumed, known := (&tlswire.ServerHello{Version: 0x0303}).Resumed(&tlswire.ClientHello{}); resumed || !known {
		t.Error("a client that offers no session resumes none")
	}
}

func TestCertificateRequestUnreadableName(t *testing.T) {
	q, err := tlswire.ParseCertificateRequest12(slices.Concat(vec(1, 1), vec(2, vec(2, 0xde, 0xad)...)))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, q.Authorities, []string{"#dead"})
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{tlswire.VersionName(0x0002), "ssl2"}, {tlswire.VersionName(0x0300), "ssl3"}, {tlswire.VersionName(0x0301), "1.0"},
		{tlswire.VersionName(0x0304), "1.3"}, {tlswire.VersionName(0x0305), "0x0305"}, {tlswire.VersionName(0x7f1c), "1.3-draft28"}, {tlswire.VersionName(0x7a7a), ""},
		{tlswire.CipherName(0x0035), "TLS_RSA_WITH_AES_256_CBC_SHA"}, {tlswire.CipherName(0xfafa), ""}, {tlswire.CipherName(0xfafb), "0xfafb"},
		{tlswire.GroupName(29), "x25519"}, {tlswire.GroupName(4588), "X25519MLKEM768"}, {tlswire.GroupName(0x1a1a), ""}, {tlswire.GroupName(0x1a1b), "0x1a1b"},
		{tlswire.AlertName(112), "unrecognized_name"}, {tlswire.AlertName(0), "close_notify"}, {tlswire.AlertName(100), "no_renegotiation"}, {tlswire.AlertName(200), "alert 200"},
		{tlswire.HandshakeName(0), "hello_request"}, {tlswire.HandshakeName(200), "handshake 200"},
		{tlswire.ExtensionName(49), "post_handshake_auth"}, {tlswire.ExtensionName(4242), "extension 4242"}, {tlswire.ExtensionName(0x0a0a), ""},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if got := tlswire.CipherName(suite.ID); got != suite.Name {
			t.Errorf("0x%04x: got %s, want %s", suite.ID, got, suite.Name)
		}
	}
	unknownToGo := []int{41, 52, 117}
	for code := range 256 {
		if slices.Contains(unknownToGo, code) {
			continue
		}
		alert, ours := tls.AlertError(code).Error(), tlswire.AlertName(uint8(code))
		if known := !strings.Contains(alert, "alert("); known == strings.HasPrefix(ours, "alert ") {
			t.Errorf("alert %d: crypto/tls says %q, we say %q", code, alert, ours)
		}
	}
}

func TestGREASE(t *testing.T) {
	n := 0
	for v := range 1 << 16 {
		if tlswire.IsGREASE(uint16(v)) {
			n++
		}
	}
	if n != 16 || !tlswire.IsGREASE(0x0a0a) || tlswire.IsGREASE(0x0a1a) || !tlswire.IsGREASE(0xfafa) {
		t.Errorf("%d values are GREASE, RFC 8701 has 16", n)
	}
}

func TestParseAlert(t *testing.T) {
	for _, c := range []struct {
		in          string
		level, code uint8
		ok          bool
	}{
		{"\x02\x28", 2, 40, true}, {"\x01\x00", 1, 0, true}, {"\x03\x00", 0, 0, false}, {"\x02", 0, 0, false}, {"\x02\x28\x00", 0, 0, false}, {"", 0, 0, false},
	} {
		if level, code, ok := tlswire.ParseAlert([]byte(c.in)); level != c.level || code != c.code || ok != c.ok {
			t.Errorf("%q: got %d, %d, %v", c.in, level, code, ok)
		}
	}
}

// TestJA4Edges: what the captures do not show. The first parts were counted by
// hand after the specification.
func TestJA4Edges(t *testing.T) {
	for _, c := range []struct {
		hello tlswire.ClientHello
		want  string
	}{
		{tlswire.ClientHello{Version: 0x0301}, "t10i000000_000000000000_000000000000"},
		{tlswire.ClientHello{Version: 0x0300, Versions: []uint16{0x0300}, ALPN: []string{"h"}}, "ts3i0000hh_000000000000_000000000000"},
		{tlswire.ClientHello{Version: 0x0303, ALPN: []string{"\x0a\x0a"}}, "t12i00000a_000000000000_000000000000"},
		{tlswire.ClientHello{Version: 0x0303, ALPN: []string{"a\xff"}}, "t12i00006f_000000000000_000000000000"},
		{tlswire.ClientHello{Version: 0x4242, CipherSuites: []uint16{0x0a0a}, Extensions: []uint16{0xfafa, 0}}, "t00d000100_000000000000_000000000000"},
	} {
		if got := tlswire.JA4(&c.hello, 't'); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func FuzzClientHello(f *testing.F) {
	f.Add(fullHello())
	f.Add(helloBody())
	f.Add(helloBody(ext(0, 0, 9), ext(43, 3, 3, 4, 3)))
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		h, err := tlswire.ParseClientHello(body)
		if h == nil {
			t.Fatalf("no hello, %v", err)
		}
		tlswire.JA3(h)
		if ja4 := tlswire.JA4(h, 't'); len(ja4) != 10+1+12+1+12 {
			t.Errorf("JA4 %q", ja4)
		}
		if !bytes.Equal(body, before) {
			t.Error("the body was changed")
		}
	})
}

func FuzzServerHello(f *testing.F) {
	f.Add(serverHelloBody())
	f.Add(slices.Concat([]byte{3, 1}, make([]byte, 32), vec(1), []byte{0, 0x2f, 0}))
	f.Fuzz(func(t *testing.T, body []byte) {
		h, err := tlswire.ParseServerHello(body)
		if h == nil {
			t.Fatalf("no hello, %v", err)
		}
		h.Resumed(&tlswire.ClientHello{SessionID: h.SessionID})
		tlswire.ParseCertificate12(body)
		if q, err := tlswire.ParseCertificateRequest12(body); (q == nil) == (err == nil) {
			t.Errorf("got %v, %v", q, err)
		}
	})
}

func TestTickets(t *testing.T) {
	psk := ext(41, slices.Concat(vec(2, slices.Concat(vec(2, 't', '1'), []byte{0, 0, 0, 1}, vec(2, 't', '2'), []byte{0, 0, 0, 2})...), vec(2, vec(1, 0)...))...)
	hello := func(id []byte, extensions ...[]byte) *tlswire.ClientHello {
		body := slices.Concat([]byte{3, 3}, make([]byte, 32), vec(1, id...), vec(2, 0x13, 1), vec(1, 0), vec(2, slices.Concat(extensions...)...))
		h, err := tlswire.ParseClientHello(body)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	one, two := tlswire.Fingerprint([]byte("t1")), tlswire.Fingerprint([]byte("t2"))
	equal(t, hello([]byte("t9"), ext(43, vec(1, 3, 4)...), psk).Tickets, []string{one, two})
	equal(t, hello(nil, ext(35, 't', '1')).Tickets, []string{one})
	equal(t, hello([]byte("t2")).Tickets, []string{two})
	equal(t, hello([]byte("t2"), ext(43, vec(1, 3, 4)...)).Tickets, nil)
	if got := tlswire.NewTicket(slices.Concat(make([]byte, 4), vec(2, 't', '1')), false); got != one {
		t.Errorf("ticket of TLS 1.2: %q, want %q", got, one)
	}
	if got := tlswire.NewTicket(slices.Concat(make([]byte, 8), vec(1, 0), vec(2, 't', '2'), vec(2)), true); got != two {
		t.Errorf("ticket of TLS 1.3: %q, want %q", got, two)
	}
}

// TestVersionsOfGREASEAlone: a ClientHello with a session whose versions are all
// made up (RFC 8701) is read.
func TestVersionsOfGREASEAlone(t *testing.T) {
	body := append([]byte{3, 3}, make([]byte, 32)...)
	body = append(body, 1, 7, 0, 2, 0x13, 1, 1, 0, 0, 7, 0, 43, 0, 3, 2, 0x0a, 0x0a)
	h, err := tlswire.ParseClientHello(body)
	if err != nil || len(h.Versions) != 0 || len(h.Tickets) != 0 {
		t.Errorf("versions %v, tickets %v, error %v", h.Versions, h.Tickets, err)
	}
}
