package cli

import (
	"bufio"
	"strings"
	"testing"

	"fanlight/internal/iisimport"
)

// TestImportAsks shows a question put until the answer is one that can be given.
func TestImportAsks(t *testing.T) {
	q := iisimport.Question{Key: "max_zero", Number: 3, Text: "What is 0?", Answers: []iisimport.Answer{{Value: "unlimited", Meaning: "no limit"}, {Value: "forbidden", Meaning: "none"}}}
	var said strings.Builder
	s := streams{err: &said}
	answer, err := askUser(s, bufio.NewScanner(strings.NewReader("0\n forbidden \n")), q)
	if answer != "forbidden" || err != nil {
		t.Errorf("answered %q, %v", answer, err)
	}
	const want = `question max_zero: line 3: What is 0?
  --answer max_zero=unlimited  no limit
  --answer max_zero=forbidden  none
max_zero? Please answer with unlimited, forbidden.
max_zero? `
	if said.String() != want {
		t.Errorf("said\n%s\nwant\n%s", &said, want)
	}
	if _, err := askUser(s, bufio.NewScanner(strings.NewReader("what\n")), q); err == nil {
		t.Error("the end of the input was taken for an answer")
	}
}
