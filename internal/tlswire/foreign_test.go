package tlswire_test

import (
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"fanlight/internal/tlswire"
)

// message is a handshake message in clear, or an alert.
type message struct {
	typ  uint8
	body []byte
}

// scanned is what one direction of a stream shows without keys.
type scanned struct {
	records  []tlswire.Record // without payloads
	messages []message
	alerts   []string
}

// names are the messages in words.
func (s *scanned) names() (out []string) {
	for _, m := range s.messages {
		out = append(out, tlswire.HandshakeName(m.typ))
	}
	return out
}

func (s *scanned) first(typ uint8) []byte {
	for _, m := range s.messages {
		if m.typ == typ {
			return m.body
		}
	}
	return nil
}

// scan walks a stream cut into pieces of the given size.
func scan(t testing.TB, stream []byte, size int) (s scanned, err error) {
	sc := tlswire.Scanner{Keep: true}
	var h tlswire.Handshakes
	for piece := range slices.Chunk(stream, size) {
		err = sc.Write(piece, func(r tlswire.Record) {
			if r.Type == tlswire.Handshake && !r.Sealed {
				if err := h.Add(r.Payload, func(typ uint8, body []byte) {
					s.messages = append(s.messages, message{typ, slices.Clone(body)})
				}); err != nil {
					t.Error(err)
				}
			}
			if level, code, ok := tlswire.ParseAlert(r.Payload); ok && r.Type == tlswire.AlertRecord && !r.Sealed {
				s.alerts = append(s.alerts, tlswire.AlertLevelName(level)+" "+tlswire.AlertName(code))
			}
			r.Payload = nil
			s.records = append(s.records, r)
		})
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

// TestForeignHellos compares each hello of the captures with what tshark and
// the authors of JA4 read.
func TestForeignHellos(t *testing.T) {
	golden, err := os.ReadFile("testdata/hellos.txt")
	if err != nil {
		t.Fatal(err)
	}
	captures := map[string]streams{}
	compared := 0
	for line := range strings.Lines(string(golden)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Fields(line)
		name, port := f[0], f[1]
		if captures[name] == nil {
			captures[name] = readCapture(t, name)
		}
		got := name + " " + port + " " + readHellos(t, captures[name], port)
		if f[4] == "-" {
			g := strings.Fields(got)
			g[4] = "-"
			got = strings.Join(g, " ")
		}
		if want := strings.TrimSpace(line); got != want {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
		compared++
	}
	if compared < 60 {
		t.Errorf("compared %d connections, expected at least 60", compared)
	}
}

func readHellos(t *testing.T, s streams, port string) string {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	client, err := scan(t, afterConnect(s.sent(uint16(n), true)), 1000)
	if err != nil {
		t.Fatalf("port %s: client: %v", port, err)
	}
	server, err := scan(t, afterConnect(s.sent(uint16(n), false)), 1000)
	if err != nil {
		t.Fatalf("port %s: server: %v", port, err)
	}
	ch, err := tlswire.ParseClientHello(client.first(tlswire.TypeClientHello))
	if err != nil {
		t.Errorf("port %s: %v", port, err)
	}
	version, cipher, alpn, count := "-", "-", "-", 0
	for _, m := range server.messages {
		if m.typ != tlswire.TypeServerHello {
			continue
		}
		sh, err := tlswire.ParseServerHello(m.body)
		if err != nil {
			t.Errorf("port %s: %v", port, err)
		}
		version, cipher = fmt.Sprintf("0x%04x", sh.Version), fmt.Sprintf("0x%04x", sh.Cipher)
		if sh.ALPN != "" {
			alpn = sh.ALPN
		}
		if retry := count == 0 && len(client.messages) > 1 && client.messages[1].typ == tlswire.TypeClientHello; sh.HelloRetryRequest != retry {
			t.Errorf("port %s: ServerHello %d: HelloRetryRequest is %v, client sent %v", port, count, sh.HelloRetryRequest, client.names())
		}
		count++
	}
	sni := ch.SNI
	if sni == "" {
		sni = "-"
	}
	return fmt.Sprint(sni, " ", tlswire.JA3(ch), " ", tlswire.JA4(ch, 't'), " ", version, " ", cipher, " ", alpn, " ", count)
}

func TestForeignClientCertificate(t *testing.T) {
	s := readCapture(t, "zeek-client-certificate.pcap")
	client, err := scan(t, s.sent(49480, true), 7)
	if err != nil {
		t.Fatal(err)
	}
	server, err := scan(t, s.sent(49480, false), 7)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, client.names(), []string{"client_hello", "certificate", "client_key_exchange", "certificate_verify"})
	equal(t, server.names(), []string{"server_hello", "certificate", "server_key_exchange", "certificate_request", "server_hello_done", "new_session_ticket"})

	certs, err := tlswire.ParseCertificate12(client.first(tlswire.TypeCertificate))
	if err != nil || len(certs) == 0 {
		t.Fatalf("%d client certificates, %v", len(certs), err)
	}
	if _, err := x509.ParseCertificate(certs[0]); err != nil {
		t.Error(err)
	}
	q, err := tlswire.ParseCertificateRequest12(server.first(tlswire.TypeCertificateRequest))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, q.Types, []uint8{1, 2, 64})
	if len(q.SignatureAlgorithms) != 20 || q.SignatureAlgorithms[0] != 0x0403 || len(q.Authorities) != 0 {
		t.Errorf("got %+v", q)
	}
}

func TestForeignCertificateRefused(t *testing.T) {
	s := readCapture(t, "zeek-certificate-request-failed.pcap")
	client, err := scan(t, s.sent(52464, true), 100)
	if err != nil {
		t.Fatal(err)
	}
	server, err := scan(t, s.sent(52464, false), 100)
	if err != nil {
		t.Fatal(err)
	}
	certs, err := tlswire.ParseCertificate12(client.first(tlswire.TypeCertificate))
	if err != nil || len(certs) != 0 {
		t.Errorf("got %d certificates, %v; want an empty list", len(certs), err)
	}
	q, err := tlswire.ParseCertificateRequest12(server.first(tlswire.TypeCertificateRequest))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, q.Authorities, []string{"O=SomeOrg,L=Somewhere,ST=Some-State,C=US"})
	equal(t, q.Types, []uint8{1})
	equal(t, q.SignatureAlgorithms, []uint16{0x0401})
	equal(t, server.alerts, []string{"fatal handshake_failure"})
}

func equal[T comparable](t *testing.T, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("\n got %v\nwant %v", got, want)
	}
}
