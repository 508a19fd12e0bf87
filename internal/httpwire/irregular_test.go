package httpwire

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestIrregularRequests(t *testing.T) {
	for _, tt := range irregularRequests {
		if h := parsedRequest(t, tt.raw); !cmp.Equal(tt.want, h.Irregular) {
			t.Errorf("%q:\n got %v\nwant %v", tt.raw, h.Irregular, tt.want)
		}
	}
}

func TestIrregularResponses(t *testing.T) {
	for _, tt := range irregularResponses {
		if h := parsedResponse(t, tt.raw); !cmp.Equal(tt.want, h.Irregular) {
			t.Errorf("%q:\n got %v\nwant %v", tt.raw, h.Irregular, tt.want)
		}
	}
}

func TestUnreadable(t *testing.T) {
	check := func(raw string, want Irregularity, n int, err error) {
		t.Helper()
		var syntax *SyntaxError
		if n != 0 || !errors.As(err, &syntax) || syntax.Irregularity != want {
			t.Errorf("%q: %d, %v; want %v", raw, n, err, want)
		}
	}
	var h Head
	for _, tt := range unreadableRequests {
		n, err := h.ParseRequest([]byte(tt.raw), Limits{})
		check(tt.raw, tt.want, n, err)
		if cut := tt.raw[:tt.want.Offset+1]; tt.early {
			n, err := h.ParseRequest([]byte(cut), Limits{})
			check(cut, tt.want, n, err)
		}
	}
	for _, tt := range unreadableResponses {
		n, err := h.ParseResponse([]byte(tt.raw), Limits{})
		check(tt.raw, tt.want, n, err)
		if cut := tt.raw[:tt.want.Offset+1]; tt.early {
			n, err := h.ParseResponse([]byte(cut), Limits{})
			check(cut, tt.want, n, err)
		}
	}
}

// What an irregular head is read as, for those who only watch.
func TestReadingOfIrregularFields(t *testing.T) {
	h := parsedRequest(t, "GET  /x  HTTP/1.1\n Odd: 1\r\nA : b\r\n\tc \r\nE:\r\n  d\r\nbroken\r\n\r\n")
	want := []string{"GET", " /x ", "A", "b\r\n\tc", "E", "d"}
	if diff := cmp.Diff(want, contents(h)); diff != "" {
		t.Error(diff)
	}
}

func TestFraming(t *testing.T) {
	const post = "POST / HTTP/1.1\r\nHost: a\r\n"
	requests := map[string]Framing{
		post:                                                         {},
		post + "Content-Length: 0\r\n":                               {},
		post + "Content-Length: 0012\r\n":                            {ContentLength, 12},
		post + "Content-Length: 5,5\r\n":                             {ContentLength, 5},
		post + "Content-Length: 5,6\r\n":                             {Kind: UntilClose},
		post + "Content-Length: x\r\n":                               {Kind: UntilClose},
		post + "Transfer-Encoding: chunked\r\n":                      {Kind: Chunked},
		post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n": {Kind: Chunked},
		post + "Transfer-Encoding: gzip, CHUNKED\r\n":                {Kind: Chunked},
		post + "Transfer-Encoding: chunked, gzip\r\n":                {Kind: UntilClose},
		post + "Transfer-Encoding: gzip\r\nContent-Length: 5\r\n":    {Kind: UntilClose},
	}
	for raw, want := range requests {
		if got := parsedRequest(t, raw+"\r\n").RequestFraming(); got != want {
			t.Errorf("%q: %v, want %v", raw, got, want)
		}
	}
	responses := []struct {
		method, raw string
		want        Framing
	}{
		{"GET", "HTTP/1.1 200 OK\r\n", Framing{Kind: UntilClose}},
		{"GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", Framing{ContentLength, 5}},
		{"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", Framing{}},
		{"GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n", Framing{Kind: UntilClose}},
		{"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", Framing{Kind: Chunked}},
		{"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 5\r\n", Framing{Kind: UntilClose}},
		{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", Framing{}},
		{"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", Framing{}},
		{"GET", "HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n", Framing{}},
		{"GET", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n", Framing{}},
		{"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n", Framing{}},
		{"CONNECT", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", Framing{}},
		{"CONNECT", "HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n", Framing{ContentLength, 5}},
	}
	for _, tt := range responses {
		if got := parsedResponse(t, tt.raw+"\r\n").ResponseFraming(tt.method); got != tt.want {
			t.Errorf("%s %q: %v, want %v", tt.method, tt.raw, got, tt.want)
		}
	}
}
