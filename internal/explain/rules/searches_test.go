package rules

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"fanlight/internal/explain"
)

// Many lookups and connections take no more time than their number is worth.
func TestManySearches(t *testing.T) {
	var b strings.Builder
	for n := range 2500 {
		fmt.Fprintf(&b, "conn %d  10.0.0.1:%d -> 10.0.0.2:53  scheme dns\n", 2*n+1, 1000+n)
		fmt.Fprintf(&b, "  +%d.000 > query n%d.test type=A   +%d.001 > query n%d.test type=AAAA\n", n, n, n, n)
		fmt.Fprintf(&b, "  +%d.002 < answer n%d.test type=A rcode=NOERROR addresses=127.0.0.5 ttl_s=1   +%d.003 < answer n%d.test type=AAAA rcode=NXDOMAIN\n", n, n, n, n)
		fmt.Fprintf(&b, "  +%d.100 > query none%d.test type=A   +%d.101 < answer none%d.test type=A rcode=NXDOMAIN\n", n, n, n, n)
		fmt.Fprintf(&b, "conn %d  10.0.0.1:%d -> 127.0.0.9:80\n  +%d.200 > syn   +%d.201 rst by server   +%d.201 connect-failed refused\n", 2*n+2, 1000+n, n, n, n)
	}
	trace := parse(t, "many", []byte(b.String()))
	began := time.Now()
	found := explain.Run([]explain.Rule{nameDoesNotResolve, resolverStall, staleOriginAddress, hostsEntryBypassed, hostsFamilyLeak}, trace)
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
	if len(found) != 1 || found[0].Severity != explain.Note || !strings.HasPrefix(found[0].Cause, "2500 names") {
		t.Errorf("%d findings: %+v", len(found), found[0].Cause)
	}
}
