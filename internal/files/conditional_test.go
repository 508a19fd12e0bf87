package files

import (
	"testing"
	"time"
)

func TestPreconditionOrder(t *testing.T) {
	const tag, other = `"t"`, `"u"`
	modified := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	v := validators{etag: tag, modified: modified, settled: true}
	at := func(d time.Duration) string { return modified.Add(d).Format(httpDate) }
	before, same, after := at(-time.Second), at(0), at(time.Second)
	tests := []struct {
		name   string
		fields []string
		want   int
	}{
		{"none", nil, 0},
		{"match", []string{"If-Match", tag}, 0},
		{"match any", []string{"If-Match", " * "}, 0},
		{"match fails", []string{"If-Match", other}, 412},
		{"match is strong", []string{"If-Match", "W/" + tag}, 412},
		{"match in a list", []string{"If-Match", other + ", ," + tag}, 0},
		{"match malformed", []string{"If-Match", "t"}, 412},
		{"match unclosed", []string{"If-Match", `"t`}, 412},
		{"match beats unmodified-since", []string{"If-Match", tag, "If-Unmodified-Since", before}, 0},
		{"unmodified", []string{"If-Unmodified-Since", same}, 0},
		{"unmodified fails", []string{"If-Unmodified-Since", before}, 412},
		{"unmodified, no date", []string{"If-Unmodified-Since", "yesterday"}, 0},
		{"none-match", []string{"If-None-Match", other}, 0},
		{"none-match hits", []string{"If-None-Match", tag}, 304},
		{"none-match is weak", []string{"If-None-Match", "W/" + tag}, 304},
		{"none-match any", []string{"If-None-Match", "*"}, 304},
		{"none-match beats modified-since", []string{"If-None-Match", other, "If-Modified-Since", after}, 0},
		{"none-match malformed stops", []string{"If-None-Match", `x, "t"`}, 0},
		{"modified since", []string{"If-Modified-Since", before}, 0},
		{"not modified since", []string{"If-Modified-Since", same}, 304},
		{"not modified, rfc850", []string{"If-Modified-Since", modified.Format(time.RFC850)}, 304},
		{"not modified, asctime", []string{"If-Modified-Since", modified.Format(time.ANSIC)}, 304},
		{"modified since, no date", []string{"If-Modified-Since", "0"}, 0},
		{"412 comes first", []string{"If-Match", other, "If-None-Match", tag}, 412},
		{"both pass to 304", []string{"If-Match", tag, "If-None-Match", tag}, 304},
		{"unmodified then modified", []string{"If-Unmodified-Since", after, "If-Modified-Since", after}, 304},
	}
	for _, tt := range tests {
		if got := precondition(getter(tt.fields...), v); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestIfRange(t *testing.T) {
	modified := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	date := modified.Format(httpDate)
	tests := []struct {
		field   string
		settled bool
		want    bool
	}{
		{"", true, true},
		{`"t"`, true, true},
		{`"t"`, false, true},
		{`W/"t"`, true, false},
		{`"u"`, true, false},
		{`"t", "u"`, true, false},
		{date, true, true},
		{date, false, false},
		{modified.Add(time.Second).Format(httpDate), true, false},
		{"nonsense", true, false},
	}
	for _, tt := range tests {
		v := validators{etag: `"t"`, modified: modified, settled: tt.settled}
		if got := ifRange(tt.field, v); got != tt.want {
			t.Errorf("%q (settled %v): %v", tt.field, tt.settled, got)
		}
	}
}
