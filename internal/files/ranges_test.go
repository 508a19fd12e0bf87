package files

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestParseRange(t *testing.T) {
	whole := []span(nil)
	tests := []struct {
		field       string
		spans       []span
		satisfiable bool
	}{
		{"bytes=0-0", []span{{0, 1}}, true},
		{"bytes=2-4", []span{{2, 3}}, true},
		{"Bytes=2-4", []span{{2, 3}}, true},
		{"bytes=5-", []span{{5, 5}}, true},
		{"bytes=-3", []span{{7, 3}}, true},
		{"bytes=-30", []span{{0, 10}}, true},
		{"bytes=0-99999999999999999999999", []span{{0, 10}}, true},
		{"bytes=-99999999999999999999999", []span{{0, 10}}, true},
		{"bytes=0-1, ,8-", []span{{0, 2}, {8, 2}}, true},
		{"bytes=8-,0-1", []span{{8, 2}, {0, 2}}, true},
		{"bytes=0-1,10-", []span{{0, 2}}, true},
		{"bytes=10-", nil, false},
		{"bytes=10-,11-12", nil, false},
		{"bytes=-0", nil, false},
		{"bytes=99999999999999999999999-", nil, false},
		{"bytes=0-5,5-9", whole, true},
		{"bytes=0-,-1", whole, true},
		{"bytes=1-0", whole, true},
		{"bytes=", whole, true},
		{"bytes=,", whole, true},
		{"bytes=-", whole, true},
		{"bytes=a-b", whole, true},
		{"bytes=+1-2", whole, true},
		{"bytes=1 - 2", whole, true},
		{"bytes=1--2", whole, true},
		{"bytes=1-2;3", whole, true},
		{"bytes 1-2", whole, true},
		{"items=0-1", whole, true},
		{"bytes=" + manyRanges(maxSpans+1), whole, true},
		{"bytes=" + strings.Repeat(",", 10000) + "0-1", whole, true},
	}
	for _, tt := range tests {
		size := int64(10)
		spans, satisfiable := parseRange(tt.field, size)
		if !slices.Equal(spans, tt.spans) || satisfiable != tt.satisfiable {
			t.Errorf("%.60q: %v %v, want %v %v", tt.field, spans, satisfiable, tt.spans, tt.satisfiable)
		}
	}
	if spans, _ := parseRange("bytes="+manyRanges(maxSpans), 10000); len(spans) != maxSpans {
		t.Errorf("%d parts: %d", maxSpans, len(spans))
	}
	if spans, satisfiable := parseRange("bytes=0-0", 0); spans != nil || !satisfiable {
		t.Errorf("empty file: %v %v", spans, satisfiable)
	}
}

func manyRanges(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("%d-%d", 2*i, 2*i))
	}
	return strings.Join(list, ",")
}
