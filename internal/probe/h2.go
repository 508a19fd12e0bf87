package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
	"fanlight/internal/origin"
)

// askH2 sends one GET by HTTP/2 on a connection whose server chose it, and
// tells what came of it.
func (w *way) askH2(ctx context.Context, c *origin.Conn) {
	began := time.Now()
	x := &h2Exchange{log: c.Log(), id: w.rec.NextExchange(), target: w.URL}
	s := Step{Name: "http/2", Conn: c.Log().ID(), Exchange: x.id}
	delete(w.out.trials, s.Conn) // it is an ordinary client's from here
	defer context.AfterFunc(ctx, func() { c.Interrupt("probe: interrupted") })()
	conn := c.Transport()
	_ = conn.SetDeadline(began.Add(w.Timeout)) // fails only on a closed connection; the write says so
	err := x.run(conn)
	x.end()
	c.Log().Flush()
	if err != nil {
		s.State, s.Result = Failed, plain(err)
		w.step(s, began)
		return
	}
	s.State, s.Result, s.Key, s.Fields = stateOf(x.answer.status), x.answer.String(), x.answer.key(), x.answer.fields
	w.step(s, began)
}

// h2Exchange is the only exchange of an HTTP/2 connection (RFC 9113), with no
// more of the protocol than it takes.
type h2Exchange struct {
	log    *flow.Log
	id     flow.ExchangeID
	target *Target
	framer *http2.Framer
	answer answer
	done   bool // the response is whole
}

// h2Stream is the first stream of a client.
const h2Stream = 1

// h2HeadBytes bounds the head of a response.
const h2HeadBytes = 256 << 10

func (x *h2Exchange) run(conn io.ReadWriter) error {
	var out bytes.Buffer
	out.WriteString(http2.ClientPreface)
	x.framer = http2.NewFramer(&out, conn)
	x.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	x.framer.MaxHeaderListSize = h2HeadBytes
	if err := x.request(); err != nil {
		return err
	}
	for {
		if _, err := conn.Write(out.Bytes()); err != nil {
			return err
		}
		out.Reset()
		if x.done || x.answer.cut {
			return nil
		}
		frame, err := x.framer.ReadFrame()
		if err == nil {
			err = x.frame(frame)
		}
		if err != nil {
			return err
		}
	}
}

// request writes settings and the request.
func (x *h2Exchange) request() error {
	var block bytes.Buffer
	encode := hpack.NewEncoder(&block)
	for _, f := range [][2]string{
		{":method", "GET"}, {":scheme", x.target.Scheme()}, {":authority", x.target.Authority()}, {":path", x.target.Path},
		{"user-agent", agent}, {"accept", "*/*"},
	} {
		if err := encode.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}); err != nil {
			return err
		}
	}
	now := time.Now()
	x.log.Add(flow.Event{At: now, Exchange: x.id, Kind: flow.Request, From: flow.Client, Text: "GET " + x.target.Path,
		Header: flow.FormatFields([]flow.Field{{Name: "user-agent", Value: agent}, {Name: "accept", Value: "*/*"}}),
		Attrs: flow.Attrs(flow.KeyHTTP, "2", flow.KeyScheme, x.target.Scheme(), flow.KeyHost, x.target.Authority(),
			flow.KeyStream, strconv.Itoa(h2Stream), flow.KeyReused, "no")})
	x.log.Add(flow.Event{At: now, Exchange: x.id, Kind: flow.RequestDone, From: flow.Client})
	return errors.Join(
		x.framer.WriteSettings(http2.Setting{ID: http2.SettingEnablePush, Val: 0}, http2.Setting{ID: http2.SettingInitialWindowSize, Val: maxBody}),
		x.framer.WriteWindowUpdate(0, maxBody),
		x.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: h2Stream, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true}))
}

// frame takes one frame of the server, and writes what answers it.
func (x *h2Exchange) frame(frame http2.Frame) error {
	switch f := frame.(type) {
	case *http2.SettingsFrame:
		if !f.IsAck() {
			return x.framer.WriteSettingsAck()
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			return x.framer.WritePing(true, f.Data)
		}
	case *http2.GoAwayFrame:
		x.log.Add(flow.Event{At: time.Now(), Kind: flow.GoAway, From: flow.Server, Text: httpwire.H2ErrorName(uint32(f.ErrCode)),
			Attrs: flow.Attrs(flow.KeyStream, strconv.Itoa(int(f.LastStreamID)))})
		if f.ErrCode != http2.ErrCodeNo || f.LastStreamID < h2Stream {
			return fmt.Errorf("the server gave the connection up: GOAWAY %s", httpwire.H2ErrorName(uint32(f.ErrCode)))
		}
	case *http2.RSTStreamFrame:
		x.log.Add(flow.Event{At: time.Now(), Exchange: x.id, Kind: flow.StreamReset, From: flow.Server, Text: httpwire.H2ErrorName(uint32(f.ErrCode))})
		return fmt.Errorf("the server reset the stream: %s", httpwire.H2ErrorName(uint32(f.ErrCode)))
	case *http2.MetaHeadersFrame:
		return x.head(f)
	case *http2.DataFrame:
		x.answer.bytes += int64(len(f.Data()))
		x.answer.cut = x.answer.bytes >= maxBody-h2HeadBytes // the window is about to end
		x.ended(f.StreamEnded())
	}
	return nil
}

func (x *h2Exchange) head(f *http2.MetaHeadersFrame) error {
	if x.answer.status >= 200 { // trailers
		x.ended(f.StreamEnded())
		return nil
	}
	status, err := strconv.Atoi(f.PseudoValue("status"))
	if err != nil || f.Truncated {
		return fmt.Errorf("read the response's head: status %q, or a head above %d bytes", f.PseudoValue("status"), h2HeadBytes)
	}
	var fields []flow.Field
	for _, h := range f.RegularFields() {
		fields = append(fields, flow.Field{Name: h.Name, Value: h.Value})
	}
	kind := flow.Response
	if status < 200 {
		kind = flow.Interim
	} else {
		x.answer.status, x.answer.fields = status, fields
	}
	x.log.Add(flow.Event{At: time.Now(), Exchange: x.id, Kind: kind, From: flow.Server, Status: status,
		Header: flow.FormatFields(fields), Attrs: flow.Attrs(flow.KeyHTTP, "2")})
	x.ended(f.StreamEnded())
	return nil
}

func (x *h2Exchange) ended(end bool) {
	if end && !x.done && x.answer.status >= 200 {
		x.done = true
		x.log.Add(flow.Event{At: time.Now(), Exchange: x.id, Kind: flow.ResponseDone, From: flow.Server, Bytes: x.answer.bytes})
	}
}

// end records the end of the exchange.
func (x *h2Exchange) end() {
	outcome := flow.NoResponse
	switch {
	case x.done:
		outcome = flow.Complete
	case x.answer.status >= 200:
		outcome = flow.Truncated
	}
	x.log.Add(flow.Event{At: time.Now(), Exchange: x.id, Kind: flow.ExchangeDone, Text: outcome})
}

// statusOf is the last final status among events, empty if there is none.
func statusOf(events []flow.Event) string {
	var out string
	for _, e := range events {
		if e.Kind == flow.Response {
			out = strings.TrimSpace(strconv.Itoa(e.Status) + " " + e.Text)
		}
	}
	return out
}
