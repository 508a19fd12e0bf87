package foreignlog

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// access reads the access logs of nginx and Apache httpd: the common and the
// combined form, with upstream fields behind it, as JSON, or in a log_format of
// one's own. nginx writes the time at the end, Apache that of the request.
type access struct {
	layout []piece // nil: common, combined or JSON
}

func newAccess(o Options) parser { return access{layoutOf(o.Layout)} }

func (p access) parse(l *Line) bool {
	var f map[string]string
	switch {
	case p.layout != nil:
		f = fill(p.layout, l.Text)
	case strings.HasPrefix(l.Text, "{"):
		f = jsonFields(l.Text)
	default:
		f = combined(l.Text)
	}
	if f == nil || !accessTime(l, f) {
		return false
	}
	l.AtEnd = true
	return accessFacts(l, f)
}

// combined gives the fields under the names of nginx's variables. In front of
// the address may stand the host, as Apache's vhost_combined writes it. What
// follows the combined form is that of ingress-nginx, or taken as name=value,
// as people write it.
func combined(text string) map[string]string {
	s := scan{rest: text}
	front := strings.Fields(s.upTo("["))
	f := map[string]string{"time_local": s.upTo("]"), "request": s.quoted(), "status": s.word()}
	if s.failed || len(front) < 3 || len(front) > 4 {
		return nil
	}
	if len(front) == 4 {
		f["host"] = front[0]
	}
	f["remote_addr"], f["remote_user"] = front[len(front)-3], front[len(front)-1]
	s.word()
	if strings.HasPrefix(strings.TrimLeft(s.rest, " "), `"`) {
		s.quoted()
		s.quoted()
	}
	if ingress(f, s) {
		return f
	}
	for name, value := range pairs(s.rest) {
		f[alias(name)] = value
	}
	return f
}

// ingress reads what ingress-nginx adds to the combined form: request length
// and time, two names in brackets, then the upstream's address, length, time
// and status (its documentation, "Log format").
func ingress(f map[string]string, s scan) bool {
	s.number()
	time := s.word()
	s.bracketed()
	s.bracketed()
	addr, _, took, status := s.list(), s.list(), s.list(), s.list()
	if s.failed {
		return false
	}
	f["request_time"], f["upstream_addr"], f["upstream_response_time"], f["upstream_status"] = time, addr, took, status
	return true
}

// pairs reads name=value; a list of values ("a, b : c") belongs to the name
// before it.
func pairs(text string) map[string]string {
	f := map[string]string{}
	name := ""
	for _, word := range strings.Fields(text) {
		n, value, found := strings.Cut(word, "=")
		switch {
		case found && isName(n):
			name = n
			f[name] = strings.Trim(value, `"`)
		case name != "":
			f[name] += " " + strings.Trim(word, `"`)
		}
	}
	return f
}

func isName(s string) bool {
	return s != "" && strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz_0123456789") == ""
}

// alias gives nginx's name for the short ones people use.
func alias(name string) string {
	switch strings.ToLower(name) {
	case "rt":
		return "request_time"
	case "uct":
		return "upstream_connect_time"
	case "uht":
		return "upstream_header_time"
	case "urt":
		return "upstream_response_time"
	case "us", "ups_status":
		return "upstream_status"
	case "ua", "upstream", "ups":
		return "upstream_addr"
	case "vhost", "http_host", "server_name":
		return "host"
	case "client", "client_ip", "clientip", "remote_ip":
		return "remote_addr"
	case "time", "timestamp", "@timestamp":
		return "time_iso8601"
	case "uri", "path", "url":
		return "request_uri"
	case "method":
		return "request_method"
	}
	return name
}

// jsonFields reads a line of JSON with the names of variables; other objects
// in it are left out.
func jsonFields(text string) map[string]string {
	var raw map[string]any
	if json.Unmarshal([]byte(text), &raw) != nil {
		return nil
	}
	f := map[string]string{}
	for name, value := range raw {
		switch v := value.(type) {
		case string:
			f[alias(name)] = v
		case float64:
			f[alias(name)] = strings.TrimSuffix(fmt.Sprintf("%.3f", v), ".000")
		}
	}
	return f
}

