package oracle

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// tshark reads a capture with tshark.
func tshark(t testing.TB, file string, args ...string) *seen {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	all := append([]string{
		"-r", file, "-2", "-n", "-T", "pdml", "-J", "ip ipv6 tcp tls http http2",
		"-Y", "http || http2 || tls.handshake || tcp.flags.syn == 1 || tcp.flags.fin == 1 || tcp.flags.reset == 1",
		"-o", "http.decompress_body:FALSE",
	}, args...)
	cmd := exec.CommandContext(ctx, program(t, "tshark"), all...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	r := &pdmlReader{byStream: map[string]*dissection{}}
	readErr := r.read(out)
	if err := cmd.Wait(); err != nil || readErr != nil {
		t.Fatalf("tshark: %v, %v\n%s", err, readErr, stderr.String())
	}
	return r.result()
}

// find gives every field of a name, at any depth, in order.
func (n *node) find(name string) (found []*node) {
	for i := range n.Nodes {
		if n.Nodes[i].Name == name {
			found = append(found, &n.Nodes[i])
		}
		found = append(found, n.Nodes[i].find(name)...)
	}
	return found
}

func (n *node) show(name string) string {
	if f := n.find(name); len(f) > 0 {
		return f[0].Show
	}
	return ""
}

// raw is the bytes of a field.
func (n *node) raw(name string) []byte {
	f := n.find(name)
	if len(f) == 0 {
		return nil
	}
	b, _ := hex.DecodeString(f[0].Value)
	return b
}

func (n *node) text(name string) string { return string(n.raw(name)) }

// dissection is a connection while its packets are read.
type dissection struct {
	conn
	sessionID string           // that the client offers
	hello     bool             // the first ServerHello was seen
	requests  []*exchange      // HTTP/1 ones, answered in this order
	answered  int              // how many of them
	streams   map[int]*stream2 // HTTP/2
	order     []int
}

// stream2 is an HTTP/2 stream.
type stream2 struct {
	exchange
	bodies [2]bytes.Buffer // request, response
	ended  [2]bool
}

type pdmlReader struct {
	byStream map[string]*dissection
	order    []*dissection
}

func (r *pdmlReader) read(in io.Reader) error {
	p := newPDML(in)
	for {
		packet, err := p.next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		r.packet(packet)
	}
}

func (r *pdmlReader) packet(p *node) {
	id := p.show("tcp.stream")
	if id == "" {
		return
	}
	src, dst := endpoint(p, "src"), endpoint(p, "dst")
	d := r.byStream[id]
	if d == nil {
		d = &dissection{conn: conn{client: src}, streams: map[int]*stream2{}}
		if p.show("tcp.flags.syn") == "1" && p.show("tcp.flags.ack") == "1" {
			d.client = dst
		}
		r.byStream[id] = d
		r.order = append(r.order, d)
	}
	from := 1
	if src == d.client {
		from = 0
	}
	for i := range p.Nodes {
		switch proto := &p.Nodes[i]; proto.Name {
		case "tcp":
			d.tcp(proto, from)
		case "tls":
			for _, handshake := range proto.find("tls.handshake") {
				d.handshake(handshake)
			}
		case "http":
			d.http1(proto)
		case "http2":
			for _, frame := range proto.find("http2.stream") {
				d.http2(frame, from)
			}
		}
	}
}

func endpoint(p *node, side string) string {
	if ip := p.show("ipv6." + side); ip != "" {
		return "[" + ip + "]:" + p.show("tcp."+side+"port")
	}
	return p.show("ip."+side) + ":" + p.show("tcp."+side+"port")
}

func side(from int) string { return [...]string{"client", "server"}[from] }

func (d *dissection) tcp(p *node, from int) {
	if d.by != "" {
		return
	}
	switch {
	case p.show("tcp.flags.reset") == "1":
		d.by, d.how = side(from), "rst"
	case p.show("tcp.flags.fin") == "1":
		d.by, d.how = side(from), "fin"
	}
}

// retryRandom is the beginning of the random of a HelloRetryRequest (RFC 8446
// section 4.1.3).
const retryRandom = "cf21ad74e59a6111"

func (d *dissection) handshake(h *node) {
	switch h.show("tls.handshake.type") {
	case "1":
		if !d.hello {
			d.sni = h.show("tls.handshake.extensions_server_name")
			d.sessionID = strings.ReplaceAll(h.show("tls.handshake.session_id"), ":", "")
		}
	case "2":
		if random := strings.ReplaceAll(h.show("tls.handshake.random"), ":", ""); !d.hello && !strings.HasPrefix(random, retryRandom) {
			d.hello = true
			d.serverHello(h)
		}
	case "8":
		d.alpn = h.show("tls.handshake.extensions_alpn_str")
	}
}

var suite = regexp.MustCompile(`Cipher Suite: (\S+) \(`)

func (d *dissection) serverHello(h *node) {
	versions := map[string]string{"0x0300": "ssl3", "0x0301": "1.0", "0x0302": "1.1", "0x0303": "1.2", "0x0304": "1.3"}
	d.version = versions[h.show("tls.handshake.version")]
	id := strings.ReplaceAll(h.show("tls.handshake.session_id"), ":", "")
	resumed := id != "" && id == d.sessionID
	if v := h.show("tls.handshake.extensions.supported_version"); v != "" {
		d.version = versions[v]
		resumed = slices.ContainsFunc(h.find("tls.handshake.extension.type"), func(n *node) bool { return n.Show == "41" })
	}
	d.resumed = &resumed
	d.alpn = h.show("tls.handshake.extensions_alpn_str")
	if f := h.find("tls.handshake.ciphersuite"); len(f) > 0 {
		if m := suite.FindStringSubmatch(f[0].ShowName); m != nil {
			d.cipher = m[1]
		}
	}
}

func (d *dissection) http1(p *node) {
	if method := p.show("http.request.method"); method != "" {
		x := &exchange{http: version1(p, "request"), method: method, target: p.text("http.request.uri"), sent: lines(p, "http.request.line")}
		if h := x.sent.fold("host"); len(h) > 0 {
			x.host = h[0]
		}
		x.sentBody = fileData(p)
		d.requests = append(d.requests, x)
		return
	}
	code, err := strconv.Atoi(p.show("http.response.code"))
	if err != nil || d.answered >= len(d.requests) {
		return
	}
	x := d.requests[d.answered]
	if code < 200 && code != 101 {
		x.interim = append(x.interim, code)
		return
	}
	d.answered++
	x.status, x.got, x.gotBody = code, lines(p, "http.response.line"), fileData(p)
	x.hasResponseBody = len(p.find("http.file_data")) > 0
}

func version1(p *node, of string) string {
	return strings.TrimPrefix(p.show("http."+of+".version"), "HTTP/")
}

func fileData(p *node) body {
	if len(p.find("http.file_data")) == 0 {
		return body{}
	}
	return bodyOf(p.raw("http.file_data"))
}

func lines(p *node, name string) (out fields) {
	for _, f := range p.find(name) {
		raw, _ := hex.DecodeString(f.Value)
		key, value, _ := strings.Cut(strings.TrimRight(string(raw), "\r\n"), ":")
		out = append(out, [2]string{key, strings.Trim(value, " \t")})
	}
	return out
}

// fold gives the values of a field whatever the case of its name.
func (f fields) fold(name string) (values []string) {
	for _, pair := range f {
		if strings.EqualFold(pair[0], name) {
			values = append(values, pair[1])
		}
	}
	return values
}

// Frame types of RFC 9113 section 6.
const (
	frameData         = "0"
	frameHeaders      = "1"
	frameContinuation = "9"
)

func (d *dissection) http2(frame *node, from int) {
	id, _ := strconv.Atoi(frame.show("http2.streamid"))
	if id == 0 {
		return
	}
	s := d.streams[id]
	if s == nil {
		s = &stream2{exchange: exchange{http: "2", stream: id}}
		d.streams[id] = s
		d.order = append(d.order, id)
	}
	switch frame.show("http2.type") {
	case frameHeaders, frameContinuation:
		s.headers(frame, from)
	case frameData:
		s.data(frame, from)
	}
	if frame.show("http2.flags.end_stream") == "1" {
		s.ended[from] = true
	}
}

// data takes the bytes of a DATA frame. In the last one tshark shows the whole
// body; and what has a content coding, also without it.
func (s *stream2) data(frame *node, from int) {
	whole := frame.raw("http2.body.reassembled.data")
	if whole != nil {
		s.bodies[from].Reset()
	} else if whole = frame.coded(); whole == nil {
		whole = frame.raw("http2.data.data")
	}
	s.bodies[from].Write(whole)
}

// coded is a body with its content coding, where tshark undid it.
func (n *node) coded() []byte {
	for _, f := range n.find("") {
		if strings.HasPrefix(f.Show, "Content-encoded entity body") {
			b, _ := hex.DecodeString(f.Value)
			return b
		}
	}
	return nil
}

func (s *stream2) headers(frame *node, from int) {
	for _, h := range frame.find("http2.header") {
		name, value := h.text("http2.header.name"), h.text("http2.header.value")
		switch {
		case name == ":method":
			s.method = value
		case name == ":path":
			s.target = value
		case name == ":authority":
			s.host = value
		case name == ":status":
			if s.status != 0 {
				s.interim, s.got = append(s.interim, s.status), nil
			}
			s.status, _ = strconv.Atoi(value)
		case strings.HasPrefix(name, ":"):
		case from == 0:
			s.sent = append(s.sent, [2]string{name, value})
		default:
			s.got = append(s.got, [2]string{name, value})
		}
	}
}

func (r *pdmlReader) result() *seen {
	s := &seen{}
	for _, d := range r.order {
		c := &d.conn
		c.exchanges = d.requests
		slices.Sort(d.order)
		for _, id := range d.order {
			x := d.streams[id]
			if x.method == "" {
				continue
			}
			for from, b := range []*body{&x.sentBody, &x.gotBody} {
				if x.ended[from] {
					*b = bodyOf(x.bodies[from].Bytes())
				}
			}
			c.exchanges = append(c.exchanges, &x.exchange)
		}
		s.conns = append(s.conns, c)
	}
	return s
}
