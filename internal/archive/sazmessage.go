package archive

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

// sazHead is a message as far as it was unpacked.
type sazHead struct {
	httpwire.Head
	http string // version
	body int64  // bytes behind the head, -1: not known
	rest []byte // of what was unpacked, behind the head
}

// session adds the events of one.
func (b *sazBuilder) session(s *session) error {
	meta, metaFault := b.meta(s)
	request, err := b.message(s.members[theRequest], (*httpwire.Head).ParseRequest)
	if err != nil || request == nil {
		return errors.Join(metaFault, fmt.Errorf("read request: %w", cmpErr(err, errors.New("it is empty"))))
	}
	response, responseFault := b.message(s.members[theResponse], (*httpwire.Head).ParseResponse)
	if responseFault != nil {
		responseFault = fmt.Errorf("read response: %w", responseFault)
	}
	u, err := request.url(meta)
	if err != nil {
		return errors.Join(metaFault, err)
	}
	conn := b.sazConn(meta, u, request)
	b.xs++
	b.keepBody(request)
	b.keep(conn, b.xs, sazEvents(meta, request, response, u))
	return errors.Join(metaFault, responseFault)
}

func cmpErr(err, instead error) error {
	if err != nil {
		return err
	}
	return instead
}

// keep takes events that came one after the other. A time before that of the
// event in front, or of the connection, is wrong, and left out.
func (b *sazBuilder) keep(conn flow.ConnID, x flow.ExchangeID, events []flow.Event) {
	latest := b.opened[conn]
	for _, e := range events {
		if e.At.Before(latest) {
			e.At = time.Time{}
		} else {
			latest = e.At
		}
		e.Conn, e.Exchange = conn, x
		b.placed = append(b.placed, placed{latest, e})
	}
}

// message reads a head; nil if there is none. Interim responses are not kept in
// these archives.
func (b *sazBuilder) message(f *zip.File, parse func(*httpwire.Head, []byte, httpwire.Limits) (int, error)) (*sazHead, error) {
	raw, err := b.begin(f)
	if err != nil || len(bytes.TrimSpace(raw)) == 0 {
		return nil, err
	}
	m := &sazHead{body: -1}
	was := len(raw)
	raw, m.http = asHTTP1(raw)
	n, err := parse(&m.Head, raw, httpwire.Limits{HeadBytes: maxHead, TargetBytes: maxHead, Fields: maxFields})
	if err == nil && n == 0 {
		err = errors.New("its head has no end")
	}
	if err != nil {
		return nil, err
	}
	if m.http == "" {
		m.http = "1." + strconv.Itoa(m.Minor)
	}
	m.rest = raw[n:]
	n += was - len(raw)
	if size := f.UncompressedSize64; size < 1<<40 && size >= uint64(n) && !m.HasToken("Transfer-Encoding", "chunked") {
		m.body = int64(size) - int64(n)
	}
	return m, nil
}

// asHTTP1 gives a head that says HTTP/2 or HTTP/3 the version whose form it has.
func asHTTP1(raw []byte) (head []byte, http string) {
	line, _, _ := bytes.Cut(raw, []byte("\n"))
	i := bytes.Index(line, []byte("HTTP/"))
	if i < 0 {
		return raw, ""
	}
	was, _, _ := bytes.Cut(bytes.TrimRight(line[i:], "\r"), []byte(" "))
	if http = version(string(was)); http != "2" && http != "3" {
		return raw, ""
	}
	return bytes.Join([][]byte{raw[:i], raw[i+len(was):]}, []byte("HTTP/1.1")), http
}

