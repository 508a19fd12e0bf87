package replay

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"fanlight/internal/flow"
)

// with is the request with another value of what a rule looks at, such as
// ARGS:q; false: it cannot be put there.
func (r *Request) with(target, value string) (*Request, bool) {
	name, key, _ := strings.Cut(target, ":")
	x := *r.exchange
	x.RequestHeader = slices.Clone(x.RequestHeader)
	placed := false
	switch name {
	case "ARGS", "ARGS_GET", "ARGS_POST":
		placed = name != "ARGS_POST" && intoQuery(&x, key, value) || name != "ARGS_GET" && r.intoBody(&x, key, value)
	case "REQUEST_COOKIES":
		placed = intoCookie(&x, key, value)
	case "REQUEST_HEADERS":
		placed = intoField(&x, key, value)
	case "REQUEST_BODY":
		setBody(&x, []byte(value))
		placed = len(r.Body) > 0
	}
	if !placed {
		return nil, false
	}
	out, _ := Rebuild(r.conn, &x)
	return out, out != nil
}

func intoQuery(x *flow.Exchange, key, value string) bool {
	path, query, has := strings.Cut(x.Target, "?")
	query, placed := intoForm(query, key, value)
	if has && placed {
		x.Target = path + "?" + query
	}
	return has && placed
}

// intoForm replaces the first value of a name in name=value&name=value.
func intoForm(form, key, value string) (string, bool) {
	pairs := strings.Split(form, "&")
	for i, pair := range pairs {
		name, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil && plain == key {
			pairs[i] = name + "=" + url.QueryEscape(value)
			return strings.Join(pairs, "&"), true
		}
	}
	return form, false
}

func (r *Request) intoBody(x *flow.Exchange, key, value string) bool {
	if len(r.Body) == 0 || r.More != 0 {
		return false
	}
	kind, parameters, _ := mime.ParseMediaType(string(r.head.Get("Content-Type")))
	var body []byte
	switch {
	case kind == "application/x-www-form-urlencoded":
		form, placed := intoForm(string(r.Body), key, value)
		if !placed {
			return false
		}
		body = []byte(form)
	case kind == "multipart/form-data":
		body = intoPart(r.Body, parameters["boundary"], key, value)
	case kind == "application/json" || strings.HasSuffix(kind, "+json"):
		body = intoJSON(r.Body, key, value)
	}
	if body == nil {
		return false
	}
	setBody(x, body)
	return true
}

// setBody gives an exchange another body, and the length of it where one was
// told.
func setBody(x *flow.Exchange, body []byte) {
	x.RequestBody = &flow.Body{Kept: body, Seen: int64(len(body))}
	x.RequestBodyBytes = int64(len(body))
	if x.RequestDone.IsZero() {
		x.RequestDone = x.Started
	}
	for i := range x.RequestHeader {
		if f := &x.RequestHeader[i]; strings.EqualFold(f.Name, "Content-Length") {
			f.Value = strconv.Itoa(len(body))
		}
	}
}

// intoPart replaces the content of the part of a name; nil: there is none.
func intoPart(body []byte, boundary, key, value string) []byte {
	at := bytes.Index(body, []byte(` name="`+key+`"`))
	if at < 0 || boundary == "" {
		return nil
	}
	start := bytes.Index(body[at:], []byte("\r\n\r\n"))
	if start < 0 {
		return nil
	}
	start += at + len("\r\n\r\n")
	end := bytes.Index(body[start:], []byte("\r\n--"+boundary))
	if end < 0 {
		return nil
	}
	return slices.Concat(body[:start], []byte(value), body[start+end:])
}

// intoJSON replaces the value that rules know as json.list.0.name; nil: there is
// none.
func intoJSON(body []byte, key, value string) []byte {
	path := strings.Split(key, ".")
	var document any
	if json.Unmarshal(body, &document) != nil || len(path) < 2 || path[0] != "json" {
		return nil
	}
	if !setJSON(document, path[1:], value) {
		return nil
	}
	out, _ := json.Marshal(document) // it has just been read
	return out
}

func setJSON(in any, path []string, value string) bool {
	switch in := in.(type) {
	case map[string]any:
		next, has := in[path[0]]
		if has && len(path) == 1 {
			in[path[0]] = value
			return true
		}
		return has && setJSON(next, path[1:], value)
	case []any:
		i, err := strconv.Atoi(path[0])
		if err != nil || i < 0 || i >= len(in) {
			return false
		}
		if len(path) == 1 {
			in[i] = value
			return true
		}
		return setJSON(in[i], path[1:], value)
	}
	return false
}

func intoCookie(x *flow.Exchange, key, value string) bool {
	for i := range x.RequestHeader {
		f := &x.RequestHeader[i]
		if !strings.EqualFold(f.Name, "Cookie") {
			continue
		}
		pairs := strings.Split(f.Value, ";")
		for n, pair := range pairs {
			if name, _, _ := strings.Cut(pair, "="); strings.TrimSpace(name) == key {
				pairs[n] = name + "=" + strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
				f.Value = strings.Join(pairs, ";")
				return true
			}
		}
	}
	return false
}

func intoField(x *flow.Exchange, key, value string) bool {
	for i := range x.RequestHeader {
		if f := &x.RequestHeader[i]; strings.EqualFold(f.Name, key) {
			f.Value = value
			return true
		}
	}
	return false
}
