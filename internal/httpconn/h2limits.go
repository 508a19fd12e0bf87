package httpconn

import (
	"cmp"
	"strconv"
	"time"

	"fanlight/internal/httpwire"
)

// H2Limits protect the server side of HTTP/2. A zero is the default.
type H2Limits struct {
	Streams int // exchanges at a time; 128
	// Body is how many bytes of one request's body, and BodyAll of all of a
	// connection's, may wait to be carried on; 256 KiB and 1 MiB.
	Body, BodyAll int
	// Resets is how many streams may end by a reset within ten seconds; 200.
	Resets int
	// Frames is how many frames that carry nothing may come within ten seconds:
	// SETTINGS, PING, PRIORITY, WINDOW_UPDATE, empty DATA, heads of streams that
	// we have reset; 2000. What is carried allows more.
	Frames int
}

func (l H2Limits) orDefaults() H2Limits {
	return H2Limits{
		Streams: cmp.Or(l.Streams, 128),
		Body:    min(cmp.Or(l.Body, 256<<10), httpwire.MaxWindow),
		BodyAll: min(max(cmp.Or(l.BodyAll, 1<<20), httpwire.DefaultWindow), httpwire.MaxWindow), // HTTP/2 cannot begin with less
		Resets:  cmp.Or(l.Resets, 200),
		Frames:  cmp.Or(l.Frames, 2000),
	}
}

const (
	// h2Fragments is how many frames a field block may come in. What is left
	// over of HeadBytes, browsers send in four at most.
	h2Fragments = 64
	// h2Window is the time within which Resets and Frames are counted.
	h2Window = 10 * time.Second
	// What is carried allows so many frames more: WINDOW_UPDATE for stream and
	// connection, and pings by which gRPC measures.
	framesPerData     = 4
	framesPerResponse = 16
	// h2Crumb is how much of a body has to go at a time for that: a client that
	// opens its window by less makes us work for nothing.
	h2Crumb = 64
)

// h2Flood counts what a client can do at no cost to itself.
type h2Flood struct {
	since  time.Time
	resets int
	frames int
}

// begin forgets what was longer ago than the window.
func (f *h2Flood) begin(now time.Time) {
	if now.Sub(f.since) > h2Window {
		*f = h2Flood{since: now}
	}
}

// nothing counts a frame that carries nothing.
func (f *h2Flood) nothing(now time.Time) {
	f.begin(now)
	f.frames++
}

// reset counts a stream that ended by a reset.
func (f *h2Flood) reset(now time.Time) {
	f.begin(now)
	f.resets++
}

// carried takes note of something useful.
func (f *h2Flood) carried(n int) { f.frames = max(f.frames-n, 0) }

// exceeded names the flood, empty if there is none.
func (f *h2Flood) exceeded(l *H2Limits) string {
	switch {
	case f.resets > l.Resets:
		return "more than " + strconv.Itoa(l.Resets) + " streams reset within " + h2Window.String()
	case f.frames > l.Frames:
		return "more than " + strconv.Itoa(l.Frames) + " frames that carry nothing within " + h2Window.String()
	}
	return ""
}
