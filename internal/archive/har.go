package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"fanlight/internal/flow"
)

// Limits of an archive: bytes, entries, header fields of a message.
const (
	maxHAR     = 256 << 20
	maxEntries = 100_000
	maxFields  = 1000
)

// entry is the part of the format that tells of connections and exchanges (HAR
// 1.2, http://www.softwareishard.com/blog/har-12-spec/, read 2026-11-21). -1
// stands for what was not measured.
type entry struct {
	Started    string   `json:"startedDateTime"`
	Time       *float64 `json:"time"`
	Request    message  `json:"request"`
	Response   message  `json:"response"`
	Timings    timings  `json:"timings"`
	ServerIP   string   `json:"serverIPAddress"`
	Connection string   `json:"connection"`
}

// message is a request or a response.
type message struct {
	Method     string `json:"method"`
	URL        string `json:"url"`
	Status     int    `json:"status"`
	StatusText string `json:"statusText"`
	HTTP       string `json:"httpVersion"`
	Headers    fields `json:"headers"`
	BodySize   *int64 `json:"bodySize"`
	Body       posted `json:"postData"`
	Error      string `json:"_error"`       // of Chromium and Firefox
	Failure    string `json:"_failureText"` // of Playwright
}

// posted is the body of a request. Its text is that of the body only where this
// is text; of parts that were files browsers leave out the content.
type posted struct {
	Text string `json:"text"`
}

type field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// timings are milliseconds of the phases of an entry, one after the other; that
// of TLS is a part of connect.
type timings struct {
	Blocked float64 `json:"blocked"`
	DNS     float64 `json:"dns"`
	Connect float64 `json:"connect"`
	Send    float64 `json:"send"`
	Wait    float64 `json:"wait"`
	Receive float64 `json:"receive"`
}

// ReadHAR reads an HTTP archive as a trace. It does not say who closed a
// connection and how, nor anything of TLS: these are unknown. Entries that name
// no connection have one each. The source is its name, the trace's provenance.
func ReadHAR(r io.Reader, source string) (*flow.Trace, error) { return Reader{}.HAR(r, source) }

// HAR is ReadHAR with what the reader is asked for.
func (o Reader) HAR(r io.Reader, source string) (*flow.Trace, error) {
	limited := &io.LimitedReader{R: r, N: maxHAR + 1}
	b := builder{source: source, conns: map[string]flow.ConnID{}, bodies: newBodies(o)}
	switch err := readEntries(json.NewDecoder(limited), b.add); {
	case limited.N <= 0:
		return nil, fmt.Errorf("read HAR: it is larger than %d MiB", maxHAR>>20)
	case err != nil:
		return nil, fmt.Errorf("read HAR: %w", err)
	}
	t := flow.Fold(b.sorted())
	b.bodies.give(t)
	return t, nil
}

// builder turns entries into events.
type builder struct {
	source string
	conns  map[string]flow.ConnID // by the archive's own name
	next   flow.ConnID
	xs     flow.ExchangeID
	events []flow.Event
	bodies bodies
}

// sorted brings the events of all connections into the order of time; archives
// list entries as they were begun, or as they please.
func (b *builder) sorted() []flow.Event {
	slices.SortStableFunc(b.events, func(a, c flow.Event) int { return a.At.Compare(c.At) })
	return b.events
}

func (b *builder) add(e *entry) error {
	began, err := time.Parse(time.RFC3339Nano, e.Started)
	if err != nil {
		return fmt.Errorf("read startedDateTime %q: expected RFC 3339", e.Started)
	}
	u, err := url.Parse(e.Request.URL)
	if err != nil {
		return errors.New("read url: it is none")
	}
	conn := b.conn(e, u, began)
	b.xs++
	if text := e.Request.Body.Text; text != "" {
		b.bodies.keep(b.xs, []byte(text))
	}
	for _, ev := range e.events(u, began.UTC()) {
		ev.Conn, ev.Exchange = conn, b.xs
		b.events = append(b.events, ev)
	}
	return nil
}

// conn finds the entry's connection or opens it. An archive's number of a
// connection may be used again for another server.
func (b *builder) conn(e *entry, u *url.URL, began time.Time) flow.ConnID {
	key := e.Connection + " " + u.Scheme + " " + u.Host
	if id, known := b.conns[key]; known && e.Connection != "" && e.Connection != "0" {
		return id
	}
	b.next++
	b.conns[key] = b.next
	o := &flow.Opening{Source: b.source, Scheme: u.Scheme, Keys: flow.Yes, Server: serverOf(e.ServerIP, u)}
	b.events = append(b.events, flow.Event{At: began.UTC(), Conn: b.next, Kind: flow.Open, Open: o})
	return b.next
}

