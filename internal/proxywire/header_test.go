package proxywire

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fromHAProxy is a header that HAProxy 2.6 sent with send-proxy-v2 and
// proxy-v2-options ssl,ssl-cipher,cert-sig,cert-key,authority,crc32c,unique-id.
const fromHAProxy = "0d0a0d0a000d0a515549540a2111008e7f0000017f000001e5e4480b0300041d27bb42010008687474702f312e310200086170702e74657374" +
	"05001b37463030303030313a453545345f37463030303030313a34383042" +
	"2000440100000000210007544c5376312e33250005454332353624001165636473612d776974682d534841323536230016544c535f4145535f3235365f47434d5f534841333834"

const fromHAProxy6 = "0d0a0d0a000d0a515549540a212100240000000000000000000000000000000100000000000000000000000000000001e082480c"

func raw(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParse(t *testing.T) {
	ap := netip.MustParseAddrPort
	local := []byte(signature2 + "\x20\x00\x00\x03abc")
	for _, c := range []struct {
		name string
		in   []byte
		want Header
	}{
		{"HAProxy, version 2", raw(t, fromHAProxy), Header{Version: 2, Client: ap("127.0.0.1:58852"), Server: ap("127.0.0.1:18443"), Transport: "tcp4",
			ALPN: "http/1.1", Authority: "app.test", UniqueID: []byte("7F000001:E5E4_7F000001:480B"), Checksum: true,
			TLS: &TLS{Used: true, Version: "TLSv1.3", Key: "EC256", Signature: "ecdsa-with-SHA256", Cipher: "TLS_AES_256_GCM_SHA384"}}},
		{"HAProxy, IPv6", raw(t, fromHAProxy6), Header{Version: 2, Client: ap("[::1]:57474"), Server: ap("[::1]:18444"), Transport: "tcp6"}},
		{"HAProxy, version 1", []byte("PROXY TCP4 127.0.0.1 127.0.0.1 36392 18445\r\n"), Header{Version: 1, Client: ap("127.0.0.1:36392"), Server: ap("127.0.0.1:18445"), Transport: "tcp4"}},
		{"the longest of IPv4", []byte("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), Header{Version: 1, Client: ap("255.255.255.255:65535"), Server: ap("255.255.255.255:65535"), Transport: "tcp4"}},
		{"the longest of IPv6", []byte("PROXY TCP6 ffff:f:ffff:ffff:ffff:ffff:ffff:ffff ffff:f:ffff:ffff:ffff:ffff:ffff:ffff 65535 0\r\n"),
			Header{Version: 1, Client: ap("[ffff:f:ffff:ffff:ffff:ffff:ffff:ffff]:65535"), Server: ap("[ffff:f:ffff:ffff:ffff:ffff:ffff:ffff]:0"), Transport: "tcp6"}},
		{"a client that is not known", []byte("PROXY UNKNOWN whatever else\r\n"), Header{Version: 1, Local: true, Transport: "unspecified"}},
		{"a check by the sender", local, Header{Version: 2, Local: true, Transport: "unspecified"}},
		{"no family", []byte(signature2 + "\x21\x00\x00\x02xy"), Header{Version: 2, Transport: "unspecified"}},
		{"a Unix socket", []byte(signature2 + "\x21\x31\x00\xd8" + strings.Repeat("p", 216)), Header{Version: 2, Transport: "unix"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, n, err := Parse(append(c.in, "GET"...))
			if err != nil || n != len(c.in) {
				t.Fatalf("length %d of %d, error %v", n, len(c.in), err)
			}
			if diff := cmp.Diff(c.want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
				t.Error(diff)
			}
			for i := range c.in {
				if _, n, err := Parse(c.in[:i]); n != 0 || err != nil {
					t.Fatalf("of the first %d bytes: %d, %v, want more asked for", i, n, err)
				}
			}
		})
	}
}

func TestMalformed(t *testing.T) {
	damaged := raw(t, fromHAProxy)
	damaged[17]++
	short := []byte(signature2 + "\x21\x11\x00\x0b" + strings.Repeat("x", 11))
	v2 := func(extras string) string {
		b := append([]byte(signature2+"\x21\x11\x00\x00"), "\x01\x02\x03\x04\x05\x06\x07\x08\x00\x01\x00\x02"+extras...)
		binary.BigEndian.PutUint16(b[14:], uint16(len(b)-16))
		return string(b)
	}
	for in, want := range map[string]string{
		string(damaged):       "checksum is wrong",
		string(short):         "too few",
		v2("\x02\x00"):        "left at its end",
		v2("\x02\x00\x05ab"):  "goes on behind its end",
		v2("\x03\x00\x02ab"):  "not 4 bytes",
		v2("\x20\x00\x03abc"): "is 3 bytes long",
		v2("\x05\x00\x81" + strings.Repeat("i", 129)):                 "unique id of 129",
		signature2 + "\x11\x11\x00\x0c123456789012":                   "version 1",
		signature2 + "\x22\x11\x00\x0c123456789012":                   "command 2",
		signature2 + "\x21\x12\x00\x0c123456789012":                   "0x12",
		signature2 + "\x21\x11\xff\xff":                               "more than",
		"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n":                            "4 words",
		"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n":                        "6 words",
		"PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n":                         "6 words",
		"PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n":                         `"01" is no port`,
		"PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n":                         `"+1" is no port`,
		"PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n":                      "no port",
		"PROXY TCP4 ::1 ::2 1 2\r\n":                                  "no address of TCP4",
		"PROXY TCP6 1.2.3.4 ::2 1 2\r\n":                              "no address of TCP6",
		"PROXY TCP6 fe80::1%eth0 ::2 1 2\r\n":                         "no address",
		"PROXY TCP4 1.2.3.04 5.6.7.8 1 2\r\n":                         "no address",
		"PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n":                          "UDP4",
		"PROXY tcp4 1.2.3.4 5.6.7.8 1 2\r\n":                          "tcp4",
		"PROXY \r\n":                                                  "none of",
		"PROXY " + strings.Repeat("x", 200):                           "does not end",
		"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n" + strings.Repeat("\n", 90): "does not end",
	} {
		_, _, err := Parse([]byte(in))
		var m *Malformed
		if !errors.As(err, &m) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
	for _, in := range []string{"GET / HTTP/1.1\r\n", "PROXX", "\x16\x03\x01", "\r\n\r\nG", "proxy TCP4"} {
		if _, _, err := Parse([]byte(in)); !errors.Is(err, NotAHeader{}) {
			t.Errorf("%q: %v, want that it is none", in, err)
		}
	}
}

func TestAppend(t *testing.T) {
	ap := netip.MustParseAddrPort
	for _, h := range []Header{
		{Client: ap("192.0.2.1:1"), Server: ap("198.51.100.2:65535")},
		{Client: ap("[2001:db8::1]:40000"), Server: ap("[2001:db8::2]:443")},
		{Client: ap("192.0.2.1:1"), Server: ap("[2001:db8::2]:443")},
		{Local: true},
		{},
	} {
		for version := 1; version <= 2; version++ {
			h.Version = version
			wire := h.Append([]byte("before"))[len("before"):]
			got, n, err := Parse(wire)
			if err != nil || n != len(wire) {
				t.Fatalf("%+v: %d of %d, %v", h, n, len(wire), err)
			}
			if got.Client != h.Client || got.Server != h.Server || got.Local == h.Client.IsValid() {
				t.Errorf("%+v became %+v (%q)", h, got, wire)
			}
		}
	}
	named := Header{Version: 2, Client: ap("192.0.2.1:1"), Server: ap("192.0.2.2:2"), Authority: "shop.test"}
	if got, _, err := Parse(named.Append(nil)); err != nil || got.Authority != "shop.test" {
		t.Errorf("the authority became %+v, %v", got, err)
	}
}

func TestFactsAreSafe(t *testing.T) {
	h := Header{Authority: "a\x1b[31m", ALPN: "\u009b31m", UniqueID: []byte{0, 1, 0xfe}, TLS: &TLS{Name: "x\r\ny"}}
	for _, fact := range h.Facts() {
		if strings.ContainsAny(fact, "\x1b\r\n\x00\u009b") {
			t.Errorf("fact %q", fact)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(raw(f, fromHAProxy))
	f.Add(raw(f, fromHAProxy6))
	f.Add([]byte("PROXY TCP6 ::1 ::2 1 2\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		h, n, err := Parse(in)
		if n > len(in) && err == nil || n < 0 || n > MaxLen {
			t.Fatalf("length %d of %d", n, len(in))
		}
		if err != nil || n == 0 {
			return
		}
		// Only what was there may count.
		if again, m, err := Parse(in[:n]); err != nil || m != n || !cmp.Equal(h.Facts(), again.Facts()) {
			t.Fatalf("%+v became %+v, %v", h, again, err)
		}
		if h.Client.IsValid() {
			if back, _, err := Parse(h.Append(nil)); err != nil || back.Client != h.Client || back.Server != h.Server {
				t.Fatalf("%+v became %+v, %v", h, back, err)
			}
		}
	})
}
