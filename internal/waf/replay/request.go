package replay

import (
	"bytes"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
	"fanlight/internal/waf"
)

// Request is a recorded request, put together again as it was on the wire.
type Request struct {
	waf.Request
	Body []byte
	More int64 // bytes of the body behind Body; -1: not known how many
	Lack []string
	From Place

	head     httpwire.Head
	conn     *flow.Conn
	exchange *flow.Exchange
}

// Place says where in the records a request is.
type Place struct {
	Source   string
	At       time.Time // zero: not observed
	Conn     flow.ConnID
	Exchange flow.ExchangeID
}

// What a record lacks of a request that is judged all the same.
const (
	LacksBody    = "its body was not recorded"
	LacksEnd     = "its body was not recorded to the end"
	LacksMiddle  = "bytes of its body are missing in the record"
	LacksSecrets = "values in it are masked: they are not what was sent"
	LacksHost    = "the record has no Host field; that of its URL stands in"
	LacksVersion = "the record does not say which HTTP it was; HTTP/1.1 is assumed"
)

// Why an exchange is not judged at all.
const (
	NoRequest  = "the request itself was not recorded"
	NoFields   = "its header fields were not recorded"
	SentOn     = "it was sent on to an origin, and is judged as the client sent it"
	NoSite     = "CONNECT asks for a tunnel, not for a site"
	Unreadable = "its recorded head is no HTTP"
)

// Rebuild puts a recorded request together; nil with the reason if that cannot
// be done. The request shares the body with the record.
func Rebuild(c *flow.Conn, x *flow.Exchange) (r *Request, why string) {
	switch {
	case x.Method == "":
		return nil, NoRequest
	case x.Parent != 0 || c.Self == flow.Client && c.Parent != 0:
		return nil, SentOn
	case x.Method == "CONNECT":
		return nil, NoSite
	case len(x.RequestHeader) == 0 && x.HTTP != "1.0":
		return nil, NoFields
	}
	r = &Request{conn: c, exchange: x, From: Place{Source: c.Source, At: x.Started, Conn: c.ID, Exchange: x.ID}}
	if !r.parse(x) {
		return nil, Unreadable
	}
	r.Client, r.Server = observed(c.Client), observed(c.Server)
	if c.Proxied.IsValid() {
		r.Client = c.Proxied
	}
	r.Method, r.Target, r.Head = x.Method, x.Target, &r.head
	r.Host = x.Host
	r.takeBody(x)
	if masked(x) {
		r.lacks(LacksSecrets)
	}
	return r, ""
}

// observed is an address that rules can read where the record has none.
func observed(a netip.AddrPort) netip.AddrPort {
	if a.IsValid() {
		return a
	}
	return netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
}

func (r *Request) lacks(what string) { r.Lack = append(r.Lack, what) }

// parse writes the head as it was, and reads it as the door does.
func (r *Request) parse(x *flow.Exchange) bool {
	var head bytes.Buffer
	head.WriteString(x.Method + " " + x.Target + " HTTP/1." + r.protocol(x) + "\r\n")
	if _, has := flow.Get(x.RequestHeader, "Host"); !has && x.Host != "" && r.Protocol != "HTTP/2.0" {
		r.lacks(LacksHost)
		head.WriteString("Host: " + x.Host + "\r\n")
	}
	head.Write(flow.FormatFields(x.RequestHeader))
	head.WriteString("\r\n")
	limits := httpwire.Limits{HeadBytes: 1 << 20, TargetBytes: 1 << 20, Fields: 4000}
	n, err := r.head.ParseRequest(head.Bytes(), limits)
	return err == nil && n > 0
}

// protocol gives the minor version of HTTP/1, whose form a head has here.
func (r *Request) protocol(x *flow.Exchange) (minor string) {
	switch x.HTTP {
	case "1.0":
		r.Protocol = "HTTP/1.0"
		return "0"
	case "2", "3":
		r.Protocol = "HTTP/2.0"
		return "1"
	case "":
		r.lacks(LacksVersion)
	}
	r.Protocol = "HTTP/1.1"
	return "1"
}

func (r *Request) takeBody(x *flow.Exchange) {
	length, known := bodyLength(x)
	if known && length == 0 {
		return
	}
	kept := x.RequestBody
	if kept == nil {
		if known || r.head.RequestFraming().Kind == httpwire.Chunked {
			r.lacks(LacksBody)
			r.More = -1
			if known {
				r.More = length
			}
		}
		return
	}
	r.Body = kept.Kept
	r.More = kept.Seen - int64(len(kept.Kept))
	switch {
	case known && kept.Seen < length && !x.RequestDone.IsZero():
		r.lacks(LacksMiddle)
		r.More += length - kept.Seen
	case known && kept.Seen < length, !known:
		r.lacks(LacksEnd)
		r.More = -1
	}
}

// bodyLength is how long the body was, or was going to be.
func bodyLength(x *flow.Exchange) (n int64, known bool) {
	if !x.RequestDone.IsZero() {
		return x.RequestBodyBytes, true
	}
	text, has := flow.Get(x.RequestHeader, "Content-Length")
	n, err := strconv.ParseInt(text, 10, 64)
	return n, has && err == nil && n >= 0
}

// masked tells whether what stands in place of secrets is in a request.
func masked(x *flow.Exchange) bool {
	if maskToken.MatchString(x.Target) {
		return true
	}
	for _, f := range x.RequestHeader {
		if maskToken.MatchString(f.Value) {
			return true
		}
	}
	return false
}

// Shape is a method and a path with the parts folded that differ from one thing
// to the next: numbers, ids, names of random letters.
func (r *Request) Shape() string {
	path, _, _ := strings.Cut(r.Target, "?")
	if _, rest, absolute := strings.Cut(path, "://"); absolute {
		_, path, _ = strings.Cut(rest, "/")
		path = "/" + path
	}
	parts := strings.Split(path, "/")
	if len(parts) > mostParts {
		parts = append(parts[:mostParts], "…")
	}
	for i, part := range parts {
		if variable(part) {
			parts[i] = "*"
		}
	}
	return r.Method + " " + strings.Join(parts, "/")
}

const (
	mostParts  = 8  // of a path in a shape
	mostLetter = 40 // in a part of it
)

// variable: a number, sixteen or more hexadecimal digits or dashes, or long.
func variable(part string) bool {
	digits, hex := 0, 0
	for i := range len(part) {
		switch c := part[i]; {
		case '0' <= c && c <= '9':
			digits++
			hex++
		case 'a' <= c && c <= 'f', 'A' <= c && c <= 'F', c == '-':
			hex++
		}
	}
	switch n := len(part); {
	case n == 0:
		return false
	case digits == n, n > mostLetter:
		return true
	default:
		return hex == n && digits > 0 && n >= 8
	}
}

// maskToken is how flow.NewMask writes a secret.
var maskToken = regexp.MustCompile(`masked-[0-9a-f]{12}`)
