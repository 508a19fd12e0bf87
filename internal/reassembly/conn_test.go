package reassembly

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const openedNotes = `
	>1 SYN
	<2 SYN-ACK
	>3 established
`

func TestConn(t *testing.T) {
	for _, c := range []struct {
		name, script, want string
		limits             Limits
	}{
		{name: "request, response, close",
			script: opened + `
			> PA 100 300 "GET"
			< A 300 103 "OK"
			> FA 103 302
			< FA 302 104 "!"
			> A 104 304`,
			want: openedNotes + `
			>4 "GET"
			<5 "OK"
			>6 FIN
			<7 "!"
			<7 FIN`},
		{name: "out of order within a moment",
			script: opened + `
			> A 103 300 "def"
			> A 100 300 "abc"
			> A 106 300 "ghi"`,
			want: openedNotes + `
			>5 "abc"
			>5 out of order 3
			>4 "def"
			>6 "ghi"`},
		{name: "hole filled by a retransmission",
			script: opened + `
			> A 103 300 "def" t=10
			< A 300 100 t=11
			> A 100 300 "abc" t=40`,
			want: openedNotes + `
			>6 "abc"
			>6 retransmission 3
			>4 "def"`},
		{name: "hole behind another filled by a retransmission",
			script: opened + `
			> A 103 300 "def" t=10
			> A 109 300 "jkl" t=11
			< A 300 100 t=12
			> A 106 300 "ghi" t=40
			> A 100 300 "abc" t=60`,
			want: openedNotes + `
			>7 retransmission 3
			>8 "abc"
			>8 retransmission 3
			>4 "def"
			>7 "ghi"
			>5 "jkl"`},
		{name: "retransmissions whole, partial, and of SYN and FIN",
			script: opened + `
			> S 99 -
			> A 100 300 "abc"
			> A 100 300 "abc"
			> A 101 300 "bcdef"
			> FA 106 300
			> FA 106 300
			> FA 103 300 "def"`,
			want: openedNotes + `
			>4 retransmission
			>5 "abc"
			>6 retransmission 3
			>7 "def"
			>7 retransmission 2
			>8 FIN
			>9 retransmission
			>10 retransmission 3`},
		{name: "overlap with what is held, the first stays",
			script: opened + `
			> A 102 300 "cd"
			> A 101 300 "BCDE"
			> A 100 300 "abcdef"`,
			want: openedNotes + `
			>5 out of order 1
			>5 retransmission 2
			>5 overlap 2
			>6 "a"
			>6 out of order 1
			>6 retransmission 4
			>6 overlap 2
			>5 "B"
			>4 "cd"
			>5 "E"
			>6 "f"`},
		{name: "the capture lost what the peer acknowledged, three segments later",
			script: opened + `
			> A 103 300 "d"
			< A 300 106
			> A 104 300 "e"
			> A 105 300 "f"
			> A 106 300 "g"`,
			want: openedNotes + `
			>7 acked unseen 3
			>7 gap 3
			>7 skip 3
			>4 "d"
			>6 "e"
			>7 "f"
			>8 "g"`},
		{name: "the capture lost it, a moment later",
			script: opened + `
			> A 103 300 "d" t=1
			< A 300 104 "x" t=2
			< A 301 104 "y" t=13
			> A 104 302 "e" t=14`,
			want: openedNotes + `
			<5 "x"
			>6 acked unseen 3
			>6 gap 3
			>6 skip 3
			>4 "d"
			<6 "y"
			>7 "e"`},
		{name: "the capture lost all of a request",
			script: opened + `
			< A 300 151 "x" t=2
			< A 301 151 "y" t=13
			> A 151 302 "e" t=14`,
			want: openedNotes + `
			<4 "x"
			>5 acked unseen 50
			>5 gap 50
			>5 skip 50
			<5 "y"
			>6 acked unseen 1
			>6 gap 1
			>6 skip 1
			>6 "e"`},
		{name: "an acknowledgement captured before its bytes",
			script: opened + `
			< A 300 103
			> A 100 300 "abc"
			> A 103 300 "def"`,
			want: openedNotes + `
			>5 "abc"
			>6 "def"`},
		{name: "a hole at the end of the capture",
			script: opened + `
			> A 103 300 "d"
			> FA 110 300
			flush`,
			want: openedNotes + `
			>5 gap 3
			>5 skip 3
			>4 "d"
			>5 gap 6
			>5 skip 6
			>5 FIN`},
		{name: "an acknowledged FIN that was not captured is no hole",
			script: opened + `
			> A 100 300 "abc" t=1
			< A 300 104 t=2
			< FA 300 104 t=30
			flush`,
			want: openedNotes + `
			>4 "abc"
			<6 FIN`},
		{name: "the round trip is that of the SYN which was answered",
			script: `
			> S 99 -
			> S 99 - t=1000
			< SA 299 100 t=1005
			> A 100 300 t=1006
			> A 103 300 "def"
			> A 100 300 "abc" t=1012
			> A 109 300 "jkl"
			> A 106 300 "ghi" t=1040`,
			want: `
			>1 SYN
			>2 retransmission
			<3 SYN-ACK
			>4 established
			>6 "abc"
			>6 out of order 3
			>5 "def"
			>8 "ghi"
			>8 retransmission 3
			>7 "jkl"`},
		{name: "sequence numbers wrap around",
			script: `
			> S 4294967293 - ws=0
			< SA 4294967295 4294967294 ws=0
			> A 4294967294 0
			> A 1 0 "def"
			> A 4294967294 0 "abc"
			< A 0 4 "xyz"
			< FA 3 4
			> FA 4 4
			< A 4 5`,
			want: openedNotes + `
			>5 "abc"
			>5 out of order 3
			>4 "def"
			<6 "xyz"
			<7 FIN
			>8 FIN`},
		{name: "keep-alive probes",
			script: opened + `
			> A 100 300 "abc"
			< A 300 103
			> A 102 300
			> A 102 300 "x"
			< A 299 103
			> A 103 300 "d"
			> A 103 300 "d"`,
			want: openedNotes + `
			>4 "abc"
			>6 keep-alive
			>7 keep-alive 1
			<8 keep-alive
			>9 "d"
			>10 retransmission 1`},
		{name: "windows closing and opening",
			script: `
			> S 99 - ws=4
			< SA 299 100 ws=2
			> A 100 300
			< A 300 100 win=0
			< A 300 100 win=0
			< A 300 100 win=100
			> A 100 300 win=0
			> A 100 300 win=1`,
			want: openedNotes + `
			<4 zero window
			<6 window open 400
			>7 zero window
			>8 window open 16`},
		{name: "reset",
			script: opened + `
			> A 100 300 "abc"
			< A 305 103 "xyz"
			< R 300 103
			> A 103 300 "def"
			> R 103 300`,
			want: openedNotes + `
			>4 "abc"
			<6 gap 5
			<6 skip 5
			<5 "xyz"
			<6 RST`},
		{name: "reset outside of the window",
			script: opened + `
			> A 100 300 "abc"
			< R 2300 103
			< R 299 103
			< A 300 103 "xyz"
			> A 103 303
			< R 1303 103`,
			want: openedNotes + `
			>4 "abc"
			<5 invalid RST
			<6 invalid RST
			<7 "xyz"
			<9 RST`},
		{name: "refused",
			script: `
			> S 99 -
			< RA 0 7
			< RA 0 100`,
			want: `
			>1 SYN
			<2 invalid RST
			<3 RST`},
		{name: "data after FIN is left out",
			script: opened + `
			> A 105 300 "fgh"
			> A 109 300 "jkl"
			> FA 100 300 "abcdefg"
			> A 108 300 "zzz"
			> A 100 300 "abcdefghijkl"`,
			want: openedNotes + `
			>6 "abcde"
			>6 out of order 5
			>6 retransmission 2
			>4 "fg"
			>6 FIN
			>8 retransmission 7`},
		{name: "fast open",
			script: `
			> S 99 - "GET"
			< SA 299 103
			> A 103 300
			> A 103 300 "x"`,
			want: `
			>1 SYN
			>1 "GET"
			<2 SYN-ACK
			>3 established
			>4 "x"`},
		{name: "fast open refused",
			script: `
			> S 99 - "GET"
			< SA 299 100
			> A 100 300 "GET"`,
			want: `
			>1 SYN
			>1 "GET"
			<2 SYN-ACK
			>3 established
			>3 retransmission 3`},
		{name: "mid-stream",
			script: `
			< A 300 100 "abc"
			> A 100 303 "x"
			> A 101 303 "y"`,
			want: `
			<1 mid-stream
			<1 "abc"
			>2 "x"
			>3 "y"`},
		{name: "SYN lost by the capture",
			script: `
			< SA 299 100
			> A 103 300 "d"
			> A 100 300 "abc"`,
			want: `
			<1 SYN-ACK
			>2 established
			>3 "abc"
			>3 out of order 3
			>2 "d"`},
		{name: "SYN-ACK lost by the capture",
			script: `
			> S 99 -
			> A 100 300 "abc"
			< A 303 103 "def"
			> A 103 306 "x"
			> A 104 306 "y" t=30`,
			want: `
			>1 SYN
			>2 established
			>2 "abc"
			>4 "x"
			<5 acked unseen 3
			<5 gap 3
			<5 skip 3
			<3 "def"
			>5 "y"`},
		{name: "snapped",
			script: opened + `
			> A 100 300 "abc" len=10
			> A 120 300 "z" len=5
			> A 110 300 "def" len=10`,
			want: openedNotes + `
			>4 "abc"
			>4 snapped 7
			>4 skip 7
			>6 "def"
			>6 snapped 7
			>6 skip 7
			>6 out of order 10
			>5 "z"
			>5 snapped 4
			>5 skip 4`},
		{name: "only the server was captured",
			script: `
			< SA 299 100
			< A 300 103 "abc"
			< A 305 103 "fgh"
			< A 303 103 "de"
			< FA 308 103`,
			want: `
			<1 SYN-ACK
			<2 "abc"
			<4 "de"
			<4 out of order 2
			<3 "fgh"
			<5 FIN`},
		{name: "stray",
			script: opened + `
			> A 2000000000 300 "abc"
			> FA 2000000000 300
			< A 300 2000000000
			> A 100 300 "def"`,
			want: openedNotes + `
			>4 stray 3
			>7 "def"`},
		{name: "too much is held", limits: Limits{PerConn: 2*pieceCost + 6},
			script: opened + `
			> A 103 300 "def"
			> A 109 300 "jkl"
			> A 115 300 "pqr"
			> A 106 300 "ghi"
			> A 121 300 "vwx"
			> A 130 300 "y"
			> A 118 300 "stu"`,
			want: openedNotes + `
			>6 dropped 3
			>6 gap 3
			>6 skip 3
			>4 "def"
			>7 "ghi"
			>7 out of order 3
			>5 "jkl"
			>9 dropped 3
			>9 gap 3
			>9 skip 3
			>6 "pqr"
			>10 "stu"
			>10 out of order 3
			>8 "vwx"`},
		{name: "nothing can be held", limits: Limits{PerConn: 1},
			script: opened + `
			> A 103 300 "def"
			> A 100 300 "abc"
			> A 106 300 "ghi"`,
			want: openedNotes + `
			>4 dropped 3
			>4 gap 3
			>4 skip 3
			>4 "def"
			>5 retransmission 3
			>6 "ghi"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var conn Conn
			if c.limits != (Limits{}) {
				conn.Budget = NewBudget(c.limits)
			}
			if diff := cmp.Diff(unindent(c.want), run(t, &conn, c.script)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDone(t *testing.T) {
	for _, c := range []struct {
		name, script string
		want         bool
	}{
		{"nothing", "", false},
		{"open", opened, false},
		{"one has closed", opened + "> FA 100 300\n < A 300 101", false},
		{"the second FIN is not acknowledged", opened + "> FA 100 300\n < FA 300 101", false},
		{"both have closed", opened + "> FA 100 300\n < FA 300 101\n > A 101 301", true},
		{"a hole before the FIN", opened + "> FA 110 300\n < FA 300 101\n > A 101 301", false},
		{"reset", opened + "> R 100 300", true},
		{"invalid reset", opened + "< A 300 100\n> R 99 300", false},
		{"only one side was captured", "> S 99 -\n> A 100 300\n> FA 100 300", true},
		{"only the server was captured", "< SA 299 100\n< FA 300 100", true},
	} {
		var conn Conn
		run(t, &conn, c.script)
		if conn.Done() != c.want {
			t.Errorf("%s: done %v", c.name, conn.Done())
		}
	}
}

func TestReuse(t *testing.T) {
	closed := opened + "> FA 100 300\n < FA 300 101\n > A 101 301\n"
	for _, c := range []struct {
		name, script, next string
		want               bool
	}{
		{"SYN again", opened, "> S 99 -", false},
		{"SYN-ACK again", opened, "< SA 299 100", false},
		{"SYN with another number", opened, "> S 5000 -", true},
		{"SYN-ACK with another number, its SYN lost", opened, "< SA 7000 5001", true},
		{"no SYN", closed, "> A 101 301", false},
		{"SYN after the close", closed, "> S 5000 -", true},
		{"SYN of the other side after the close", closed, "< S 5000 -", true},
		{"SYN of the other side, both at once", "> S 99 -", "< S 299 -", false},
		{"SYN mid-stream", "> A 100 300", "> S 5000 -", true},
		{"SYN captured late", "> A 100 300", "> S 99 -", false},
		{"same SYN after a refusal", "> S 99 -\n < RA 0 100", "> S 99 - t=500", true},
		{"same SYN captured twice", "> S 99 -\n < RA 0 100", "> S 99 -", false},
		{"SYN after a reset", opened + "> R 100 300", "> S 5000 -", true},
	} {
		dirs, segments := parseScript(t, c.script+"\n"+c.next)
		var conn Conn
		last := len(segments) - 1
		for i := range last {
			conn.Add(dirs[i], segments[i], &recorder{})
		}
		if got := conn.Reuse(dirs[last], segments[last]); got != c.want {
			t.Errorf("%s: reuse %v", c.name, got)
		}
	}
}

func unindent(s string) string {
	var lines []string
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
