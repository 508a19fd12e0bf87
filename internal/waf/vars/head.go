package vars

import (
	"net/netip"
	"strings"

	"fanlight/internal/waf/arena"
)

// Connection says who talks to whom.
func (v *Values) Connection(client, server netip.AddrPort) {
	v.Set(RemoteAddr, v.address(client.Addr()))
	v.Set(RemotePort, v.decimal(int(client.Port())))
	v.Set(ServerAddr, v.address(server.Addr()))
	v.Set(ServerPort, v.decimal(int(server.Port())))
}

func (v *Values) address(a netip.Addr) string {
	if !a.IsValid() {
		return a.String()
	}
	var text [64]byte
	return v.arena.String(a.WithZone("").AppendTo(text[:0]))
}

// Header adds a field of the request: in the order of the head, behind Target. The
// first Content-Type says how the body is to be read.
func (v *Values) Header(name, value string) {
	if name == "" {
		return
	}
	fold := v.fold(name)
	v.add(RequestHeaders, name, fold, value)
	v.add(RequestHeadersNames, name, fold, name)
	switch fold {
	case "content-type":
		if !v.typed {
			v.typed = true
			v.mediaType(value)
		}
	case "cookie":
		v.cookies(value)
	}
}

// mediaType knows the two media types that need no rule to be read.
func (v *Values) mediaType(value string) {
	value = strings.TrimSpace(v.fold(value))
	switch {
	case strings.HasPrefix(value, "application/x-www-form-urlencoded"):
		v.Set(ReqbodyProcessor, "URLENCODED")
	case strings.HasPrefix(value, "multipart/form-data"):
		v.Set(ReqbodyProcessor, "MULTIPART")
	}
}

// cookies adds what a Cookie field holds; nothing in it is decoded. One without a
// name is kept: some servers hand its value to the application.
func (v *Values) cookies(field string) {
	for field != "" {
		var pair string
		pair, field, _ = strings.Cut(field, ";")
		name, value, _ := strings.Cut(pair, "=")
		name, value = trimControls(name), trimControls(value)
		if name == "" && value == "" {
			continue
		}
		fold := v.fold(name)
		v.add(RequestCookies, name, fold, value)
		v.add(RequestCookiesNames, name, fold, name)
	}
}

// trimControls takes blanks and control characters from around a text.
func trimControls(s string) string {
	control := func(c byte) bool { return c <= ' ' || c == 0x7f }
	for s != "" && control(s[0]) {
		s = s[1:]
	}
	for s != "" && control(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// ResponseHeader adds a field of the response, in the order of its head.
func (v *Values) ResponseHeader(name, value string) {
	if name == "" {
		return
	}
	fold := v.fold(name)
	v.add(ResponseHeaders, name, fold, value)
	v.add(ResponseHeadersNames, name, fold, name)
	if fold == "content-type" {
		media, _, _ := strings.Cut(value, ";")
		v.Set(ResponseContentType, media)
	}
}

// Response says how the response begins.
func (v *Values) Response(status int, protocol string) {
	v.Set(ResponseStatus, v.decimal(status))
	v.Set(ResponseProtocol, protocol)
}

// ResponseText is the body of a response, as far as rules see it. It is aliased.
func (v *Values) ResponseText(body []byte) {
	v.Set(ResponseBody, arena.Alias(body))
	v.Set(ResponseContentLength, v.decimal(len(body)))
}
