package cert

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/tlswire"
)

// verdict is what an error of TLS means.
type verdict struct {
	fault  string
	reason string            // names the thing
	about  *x509.Certificate // the certificate at fault, if one is
}

// Classify says what an error of a TLS connection means: a flow.Fault
// constant, empty if it is none of them, and attributes for a record: fault,
// reason (a sentence that names the thing) and, if a certificate is at fault,
// what Describe tells of it and how many were sent. chain holds the peer's
// certificates as it sent them, if known; some errors carry it themselves.
func Classify(err error, chain []*x509.Certificate) (fault string, attrs []flow.Attr) {
	if err == nil {
		return "", nil
	}
	var verification *tls.CertificateVerificationError
	if len(chain) == 0 && errors.As(err, &verification) {
		chain = verification.UnverifiedCertificates
	}
	v := verdict{reason: err.Error()}
	for _, judge := range []func(error, []*x509.Certificate) (verdict, bool){
		judgeCertificate, judgeAlert, judgeHandshake, judgeConnection,
	} {
		if found, ok := judge(err, chain); ok {
			v = found
			break
		}
	}
	attrs = flow.Attrs(flow.KeyFault, v.fault, flow.KeyReason, v.reason)
	if v.about != nil {
		attrs = append(attrs, Describe(v.about)...)
		if len(chain) > 0 {
			attrs = append(attrs, flow.Attr{Key: flow.KeyChain, Value: strconv.Itoa(len(chain))})
		}
	}
	return v.fault, attrs
}

func judgeCertificate(err error, chain []*x509.Certificate) (verdict, bool) {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var weak x509.InsecureAlgorithmError
	var roots x509.SystemRootsError
	switch {
	case errors.As(err, &unknown):
		return judgeIssuer(unknown, chain), true
	case errors.As(err, &name):
		return verdict{flow.FaultWrongName, wrongName(name), name.Certificate}, true
	case errors.As(err, &invalid):
		return judgeInvalid(invalid), true
	case errors.As(err, &weak):
		return verdict{flow.FaultKeyUsage, "the certificate is signed with " + x509.SignatureAlgorithm(weak).String() + ", which is not accepted", first(chain)}, true
	case errors.As(err, &roots):
		return verdict{flow.FaultUnknownIssuer, "the trusted roots of this system cannot be read: " + roots.Error(), first(chain)}, true
	}
	return verdict{}, false
}

func judgeIssuer(err x509.UnknownAuthorityError, chain []*x509.Certificate) verdict {
	about := first(chain)
	if about == nil {
		about = err.Cert
	}
	if about == nil {
		return verdict{flow.FaultUnknownIssuer, "the issuer of the certificate is not trusted", nil}
	}
	if strings.Contains(err.Error(), "insecure algorithm") {
		return verdict{flow.FaultKeyUsage, fmt.Sprintf("certificate %s or one above it has a signature that is not accepted: %v", title(about), err), about}
	}
	reason := fmt.Sprintf("certificate %s was issued by %s, which is not trusted", title(about), about.Issuer)
	switch {
	case string(about.RawIssuer) == string(about.RawSubject):
		reason = fmt.Sprintf("certificate %s is self-signed and not trusted", title(about))
	case len(chain) == 1:
		reason += "; no intermediate certificate was sent with it"
	}
	return verdict{flow.FaultUnknownIssuer, reason, about}
}

func wrongName(err x509.HostnameError) string {
	names := altNames(err.Certificate)
	if len(names) == 0 {
		return fmt.Sprintf("the certificate (%s) holds no host name, and so is not for %s", err.Certificate.Subject, err.Host)
	}
	return fmt.Sprintf("the certificate is for %s, not for %s", joinSome(names, 10), err.Host)
}

func judgeInvalid(err x509.CertificateInvalidError) verdict {
	about, name := err.Cert, "the certificate"
	if about != nil {
		name = "certificate " + title(about)
	}
	switch err.Reason {
	case x509.Expired:
		if about != nil && time.Now().Before(about.NotBefore) {
			return verdict{flow.FaultNotYetValid, fmt.Sprintf("%s is not valid before %s", name, day(about.NotBefore)), about}
		}
		if about != nil {
			name += " expired on " + day(about.NotAfter)
		}
		return verdict{flow.FaultExpired, name, about}
	case x509.NameMismatch:
		return verdict{flow.FaultUnknownIssuer, name + " names an issuer that did not sign it", about}
	case x509.CANotAuthorizedForThisName, x509.UnconstrainedName:
		return verdict{flow.FaultWrongName, name + ": a CA above it may not sign its names: " + err.Detail, about}
	case x509.IncompatibleUsage, x509.CANotAuthorizedForExtKeyUsage:
		return verdict{flow.FaultKeyUsage, name + " is not made for this use (extended key usage)", about}
	case x509.NotAuthorizedToSign, x509.TooManyIntermediates:
		return verdict{flow.FaultUnknownIssuer, name + ": its chain is not acceptable: " + err.Error(), about}
	}
	return verdict{flow.FaultKeyUsage, name + " is not accepted: " + err.Error(), about}
}

