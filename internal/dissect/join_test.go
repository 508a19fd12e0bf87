package dissect

import (
	"net/netip"
	"testing"
	"time"

	"fanlight/internal/flow"
)

// leg makes an exchange of a connection that lasted from one millisecond to
// another.
func leg(ids *identity, client, server string, from, to int, target string, header ...flow.Field) *output {
	at := func(ms int) time.Time { return time.Unix(1000, 0).Add(time.Duration(ms) * time.Millisecond) }
	return &output{at: at(to).UnixNano(), ids: ids,
		conn: &flow.Conn{Client: netip.MustParseAddrPort(client), Server: netip.MustParseAddrPort(server)},
		exchange: &flow.Exchange{ID: flow.ExchangeID(from + 1), Method: "GET", Target: target, Status: 200, ResponseBodyBytes: 7,
			Started: at(from), ResponseDone: at(to), Ended: at(to), RequestHeader: header}}
}

func TestJoin(t *testing.T) {
	const client, proxy, inside, origin = "192.0.2.1:5000", "198.51.100.1:443", "10.0.0.1:6000", "10.0.0.9:80"
	forwarded := flow.Field{Name: "X-Forwarded-For", Value: "192.0.2.1"}
	trace := func(span string) flow.Field {
		return flow.Field{Name: "traceparent", Value: "00-4bf92f3577b34da6a3ce929d0e0e4736-" + span + "-01"}
	}
	for name, test := range map[string]struct {
		parent, child *output
		want          string
	}{
		"forwarded": {leg(nil, client, proxy, 0, 20, "/a"), leg(nil, inside, origin, 5, 15, "/a", forwarded),
			"likely: forwarded for the client's address, same status and length"},
		"forwarded from the proxy's own address": {leg(nil, client, proxy, 0, 20, "/a"), leg(nil, "198.51.100.1:6000", origin, 5, 15, "/a", forwarded),
			"proof: forwarded for the client's address, sent from the address that was asked, same status and length"},
		"part of the same trace": {leg(nil, client, proxy, 0, 20, "/a", trace("00f067aa0ba902b7")), leg(nil, inside, origin, 5, 15, "/a", trace("1111111111111111")),
			"likely: same trace, same status and length"},
		"via only, another length": {leg(nil, client, proxy, 0, 20, "/a"), func() *output {
			o := leg(nil, inside, origin, 5, 15, "/a", flow.Field{Name: "Via", Value: "1.1 waf"})
			o.exchange.ResponseBodyBytes = 8
			return o
		}(), "possible: Via"},
		"forwarded with a port": {leg(nil, client, proxy, 0, 20, "/a"), leg(nil, inside, origin, 5, 15, "/a", flow.Field{Name: "Forwarded", Value: `by=_x;for="192.0.2.1:5000"`}),
			"likely: forwarded for the client's address, same status and length"},
		"forwarded for an address that begins the same": {leg(nil, client, proxy, 0, 20, "/a"), leg(nil, inside, origin, 5, 15, "/a", flow.Field{Name: "X-Forwarded-For", Value: "192.0.2.10, 192.0.2.12"}), ""},
		"lengths not known": {leg(nil, client, proxy, 0, 20, "/a"), func() *output {
			o := leg(nil, inside, origin, 5, 15, "/a", forwarded)
			o.exchange.ResponseDone = time.Time{}
			return o
		}(), "possible: forwarded for the client's address"},
		"nothing but time and target": {leg(nil, client, proxy, 0, 20, "/a"), leg(nil, inside, origin, 5, 15, "/a"), ""},
		"another target":              {leg(nil, client, proxy, 0, 20, "/a"), leg(nil, inside, origin, 5, 15, "/b", forwarded), ""},
		"ended a moment after the answer": {leg(nil, client, proxy, 0, 20, "/a"), leg(nil, inside, origin, 5, 22, "/a", forwarded),
			"likely: forwarded for the client's address, same status and length"},
		"began before":                    {leg(nil, client, proxy, 10, 20, "/a"), leg(nil, inside, origin, 5, 15, "/a", forwarded), ""},
		"began a moment after the answer": {leg(nil, client, proxy, 0, 20, "/a"), leg(nil, inside, origin, 21, 22, "/a", forwarded), ""},
		"lasted longer":                   {leg(nil, client, proxy, 0, 20, "/a"), leg(nil, inside, origin, 5, 60, "/a", forwarded), ""},
	} {
		t.Run(name, func(t *testing.T) {
			test.parent.ids, test.child.ids = &identity{conn: 1}, &identity{conn: 2}
			var emitted []*output
			j := newJoiner(func(o *output) { emitted = append(emitted, o) })
			if test.child.at > test.parent.at { // a gateway may answer before it ends what it gave up
				j.add(test.parent)
				j.add(test.child)
			} else {
				j.add(test.child)
				j.add(test.parent)
			}
			j.passed(test.parent.at + 2*holdTime)
			if len(emitted) != 2 || len(j.held) != 0 || len(j.asks) != 0 {
				t.Fatalf("%d emitted, %d held, %d asks", len(emitted), len(j.held), len(j.asks))
			}
			x := test.child.exchange
			if x.Joined != test.want {
				t.Errorf("joined by %q, want %q", x.Joined, test.want)
			}
			if joined := x.Parent == test.parent.exchange.ID; joined != (test.want != "") || joined != (test.child.ids.parent == 1) {
				t.Errorf("parent %s, of its connection %s", x.Parent, test.child.ids.parent)
			}
		})
	}
}

func TestJoinIsBounded(t *testing.T) {
	emitted := 0
	j := newJoiner(func(*output) { emitted++ })
	for i := range 3 * holdLimit {
		j.add(leg(&identity{conn: flow.ConnID(i + 1)}, "192.0.2.1:5000", "198.51.100.1:443", 0, 1, "/same"))
	}
	if len(j.held) > holdLimit || len(j.asks["GET /same"]) != len(j.held) || emitted != 2*holdLimit {
		t.Errorf("%d held, %d of them asked, %d emitted", len(j.held), len(j.asks["GET /same"]), emitted)
	}
}

func TestJoinHoldsFewConnections(t *testing.T) {
	emitted := 0
	j := newJoiner(func(*output) { emitted++ })
	for i := range 3 * holdLimit { // of a capture without times
		j.add(&output{ids: &identity{conn: flow.ConnID(i + 1)}, conn: &flow.Conn{}})
	}
	if len(j.held) > holdLimit || emitted != 2*holdLimit {
		t.Errorf("%d held, %d emitted", len(j.held), emitted)
	}
}
