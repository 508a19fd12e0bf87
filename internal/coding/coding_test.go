package coding

import (
	"bytes"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func TestChoose(t *testing.T) {
	all := []Coding{Zstd, Brotli, Gzip}
	for _, c := range []struct {
		lines string // parted by |
		want  Coding
	}{
		{"", Identity},
		{"gzip", Gzip},
		{"x-gzip", Gzip},
		{"gzip, deflate, br, zstd", Zstd},
		{"gzip, deflate, br", Brotli},
		{"GZip;Q=1", Gzip},
		{"br;q=0.5, gzip;q=0.8", Gzip},
		{"br;q=0.8, gzip;q=0.801", Gzip},
		{"zstd;q=0, *", Brotli},
		{"*;q=0", Identity},
		{"*", Zstd},
		{"identity;q=1, gzip;q=0.5", Identity},
		{"identity, gzip", Gzip},
		{"identity;q=0", Identity},
		{"gzip;q=2", Identity},
		{"gzip;q=1.001", Identity},
		{"gzip;q=0.0001", Identity},
		{"gzip;q=nan, br;q=", Identity},
		{"gzip;q=0.000", Identity},
		{";;,,gzip;level=1,", Identity},
		{"deflate|br", Brotli},
		{strings.Repeat("x,", 40) + "gzip", Identity},
	} {
		var a Accept
		for line := range strings.SplitSeq(c.lines, "|") {
			a.Add([]byte(line))
		}
		if got := a.Choose(all); got != c.want {
			t.Errorf("%q: %v, want %v", c.lines, got, c.want)
		}
	}
	var a Accept
	a.Add([]byte("gzip, br"))
	if got := a.Choose([]Coding{Gzip, Brotli}); got != Gzip {
		t.Errorf("of equals: %v, want the first offered", got)
	}
	if n := testing.AllocsPerRun(100, func() { var a Accept; a.Add([]byte("gzip, deflate, br;q=0.5, zstd")); a.Choose(all) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func decoded(t testing.TB, c Coding, in io.Reader) io.Reader {
	t.Helper()
	switch c {
	case Zstd:
		d, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20)) // what browsers take
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(d.Close)
		return d
	case Brotli:
		return brotli.NewReader(in)
	}
	d, err := gzip.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Encoders are used again, also after a body that was cut short.
func TestRoundTrip(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	p := &Pool{Max: 1}
	for c := Zstd; c < codings; c++ {
		for level := Balanced; level < levels; level++ {
			for size := range 20 {
				body := prose(random, 1<<size)
				var out bytes.Buffer
				e := p.Get(c, level, &out)
				if p.Get(c, level, &out) != nil {
					t.Fatal("one more than the limit was lent")
				}
				for rest := body; len(rest) > 0; {
					n := min(len(rest), 1+random.IntN(40_000))
					if _, err := e.Write(rest[:n]); err != nil {
						t.Fatal(err)
					}
					rest = rest[n:]
					if random.IntN(3) == 0 {
						if err := e.Flush(); err != nil {
							t.Fatal(err)
						}
					}
				}
				if size%5 == 4 {
					p.Put(c, level, e) // cut short
					continue
				}
				if err := e.Close(); err != nil {
					t.Fatal(err)
				}
				p.Put(c, level, e)
				got, err := io.ReadAll(decoded(t, c, &out))
				if err != nil || !bytes.Equal(got, body) {
					t.Fatalf("%v, level %d, %d bytes: %d came back, %v", c, level, len(body), len(got), err)
				}
			}
		}
	}
	if p.Used() != 0 {
		t.Errorf("%d in use at the end", p.Used())
	}
}

// prose is text that can be compressed, but not to nothing.
func prose(random *rand.Rand, n int) []byte {
	words := strings.Fields("the door keeps what passes and says who closed it {\"a\": 1}")
	var b bytes.Buffer
	for b.Len() < n {
		b.WriteString(words[random.IntN(len(words))])
		b.WriteByte(byte(' ' + random.IntN(64)))
	}
	return b.Bytes()[:n]
}

// What was flushed can be read before the end.
func TestFlush(t *testing.T) {
	p := &Pool{Max: 10}
	for c := Zstd; c < codings; c++ {
		r, w := io.Pipe()
		e := p.Get(c, Balanced, w)
		go func() {
			for _, line := range []string{"{\"n\":1}\n", "{\"n\":2}\n"} {
				_, _ = e.Write([]byte(line))
				_ = e.Flush()
			}
		}()
		d := decoded(t, c, r)
		buf := make([]byte, 16)
		if _, err := io.ReadFull(d, buf); err != nil || string(buf) != "{\"n\":1}\n{\"n\":2}\n" {
			t.Errorf("%v: %q, %v", c, buf, err)
		}
		r.Close()
	}
}

func TestParse(t *testing.T) {
	for c := Identity; c < codings; c++ {
		if got, ok := Parse(strings.ToUpper(c.String())); got != c || !ok {
			t.Errorf("%v became %v", c, got)
		}
	}
	if _, ok := Parse("deflate"); ok {
		t.Error("deflate is taken")
	}
}
