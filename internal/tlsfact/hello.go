// Package tlsfact turns TLS hellos into the facts of a record, the same for who
// meets them live and for who reads them out of packets.
package tlsfact

import (
	"strconv"
	"strings"

	"fanlight/internal/flow"
	"fanlight/internal/tlswire"
)

// ClientHello is what is in clear of one.
func ClientHello(h *tlswire.ClientHello) flow.Event {
	return flow.Event{Kind: flow.ClientHello, From: flow.Client, Attrs: flow.Attrs(
		flow.KeySNI, h.SNI,
		flow.KeyALPN, strings.Join(h.ALPN, ","),
		flow.KeyVersions, strings.Join(h.VersionNames(), ","),
		flow.KeyHelloBytes, strconv.Itoa(h.Length),
		flow.KeyPHA, flow.SeenIf(h.PostHandshakeAuth).String(),
		flow.KeyTickets, strings.Join(h.Tickets, ","),
		flow.KeyShares, strings.Join(h.ShareNames(), ","),
		flow.KeyEarlyData, ifSo(h.EarlyData))}
}

// ServerHello is what is in clear of one.
func ServerHello(h *tlswire.ServerHello) flow.Event {
	return flow.Event{Kind: flow.ServerHello, From: flow.Server, Attrs: flow.Attrs(
		flow.KeyVersion, tlswire.VersionName(h.Version), flow.KeyCipher, tlswire.CipherName(h.Cipher), flow.KeyALPN, h.ALPN,
		flow.KeyTickets, h.SessionFingerprint(), flow.KeyRenegInfo, renegotiationInfo(h), flow.KeyDowngrade, ifSo(h.Downgrade))}
}

// renegotiationInfo is a fact of TLS 1.2 and below.
func renegotiationInfo(h *tlswire.ServerHello) string {
	if h.Version >= 0x0304 {
		return ""
	}
	return flow.SeenIf(h.RenegotiationInfo).String()
}

// ifSo leaves out what is not so.
func ifSo(b bool) string {
	if b {
		return flow.Yes.String()
	}
	return ""
}
