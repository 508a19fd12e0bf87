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
