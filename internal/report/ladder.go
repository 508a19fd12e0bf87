package report

import (
	"bufio"
	"io"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

// LadderOptions say how a ladder is drawn.
type LadderOptions struct {
	Width    int           // columns; 0: 100
	Gap      time.Duration // a longer silence is one line; 0: one second
	ASCII    bool          // nothing else
	Colour   bool          // what findings rest on, as ANSI sequences
	Findings []explain.Finding
}

// Ladder draws the conversations of a trace by time: a post for each party, an
// arrow for each thing that passed, the packet that showed it at the right, and
// a mark with the finding that rests on it. Connections that were made for
// another one are drawn beside it.
func Ladder(w io.Writer, t *flow.Trace, o LadderOptions) error {
	if o.Width == 0 {
		o.Width = 100
	}
	if o.Gap == 0 {
		o.Gap = time.Second
	}
	out := bufio.NewWriter(w)
	marks := newMarks(o.Findings)
	for i, f := range families(t) {
		if i > 0 {
			out.WriteByte('\n')
		}
		l := newLadder(out, f, o)
		l.draw(f.steps(marks))
	}
	return out.Flush()
}

// family is a connection and those that were made for it.
type family struct{ legs []leg }

// leg is a connection and how many others are between it and the client.
type leg struct {
	conn *flow.Conn
	lane int
}

// maxLanes is how many connections in a row are drawn beside each other; those
// behind them share the last lane.
const maxLanes = 4

// families puts each connection behind the one it was made for. One whose
// parent is not in the trace begins a family of its own; so does the first of
// those that claim to be made for each other.
func families(t *flow.Trace) []*family {
	children := map[flow.ConnID][]*flow.Conn{}
	inTrace := map[flow.ConnID]bool{}
	for _, c := range t.Conns {
		children[c.Parent] = append(children[c.Parent], c)
		inTrace[c.ID] = true
	}
	var out []*family
	placed := map[flow.ConnID]bool{}
	begin := func(c *flow.Conn) {
		if !placed[c.ID] {
			out = append(out, gather(c, children, placed))
		}
	}
	for _, c := range t.Conns {
		if c.Parent == 0 || !inTrace[c.Parent] {
			begin(c)
		}
	}
	for _, c := range t.Conns {
		begin(c)
	}
	return out
}

// gather makes the family of a connection, of those that are in none yet.
func gather(c *flow.Conn, children map[flow.ConnID][]*flow.Conn, placed map[flow.ConnID]bool) *family {
	f := &family{legs: []leg{{c, 0}}}
	placed[c.ID] = true
	for i := 0; i < len(f.legs); i++ { // grows meanwhile
		at := f.legs[i]
		for _, child := range children[at.conn.ID] {
			if !placed[child.ID] {
				placed[child.ID] = true
				f.legs = append(f.legs, leg{child, min(at.lane+1, maxLanes-1)})
			}
		}
	}
	return f
}

func (f *family) lanes() int {
	n := 0
	for _, l := range f.legs {
		n = max(n, l.lane+1)
	}
	return n
}

// start is the first time that is known.
func (f *family) start() (first time.Time) {
	for _, l := range f.legs {
		at := l.conn.Started
		for i := 0; at.IsZero() && i < len(l.conn.Events); i++ {
			at = l.conn.Events[i].At
		}
		if first.IsZero() || !at.IsZero() && at.Before(first) {
			first = at
		}
	}
	return first
}

// crowded reports whether a lane has more than one connection, so that its
// steps must say which.
func (f *family) crowded(lane int) bool {
	n := 0
	for _, l := range f.legs {
		if l.lane == lane {
			n++
		}
	}
	return n > 1
}

// posts are the names of the parties, from the client to the last server.
func (f *family) posts() []string {
	lanes := f.lanes()
	names := make([]string, lanes+1)
	for i := range names {
		names[i] = "gateway"
	}
	names[0], names[lanes] = "client", "server"
	if lanes > 1 {
		names[lanes] = "origin"
	}
	for _, l := range f.legs {
		switch l.conn.Self {
		case flow.Client:
			names[l.lane] = "Fanlight"
		case flow.Server:
			names[l.lane+1] = "Fanlight"
		}
	}
	return names
}

// marks are the findings that rest on an event, by event or, where that is not
// known, by packet.
type marks struct {
	event, packet map[place][]string
}

type place struct {
	conn flow.ConnID
	at   int
}

func newMarks(findings []explain.Finding) marks {
	m := marks{map[place][]string{}, map[place][]string{}}
	for _, f := range findings {
		for _, e := range f.Evidence {
			switch {
			case e.Ref.Conn == 0:
			case e.Ref.Event >= 0:
				at := place{e.Ref.Conn, e.Ref.Event}
				m.event[at] = append(m.event[at], f.ID)
			case e.Packet != 0:
				at := place{e.Ref.Conn, e.Packet}
				m.packet[at] = append(m.packet[at], f.ID)
			}
		}
	}
	return m
}

func (m marks) of(c *flow.Conn, i int) []string {
	if ids := m.event[place{c.ID, i}]; ids != nil {
		return ids
	}
	if packet := c.Events[i].Packet; packet != 0 {
		return m.packet[place{c.ID, packet}]
	}
	return nil
}
