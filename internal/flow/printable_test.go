package flow

import (
	"encoding/json"
	"testing"
)

func TestPrintableJSON(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":"plain"}`:                     `{"a":"plain"}`,
		"\"\u009b31m\u202e\u061c\x7f é €\"": `"\u009b31m\u202e\u061c\u007f é €"`,
	} {
		if got := string(PrintableJSON([]byte(text))); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

func TestPrintableJSONKeepsTheValue(t *testing.T) {
	for _, text := range []string{"plain", "caf\u00e9 \u00a0", "\u009b2J", "\u0080\u009f\u00c2"} {
		line, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		shown := PrintableJSON(line)
		var back string
		if err := json.Unmarshal(shown, &back); err != nil || back != text {
			t.Errorf("%q: got %q, %v", text, back, err)
		}
		for _, r := range string(shown) {
			if r >= 0x80 && r < 0xa0 {
				t.Errorf("%q is written with %U", text, r)
			}
		}
	}
}
