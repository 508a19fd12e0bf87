package report

import (
	"bytes"
	"io"
	"net/netip"
	"strconv"
	"time"
	"unicode/utf8"

	"fanlight/internal/flow"
)

// LineOptions say how lines are written.
type LineOptions struct {
	Start    time.Time      // what times count from; zero: the start of the first connection that is written
	Clock    bool           // time of day instead
	Location *time.Location // of the time of day; nil: UTC
	Colour   bool           // by status, as ANSI sequences
	ASCII    bool           // nothing else
	Width    int            // columns; URLs are cut to fit, if that leaves some of them; 0: they are not cut
}

// Lines writes one line an exchange, and one a connection without any, as they
// come. Columns have least widths; a longer value moves what follows it. It is
// for one goroutine.
type Lines struct {
	w   io.Writer
	o   LineOptions
	err error
	b   []byte // the line being built
	at  int    // where the column being built began
}

// NewLines makes a printer of lines.
func NewLines(w io.Writer, o LineOptions) *Lines { return &Lines{w: w, o: o} }

// Least widths of the columns.
const (
	timeWidth   = 9
	clockWidth  = 12
	connWidth   = 5
	pairWidth   = 35
	methodWidth = 6
	urlWidth    = 40
	leastURL    = 24
	sizeWidth   = 8
	spanWidth   = 7
	// besideURL is what all columns but time and URL take, blanks included.
	besideURL = 1 + connWidth + 1 + pairWidth + 1 + methodWidth + 1 + 1 + 3 + 2*(1+sizeWidth) + 2*(1+spanWidth)
)

// Err is the first error of writing; nothing is written after it.
func (l *Lines) Err() error { return l.err }

// Head writes the names of the columns.
func (l *Lines) Head() {
	l.b = l.b[:0]
	l.right("time", l.timeWidth())
	l.left("conn", connWidth)
	l.left("client -> server", pairWidth)
	l.left("method", methodWidth)
	l.left("url", l.urlWidth())
	l.right("", 3)
	for _, name := range [...]string{"sent", "received"} {
		l.right(name, sizeWidth)
	}
	l.right("wait", spanWidth)
	l.right("total", spanWidth)
	l.write()
}

// Exchange writes the line of an exchange of c.
func (l *Lines) Exchange(c *flow.Conn, x *flow.Exchange) {
	l.lead(c, first(x.Started, x.Responded))
	l.left(orDash(x.Method), methodWidth)
	l.url(c, x)
	l.status(x)
	l.size(x.RequestBodyBytes, !x.RequestDone.IsZero())
	l.size(x.ResponseBodyBytes, !x.ResponseDone.IsZero())
	l.span(x.Wait())
	l.span(x.Total())
	l.column()
	l.notes(c, x)
	l.write()
}

// lead writes what all lines begin with.
func (l *Lines) lead(c *flow.Conn, at time.Time) {
	l.b = l.b[:0]
	l.o.Start = first(l.o.Start, c.Started, at)
	l.column()
	switch {
	case at.IsZero():
		l.b = append(l.b, '?')
	case l.o.Clock:
		if l.o.Location == nil {
			l.o.Location = time.UTC
		}
		l.b = at.In(l.o.Location).AppendFormat(l.b, "15:04:05.000")
	default:
		l.b = appendOffset(l.b, at.Sub(l.o.Start))
	}
	l.alignRight(l.timeWidth())
	l.column()
	l.b = strconv.AppendUint(append(l.b, 'c'), uint64(c.ID), 10)
	l.pad(connWidth)
	l.column()
	l.b = appendAddress(l.b, c.Client)
	l.b = append(l.b, " -> "...)
	l.b = appendAddress(l.b, c.Server)
	l.pad(pairWidth)
}

func (l *Lines) timeWidth() int {
	if l.o.Clock {
		return clockWidth
	}
	return timeWidth
}

func (l *Lines) urlWidth() int {
	if l.o.Width == 0 {
		return urlWidth
	}
	return max(leastURL, l.o.Width-l.timeWidth()-besideURL)
}

func (l *Lines) url(c *flow.Conn, x *flow.Exchange) {
	url := x.Target
	if (url == "" || url[0] == '/' || url[0] == '*') && x.Host != "" {
		scheme := x.Scheme
		if scheme == "" && c.TLS != nil {
			scheme = "https"
		}
		if scheme == "" {
			scheme = "http"
		}
		url = scheme + "://" + x.Host + url
	}
	url = visible(orDash(url), l.o.ASCII)
	if l.o.Width > 0 {
		url = cut(url, l.urlWidth(), l.o.ASCII)
	}
	l.left(url, l.urlWidth())
}

