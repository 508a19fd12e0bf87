package app_test

import (
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const smugglingH2Config = `
limits: {header_timeout: 400ms, body_timeout: 400ms, idle_timeout: 400ms}
sites:
  app:
    bind: ["127.0.0.3:$PORT app.test", "http://127.0.0.2:$PORT app.test"]
    routes: [{path: /, to: "$TO", timeouts: {first_byte: 2s, between: 2s}$MORE}]
`

// TestSmugglingHTTP2 is TestSmuggling for clients that speak HTTP/2.
func TestSmugglingHTTP2(t *testing.T) {
	table := newTally()
	for _, start := range []func(testing.TB) countingOrigin{goOrigin, nginxOrigin, apacheOrigin} {
		o := start(t)
		s := &smuggling{t: t, d: serve(t, smugglingH2Config, "$TO", o.url, "$MORE", ""), origin: o, table: table}
		s.run(payloads(t, "h2-*"), s.sendHTTP2)
		s.check()
	}
	for _, start := range http2Origins() {
		throughHTTP2(t, table, start, strings.Replace(smugglingH2Config, "$MORE", `, http: "2"`, 1), payloads(t, "h2-*"), (*smuggling).sendHTTP2)
	}
	t.Log("\n" + table.String())
}

// h2Speaker writes frames as they are told, whatever RFC 9113 says of them.
type h2Speaker struct {
	c      net.Conn
	framer *http2.Framer
	fields *hpack.Encoder
	block  bytes.Buffer
	opened []uint32 // streams that an answer may come for
}

func newH2Speaker(c net.Conn) *h2Speaker {
	h := &h2Speaker{c: c, framer: http2.NewFramer(c, c)}
	h.framer.AllowIllegalWrites = true
	h.fields = hpack.NewEncoder(&h.block)
	return h
}

func (s *smuggling) sendHTTP2(p *payload) (attempt, error) {
	raw, err := net.Dial("tcp", "127.0.0.3:"+s.d.port)
	if err != nil {
		return attempt{}, err
	}
	defer raw.Close()
	_ = raw.SetDeadline(time.Now().Add(wait))
	c := tls.Client(raw, &tls.Config{ServerName: "app.test", RootCAs: s.d.roots(), NextProtos: []string{"h2"}})
	if err := c.Handshake(); err != nil {
		return attempt{}, err
	}
	h := newH2Speaker(c)
	h.framer.AllowIllegalReads = true
	_, _ = io.WriteString(c, http2.ClientPreface)
	_ = h.framer.WriteSettings()
	h.play(s.t, p)
	if !p.has("alone") {
		h.headers(lastStream, http2.FlagHeadersEndStream|http2.FlagHeadersEndHeaders, requestFields(p, "GET /"+p.id+"/last"))
	}
	answers, err := h.listen(p.has("alone"))
	if err != nil {
		return attempt{}, err
	}
	return attempt{p: p, ends: endsOf(raw), streams: answers}, nil
}

// lastStream is that of the honest request behind a payload.
const lastStream = 99

// requestFields are those of `METHOD /target` on the site.
func requestFields(p *payload, line string) [][2]string {
	method, target, _ := strings.Cut(line, " ")
	return [][2]string{{":method", method}, {":scheme", "https"}, {":authority", "app.test"}, {":path", target}}
}

// play sends the frames of a payload.
func (h *h2Speaker) play(t testing.TB, p *payload) {
	for i := 0; i < len(p.lines); {
		words, rest, _ := strings.Cut(p.lines[i], ": ")
		i++
		var fields [][2]string
		for ; i < len(p.lines) && strings.HasPrefix(p.lines[i], "  "); i++ {
			line := strings.TrimPrefix(p.lines[i], "  ")
			if common, ok := strings.CutPrefix(line, "+ "); ok {
				fields = append(fields, requestFields(p, common)...)
				continue
			}
			name, value, _ := strings.Cut(line, " =")
			fields = append(fields, [2]string{p.literal(t, name), p.literal(t, strings.TrimPrefix(value, " "))})
		}
		h.frame(t, p, strings.Fields(words), p.literal(t, rest), fields)
	}
}

// frame sends one: its type, its stream, flags that differ from the usual ones.
func (h *h2Speaker) frame(t testing.TB, p *payload, words []string, text string, fields [][2]string) {
	stream, flags := uint32(0), words[1:]
	if n, err := strconv.ParseUint(words[min(1, len(words)-1)], 10, 32); err == nil {
		stream, flags = uint32(n), words[2:]
	}
	end := slices.Contains(flags, "END_STREAM")
	var f http2.Flags
	if !slices.Contains(flags, "MORE") {
		f |= http2.FlagHeadersEndHeaders
	}
	if end {
		f |= http2.FlagHeadersEndStream
	}
	switch words[0] {
	case "HEADERS":
		h.headers(stream, f, fields)
	case "CONTINUATION":
		h.encode(fields)
		_ = h.framer.WriteRawFrame(http2.FrameContinuation, f&http2.FlagHeadersEndHeaders, stream, h.block.Bytes())
	case "DATA":
		_ = h.framer.WriteRawFrame(http2.FrameData, f&http2.FlagDataEndStream, stream, []byte(text))
	case "RST":
		_ = h.framer.WriteRSTStream(stream, http2.ErrCodeCancel)
	case "RAW": // type and flags as numbers, the payload in hexadecimal
		kind, _ := strconv.Atoi(flags[0])
		bits, _ := strconv.Atoi(flags[1])
		body, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
		must(t, err)
		_ = h.framer.WriteRawFrame(http2.FrameType(kind), http2.Flags(bits), stream, body)
	default:
		t.Errorf("%s: what is %q", p, words)
	}
}

func (h *h2Speaker) headers(stream uint32, flags http2.Flags, fields [][2]string) {
	h.encode(fields)
	if !slices.Contains(h.opened, stream) {
		h.opened = append(h.opened, stream)
	}
	_ = h.framer.WriteRawFrame(http2.FrameHeaders, flags, stream, h.block.Bytes())
}

func (h *h2Speaker) encode(fields [][2]string) {
	h.block.Reset()
	for _, f := range fields {
		_ = h.fields.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}) // a buffer takes all
	}
}

// listen reads until every stream has ended or the connection does, if
// toTheEnd not before that, and gives the final status of those that have one, 0
// of those that were reset.
func (h *h2Speaker) listen(toTheEnd bool) (map[uint32]int, error) {
	answers, open := map[uint32]int{}, map[uint32]bool{}
	for _, id := range h.opened {
		open[id] = true
	}
	fields := hpack.NewDecoder(4096, nil)
	for len(open) > 0 || toTheEnd {
		f, err := h.framer.ReadFrame()
		if err != nil {
			if errors.Is(err, io.EOF) || isReset(err) {
				return answers, nil
			}
			return nil, fmt.Errorf("streams %v are open: %w", slices.Collect(maps.Keys(open)), err)
		}
		id := f.Header().StreamID
		switch f := f.(type) {
		case *http2.HeadersFrame:
			all, err := fields.DecodeFull(f.HeaderBlockFragment())
			if err != nil {
				return nil, err
			}
			for _, field := range all {
				if status, err := strconv.Atoi(field.Value); field.Name == ":status" && err == nil && status >= 200 {
					answers[id] = status
				}
			}
			if f.StreamEnded() {
				delete(open, id)
			}
		case *http2.DataFrame:
			if f.StreamEnded() {
				delete(open, id)
			}
		case *http2.RSTStreamFrame:
			answers[id] += 0 // what was answered before it stays
			delete(open, id)
		}
	}
	return answers, nil
}
