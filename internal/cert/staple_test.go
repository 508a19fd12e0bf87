package cert

import (
	"math/big"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"fanlight/internal/flow"
	"fanlight/internal/testnet"
)

func TestDescribeStaple(t *testing.T) {
	ca := testnet.NewCA(t, "CA")
	leaf := ca.Issue(t, testnet.Leaf{}).Leaf
	from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	word := func(r ocsp.Response) []byte {
		r.ThisUpdate = from
		der, err := ocsp.CreateResponse(ca.Leaf, ca.Leaf, r, ca.Key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	const says = "this_update=2026-03-01T00:00:00Z"
	for _, test := range []struct {
		name string
		der  []byte
		want string
	}{
		{"good", word(ocsp.Response{Status: ocsp.Good, SerialNumber: leaf.SerialNumber, NextUpdate: from.Add(time.Hour)}), "good about=yes " + says + " next_update=2026-03-01T01:00:00Z"},
		{"revoked, without an end", word(ocsp.Response{Status: ocsp.Revoked, SerialNumber: leaf.SerialNumber, RevokedAt: from}), "revoked about=yes " + says},
		{"of another certificate", word(ocsp.Response{Status: ocsp.Good, SerialNumber: big.NewInt(1)}), "good about=no " + says},
		{"asked too early", ocsp.TryLaterErrorResponse, "tryLater"},
		{"nonsense", []byte("nonsense"), "unreadable"},
	} {
		status, facts := DescribeStaple(test.der, leaf)
		if got := status + words(facts); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func words(facts []flow.Attr) (out string) {
	for _, f := range facts {
		out += " " + f.Key + "=" + f.Value
	}
	return out
}
