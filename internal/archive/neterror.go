package archive

import (
	"cmp"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"fanlight/internal/flow"
)

// unconnected is what an entry without a response tells of its connection, by
// Chromium's names (net/base/net_error_list.h). Others may mean several things,
// and are left out.
func (e *entry) unconnected(u *url.URL, at time.Time) []flow.Event {
	name := strings.TrimPrefix(cmp.Or(e.Response.Error, e.Response.Failure), "net::")
	switch name {
	case "ERR_NAME_NOT_RESOLVED":
		if _, err := netip.ParseAddr(u.Hostname()); err == nil {
			return nil
		}
		l := flow.Lookup{Name: u.Hostname(), Result: flow.ResultNotFound, Reason: name, Ended: at}
		return []flow.Event{l.Event(), {At: at, Kind: flow.ConnectFailed, Text: "no address"}}
	case "ERR_CONNECTION_REFUSED":
		return []flow.Event{{At: at, Kind: flow.ConnectFailed, Text: "refused"}}
	case "ERR_CONNECTION_TIMED_OUT":
		return []flow.Event{{At: at, Kind: flow.ConnectFailed, Text: "timeout"}}
	case "ERR_ADDRESS_UNREACHABLE":
		return []flow.Event{{At: at, Kind: flow.ConnectFailed, Text: "unreachable"}}
	}
	return e.untrusted(name, at)
}

// untrusted is a certificate that the browser did not accept.
func (e *entry) untrusted(name string, at time.Time) []flow.Event {
	fault := map[string]string{
		"ERR_CERT_AUTHORITY_INVALID":   flow.FaultUnknownIssuer,
		"ERR_CERT_COMMON_NAME_INVALID": flow.FaultWrongName,
	}[name]
	if fault == "" {
		return nil
	}
	return []flow.Event{{At: at, Kind: flow.TLSFailed, Text: name, Attrs: flow.Attrs(flow.KeyFault, fault)}}
}