func judgeAlert(err error, _ []*x509.Certificate) (verdict, bool) {
	code, sent, ok := alertOf(err)
	if !ok {
		return verdict{}, false
	}
	name := tlswire.AlertName(code)
	v := verdict{fault: flow.FaultAlert, reason: fmt.Sprintf("the peer refused with the alert %s (%d)", name, code)}
	if sent {
		v = verdict{reason: fmt.Sprintf("the handshake was given up with the alert %s (%d)", name, code)}
	}
	switch name {
	case "no_renegotiation":
		v.fault = flow.FaultNoRenegotiation
	case "protocol_version":
		v.fault = flow.FaultVersion
	case "insufficient_security":
		v.fault = flow.FaultCipher
	}
	return v, true
}

func judgeHandshake(err error, _ []*x509.Certificate) (verdict, bool) {
	var record tls.RecordHeaderError
	if errors.As(err, &record) {
		return verdict{fault: flow.FaultNotTLS, reason: "the peer does not speak TLS: it sent " + looksLike(record.RecordHeader)}, true
	}
	// crypto/tls gives these as text only.
	text := err.Error()
	for _, known := range []struct{ part, fault, reason string }{
		{"no certificates configured", flow.FaultRefused, "refused before any certificate was sent"},
		{"unsupported SSLv2 handshake", flow.FaultVersion, "the client speaks SSL 2.0"},
		{"unsupported versions", flow.FaultVersion, "no TLS version in common: "},
		{"unsupported protocol version", flow.FaultVersion, "no TLS version in common: "},
		{"no cipher suite supported by both", flow.FaultCipher, "no cipher suite in common: "},
		{"no key exchanges supported by both", flow.FaultCipher, "no key exchange in common: "},
		{"unconfigured cipher suite", flow.FaultCipher, "the server chose a cipher suite that is not accepted: "},
		{"doesn't support any of the certificate's signature algorithms", flow.FaultKeyUsage, ""},
		{"RSA key larger than", flow.FaultKeyUsage, ""},
		{"keys are insecure", flow.FaultKeyUsage, ""},
	} {
		if !strings.Contains(text, known.part) {
			continue
		}
		reason := known.reason
		if reason == "" || strings.HasSuffix(reason, ": ") {
			reason += strings.TrimPrefix(text, "tls: ")
		}
		return verdict{fault: known.fault, reason: reason}, true
	}
	return verdict{}, false
}

func judgeConnection(err error, _ []*x509.Certificate) (verdict, bool) {
	var network net.Error
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded),
		errors.As(err, &network) && network.Timeout():
		return verdict{fault: flow.FaultTimeout, reason: "the handshake was not finished in time"}, true
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return verdict{fault: flow.FaultReset, reason: "the peer reset the connection inside the handshake"}, true
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return verdict{fault: flow.FaultReset, reason: "the peer closed the connection inside the handshake"}, true
	}
	return verdict{}, false
}

// looksLike names what the first bytes of a peer that does not speak TLS are.
func looksLike(header [5]byte) string {
	switch text := string(header[:]); {
	case text == "HTTP/":
		return "an HTTP response in clear"
	case strings.HasPrefix(text, "GET "), strings.HasPrefix(text, "POST "), strings.HasPrefix(text, "HEAD "),
		strings.HasPrefix(text, "PUT "), text == "OPTIO", text == "CONNE", text == "DELET", text == "PATCH":
		return "an HTTP request in clear"
	case strings.HasPrefix(text, "SSH-"):
		return "an SSH greeting"
	case text == "PROXY", text == "\r\n\r\n\x00":
		return "a PROXY protocol header"
	default:
		return fmt.Sprintf("%q", text)
	}
}

func first(chain []*x509.Certificate) *x509.Certificate {
	if len(chain) == 0 {
		return nil
	}
	return chain[0]
}
