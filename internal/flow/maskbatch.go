package flow

import (
	"bytes"
	"strings"
)

// Batch is b as others may see it: b itself if it holds no secrets.
func (m Mask) Batch(b Batch) Batch {
	if m == nil || !secretive(b) {
		return b
	}
	var out Batch
	for e := range b.Events {
		e = m.event(e)
		out = out.Append(&e)
	}
	return out
}

// event is an event fit to be shown.
func (m Mask) event(e Event) Event {
	if len(e.Header) > 0 {
		e.Header = FormatFields(m.fields(ParseFields(e.Header)))
	}
	if method, target, found := strings.Cut(e.Text, " "); found && e.Kind == Request {
		e.Text = method + " " + m(TargetField, target)
	}
	if e.Kind == WAFMatch {
		return m.matched(e)
	}
	return e
}

// secretive reports whether a batch may hold what a Mask changes. It looks at
// as little as it can: it is asked of every exchange.
func secretive(b Batch) bool {
	for e := range b.Events {
		if e.Kind == WAFMatch || e.Kind == Request && strings.ContainsAny(e.Text, "?@") || secretHeader(e.Header) {
			return true
		}
	}
	return false
}

func secretHeader(header []byte) bool {
	for len(header) > 0 {
		var line []byte
		line, header, _ = bytes.Cut(header, []byte("\n"))
		name, _, isField := bytes.Cut(line, []byte(":"))
		if (!isField || !plainName(name)) && len(bytes.TrimSpace(line)) > 0 {
			return true
		}
	}
	return false
}

// plainName: fields of almost every message whose values are no secrets. Of
// others, Mask decides.
func plainName(name []byte) bool {
	var lower [32]byte
	if len(name) > len(lower) {
		return false
	}
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	switch string(lower[:len(name)]) {
	case "host", "user-agent", "accept", "accept-encoding", "accept-language", "connection", "content-length", "content-type",
		"date", "server", "cache-control", "etag", "last-modified", "expires", "vary", "via", "transfer-encoding", "content-encoding",
		"strict-transport-security", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "keep-alive", "pragma",
		"upgrade-insecure-requests":
		return true
	}
	return false
}
