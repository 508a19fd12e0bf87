package httpwire

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// chunkedResult is everything a ChunkReader tells about a body.
type chunkedResult struct {
	Data, Trailers string
	Taken          int
	Done           bool
	Err            string
	Irregular      []Irregularity
}

// readChunked feeds a body in pieces that end at the given cuts.
func readChunked(body string, cuts ...int) chunkedResult {
	var c ChunkReader
	var r chunkedResult
	last := 0
	for _, cut := range append(cuts, len(body)) {
		for piece := []byte(body[last:cut]); len(piece) > 0 && !r.Done && r.Err == ""; {
			data, n, done, err := c.Next(piece)
			piece = piece[n:]
			r.Data += string(data)
			r.Taken += n
			r.Done = done
			if err != nil {
				r.Err = err.Error()
			}
		}
		last = cut
	}
	r.Trailers, r.Irregular = string(c.Trailers()), c.Irregular()
	return r
}

var chunkedBodies = []struct {
	name, body string
	want       chunkedResult
}{
	{"empty", "0\r\n\r\n", chunkedResult{Done: true}},
	{"next message stays", "0\r\n\r\nGET", chunkedResult{Done: true, Taken: 5}},
	{"two", "3\r\nabc\r\n00a\r\n0123456789\r\n000\r\n\r\n", chunkedResult{Data: "abc0123456789", Done: true}},
	{"line ends are data", "4\r\n\r\n0\r\r\n0\r\n\r\n", chunkedResult{Data: "\r\n0\r", Done: true}},
	{"trailers", "1\r\na\r\n0\r\nX: y\r\nZ:\r\n\r\n", chunkedResult{Data: "a", Trailers: "X: y\r\nZ:\r\n", Done: true}},
	{"extension", "1;x=\"y\"\r\na\r\n0 ;z\r\n\r\n", chunkedResult{Data: "a", Done: true,
		Irregular: []Irregularity{{ChunkExtension, 1}, {BlankAfterChunkSize, 13}, {ChunkExtension, 14}}}},
	{"control in extension", "1;\x00\x01\t\r\na\r\n0\r\n\r\n", chunkedResult{Data: "a", Done: true,
		Irregular: []Irregularity{{ChunkExtension, 1}, {NULByte, 2}, {BadFieldValue, 3}}}},
	{"blanks", "1 \t\r\na\r\n0\r\n\r\n", chunkedResult{Data: "a", Done: true, Irregular: []Irregularity{{BlankAfterChunkSize, 1}}}},
	{"bare line feeds", "1\na\n0\n\n", chunkedResult{Data: "a", Done: true,
		Irregular: []Irregularity{{BareLF, 1}, {BareLF, 3}, {BareLF, 5}, {BareLF, 6}}}},
	{"irregular trailers", "0\r\nA : b\r\n c\r\nHost: x\r\n\r\r\nD: e\n\r\n", chunkedResult{Done: true,
		Trailers: "A : b\r\n c\r\nHost: x\r\n\r\r\nD: e\n",
		Irregular: []Irregularity{{SpaceBeforeColon, 4}, {ObsFold, 10}, {MissingColon, 23}, {BareCR, 23},
			{BareLF, 30}, {FramingInTrailer, 14}}}},
	{"no size", "\r\n", chunkedResult{Err: "bad-chunk-size at byte 0"}},
	{"size is no number", "g\r\n", chunkedResult{Err: "bad-chunk-size at byte 0"}},
	{"sign", "+1\r\n", chunkedResult{Err: "bad-chunk-size at byte 0"}},
	{"blank before size", " 1\r\na\r\n0\r\n\r\n", chunkedResult{Err: "bad-chunk-size at byte 0"}},
	{"prefix", "0x1\r\n", chunkedResult{Taken: 1, Err: "bad-chunk-size at byte 1"}},
	{"digits after a blank", "1 1\r\n", chunkedResult{Taken: 2, Err: "bad-chunk-size at byte 2",
		Irregular: []Irregularity{{BlankAfterChunkSize, 1}}}},
	{"size of 64 bits", "8000000000000000\r\n", chunkedResult{Taken: 15, Err: "bad-chunk-size at byte 15"}},
	{"17 digits", "00000000000000001\r\n", chunkedResult{Taken: 16, Err: "bad-chunk-size at byte 16"}},
	{"bare CR", "1\ra\r\n", chunkedResult{Taken: 2, Err: "bare-cr at byte 2"}},
	{"bare CR in extension", "1;\ra\r\n", chunkedResult{Taken: 3, Err: "bare-cr at byte 3",
		Irregular: []Irregularity{{ChunkExtension, 1}}}},
	{"data too long", "1\r\nab\r\n", chunkedResult{Data: "a", Taken: 4, Err: "chunk-end-missing at byte 4"}},
	{"CR alone after data", "1\r\na\rb", chunkedResult{Data: "a", Taken: 5, Err: "chunk-end-missing at byte 5"}},
	{"unfinished", "1\r\na\r\n0\r\nX: y\r\n", chunkedResult{Data: "a", Trailers: "X: y\r\n"}},
	{"largest size", "7fffffffffffffff\r\nabc", chunkedResult{Data: "abc"}},
}