// url is what was asked for: Fiddler writes absolute targets.
func (m *sazHead) url(meta *sazMeta) (*url.URL, error) {
	target, scheme := string(m.Bytes(m.Target)), "http"
	if meta.bit(bitHTTPS) {
		scheme = "https"
	}
	host := string(m.Get("Host"))
	switch {
	case string(m.Bytes(m.Method)) == "CONNECT":
		return &url.URL{Scheme: "http", Host: oneLine(target), Path: "/"}, nil
	case target == "*":
		return &url.URL{Scheme: scheme, Host: oneLine(host), Opaque: "*"}, nil
	}
	u, err := url.Parse(target)
	if err != nil {
		return nil, errors.New("read target: it is no URL")
	}
	if u.Scheme == "" {
		u.Scheme = scheme
	}
	if u.Host == "" {
		u.Host = oneLine(host)
	}
	return u, nil
}

// sazConn finds the connection between Fiddler and the server, which is known by
// Fiddler's port. A tunnel is one of its own.
func (b *sazBuilder) sazConn(m *sazMeta, u *url.URL, request *sazHead) flow.ConnID {
	method := string(request.Bytes(request.Method))
	port := m.mark("x-egressport")
	key := port + " " + u.Scheme + " " + u.Host
	if id, known := b.conns[key]; known && port != "" && port != "0" && method != "CONNECT" {
		return id
	}
	b.next++
	if method != "CONNECT" {
		b.conns[key] = b.next
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		n = 443
		if u.Scheme == "http" {
			n = 80
		}
	}
	b.opened[b.next] = m.Timers.Asked.Time
	b.keep(b.next, 0, []flow.Event{{At: m.Timers.Asked.Time, Kind: flow.Open,
		Open: &flow.Opening{Source: b.source, Scheme: u.Scheme, Keys: flow.Yes, Server: m.server(uint16(n))}}})
	return b.next
}

func sazEvents(m *sazMeta, request, response *sazHead, u *url.URL) []flow.Event {
	t, method := &m.Timers, string(request.Bytes(request.Method))
	out := []flow.Event{{At: t.Asked.Time, Kind: flow.Request, From: flow.Client, Text: method + " " + target(method, u), Header: request.FieldLines(),
		Attrs: flow.Attrs(flow.KeyHTTP, request.http, flow.KeyScheme, u.Scheme, flow.KeyHost, u.Host, flow.KeyReused, reused(m.Pipe.Reused))}}
	if request.body >= 0 && method != "CONNECT" { // Fiddler describes the ClientHello there
		out = append(out, flow.Event{At: t.Sent.Time, Kind: flow.RequestDone, From: flow.Client, Bytes: request.body})
	}
	over := firstOf(t.Done.Time, t.Over.Time)
	if response == nil {
		return append(out, flow.Event{At: firstOf(over, t.Arrived.Time, t.Asked.Time), Kind: flow.ExchangeDone, Text: flow.NoResponse})
	}
	out = append(out, flow.Event{At: firstOf(t.Began.Time, t.Answered.Time), Kind: flow.Response, From: flow.Server, Status: response.Status,
		Text: oneLine(string(response.Bytes(response.Reason))), Header: response.FieldLines(), Attrs: flow.Attrs(flow.KeyHTTP, response.http)})
	if response.body >= 0 {
		out = append(out, flow.Event{At: over, Kind: flow.ResponseDone, From: flow.Server, Bytes: response.body})
	}
	outcome := response.outcome(method)
	if m.bit(bitGenerated) {
		outcome = flow.Refused
	}
	return append(out, flow.Event{At: over, Kind: flow.ExchangeDone, Text: outcome})
}

// outcome is complete unless the body kept is not as long as the head says: then
// it may have been cut, or not kept.
func (m *sazHead) outcome(method string) string {
	f := m.ResponseFraming(method)
	if f.Kind == httpwire.ContentLength && m.body >= 0 && m.body != f.Length {
		return ""
	}
	return flow.Complete
}

// reused is True or False in these archives, and absent of what had no server.
func reused(text string) string {
	switch text {
	case "True", "true":
		return "yes"
	case "False", "false":
		return "no"
	}
	return ""
}

// firstOf is the first time that was taken.
func firstOf(times ...time.Time) time.Time {
	for _, t := range times {
		if !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}
