package dissect

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"

	"fanlight/internal/dnswire"
	"fanlight/internal/flow"
	"fanlight/internal/reassembly"
)

// TestLookupsAreBounded: answers full of addresses make older lookups be
// forgotten, with all that led to them.
func TestLookupsAreBounded(t *testing.T) {
	n, number := newLookups(), uint32(0)
	client := netip.MustParseAddr("10.0.0.1")
	ask := func(i int, response bool, addrs []netip.Addr) {
		n.note(&asking{client: client, m: reassembly.Mark{Time: int64(i) * 1e6}, message: dnswire.Message{
			Response: response, Name: fmt.Sprintf("n%d.test", i/keptAnswers), Type: "A", Rcode: "NOERROR", Addresses: addrs}}, flow.ConnID(i))
	}
	const times = 5 * keptTold / 64
	var last netip.Addr
	for i := range times {
		var addrs []netip.Addr
		for range 64 {
			number++
			last = netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, number)))
			addrs = append(addrs, last)
		}
		ask(i, false, nil)
		ask(i, true, addrs)
	}
	if len(n.led) > keptTold || n.told > keptTold || len(n.led) < keptTold/2 {
		t.Errorf("%d addresses are remembered, %d counted", len(n.led), n.told)
	}
	if len(n.leading(lead{client, last})) != 1 || n.leading(lead{client, netip.AddrFrom4([4]byte{0, 0, 0, 1})}) != nil {
		t.Error("the newest is forgotten, or the oldest is not")
	}
}
