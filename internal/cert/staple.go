package cert

import (
	"crypto/x509"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/tlswire"
)

// DescribeStaple gives the facts of an OCSP response in DER that came with a
// certificate (RFC 6066, section 8) for a record: its status, "unreadable" if it
// is none, and about, this_update, next_update.
func DescribeStaple(der []byte, leaf *x509.Certificate) (status string, facts []flow.Attr) {
	response, err := tlswire.ParseStaple(der)
	if err != nil {
		return "unreadable", nil
	}
	about := ""
	if same, known := response.About(leaf); known {
		about = flow.SeenIf(same).String()
	}
	return response.Status, flow.Attrs(flow.KeyAbout, about,
		flow.KeyThisUpdate, moment(response.ThisUpdate), flow.KeyNextUpdate, moment(response.NextUpdate))
}

// moment is empty where the response says none.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
