package app

import (
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/gateway"
	"fanlight/internal/waf"
)

// An audit tells of every rule that matched, and of no secret.
func TestAudit(t *testing.T) {
	hit := func(variable, key, value string) []waf.Match {
		return []waf.Match{{Rule: 942100, Score: 5, Severity: "critical", Hits: []waf.Hit{{Variable: variable, Key: key, Value: value}}, Data: "Matched Data: <hidden> in " + value}}
	}
	for _, c := range []struct {
		name, variable, key, value string
		told                       bool
	}{
		{"a parameter", "ARGS", "q", "1' or '1'='1", true},
		{"a password", "ARGS", "password", "1' or '1'='1", false},
		{"a field of JSON", "ARGS_POST", "json.user.access_token", "abc", false},
		{"a cookie", "REQUEST_COOKIES", "session", "abc", false},
		{"credentials", "REQUEST_HEADERS", "Authorization", "Basic YTpi", false},
		{"a field that is none", "REQUEST_HEADERS", "User-Agent", "sqlmap", true},
		{"a target with a token", "REQUEST_URI", "", "/a?token=abc", false},
		{"a target without", "REQUEST_URI", "", "/a?b=c", true},
		{"a body with a password", "REQUEST_BODY", "", "user=a&password=b", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "waf.jsonl")
			a := &audits{mask: flow.NewMask([]byte("k")), log: slog.New(slog.DiscardHandler)}
			policy := waf.Defaults()
			a.of(path)(&gateway.Judged{At: time.Now(), Site: "shop", Client: netip.MustParseAddr("192.0.2.1"), Method: "GET", Target: "/x?password=abc",
				Decision: "watch", Policy: &policy, Verdict: &waf.Verdict{Matches: hit(c.variable, c.key, c.value), Inbound: 5}})
			a.close()
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			line := string(text)
			if strings.Contains(line, "Matched Data: <hidden>") != c.told {
				t.Errorf("told: %v, want %v: %s", !c.told, c.told, line)
			}
			if strings.Contains(line, "password=abc") || !strings.Contains(line, `{"id":942100,"adds":5,"severity":"critical"`) || strings.Count(line, "\n") != 1 {
				t.Errorf("got %s", line)
			}
		})
	}
}
