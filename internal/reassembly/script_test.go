package reassembly

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// A script is one segment a line: direction, flags, sequence number, acknowledgement
// ("-" for none), payload, and what is not usual:
//
//	> S 99 - "" ws=7
//	< SA 299 100
//	> A 100 300 "GET" win=0 len=9 t=25
//
// t is in milliseconds; segments without it come 0.1 ms after the one before.
func parseScript(t *testing.T, script string) (dirs []int, segments []*Segment) {
	t.Helper()
	now := int64(1e9)
	for line := range strings.Lines(script) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		s := &Segment{Packet: len(segments) + 1, Window: 1000, WScale: -1}
		now += 1e5
		for i, word := range f {
			parseWord(t, s, i, word, &now)
		}
		s.Time = now
		dirs = append(dirs, strings.Index("><", f[0]))
		segments = append(segments, s)
	}
	return dirs, segments
}

func parseWord(t *testing.T, s *Segment, i int, word string, now *int64) {
	t.Helper()
	number := func(text string) int {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	name, value, option := strings.Cut(word, "=")
	switch {
	case i == 1:
		for _, letter := range word {
			s.Flags |= 1 << strings.IndexRune("FSRPA", letter)
		}
	case i == 2:
		s.Seq = uint32(number(word))
	case i == 3 && word != "-":
		s.Ack = uint32(number(word))
	case strings.HasPrefix(word, `"`):
		s.Payload = []byte(strings.Trim(word, `"`))
		s.Length = len(s.Payload)
	case option && name == "ws":
		s.WScale = int8(number(value))
	case option && name == "win":
		s.Window = uint16(number(value))
	case option && name == "len":
		s.Length = number(value)
	case option && name == "t":
		*now = int64(1e9) + int64(number(value))*1e6
	}
}

// recorder writes down what a connection gives.
type recorder struct{ lines []string }

func (r *recorder) add(dir int, m Mark, format string, a ...any) {
	r.lines = append(r.lines, fmt.Sprintf("%c%d ", "><"[dir], m.Packet)+fmt.Sprintf(format, a...))
}

func (r *recorder) Bytes(dir int, p []byte, m Mark) { r.add(dir, m, "%q", p) }
func (r *recorder) Skip(dir int, n int64, m Mark)   { r.add(dir, m, "skip %d", n) }
func (r *recorder) Note(dir int, k NoteKind, n int64, m Mark) {
	if n == 0 {
		r.add(dir, m, "%s", k)
	} else {
		r.add(dir, m, "%s %d", k, n)
	}
}

// run plays a script; a line "flush" at the end flushes.
func run(t *testing.T, c *Conn, script string) string {
	t.Helper()
	script, flush := strings.CutSuffix(strings.TrimSpace(script), "flush")
	dirs, segments := parseScript(t, script)
	var r recorder
	for i, s := range segments {
		c.Add(dirs[i], s, &r)
	}
	if flush {
		c.Flush(&r)
		if c.held != 0 {
			t.Errorf("%d bytes are held after the flush", c.held)
		}
	}
	return strings.Join(r.lines, "\n")
}

const opened = `
	> S 99 - ws=0
	< SA 299 100 ws=0
	> A 100 300 t=1
`
