package gateway

import (
	"errors"
	"io"
	"strings"

	"fanlight/internal/files"
	"fanlight/internal/httpconn"
	"fanlight/internal/httpwire"
)

// serveFile answers from a folder; the route's prefix is not part of the name.
func (s *session) serveFile(x httpconn.Exchange, does *Site, route *Route) {
	req := x.Request()
	name := strings.TrimPrefix(req.Path, strings.TrimSuffix(route.Prefix, "/"))
	if !strings.HasPrefix(name, "/") {
		s.fail(x, 404, "no file "+req.Path)
		return
	}
	_, query := httpwire.SplitTarget(req.Head.Bytes(req.Head.Target))
	res, err := route.Folder.Open(files.Request{Method: req.Method, Path: name, Query: string(query),
		Get: func(field string) string { return joined(req.Head, field) }})
	if err != nil {
		s.fail(x, 500, "serve "+req.Path+": "+err.Error())
		return
	}
	if res.Body != nil {
		defer res.Body.Close()
	}
	if res.Status >= 400 && res.Status != 416 {
		s.failFile(x, res)
		return
	}
	fields := appendLocalFields(nil, res.Fields, does, route)
	s.g.Metrics.responded(res.Status)
	if err := x.Respond(res.Status, reasonOf(res.Status), fields, res.Length); err != nil {
		x.Truncate("write response: " + err.Error())
		return
	}
	s.sendFile(x, res.Body)
}

func (s *session) failFile(x httpconn.Exchange, res *files.Response) {
	s.fail(x, res.Status, "serve "+x.Request().Path+": "+res.Why, res.Fields...)
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
func appendLocalFields(b []byte, fields [][2]string, does *Site, route *Route) []byte {
	for _, f := range fields {
		if name := []byte(f[0]); !does.ResponseHeaders.drops(name) && !route.ResponseHeaders.drops(name) {
			b = httpwire.AppendField(b, f[0], f[1])
		}
	}
	b = httpconn.AppendDate(b)
	return appendRules(appendRules(b, withoutSet(&does.ResponseHeaders, &route.ResponseHeaders)), &route.ResponseHeaders)
}

// redirect answers 308, which keeps the method (RFC 9110 section 15.4.9).
func (s *session) redirect(x httpconn.Exchange, does *Site, route *Route) {
	req := x.Request()
	path, query := httpwire.SplitTarget(req.Head.Bytes(req.Head.Target))
	uri := string(path)
	if len(query) > 0 {
		uri += "?" + string(query)
	}
	target := strings.NewReplacer("{uri}", uri, "{host}", hostname(req.Host), "{path}", string(path), "{query}", string(query)).Replace(route.Redirect)
	fields := appendLocalFields(nil, [][2]string{{"Location", target}}, does, route)
	s.g.Metrics.responded(308)
	s.answer(x, 308, fields, nil)
}
