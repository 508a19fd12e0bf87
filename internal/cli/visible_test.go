package cli

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "",
		"plain äöü 日本 ✓\n\tx":   "plain äöü 日本 ✓\n\tx",
		"\x1b[31mred\x07":       `\x1b[31mred\a`,
		"c1 \u009b31m":          `c1 \u009b31m`,
		"\u202egnp.exe\u2066":   `\u202egnp.exe\u2066`,
		"\xff\x9b31m":           `\xff\x9b31m`,
		"over\rwritten\x00\x7f": `over\rwritten\x00\x7f`,
	} {
		if got := visible(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// TestWhyObeysNobody gives every text of an incident something that a terminal
// would obey.
func TestWhyObeysNobody(t *testing.T) {
	const evil = "a\u001b]0;title\u0007\u009b2J\u202e"
	item, err := json.Marshal(map[string]any{
		"incident": map[string]any{"id": evil, "time": evil, "site": evil, "status": 400, "cause": evil},
		"notation": evil,
		"findings": []map[string]any{{"id": "x", "severity": "error", "confidence": "proof", "title": evil, "cause": evil, "missing": []string{evil},
			"fixes":    []map[string]any{{"side": "client", "text": evil, "command": evil}},
			"evidence": []map[string]any{{"conn": "c1", "text": evil}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := printWhy(&out, []json.RawMessage{item}); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(out.String(), "\u001b\u0007\u009b\u202e") || !strings.Contains(out.String(), `a\x1b]0;title`) {
		t.Errorf("printed %q", out.String())
	}
}

func TestVisibleLine(t *testing.T) {
	if got := visibleLine("CN=x\n\tok\x1b[31m"); got != `CN=x\n\tok\x1b[31m` {
		t.Errorf("got %q", got)
	}
}