func (r chunkedResult) withDefaults(body string) chunkedResult {
	if r.Err != "" {
		r.Err = "parse HTTP/1 message: " + r.Err
	} else if r.Taken == 0 {
		r.Taken = len(body)
	}
	return r
}

func TestChunkReader(t *testing.T) {
	for _, tt := range chunkedBodies {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.want.withDefaults(tt.body)
			if diff := cmp.Diff(want, readChunked(tt.body)); diff != "" {
				t.Fatalf("in one piece: %s", diff)
			}
			for cut := 1; cut < len(tt.body); cut++ {
				if diff := cmp.Diff(want, readChunked(tt.body, cut)); diff != "" {
					t.Fatalf("cut at %d: %s", cut, diff)
				}
			}
		})
	}
}

func TestChunkedTruncationIsIncomplete(t *testing.T) {
	for _, tt := range chunkedBodies {
		if want := tt.want.withDefaults(tt.body); want.Done {
			for cut := range want.Taken {
				if r := readChunked(tt.body[:cut]); r.Done || r.Err != "" || r.Taken != cut {
					t.Errorf("%q: %+v", tt.body[:cut], r)
				}
			}
		}
	}
}

func TestChunkedLimits(t *testing.T) {
	tests := []struct {
		name, body string
		want       error
	}{
		{"extension", "1;" + strings.Repeat("x", maxExtension) + "\r\n", &SyntaxError{Irregularity{ChunkExtension, 2 + maxExtension - 1}}},
		{"blanks", "1" + strings.Repeat(" ", maxExtension+1), &SyntaxError{Irregularity{ChunkExtension, maxExtension + 1}}},
		{"trailer bytes", "0\r\na: " + strings.Repeat("x", maxTrailers), ErrHeadTooLarge},
		{"trailer fields", "0\r\n" + strings.Repeat("a:b\r\n", 201) + "\r\n", ErrTooManyFields},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var c ChunkReader
			for range 2 { // the error is final
				_, _, done, err := c.Next([]byte(tt.body))
				var syntax *SyntaxError
				if errors.As(tt.want, &syntax) {
					if err == nil || done || err.Error() != tt.want.Error() {
						t.Errorf("error %v, want %v", err, tt.want)
					}
				} else if !errors.Is(err, tt.want) || done {
					t.Errorf("error %v, want %v", err, tt.want)
				}
			}
		})
	}
}

func TestChunkRoundTrip(t *testing.T) {
	var body, want []byte
	for size := range 40 {
		piece := bytes.Repeat([]byte{'\r', '\n', '0'}[size%3:][:1], size*size)
		body, want = AppendChunk(body, piece), append(want, piece...)
	}
	body = append(body, LastChunk...)
	r := readChunked(string(body), 7, 8, 300, 1000)
	if !r.Done || r.Data != string(want) || r.Taken != len(body) || r.Irregular != nil {
		t.Errorf("read %d of %d bytes, taken %d of %d: %s", len(r.Data), len(want), r.Taken, len(body), r.Err)
	}
}

func TestChunkDataIsNotCopied(t *testing.T) {
	buf := []byte("5\r\nhello\r\n0\r\n\r\n")
	allocs := testing.AllocsPerRun(100, func() {
		var c ChunkReader
		data, n, _, _ := c.Next(buf)
		if &data[0] != &buf[3] || cap(data) != 5 {
			t.Error("data is not a piece of buf")
		}
		if _, _, done, _ := c.Next(buf[n:]); !done {
			t.Error("not done")
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