func (l *Lines) status(x *flow.Exchange) {
	l.column()
	end := l.colour(statusColour(x))
	if x.Status == 0 {
		l.b = append(l.b, "  -"...)
	} else {
		l.b = strconv.AppendInt(l.b, int64(x.Status), 10)
	}
	l.b = append(l.b, end...)
}

func (l *Lines) size(n int64, known bool) {
	l.column()
	if known {
		l.b = appendSize(l.b, n)
	} else {
		l.b = append(l.b, '-')
	}
	l.alignRight(sizeWidth)
}

func (l *Lines) span(d time.Duration, known bool) {
	l.column()
	if known {
		l.b = appendSpan(l.b, d)
	} else {
		l.b = append(l.b, '-')
	}
	l.alignRight(spanWidth)
}

// notes writes what is not ordinary about an exchange.
func (l *Lines) notes(c *flow.Conn, x *flow.Exchange) {
	switch x.Outcome {
	case flow.Complete:
	case "":
		if x.Over {
			l.note("outcome not captured", "")
		} else {
			l.note("unfinished", "")
		}
		l.closing(c)
	default:
		l.note("", x.Outcome)
		l.closing(c)
	}
	if x.Tunnel != "" {
		l.note("tunnel ", x.Tunnel)
	}
	if x.Incident != "" {
		l.note("incident ", x.Incident)
		if x.Cause != "" {
			l.b = append(append(l.b, ": "...), visible(x.Cause, l.o.ASCII)...)
		}
	}
}

// closing writes how the connection ended, if it did.
func (l *Lines) closing(c *flow.Conn) {
	if c.Close.Alert != "" {
		l.note("alert ", c.Close.Alert)
	}
	switch {
	case !c.Close.Ended:
		return
	case c.Close.How != flow.None:
		l.note(c.Close.How.String()+" by ", c.Close.By.String())
	default:
		l.note("ended", "")
	}
	if !c.Started.IsZero() {
		l.b = appendSpan(append(l.b, " after "...), c.Close.After)
	}
	if c.Close.Why != "" {
		l.note("", c.Close.Why)
	}
}

// note writes a word of ours and a text of the record's, behind others.
func (l *Lines) note(word, text string) { l.coloured("", word, text) }

func (l *Lines) coloured(sequence, word, text string) {
	if len(l.b) > l.at {
		l.b = append(l.b, ", "...)
	}
	end := l.colour(sequence)
	l.b = append(append(l.b, word...), visible(text, l.o.ASCII)...)
	l.b = append(l.b, end...)
}

// column begins a column, with a blank if it is not the first.
func (l *Lines) column() {
	if len(l.b) > 0 {
		l.b = append(l.b, ' ')
	}
	l.at = len(l.b)
}

func (l *Lines) left(s string, width int) {
	l.column()
	l.b = append(l.b, visible(s, l.o.ASCII)...)
	l.pad(width)
}

func (l *Lines) right(s string, width int) {
	l.column()
	l.b = append(l.b, s...)
	l.alignRight(width)
}

// pad fills the column being built up to its least width.
func (l *Lines) pad(width int) {
	for n := utf8.RuneCount(l.b[l.at:]); n < width; n++ {
		l.b = append(l.b, ' ')
	}
}

// alignRight moves what the column holds, which is ASCII, to its right end.
func (l *Lines) alignRight(width int) {
	n := len(l.b) - l.at
	l.pad(width)
	if free := width - n; free > 0 {
		copy(l.b[l.at+free:], l.b[l.at:l.at+n])
		for i := range free {
			l.b[l.at+i] = ' '
		}
	}
}

func (l *Lines) write() {
	l.b = append(bytes.TrimRight(l.b, " "), '\n')
	if l.err == nil {
		_, l.err = l.w.Write(l.b)
	}
}

// first is the first time that is known.
func first(times ...time.Time) (t time.Time) {
	for i := 0; t.IsZero() && i < len(times); i++ {
		t = times[i]
	}
	return t
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func appendAddress(b []byte, a netip.AddrPort) []byte {
	if !a.IsValid() {
		return append(b, '?')
	}
	return a.AppendTo(b)
}
