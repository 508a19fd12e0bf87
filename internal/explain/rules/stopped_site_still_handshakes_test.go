package rules

import (
	"fmt"
	"testing"

	"fanlight/internal/explain"
)

// TestSuspectsStoppedSiteOncePerName: without keys, connections that end at once
// are told of once for each name, and not where others of that name went on.
func TestSuspectsStoppedSiteOncePerName(t *testing.T) {
	conn := func(id int, name, closed string) string {
		return fmt.Sprintf(`conn %d  192.0.2.10:%d -> 10.0.0.5:443  source bad.pcapng  keys no
  +0.000 syn [#1]   +0.001 established [#3]   +0.002 > client-hello sni=%s versions=1.2 pha=no [#4]
  +0.004 < server-hello version=1.2 [#6]   +0.006 tls-done 1.2 cipher=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 [#9]
  %s fin by server [#20]   %[4]s closed
`, id, 51000+id, name, closed)
	}
	for _, test := range []struct {
		name, flow string
		want       int
	}{
		{"one", conn(1, "a.test", "+0.050"), 1},
		{"three of a name", conn(1, "a.test", "+0.050") + conn(2, "a.test", "+0.060") + conn(3, "a.test", "+0.050"), 1},
		{"two names", conn(1, "a.test", "+0.050") + conn(2, "b.test", "+0.060"), 2},
		{"another went on", conn(1, "a.test", "+0.050") + conn(2, "a.test", "+9.000"), 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := 0
			for _, found := range explain.Run(All(), parse(t, test.name, []byte(test.flow))) {
				if found.ID == stoppedSiteStillHandshakes.ID && found.Undecided {
					got++
				}
			}
			if got != test.want {
				t.Errorf("told of %d times, want %d", got, test.want)
			}
		})
	}
}