func accessTime(l *Line, f map[string]string) bool {
	for _, try := range [][2]string{
		{"02/Jan/2006:15:04:05 -0700", f["time_local"]}, {time.RFC3339Nano, f["time_iso8601"]},
		{"02/Jan/2006:15:04:05 -0700", f["time_iso8601"]},
	} {
		if at, err := time.Parse(try[0], try[1]); err == nil {
			l.Time, l.Zone, l.Tick = at.UTC(), ZoneInLine, time.Second
			return true
		}
	}
	return epochTime(l, f["msec"])
}

// epochTime reads seconds since 1970, with milliseconds.
func epochTime(l *Line, text string) bool {
	at, err := strconv.ParseFloat(text, 64)
	if err != nil || !(at >= 0 && at < 1e11) {
		return false
	}
	l.Time, l.Zone, l.Tick = time.UnixMilli(int64(math.Round(at*1000))).UTC(), ZoneInLine, time.Millisecond
	return true
}

func accessFacts(l *Line, f map[string]string) bool {
	l.Status = status(f["status"])
	if l.Status == 0 {
		return false
	}
	l.Client = withPort(f["remote_addr"], f["remote_port"])
	l.Server = withPort(f["server_addr"], f["server_port"])
	l.Host = first(f["host"], "-")
	if request := f["request"]; request != "" && request != "-" {
		l.request(request)
	} else {
		l.Method, l.Target = first(f["request_method"], "-"), first(f["request_uri"], "-")
	}
	l.Took, l.TookKnown = seconds(f["request_time"])
	for _, name := range []string{"request_time", "upstream_addr", "upstream_status", "upstream_connect_time", "upstream_header_time", "upstream_response_time", "ssl_protocol", "ssl_client_verify", "request_completion"} {
		l.say(name, f[name])
	}
	l.Upstream = address(last(f["upstream_addr"]))
	l.Meaning = accessMeaning(l)
	return true
}

func first(s, none string) string {
	if s == none {
		return ""
	}
	return s
}

// last gives the last of the values nginx writes when several origins were
// tried ("a, b") or the request was sent on inside ("a : b").
func last(list string) string {
	return strings.TrimSpace(list[strings.LastIndexAny(list, ", ")+1:])
}

// accessMeaning looks at the upstream fields, which tell an origin that never
// answered from one that answered with the status itself.
func accessMeaning(l *Line) Meaning {
	kind := "status " + codes(l.Status)
	tried := l.Word("upstream_addr")
	switch {
	case l.Status < 100:
		return Meaning{State: Fault, Kind: kind, Text: "The origin's answer was no HTTP, and its bytes were passed on as HTTP/0.9.",
			Next: "Look at what listens on the origin's port, and whether it speaks TLS.", Points: possible("tls-to-plaintext-port", "plaintext-to-tls-port")}
	case tried == "" || l.Status != 502 && l.Status != 504:
		return httpMeaning(kind, l.Status)
	case l.Word("upstream_header_time") != "":
		return Meaning{State: Fault, Kind: kind + " of the origin", Text: "The origin itself answered " + codes(l.Status) + ", or failed while its answer came.",
			Next: "Look at the origin's own log of the same second.", Points: possible("body-truncated")}
	case l.Word("upstream_connect_time") != "":
		return afterConnect(l, kind)
	}
	return httpMeaning(kind, l.Status)
}

// afterConnect: the origin took the connection (and the TLS handshake, which
// the connect time contains), and there was no header of a response. Without
// upstream_header_time in the format that is not known.
func afterConnect(l *Line, kind string) Meaning {
	if l.Status == 504 {
		return Meaning{State: Fault, Kind: kind + " after connecting", Text: "The origin took the connection, and did not answer in the gateway's time limit.",
			Next:   "Compare the duration with proxy_read_timeout (60 s unless changed), then look why the origin is slow. If it asked for a new handshake, only a capture shows it.",
			Points: append(likely("gateway-timeout"), possible("renegotiation-unanswered")...)}
	}
	return Meaning{State: Fault, Kind: kind + " after connecting", Text: "The origin took the connection, and gave no usable answer.",
		Next: "Look at the error log of the same second; it names the cause.", Points: possible("origin-closed-without-answer", "keepalive-race")}
}
