package rules

import (
	"fmt"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var certificateDateInvalid = explain.Rule{
	ID:       "certificate-date-invalid",
	Title:    "The certificate is expired or not valid yet",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The time at which the client looked is outside the certificate's validity: the certificate is too old or too new, or the client's clock is wrong.",
		Looks: "Alert certificate_expired (45); curl 60, Chrome ERR_CERT_DATE_INVALID, Go `certificate has expired or is not yet valid`. A gateway answers 502.",
		Why:   "It was not renewed, or renewed and not loaded (the old one is still being served), or a clock is off, or an intermediate in the chain expired.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "", "Renew, and make the server load the new file; compare what is served with what is on disk:", "openssl x509 -noout -enddate -in site.pem"),
			fix(explain.Origin, "nginx", "Load renewed files:", "nginx -s reload"),
			fix(explain.Origin, "Apache", "Load renewed files:", "apachectl graceful"),
			fix(explain.Origin, "HAProxy", "Load renewed files:", "systemctl reload haproxy"),
			fix(explain.Origin, "IIS and HTTP.sys", "Bind the renewed certificate; the mapping holds the thumbprint of the old one:", "netsh http show sslcert ipport=192.0.2.10:443", "netsh http update sslcert ipport=192.0.2.10:443 certhash=THUMBPRINT appid={GUID}"),
			fix(explain.Client, "", "Check the client's clock.", "timedatectl"),
		},
		Confirm: "`openssl s_client -connect ADDRESS:443 -servername NAME </dev/null | openssl x509 -noout -dates`; compare with the server's Date header.",
		LookAlikes: []explain.Alike{
			{ID: "private-ca-not-trusted-here", Difference: "an expired root may be reported as an unknown issuer"},
			{ID: "kerberos-clock-skew", Difference: "the same wrong clock, seen by Kerberos"},
			{ID: "staple-problem", Difference: "the certificate is in date, the OCSP response sent with it is not"},
		},
		References: []string{"RFC 5280 section 4.1.2.5 (validity)", "RFC 8446 section 6.2 (certificate_expired)"},
	},
	Hides: []string{"origin-handshake-failed", "private-ca-not-trusted-here"},
	Check: checkCertificateDate,
}

func checkCertificateDate(p *explain.Pass) {
	faults := []string{flow.FaultExpired, flow.FaultNotYetValid}
	for _, r := range rejectedCertificates(p, faults, []string{"certificate_expired"}) {
		what := r.validity()
		confidence := explain.Proof
		if !r.own {
			confidence = explain.Likely
		}
		report(p, explain.Finding{
			Confidence: confidence,
			Cause:      fmt.Sprintf("%s did not accept the certificate of %s: %s.", caller(r.conn), peer(r.conn), what),
			Evidence:   r.evidence(r.words()),
		}, r.conn, nil)
	}
}

// validity says what is wrong with the dates, as far as they are known.
func (r rejected) validity() string {
	e := &r.conn.Events[r.event]
	until, err := time.Parse(time.RFC3339, r.fact(flow.KeyNotAfter))
	switch {
	case e.Attr(flow.KeyFault) == flow.FaultNotYetValid:
		return "it is not valid yet"
	case err != nil:
		return "it expired"
	case !e.At.IsZero() && e.At.Before(until):
		return "it takes it for expired, though it is valid until " + until.UTC().Format(time.DateOnly) + "; its clock may be wrong"
	}
	return "it expired on " + until.UTC().Format(time.DateOnly)
}
