package gateway

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
)

// readBody holds as much of the body as rules see. False: the exchange is
// answered.
func (i *inspection) readBody() bool {
	req := i.r.facts.req
	if req.Length == 0 || req.Upgrade != "" {
		return true
	}
	if kind, looked := i.rule.looksAt(req.Head.Get("Content-Type")); !looked {
		i.unlooked = kind
		return true
	}
	limit := i.rule.Policy.BodyLimit
	if req.Length > int64(limit) && !i.rule.Policy.Partial {
		i.tooLong("request body of " + strconv.FormatInt(req.Length, 10) + " bytes")
		return false
	}
	if body, all := i.Exchange.Buffered(); all {
		i.held, i.borrowed, i.whole = body, true, true
		return true
	}
	return i.hold(limit + 1)
}

// hold reads up to most bytes, one more than rules see, so that a body is known
// to be longer.
func (i *inspection) hold(most int) bool {
	for len(i.held) < most && !i.whole {
		if len(i.held) == cap(i.held) && !i.grow(most) {
			return i.unjudged(503, byInspected, "the bodies that the WAF holds take more than the "+strconv.FormatInt(i.r.s.g.Inspected, 10)+" bytes of limits.inspected")
		}
		n, err := i.Exchange.ReadBody(i.held[len(i.held):min(cap(i.held), most)])
		i.held = i.held[:len(i.held)+n]
		switch {
		case errors.Is(err, io.EOF):
			i.whole = true
		case err != nil:
			i.r.clientFault(err)
			return false
		}
	}
	if len(i.held) == most && !i.rule.Policy.Partial {
		i.tooLong("request body")
		return false
	}
	return true
}

// firstHeld is how much room a body gets at first: a client that announces a
// long one and sends none costs no more.
const firstHeld = 8 << 10

// grow doubles the room, if the door may hold so much.
func (i *inspection) grow(most int) bool {
	size := min(max(firstHeld, 2*cap(i.held)), most)
	g := i.r.s.g
	more := int64(size - cap(i.held))
	if g.Inspected > 0 && g.held.Add(more) > g.Inspected {
		g.held.Add(-more)
		return false
	}
	i.taken += more
	i.held = append(make([]byte, 0, size), i.held...)
	return true
}

func (i *inspection) tooLong(body string) {
	i.r.x.CloseAfter("request body is longer than the WAF looks at")
	i.r.refuse(413, byWAFBody, body+" is longer than the "+strconv.Itoa(i.rule.Policy.BodyLimit)+" bytes that the WAF of "+i.r.facts.route.title+" looks at")
}

// blind are media types whose bodies hold nothing that rules can read.
func blind() []string {
	return []string{"application/octet-stream", "application/zip", "application/gzip", "application/grpc", "application/x-7z-compressed",
		"application/x-rar-compressed", "application/vnd.rar", "application/x-tar", "application/zstd", "image/*", "audio/*", "video/*", "font/*"}
}

// looksAt reports whether a body of a media type is looked at. What says nothing
// of itself is.
func (rule *Protection) looksAt(field []byte) (kind string, looked bool) {
	media, _, _ := bytes.Cut(field, []byte(";"))
	kind = strings.ToLower(string(bytes.TrimSpace(media)))
	if anyType(rule.Types, kind) {
		return kind, true
	}
	return kind, !anyType(blind(), kind) && !strings.HasPrefix(kind, "application/grpc+")
}

func anyType(types []string, kind string) bool {
	for _, t := range types {
		if all, is := strings.CutSuffix(t, "*"); t == kind || is && strings.HasPrefix(kind, all) {
			return true
		}
	}
	return false
}
