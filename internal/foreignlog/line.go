// Package foreignlog reads the logs of other programs (HTTP.sys, IIS, nginx,
// Apache httpd, HAProxy, Envoy) and says of each line what it means in our
// vocabulary, and which findings it points at.
package foreignlog

import (
	"net/netip"
	"strings"
	"time"
)

// Line is one line of a log as facts. What the line does not say is zero.
type Line struct {
	Number   int           // in its file, from 1
	Format   string        // a name of Formats
	Text     string        // as it was read, without the line end
	Time     time.Time     // UTC
	Zone     Zone          // how the time zone is known
	Tick     time.Duration // the smallest step of Time
	AtEnd    bool          // Time is when the exchange was over; otherwise when it began
	Client   netip.AddrPort
	Server   netip.AddrPort // the address the client connected to
	Upstream netip.AddrPort // the last origin that was tried
	Host     string
	Method   string
	Target   string
	Status   int
	Took     time.Duration // valid if TookKnown
	Timers   string        // whose default limit Took matches; set by a caller who knows them
	Words    []Word        // the product's own, in the order of the line

	TookKnown bool
	Meaning   Meaning
}

// Zone tells where the time zone of a line is from.
type Zone uint8

const (
	ZoneUnknown Zone = iota // the format has none: Options.Zone was taken
	ZoneInLine              // the line says it
	ZoneByRule              // the format says it: W3C logs are in UTC
)

func (z Zone) String() string { return [...]string{"assumed", "in the line", "by the format"}[z%3] }

// Word is something the product says in its own language, such as a
// termination state.
type Word struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Word gives the value of a name, empty if the line has none.
func (l *Line) Word(name string) string {
	for _, w := range l.Words {
		if w.Name == name {
			return w.Value
		}
	}
	return ""
}

// say adds a word, unless the line left it empty; nginx writes "-, -" of two
// origins.
func (l *Line) say(name, value string) {
	if strings.Trim(value, "-, :") != "" {
		l.Words = append(l.Words, Word{name, value})
	}
}

// request takes a request line such as "GET / HTTP/1.1" apart. What is none is
// kept as a word.
func (l *Line) request(text string) {
	s := scan{rest: text}
	method, target := s.word(), s.word()
	if !isToken(method) || !isTarget(target) {
		l.say("request", text)
		return
	}
	l.Method, l.Target = method, target
}

// isTarget: RFC 9112, section 3.2; after CONNECT it is host and port.
func isTarget(s string) bool {
	return strings.HasPrefix(s, "/") || s == "*" || strings.Contains(s, ":")
}

func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '\\' {
			return false
		}
	}
	return s != ""
}
