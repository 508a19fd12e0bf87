package httpwire

import (
	"bytes"
	"strings"
	"testing"
)

func TestEncodedPath(t *testing.T) {
	for target, want := range map[string]string{
		"/":                      "/",
		"*":                      "*",
		"http://a.example?q":     "/",
		"/a/b?x=../y":            "/a/b",
		"//a//b/":                "/a/b/",
		"/a/%2e%2E/b":            "/b",
		"/%61/./b%20c":           "/a/b%20c",
		"/a%2fb":                 "/a%2Fb",
		"/a%252fb":               "/a%252fb",
		`/a\b%5cc`:               "/a%5Cb%5Cc",
		"/a%3bx/b;y":             "/a%3Bx/b;y",
		"/a%23b%3fc":             "/a%23b%3Fc",
		"/%e4%C3%A4\xc3\xa4":     "/%E4%C3%A4\xc3\xa4",
		"/static/..;/%7eadmin/.": "/static/..;/~admin/",
	} {
		if got, ok := EncodedPath([]byte(target)); string(got) != want || !ok {
			t.Errorf("EncodedPath(%q) = %q, %v; want %q", target, got, ok, want)
		}
	}
	for _, target := range []string{"/%", "/%00", "/a/..%2fb", "/a/..%252Fb", "a.example:443", "/a#b"} {
		if got, ok := EncodedPath([]byte(target)); got != nil || ok {
			t.Errorf("EncodedPath(%q) = %q, %v; want it refused", target, got, ok)
		}
	}
}

func TestEncodedOffset(t *testing.T) {
	const encoded = "/a%20b%2Fc%5Cd" // clean: "/a b%2Fc%5Cd"
	for offset, want := range []int{0, 1, 2, 5, 6, -1, -1, 9, 10, -1, -1, 13, 14, -1} {
		if got := EncodedOffset([]byte(encoded), offset); got != want {
			t.Errorf("offset %d: got %d, want %d", offset, got, want)
		}
	}
}

// FuzzEncodedPath holds that the encoded path of a target is the same path.
func FuzzEncodedPath(f *testing.F) {
	for _, seed := range []string{"/", "/a/%2e%2E/b", "/a%252fb", `/a\b%5cc`, "/a/?..", "//a//", "/..;/x%3b", "http://h/a", "/%41%2F"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, target []byte) {
		clean, ok := CleanPath(target)
		encoded, ok2 := EncodedPath(target)
		if ok != ok2 {
			t.Fatalf("CleanPath %v, EncodedPath %v", ok, ok2)
		}
		if !ok {
			return
		}
		if again, _ := CleanPath(encoded); again != clean {
			t.Fatalf("CleanPath %q, of EncodedPath %q it is %q", clean, encoded, again)
		}
		if twice, _ := EncodedPath(encoded); !bytes.Equal(twice, encoded) {
			t.Fatalf("EncodedPath %q, of itself %q", encoded, twice)
		}
		if got := EncodedOffset(encoded, len(clean)); got != len(encoded) {
			t.Fatalf("the end of %q is at %d of %q", clean, got, encoded)
		}
		if strings.Contains(string(encoded)+"/", "/../") || strings.Contains(string(encoded)+"/", "/./") {
			t.Fatalf("dot segment in %q", encoded)
		}
	})
}
