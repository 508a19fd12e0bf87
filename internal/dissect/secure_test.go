package dissect

import (
	"testing"

	"fanlight/internal/flow"
	"fanlight/internal/tlswire"
)

func TestResumed(t *testing.T) {
	for _, c := range []struct {
		resumed int8
		version uint16
		gap     bool
		want    flow.Seen
	}{
		{-1, 0x0303, false, flow.NotObserved},
		{0, 0x0303, true, flow.No}, // ServerHelloDone was seen
		{1, 0x0303, false, flow.Yes},
		{1, 0x0303, true, flow.NotObserved},
		{1, 0x0304, true, flow.Yes}, // the ServerHello says so
	} {
		s := &secure{gap: c.gap}
		if got := s.resumed(&tlswire.Message{Resumed: c.resumed, Version: c.version}); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// An end behind records that nobody could read is neither clean nor cut.
func TestCleanEnd(t *testing.T) {
	alert := func(code uint8, sealed bool) *tlswire.Message {
		return &tlswire.Message{Kind: tlswire.AlertMsg, Dir: fromServer, Level: 1, Code: code, Sealed: sealed}
	}
	for name, c := range map[string]struct {
		below flow.Seen
		says  []*tlswire.Message
		want  flow.Seen
	}{
		"close_notify":                {flow.Yes, []*tlswire.Message{alert(0, false)}, flow.Yes},
		"nothing":                     {flow.Yes, nil, flow.No},
		"another alert":               {flow.Yes, []*tlswire.Message{alert(80, false)}, flow.No},
		"a sealed alert":              {flow.Yes, []*tlswire.Message{alert(0, true)}, flow.NotObserved},
		"a sealed record":             {flow.Yes, []*tlswire.Message{{Kind: tlswire.OpaqueMsg, Dir: fromServer}}, flow.NotObserved},
		"a lost record":               {flow.Yes, []*tlswire.Message{{Kind: tlswire.BadRecordMsg, Dir: fromServer}}, flow.NotObserved},
		"a sealed record of the peer": {flow.Yes, []*tlswire.Message{{Kind: tlswire.OpaqueMsg, Dir: fromClient}}, flow.No},
		"a sealed alert and a reset":  {flow.No, []*tlswire.Message{alert(0, true)}, flow.No},
	} {
		s := newSecure(&h2Record{conn: &flow.Conn{}}, nil)
		for _, msg := range c.says {
			s.message(msg)
		}
		if got := s.clean(fromServer, c.below); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
