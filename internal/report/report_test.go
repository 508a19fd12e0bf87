package report

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var update = flag.Bool("update", false, "rewrite what is expected")

// render is one way to write a trace; the golden files have a section for each.
type render struct {
	name  string
	write func(w *strings.Builder, t *flow.Trace) error
}

func renders() []render {
	lines := func(o LineOptions) func(*strings.Builder, *flow.Trace) error {
		return func(w *strings.Builder, t *flow.Trace) error {
			l := NewLines(w, o)
			l.Head()
			for _, c := range t.Conns {
				if len(c.Exchanges) == 0 {
					l.Conn(c)
				}
				for _, x := range c.Exchanges {
					l.Exchange(c, x)
				}
			}
			return l.Err()
		}
	}
	ladder := func(o LadderOptions) func(*strings.Builder, *flow.Trace) error {
		return func(w *strings.Builder, t *flow.Trace) error {
			o.Findings = findings(t)
			return Ladder(w, t, o)
		}
	}
	return []render{
		{"lines", lines(LineOptions{})},
		{"lines.clock", lines(LineOptions{Clock: true, Location: time.FixedZone("", 3600), Width: 100, ASCII: true})},
		{"ladder", ladder(LadderOptions{})},
		{"ladder.ascii", ladder(LadderOptions{Width: 72, ASCII: true, Gap: 100 * time.Millisecond})},
	}
}

// findings has one that rests on what the traces show, by event and by packet.
func findings(t *flow.Trace) []explain.Finding {
	f := explain.Finding{ID: "renegotiation-unanswered"}
	for _, c := range t.Conns {
		for i := range c.Events {
			switch c.Events[i].Kind {
			case flow.HelloRequest, flow.Timeout:
				f.Evidence = append(f.Evidence, explain.At(c, i, ""))
			case flow.RST:
				e := explain.At(c, i, "")
				e.Ref.Event = -1
				f.Evidence = append(f.Evidence, e)
			}
		}
	}
	return []explain.Finding{f}
}

func TestGolden(t *testing.T) {
	paths, _ := filepath.Glob("testdata/*.txtar")
	if len(paths) == 0 {
		t.Fatal("no golden files")
	}
	for _, path := range paths {
		ar, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{}
		for _, f := range ar.Files {
			want[f.Name] = string(f.Data)
		}
		ar.Files = ar.Files[:1]
		trace := parse(t, want["trace.flow"])
		for _, r := range renders() {
			var b strings.Builder
			if err := r.write(&b, trace); err != nil {
				t.Errorf("%s: %s: %v", path, r.name, err)
			}
			if !*update && want[r.name] != b.String() {
				t.Errorf("%s: %s changed (-want +got):\n%s", path, r.name, cmp.Diff(want[r.name], b.String()))
			}
			ar.Files = append(ar.Files, txtar.File{Name: r.name, Data: []byte(b.String())})
			harmlessText(t, path+": "+r.name, b.String(), strings.HasSuffix(r.name, "ascii") || r.name == "lines.clock")
		}
		if *update {
			if err := os.WriteFile(path, txtar.Format(ar), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func parse(t *testing.T, text string) *flow.Trace {
	t.Helper()
	trace, err := flow.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

// harmlessText checks that nothing is left that a terminal obeys.
func harmlessText(t *testing.T, name, text string, ascii bool) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("%s: it is no UTF-8", name)
	}
	for _, r := range text {
		if r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u202e' || ascii && r > 0x7e) {
			t.Errorf("%s: it holds %q", name, r)
			return
		}
	}
}

func TestLadderFitsWidth(t *testing.T) {
	trace := parse(t, `conn 1  192.0.2.10:51544 -> 10.0.0.5:80
  +0.000 > GET /`+strings.Repeat("long/", 100)+` x1 [#1]
  +0.001 incident fl-1 cause="`+strings.Repeat("é", 300)+`" x1 [#1234567]
`)
	for _, width := range []int{40, 80, 100, 200} {
		var b strings.Builder
		if err := Ladder(&b, trace, LadderOptions{Width: width}); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); strings.Contains(line, "│") && n > max(width, 10+1+1+leastLane+1+len(" [#1234567]")) {
				t.Errorf("width %d: a line has %d columns: %s", width, n, line)
			}
		}
	}
}

