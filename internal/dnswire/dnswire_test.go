package dnswire

import (
	"bytes"
	"net/netip"
	"reflect"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// response packs an answer with a chain of two names and three addresses.
func response(t testing.TB) []byte {
	t.Helper()
	name := dnsmessage.MustNewName
	header := func(n string, ttl uint32) dnsmessage.ResourceHeader {
		return dnsmessage.ResourceHeader{Name: name(n), Class: dnsmessage.ClassINET, TTL: ttl}
	}
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 0xbeef, Response: true},
		Questions: []dnsmessage.Question{{Name: name("App.Example."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
		Answers: []dnsmessage.Resource{
			{Header: header("App.Example.", 300), Body: &dnsmessage.CNAMEResource{CNAME: name("edge.cdn.example.")}},
			{Header: header("edge.cdn.example.", 300), Body: &dnsmessage.CNAMEResource{CNAME: name("e7.cdn.example.")}},
			{Header: header("e7.cdn.example.", 60), Body: &dnsmessage.AResource{A: [4]byte{10, 0, 0, 5}}},
			{Header: header("e7.cdn.example.", 30), Body: &dnsmessage.AResource{A: [4]byte{10, 0, 0, 6}}},
			{Header: header("e7.cdn.example.", 90), Body: &dnsmessage.AAAAResource{AAAA: [16]byte{0x20, 1, 0xd, 0xb8, 15: 5}}},
		},
	}
	p, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func query(t testing.TB, name string, typ dnsmessage.Type) []byte {
	t.Helper()
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 7, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: typ, Class: dnsmessage.ClassINET}}}
	p, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParse(t *testing.T) {
	got, ok := Parse(response(t))
	want := Message{ID: 0xbeef, Response: true, Name: "app.example", Type: "A", Rcode: "NOERROR", Canonical: "e7.cdn.example", TTL: 30,
		Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.5"), netip.MustParseAddr("10.0.0.6"), netip.MustParseAddr("2001:db8::5")}}
	if !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, ok)
	}
	for _, test := range []struct {
		p          []byte
		name, kind string
	}{
		{query(t, "app.example.", dnsmessage.TypeAAAA), "app.example", "AAAA"},
		{query(t, ".", dnsmessage.TypeNS), ".", "NS"},
		{query(t, "a b\x00\xff.example.", 65), `a\032b\000\255.example`, "HTTPS"},
		{query(t, "x.", 4711), "x", "TYPE4711"},
	} {
		if m, ok := Parse(test.p); !ok || m.Response || !m.Recursive || m.Name != test.name || m.Type != test.kind || m.Rcode != "" {
			t.Errorf("got %+v, %v, want %s %s", m, ok, test.name, test.kind)
		}
	}
}

// A response that is cut off gives what is in front of the cut, and says so.
func TestCutOff(t *testing.T) {
	whole := response(t)
	addresses := 0
	for n := range whole {
		m, ok := Parse(whole[:n])
		if question := 12 + len("\x03App\x07Example\x00") + 4; ok != (n >= question) {
			t.Fatalf("cut at %d: %+v, %v", n, m, ok)
		}
		if ok && !m.Cut || len(m.Addresses) < addresses {
			t.Errorf("cut at %d: %+v", n, m)
		}
		addresses = len(m.Addresses)
	}
	if addresses != 2 {
		t.Errorf("%d addresses in front of the last byte, want 2", addresses)
	}
	tc := bytes.Clone(whole)
	tc[2] |= 2 // the TC bit: RFC 1035, section 4.1.1
	if m, ok := Parse(tc); !ok || !m.Cut || len(m.Addresses) != 3 {
		t.Errorf("truncated: %+v, %v", m, ok)
	}
}

// What is not DNS on its port gives nothing.
func TestNoMessage(t *testing.T) {
	chaos := query(t, "version.bind.", dnsmessage.TypeTXT)
	chaos[len(chaos)-1] = 3
	update := query(t, "app.example.", dnsmessage.TypeSOA)
	update[2] |= 5 << 3
	for _, p := range [][]byte{nil, []byte("GET / HTTP/1.1\r\n\r\n"), make([]byte, 12), chaos, update} {
		if m, ok := Parse(p); ok {
			t.Errorf("%q: %+v", p, m)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(response(f))
	f.Add(query(f, "app.example.", dnsmessage.TypeA))
	loop := response(f)
	f.Add(append(loop[:12:12], 0xc0, 12, 0, 1, 0, 1)) // a name that points at itself
	f.Fuzz(func(t *testing.T, p []byte) {
		m, ok := Parse(p)
		if !ok {
			return
		}
		if m.Name == "" || m.Type == "" || (m.Rcode != "") != m.Response || len(m.Addresses) > maxRecords {
			t.Errorf("%+v", m)
		}
		for _, c := range m.Name + m.Canonical {
			if c <= ' ' || c >= 0x7f {
				t.Errorf("name %q", m.Name+m.Canonical)
			}
		}
	})
}
