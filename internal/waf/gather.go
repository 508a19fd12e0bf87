package waf

import (
	"fanlight/internal/httpwire"
	"fanlight/internal/waf/arena"
	"fanlight/internal/waf/vars"
)

// gatherHead fills the collections with what is known before the first phase.
func (x *run) gatherHead(req *Request) {
	v := &x.values
	v.Begin(vars.Limits{Arguments: argumentLimit, JSONDepth: jsonDepth})
	v.Connection(req.Client, req.Server)
	v.Set(vars.ServerName, hostOf(req.Host))
	v.Target(req.Method, req.Target, req.Protocol)
	for i := range req.Head.Fields {
		f := &req.Head.Fields[i]
		v.Header(arena.Alias(req.Head.Bytes(f.Name)), arena.Alias(req.Head.Bytes(f.Value)))
	}
	if req.Host != "" && req.Protocol == "HTTP/2.0" && !req.Head.Has("Host") {
		v.Header("Host", req.Host)
	}
}

func (x *run) gatherBody(body []byte) {
	x.values.Body(body, x.forced)
	if text := x.values.JSON(); text != "" {
		x.tx.put("json_request_body", text)
	}
}

func (x *run) gatherResponse(h *httpwire.Head) {
	for i := range h.Fields {
		f := &h.Fields[i]
		x.values.ResponseHeader(arena.Alias(h.Bytes(f.Name)), arena.Alias(h.Bytes(f.Value)))
	}
	x.values.Response(h.Status, x.req.Protocol)
}

func (x *run) gatherResponseBody(body []byte) {
	if len(body) >= ResponseLimit {
		body = body[:ResponseLimit]
		x.values.Set(vars.OutboundDataError, "1")
	}
	x.values.ResponseText(body)
}

// seesBodyOf tells of which media types rules see the body, as in
// SecResponseBodyMimeType.
func seesBodyOf(mime string) bool {
	return mime == "text/plain" || mime == "text/html" || mime == "text/xml"
}