func TestLadderOfLoop(t *testing.T) {
	trace := parse(t, "conn 1  ? -> ?  parent c2\n  +0.000 syn\nconn 2  ? -> ?  parent c1\n  +0.000 syn\nconn 3  ? -> ?  parent c3\n  +0.000 syn\n")
	var b strings.Builder
	if err := Ladder(&b, trace, LadderOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"c1", "c2", "c3"} {
		if !strings.Contains(b.String(), id+"  ?") {
			t.Errorf("%s is not drawn:\n%s", id, b.String())
		}
	}
}

func TestColours(t *testing.T) {
	trace := parse(t, `conn 1  ? -> ?
  +0.000 > GET / x1
  +0.001 < 404 x1
  +0.001 exchange-done complete x1   +0.002 rst by server
`)
	var b strings.Builder
	NewLines(&b, LineOptions{Colour: true}).Exchange(trace.Conns[0], trace.Conns[0].Exchanges[0])
	if want := yellow + "404" + plain; !strings.Contains(b.String(), want) {
		t.Errorf("line %q has no %q", b.String(), want)
	}
	b.Reset()
	if err := Ladder(&b, trace, LadderOptions{Colour: true, Findings: findings(trace)}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), red) {
		t.Errorf("evidence without event or packet colours the ladder:\n%q", b.String())
	}
	trace = parse(t, "conn 1  ? -> ?\n  +0.001 syn [#8]   +0.002 rst by server [#9]\n")
	b.Reset()
	if err := Ladder(&b, trace, LadderOptions{Colour: true, Findings: findings(trace)}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), red); n != 1 || !strings.Contains(b.String(), "renegotiation-unanswered"+plain) {
		t.Errorf("%d lines are red, want the one of the RST:\n%q", n, b.String())
	}
}

func TestFindingsAreHarmless(t *testing.T) {
	var b strings.Builder
	err := Findings(&b, []explain.Finding{
		{ID: "one", Cause: "\x1b[2J said\r", Evidence: []explain.Evidence{explain.Fact("a\u202eb")}},
		{ID: "two", Cause: "two"},
	})
	if err != nil {
		t.Fatal(err)
	}
	harmlessText(t, "findings", b.String(), false)
	if !strings.Contains(b.String(), "[one]") || !strings.Contains(b.String(), "\n\n") || !strings.Contains(b.String(), "[two]") {
		t.Errorf("findings are written\n%s", b.String())
	}
}

type broken struct{ writes int }

func (b *broken) Write([]byte) (int, error) {
	b.writes++
	return 0, errors.New("pipe closed")
}

func TestWritingEnds(t *testing.T) {
	var w broken
	l := NewLines(&w, LineOptions{})
	l.Head()
	l.Head()
	if l.Err() == nil || w.writes != 1 {
		t.Errorf("after a failed write: error %v, %d writes", l.Err(), w.writes)
	}
}

func TestUnits(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 5e12: "5000.0 GB"} {
		if got := string(appendSize(nil, n)); got != want {
			t.Errorf("%d is written %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{0: "0 us", 80 * time.Microsecond: "80 us", 45 * time.Millisecond: "45 ms", 2 * time.Minute: "120.0 s", -time.Second: "-1.0 s"} {
		if got := string(appendSpan(nil, d)); got != want {
			t.Errorf("%v is written %s, want %s", d, got, want)
		}
	}
}

// TestLinesAllocateLittle bounds what a line costs, as captures have millions.
func TestLinesAllocateLittle(t *testing.T) {
	trace := parse(t, "conn 1  192.0.2.10:51544 -> 10.0.0.5:80\n  +0.000 > GET /a host=a.test x1\n  +0.001 < 200 OK x1\n  +0.001 exchange-done complete x1\n")
	l := NewLines(discard{}, LineOptions{})
	c, x := trace.Conns[0], trace.Conns[0].Exchanges[0]
	if n := testing.AllocsPerRun(100, func() { l.Exchange(c, x) }); n > 2 {
		t.Errorf("a line allocates %v times", n)
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
