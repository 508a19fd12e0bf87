package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"fanlight/internal/coding"
	"fanlight/internal/flow"
	"fanlight/internal/httpconn"
)

// Compression says which responses are compressed, and how.
type Compression struct {
	Codings  []coding.Coding // of those a client wants equally, the first is taken
	Types    []string        // media types in lower case; text/* is all of text
	MinBytes int64           // what is known to be shorter is left as it is
	Level    coding.Level
}

// compressor stands between a handler and the client, and compresses what may be.
// It leaves alone: what is coded already, parts of a representation and events,
// and what must not be transformed.
type compressor struct {
	httpconn.Exchange
	rule *Compression
	pool *coding.Pool

	encoder coding.Encoder // nil: the body passes as it is
	coding  coding.Coding
	length  int64 // of the body before, -1: not declared
	plain   int64 // bytes of it so far
	fields  []byte
}

// compress puts the compressor of the ride before its exchange, if the route has
// one.
func (r *ride) compress(rule *Compression) {
	if rule == nil {
		return
	}
	if r.compressor == nil {
		r.compressor = &compressor{}
	}
	*r.compressor = compressor{Exchange: r.x, rule: rule, pool: &r.s.g.encoders, fields: r.compressor.fields[:0]}
	r.x = r.compressor
}

func (c *compressor) Respond(status int, reason string, fields []byte, length int64) error {
	if !c.suits(status, fields, length) {
		if status == 304 {
			fields = c.notModified(fields)
		}
		return c.Exchange.Respond(status, reason, fields, length)
	}
	head := c.Request().Head
	var accept coding.Accept
	for i := range head.Fields {
		if f := head.Fields[i]; equalFold(head.Bytes(f.Name), "Accept-Encoding") {
			accept.Add(head.Bytes(f.Value))
		}
	}
	chosen := accept.Choose(c.rule.Codings)
	if chosen != coding.Identity && c.Request().Method != "HEAD" {
		if c.encoder = c.pool.Get(chosen, c.rule.Level, c.Exchange); c.encoder == nil {
			chosen = coding.Identity // as many are at work as may be
		}
	}
	c.coding, c.length, c.plain = chosen, length, 0
	if chosen == coding.Identity {
		return c.Exchange.Respond(status, reason, c.varying(fields), length)
	}
	return c.Exchange.Respond(status, reason, c.coded(fields), -1)
}

// suits reports whether a response may be compressed for a client that wants it.
func (c *compressor) suits(status int, fields []byte, length int64) bool {
	switch {
	case status < 200, status == 204, status == 206, status == 304:
		return false
	case length >= 0 && length < c.rule.MinBytes:
		return false
	}
	typed := false
	for line := range bytes.Lines(fields) {
		name, value := fieldOf(line)
		switch {
		case equalFold(name, "Content-Type"):
			typed = c.rule.takes(value)
		case equalFold(name, "Content-Encoding"), equalFold(name, "Content-Range"), equalFold(name, "Content-MD5"),
			equalFold(name, "Digest"), equalFold(name, "Content-Digest"), equalFold(name, "Repr-Digest"):
			return false
		case equalFold(name, "Cache-Control") && hasMember(value, "no-transform"):
			return false
		}
	}
	return typed
}

// takes reports whether a media type is one of the rule's. A stream of events is
// never: each of them is small, and must not wait.
func (rule *Compression) takes(value []byte) bool {
	kind, _, _ := bytes.Cut(value, []byte(";"))
	kind = bytes.TrimSpace(kind)
	if equalFold(kind, "text/event-stream") {
		return false
	}
	for _, want := range rule.Types {
		if n := len(want) - 1; want[n] == '*' && len(kind) >= n && equalFold(kind[:n], want[:n]) || equalFold(kind, want) {
			return true
		}
	}
	return false
}

