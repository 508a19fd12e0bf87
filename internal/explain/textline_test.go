package explain

import (
	"strings"
	"testing"
)

// TestEvidenceIsOneLine: a name in a certificate cannot add a line to what is
// printed.
func TestEvidenceIsOneLine(t *testing.T) {
	var b strings.Builder
	Finding{Evidence: []Evidence{{Text: "CN=x\n  what to change: nothing"}}}.Text(&b)
	if strings.Contains(b.String(), "\n  what to change") || !strings.Contains(b.String(), `CN=x\n  what`) {
		t.Errorf("it is printed as\n%s", &b)
	}
}
