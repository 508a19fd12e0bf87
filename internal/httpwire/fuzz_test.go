package httpwire

import (
	"bytes"
	"io"
	"net/http/httputil"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func requestSeeds() []string {
	seeds := append([]string(nil), regularRequests...)
	for _, tt := range irregularRequests {
		seeds = append(seeds, tt.raw)
	}
	for _, tt := range unreadableRequests {
		seeds = append(seeds, tt.raw)
	}
	return seeds
}

func responseSeeds() []string {
	seeds := append([]string(nil), regularResponses...)
	for _, tt := range irregularResponses {
		seeds = append(seeds, tt.raw)
	}
	for _, tt := range unreadableResponses {
		seeds = append(seeds, tt.raw)
	}
	return seeds
}

func FuzzRequestHead(f *testing.F) {
	for _, seed := range requestSeeds() {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var h Head
		n, err := h.ParseRequest(raw, Limits{})
		checkHead(t, &h, raw, n, err, (*Head).ParseRequest)
		if n == 0 {
			return
		}
		_, _ = CleanPath(h.Bytes(h.Target))
		_ = h.Authority()
		if framing := h.RequestFraming(); framing.Kind == UntilClose && len(h.Irregular) == 0 {
			t.Fatal("a regular request without an end")
		}
		if len(h.Irregular) == 0 {
			agreeOnRequest(t, &h)
		}
	})
}

func FuzzResponseHead(f *testing.F) {
	for _, seed := range responseSeeds() {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var h Head
		n, err := h.ParseResponse(raw, Limits{})
		checkHead(t, &h, raw, n, err, (*Head).ParseResponse)
		if n > 0 && len(h.Irregular) == 0 {
			agreeOnResponse(t, &h)
		}
	})
}

// checkHead holds for every head: bounds are kept, a shorter piece of a
// readable head is incomplete, and what follows a head does not change it.
func checkHead(t *testing.T, h *Head, raw []byte, n int, err error,
	parse func(*Head, []byte, Limits) (int, error)) {
	t.Helper()
	if n < 0 || n > len(raw) || err != nil && n != 0 {
		t.Fatalf("n = %d of %d, %v", n, len(raw), err)
	}
	if n == 0 {
		return
	}
	if !bytes.Equal(h.Buf, raw[:n]) {
		t.Fatal("Buf is not what was consumed")
	}
	for _, i := range h.Irregular {
		if i.Offset < 0 || i.Offset >= n {
			t.Fatalf("%v of %d", i, n)
		}
	}
	for _, f := range h.Fields {
		_, _ = h.Bytes(f.Name), h.Bytes(f.Value)
		_ = h.HopByHop(f)
	}
	var shorter Head
	for _, cut := range []int{1, n / 2, n - 1} {
		if m, err := parse(&shorter, raw[:min(cut, n-1)], Limits{}); m != 0 || err != nil {
			t.Fatalf("cut at %d: %d, %v", cut, m, err)
		}
	}
	again := Head{Fields: []Field{}, Irregular: nil}
	if m, err := parse(&again, append(raw[:n:n], "\r\nx: y"...), Limits{}); m != n || err != nil ||
		!cmp.Equal(contents(h), contents(&again)) || !cmp.Equal(h.Irregular, again.Irregular) {
		t.Fatalf("with more behind it: %d, %v, %v", m, err, again.Irregular)
	}
}

func FuzzChunked(f *testing.F) {
	for _, tt := range chunkedBodies {
		f.Add(tt.body, 3, 7)
	}
	f.Fuzz(func(t *testing.T, body string, a, b int) {
		whole := readChunked(body)
		a = int(uint(a) % uint(len(body)+1))
		b = a + int(uint(b)%uint(len(body)-a+1))
		if diff := cmp.Diff(whole, readChunked(body, a, b)); diff != "" {
			t.Fatalf("cut at %d and %d: %s", a, b, diff)
		}
		for _, i := range whole.Irregular {
			if i.Offset < 0 || i.Offset >= len(body) {
				t.Fatalf("%v of %d", i, len(body))
			}
		}
		if whole.Done && whole.Irregular == nil {
			data, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader([]byte(body))))
			if err != nil || string(data) != whole.Data {
				t.Fatalf("net/http reads %q, %v; we %q", data, err, whole.Data)
			}
		}
	})
}