func serverOf(ip string, u *url.URL) netip.AddrPort {
	addr, err := netip.ParseAddr(strings.Trim(ip, "[]"))
	if err != nil {
		return netip.AddrPort{}
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		port = 443
		if u.Scheme == "http" {
			port = 80
		}
	}
	return netip.AddrPortFrom(addr, uint16(port))
}

func (e *entry) events(u *url.URL, began time.Time) []flow.Event {
	if e.Response.Status <= 0 {
		return e.unanswered(u, began)
	}
	t := e.Timings
	asked := later(began, t.Blocked, t.DNS, t.Connect)
	sent := later(asked, t.Send)
	answered := later(sent, t.Wait)
	done := later(answered, t.Receive)
	out := []flow.Event{e.request(u, asked)}
	if n := e.Request.BodySize; n != nil && *n >= 0 {
		out = append(out, flow.Event{At: sent, Kind: flow.RequestDone, From: flow.Client, Bytes: *n})
	}
	out = append(out, flow.Event{At: answered, Kind: flow.Response, From: flow.Server, Status: e.Response.Status, Text: oneLine(e.Response.StatusText),
		Header: lines(e.Response.Headers), Attrs: flow.Attrs(flow.KeyHTTP, version(e.Response.HTTP))})
	if e.Response.Error != "" {
		return append(out, flow.Event{At: done, Kind: flow.ExchangeDone, Text: flow.Truncated})
	}
	if n := e.Response.BodySize; n != nil && *n >= 0 {
		out = append(out, flow.Event{At: done, Kind: flow.ResponseDone, From: flow.Server, Bytes: *n})
	}
	return append(out, flow.Event{At: done, Kind: flow.ExchangeDone, Text: flow.Complete})
}

func (e *entry) request(u *url.URL, at time.Time) flow.Event {
	return flow.Event{At: at, Kind: flow.Request, From: flow.Client, Text: oneLine(e.Request.Method) + " " + target(e.Request.Method, u), Header: lines(e.Request.Headers),
		Attrs: flow.Attrs(flow.KeyHTTP, version(e.Request.HTTP), flow.KeyScheme, u.Scheme, flow.KeyHost, u.Host)}
}

// unanswered is an entry without a status: browsers write 0 there. How much of
// the request was sent, and when, is not known.
func (e *entry) unanswered(u *url.URL, began time.Time) []flow.Event {
	end := began
	if e.Time != nil {
		end = later(began, *e.Time)
	}
	out := []flow.Event{e.request(u, began)}
	out = append(out, e.unconnected(u, end)...)
	return append(out, flow.Event{At: end, Kind: flow.ExchangeDone, Text: flow.NoResponse})
}

// maxMS bounds a time; it keeps sums inside what a duration holds.
const maxMS = 30 * 24 * 3600 * 1000

// later adds milliseconds, leaving out those that were not measured.
func later(at time.Time, ms ...float64) time.Time {
	for _, n := range ms {
		if n > 0 && n < maxMS {
			at = at.Add(time.Duration(n * float64(time.Millisecond)))
		}
	}
	return at
}

func target(method string, u *url.URL) string {
	if method == "CONNECT" {
		return u.Host
	}
	return u.RequestURI()
}

// version is the number of an HTTP version, written in many ways: HTTP/1.1,
// http/2.0, h2, h3.
func version(s string) string {
	s = strings.ToLower(s)
	s = strings.TrimPrefix(strings.TrimPrefix(s, "http/"), "h")
	switch s {
	case "1.0", "1.1", "2", "3":
		return s
	case "2.0", "3.0":
		return s[:1]
	}
	return ""
}

// lines are header fields as they would be on the wire; pseudo fields of HTTP/2
// are none.
func lines(fields fields) []byte {
	var out []flow.Field
	for _, f := range fields {
		if f.Name != "" && !strings.Contains(f.Name, ":") {
			out = append(out, flow.Field{Name: oneLine(f.Name), Value: oneLine(f.Value)})
		}
	}
	return flow.FormatFields(out)
}

func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\r' || r == '\n' {
			return ' '
		}
		return r
	}, s)
}
