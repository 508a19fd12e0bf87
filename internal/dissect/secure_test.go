package dissect

import (
	"fmt"
	"strings"
	"testing"

	"fanlight/internal/flow"
	"fanlight/internal/reassembly"
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
		"close_notify and a reset":    {flow.No, []*tlswire.Message{alert(0, false)}, flow.Yes},
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

// heard keeps what a speaker is told.
type heard struct {
	opaque
	said string
}

func (h *heard) bytes(_ int, p []byte, _ reassembly.Mark) { h.said += string(p[:1]) }
func (h *heard) skip(_ int, n int64, _ reassembly.Mark)   { h.said += fmt.Sprintf(" skip %d ", n) }

// Early data that is not held is a gap: what comes behind it must not be read
// as if it followed what came before.
func TestEarlyDataBeyondTheLimit(t *testing.T) {
	inner := &heard{}
	s := newSecure(&h2Record{conn: &flow.Conn{}}, nil)
	s.inner = inner
	for _, data := range []string{"a" + strings.Repeat("a", 40_000), strings.Repeat("b", 40_000), "c"} {
		s.message(&tlswire.Message{Kind: tlswire.EarlyDataMsg, Dir: fromClient, Data: []byte(data)})
	}
	if len(s.ahead) != 40_001 {
		t.Errorf("%d bytes are held", len(s.ahead))
	}
	s.message(&tlswire.Message{Kind: tlswire.EncryptedExtensionsMsg, Dir: fromServer, EarlyDataAccepted: true})
	s.message(&tlswire.Message{Kind: tlswire.DataMsg, Dir: fromClient, Data: []byte("d")})
	if want := "a skip -1 d"; inner.said != want {
		t.Errorf("told %q, want %q", inner.said, want)
	}
}
