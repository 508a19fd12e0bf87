package dissect

import (
	"time"

	"fanlight/internal/flow"
)

// pauses finds the longest time in which nothing of a body came.
type pauses struct{ last, longest int64 }

// note takes the time at which the head, or bytes of the body, came.
func (p *pauses) note(at int64) {
	if p.last != 0 {
		p.longest = max(p.longest, at-p.last)
	}
	p.last = at
}

// tellPause is the pause that is worth a word.
const tellPause = int64(500 * time.Millisecond)

// facts are those of the end of a response body.
func (p *pauses) facts() []flow.Attr {
	if p.longest < tellPause {
		return nil
	}
	return []flow.Attr{{Key: flow.KeyPause, Value: milliseconds(p.longest)}}
}
