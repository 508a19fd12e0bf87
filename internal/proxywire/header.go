// Package proxywire reads and writes the header that a load balancer puts in
// front of a connection to tell whose it is: the PROXY protocol, versions 1 and
// 2 (HAProxy, doc/proxy-protocol.txt, whose sections are named here).
package proxywire

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
)

// Header is what a PROXY header says. What it does not say is zero.
type Header struct {
	Version int // 1 or 2
	// Local: the sender speaks for itself, as to check whether we are there; or,
	// in version 1, does not know the client (UNKNOWN).
	Local bool
	// Client and Server are the ends of the connection that the header is about;
	// invalid where it tells none that are TCP over IP.
	Client, Server netip.AddrPort
	Transport      string // tcp4, tcp6, unix, or unspecified

	ALPN      string
	Authority string // the name the client asked for
	UniqueID  []byte
	Namespace string // of the sender's network
	Checksum  bool   // there was one, and it is right
	TLS       *TLS   // nil: nothing was said of it
}

// TLS is what a header says of the client's own TLS connection, which ended at
// the sender (section 2.2.6).
type TLS struct {
	Used        bool   // the client spoke TLS
	Certificate bool   // it showed a certificate, on this connection or on the one it resumed
	Verified    bool   // and that was verified
	Version     string // such as TLSv1.3
	Cipher      string
	Name        string // common name of the certificate
	Signature   string // its algorithm
	Key         string // its kind and length
}

// Name is v1 or v2.
func (h *Header) Name() string { return "v" + strconv.Itoa(h.Version) }

// MaxLen bounds a header. Addresses take 232 bytes at most; the rest is for what
// version 2 may add, of which a client's whole certificate is the longest.
const MaxLen = 16 << 10

// Malformed is a PROXY header that breaks the rules of its version.
type Malformed struct{ What string }

func (m *Malformed) Error() string { return "PROXY header: " + m.What }

func malformed(format string, args ...any) error { return &Malformed{fmt.Sprintf(format, args...)} }

// NotAHeader is the error for bytes that do not begin one.
type NotAHeader struct{}

func (NotAHeader) Error() string { return "no PROXY header" }

const (
	signature1 = "PROXY "
	signature2 = "\r\n\r\n\x00\r\nQUIT\n"
)

// Parse reads the header that p begins with; n is its length. Without an error,
// n 0 asks for more bytes, never for more than MaxLen. With a *Malformed, n is
// the length of what is wrong, if that is known, and h what could be read. Any
// other beginning is NotAHeader.
func Parse(p []byte) (h Header, n int, err error) {
	switch {
	case begins(p, signature2):
		return parse2(p)
	case begins(p, signature1):
		return parse1(p)
	}
	return h, 0, NotAHeader{}
}

// begins reports whether p begins with s, or s with p.
func begins(p []byte, s string) bool {
	n := min(len(p), len(s))
	return string(p[:n]) == s[:n]
}

// Facts are pairs of a name and a value, as records keep what a header says; an
// empty value was not told.
func (h *Header) Facts() []string {
	facts := []string{"client", address(h.Client), "server", address(h.Server), "transport", h.Transport, "local", ifSo(h.Local),
		"alpn", Printable(h.ALPN), "authority", Printable(h.Authority), "unique_id", identifier(h.UniqueID), "namespace", Printable(h.Namespace), "checksum", ifSo(h.Checksum)}
	if t := h.TLS; t != nil {
		facts = append(facts, "tls", yesNo(t.Used), "tls_certificate", ifSo(t.Certificate), "tls_verified", ifSo(t.Verified), "tls_version", Printable(t.Version),
			"tls_cipher", Printable(t.Cipher), "tls_name", Printable(t.Name), "tls_signature", Printable(t.Signature), "tls_key", Printable(t.Key))
	}
	return facts
}

func address(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func ifSo(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// identifier is readable as it is (HAProxy, AWS), or in hexadecimal.
func identifier(id []byte) string {
	if bytes.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return hex.EncodeToString(id)
	}
	return string(id)
}

// Printable is a text of the sender's without what a terminal would obey.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\uFFFD' { // C1 too, which has an escape of its own
			return '?'
		}
		return r
	}, s)
}