// coded are the fields of a response that is compressed here. Its entity tag is
// then a weak one, since the bytes are not those that the origin meant (RFC 9110
// section 8.8.3), and parts of it cannot be asked for.
func (c *compressor) coded(fields []byte) []byte {
	out := c.fields[:0]
	for line := range bytes.Lines(fields) {
		name, value := fieldOf(line)
		switch {
		case equalFold(name, "Accept-Ranges"):
		case equalFold(name, "ETag") && len(value) > 0 && value[0] == '"':
			out = appendWeak(out, value)
		default:
			out = append(out, line...)
		}
	}
	out = append(append(append(out, "Content-Encoding: "...), c.coding.String()...), "\r\n"...)
	return c.keep(appendVary(out, fields))
}

func appendWeak(b, tag []byte) []byte {
	return append(append(append(b, "ETag: W/"...), tag...), "\r\n"...)
}

// varying are the fields of one that would be compressed for another client.
func (c *compressor) varying(fields []byte) []byte {
	return c.keep(appendVary(append(c.fields[:0], fields...), fields))
}

func (c *compressor) keep(fields []byte) []byte {
	c.fields = fields
	return fields
}

// appendVary tells caches that the response depends on Accept-Encoding, unless
// fields say so.
func appendVary(b, fields []byte) []byte {
	for line := range bytes.Lines(fields) {
		if name, value := fieldOf(line); equalFold(name, "Vary") && (hasMember(value, "Accept-Encoding") || hasMember(value, "*")) {
			return b
		}
	}
	return append(b, "Vary: Accept-Encoding\r\n"...)
}

// notModified gives a 304 the weak tag that the client asked with: the strong one
// would belong to none of the responses it keeps (RFC 9111 section 4.3.4).
func (c *compressor) notModified(fields []byte) []byte {
	asked := c.Request().Head.Get("If-None-Match")
	for line := range bytes.Lines(fields) {
		name, tag := fieldOf(line)
		if !equalFold(name, "ETag") || len(tag) == 0 || tag[0] != '"' || !bytes.Contains(asked, append([]byte("W/"), tag...)) {
			continue
		}
		before, after, _ := bytes.Cut(fields, line)
		return c.keep(appendVary(append(appendWeak(append(c.fields[:0], before...), tag), after...), fields))
	}
	return fields
}

// fieldOf parts a field line.
func fieldOf(line []byte) (name, value []byte) {
	name, value, _ = bytes.Cut(line, []byte(":"))
	return name, bytes.TrimSpace(value)
}

// hasMember reports whether a list has a member, letter case ignored.
func hasMember(list []byte, member string) bool {
	for part := range bytes.SplitSeq(list, []byte(",")) {
		if equalFold(bytes.TrimSpace(part), member) {
			return true
		}
	}
	return false
}

var errLonger = errors.New("write response body: longer than declared")

func (c *compressor) Write(p []byte) (int, error) {
	if c.encoder == nil {
		return c.Exchange.Write(p)
	}
	if c.length >= 0 && int64(len(p)) > c.length-c.plain {
		return 0, errLonger
	}
	n, err := c.encoder.Write(p)
	c.plain += int64(n)
	return n, err
}

// Flush lets the client read all that was written so far.
func (c *compressor) Flush() error {
	if c.encoder != nil {
		if err := c.encoder.Flush(); err != nil {
			return err
		}
	}
	return c.Exchange.Flush()
}

func (c *compressor) Finish(trailers []byte) error {
	if c.encoder == nil {
		return c.Exchange.Finish(trailers)
	}
	if c.length >= 0 && c.plain != c.length {
		c.Truncate(fmt.Sprintf("response body ended after %d of %d bytes", c.plain, c.length))
		return io.ErrUnexpectedEOF
	}
	if err := c.encoder.Close(); err != nil {
		c.Truncate("compress response: " + err.Error())
		return err
	}
	c.Log().Add(flow.Event{At: time.Now(), Exchange: c.ID(), Kind: flow.Compressed, Text: c.coding.String(), Bytes: c.plain})
	c.release()
	return c.Exchange.Finish(trailers)
}

func (c *compressor) Truncate(why string) {
	c.release()
	c.Exchange.Truncate(why)
}

// release gives the encoder back; what it holds is lost unless it was closed.
func (c *compressor) release() {
	if c.encoder != nil {
		c.pool.Put(c.coding, c.rule.Level, c.encoder)
		c.encoder = nil
	}
}
