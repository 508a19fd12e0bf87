package gateway

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"strings"

	"fanlight/internal/files"
	"fanlight/internal/httpconn"
	"fanlight/internal/httpwire"
)

// serveFile answers from a folder. The prefix of the route is not part of a
// file's name, unless the route rewrites.
func (r *ride) serveFile(route *Route) {
	req := r.x.Request()
	name, ok := r.fileName(route)
	if !ok {
		r.fail(404, "no file "+req.Path)
		return
	}
	_, query := httpwire.SplitTarget([]byte(r.target))
	res, err := route.Folder.Open(files.Request{Method: req.Method, Path: name, Query: string(query),
		Get: func(field string) string { return joined(req.Head, field) }})
	if err != nil {
		r.fail(500, "serve "+req.Path+": "+err.Error())
		return
	}
	if res.Body != nil {
		defer res.Body.Close()
	}
	if res.Status >= 400 && res.Status != 416 {
		r.fail(res.Status, "serve "+req.Path+": "+res.Why, res.Fields...)
		return
	}
	fields := r.appendLocalFields(nil, res.Fields, route)
	r.responded(res.Status)
	if err := r.x.Respond(res.Status, reasonOf(res.Status), fields, res.Length); err != nil {
		r.x.Truncate("write response: " + err.Error())
		return
	}
	r.s.sendFile(r.x, res.Body)
}

// fileName is the path below the folder.
func (r *ride) fileName(route *Route) (name string, ok bool) {
	if route.Rewrite != nil {
		return httpwire.CleanPath([]byte(r.target))
	}
	name = strings.TrimPrefix(r.x.Request().Path, strings.TrimSuffix(route.Prefix, "/"))
	return name, strings.HasPrefix(name, "/")
}

func (s *session) sendFile(x httpconn.Exchange, body io.Reader) {
	if body == nil {
		_ = x.Finish(nil) // records its own failure
		return
	}
	buf := s.g.Buffers.Body()
	defer s.g.Buffers.PutBody(buf)
	for {
		n, err := body.Read(*buf)
		if n > 0 {
			if _, werr := x.Write((*buf)[:n]); werr != nil {
				x.Truncate("write response: " + werr.Error())
				return
			}
		}
		if errors.Is(err, io.EOF) {
			_ = x.Finish(nil) // records its own failure
			return
		}
		if err != nil {
			x.Truncate("read file: " + err.Error())
			return
		}
	}
}

// joined gives a field's value, several lines joined by commas.
func joined(h *httpwire.Head, name string) string {
	var all []string
	for i := range h.Fields {
		if f := h.Fields[i]; equalFold(h.Bytes(f.Name), name) {
			all = append(all, string(h.Bytes(f.Value)))
		}
	}
	return strings.Join(all, ", ")
}

// appendLocalFields writes the fields of our own answer with the rules of site
// and route.
func (r *ride) appendLocalFields(b []byte, fields [][2]string, route *Route) []byte {
	rules := &route.response
	for _, f := range fields {
		if !rules.dropName(f[0]) {
			b = httpwire.AppendField(b, f[0], f[1])
		}
	}
	return rules.append(httpconn.AppendDate(b), &r.facts)
}

// redirect answers 308, which keeps the method (RFC 9110 section 15.4.9), or
// what the route says. A target on this host stays on it: two slashes at its
// beginning would name another.
func (r *ride) redirect(route *Route) {
	status := cmp.Or(route.RedirectStatus, 308)
	target := route.location.append(nil, &r.facts, nil)
	if bytes.IndexAny(target, "/\\") == 0 && !strings.HasPrefix(route.Redirect, "//") {
		target = append([]byte("/"), bytes.TrimLeft(target, "/\\")...)
	}
	fields := r.appendLocalFields(nil, [][2]string{{"Location", string(target)}}, route)
	r.responded(status)
	r.s.answer(r.x, status, fields, nil)
}

// reply answers with what the configuration holds.
func (r *ride) reply(route *Route) {
	reply := route.Reply
	r.facts.status = reply.Status
	var fields [][2]string
	if reply.Type != "" {
		fields = [][2]string{{"Content-Type", reply.Type}}
	}
	var body []byte
	if reply.Status != 204 && reply.Status != 304 {
		body = reply.Body.append(nil, &r.facts, quoting(reply.Type))
	}
	r.responded(reply.Status)
	r.s.answer(r.x, reply.Status, r.appendLocalFields(nil, fields, route), body)
}

// quoting is how what a client said is written into a text of a media type.
func quoting(kind string) func(b []byte, name string, value []byte) []byte {
	kind, _, _ = strings.Cut(strings.ToLower(kind), ";")
	switch kind = strings.TrimSpace(kind); {
	case kind == "text/html", strings.HasSuffix(kind, "/xml"), strings.HasSuffix(kind, "+xml"):
		return quoteHTML
	case strings.HasSuffix(kind, "/json"), strings.HasSuffix(kind, "+json"):
		return quoteJSON
	}
	return nil
}
