package httpwire

import "testing"

func TestForbiddenFields(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        bool
	}{
		{"upgrade", "h2,h2c", true}, {"connection", "close", true}, {"keep-alive", "timeout=5", true},
		{"proxy-connection", "close", true}, {"transfer-encoding", "chunked", true},
		{"te", "trailers", false}, {"te", "gzip", true}, {":path", "/", false}, {"x-ok", "connection: close", false},
		{"X-Upper", "1", true}, {"x blank", "1", true}, {"x-line", "a\r\nb", true}, {"x-nul", "a\x00", true}, {"x-\xe9", "1", true},
	} {
		f := H2Field{Name: c.name, Value: c.value}
		if got := f.Forbidden(); got != c.want {
			t.Errorf("%q: %q: forbidden is %v, want %v", c.name, c.value, got, c.want)
		}
	}
}
