package dissect

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/packet"
)

// helloStart is the beginning of a ClientHello whose random is one byte repeated.
func helloStart(random byte) string {
	return "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat(string([]byte{random}), 32)
}

func secretLine(random string) string {
	return "CLIENT_RANDOM " + strings.Repeat(random, 32) + " 11\n"
}

// The secrets of others stay behind, and those of the chosen connection come
// along even where its random is not at the beginning of a segment.
func TestOwnSecrets(t *testing.T) {
	for name, test := range map[string]struct {
		before string
		keys   flow.Seen
		want   string
	}{
		"in clear":                 {"", flow.Yes, secretLine("01")},
		"behind another header":    {"PROXY TCP4 10.0.0.1 192.0.2.1 1 443\r\n", flow.Yes, secretLine("01") + secretLine("03")},
		"so, but it stayed sealed": {"PROXY TCP4 10.0.0.1 192.0.2.1 1 443\r\n", flow.No, ""},
	} {
		var s segments
		s.add(1, fromClient, packet.ACK, test.before+helloStart(1))
		s.add(2, fromClient, packet.ACK, helloStart(2))
		chosen := &flow.Conn{Client: netip.MustParseAddrPort("10.0.0.1:40000"), Server: netip.MustParseAddrPort("192.0.2.1:80"),
			Started: time.Unix(0, 1e18), Scheme: "https", Keys: test.keys}
		c := Copy{Conns: []*flow.Conn{chosen}, Secrets: [][]byte{[]byte(secretLine("01") + secretLine("02") + secretLine("03"))}}
		if err := c.OwnSecrets(&s); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, log := range c.Secrets {
			got += string(log)
		}
		if got != test.want {
			t.Errorf("%s: kept\n%swant\n%s", name, got, test.want)
		}
	}
}

// Handshakes of which there are no secrets are not remembered.
func TestClientRandomsAreBounded(t *testing.T) {
	var s segments
	for i := range 100 {
		s.add(i, fromClient, packet.ACK, helloStart(byte(i)))
	}
	c := Copy{Conns: []*flow.Conn{}, Secrets: [][]byte{[]byte(secretLine("07"))}}
	found, err := c.randoms(&s)
	if err != nil || len(found.others) != 1 || !found.others[strings.Repeat("07", 32)] {
		t.Errorf("%d are remembered (%v), want that of the one secret", len(found.others), err)
	}
}
