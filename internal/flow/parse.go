package flow

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Parse reads flow notation. An error names the line.
func Parse(text string) (*Trace, error) {
	events, err := ParseEvents(text)
	if err != nil {
		return nil, err
	}
	return Fold(events), nil
}

// ParseEvents reads flow notation as the events that were written.
func ParseEvents(text string) ([]Event, error) {
	var p textParser
	for i, line := range strings.Split(text, "\n") {
		if err := p.line(strings.TrimSuffix(line, "\r")); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	return p.events, nil
}

type textParser struct {
	events []Event
	conn   ConnID
	base   time.Time
	inside bool // a head line was read
}

func (p *textParser) line(line string) error {
	trimmed := strings.TrimSpace(line)
	switch {
	case trimmed == "" || strings.HasPrefix(trimmed, "#"):
		return nil
	case strings.HasPrefix(trimmed, "conn ") && trimmed == strings.TrimRight(line, " \t"):
		return p.connHead(trimmed)
	case strings.HasPrefix(trimmed, "facts") && trimmed == strings.TrimRight(line, " \t"):
		return p.factsHead(trimmed)
	case !p.inside:
		return fmt.Errorf("expected a line that begins with conn or facts, found %q", trimmed)
	case trimmed[0] == '+':
		return p.eventLine(trimmed)
	case trimmed[0] == '>' || trimmed[0] == '<' || trimmed[0] == '-':
		return p.headerLine(strings.TrimPrefix(trimmed[1:], " "))
	}
	return fmt.Errorf("expected an event (+0.000 ...) or a header field (> Name: value), found %q", trimmed)
}

func (p *textParser) connHead(line string) error {
	words, err := split(line)
	if err != nil {
		return err
	}
	if len(words) < 5 || words[3].s != "->" {
		return fmt.Errorf("read %q: a connection is written conn N CLIENT -> SERVER", line)
	}
	id, err := strconv.ParseUint(words[1].s, 10, 64)
	if err != nil || id == 0 {
		return fmt.Errorf("read connection number %q: not a positive number", words[1].s)
	}
	o := &Opening{}
	if o.Client, err = parseAddr(words[2].s); err != nil {
		return err
	}
	if o.Server, err = parseAddr(words[4].s); err != nil {
		return err
	}
	p.conn, p.inside = ConnID(id), true
	if err := p.headWords(words[5:], o); err != nil {
		return err
	}
	p.events = append(p.events, Event{At: p.base, Conn: p.conn, Kind: Open, Open: o})
	return nil
}

func (p *textParser) factsHead(line string) error {
	words, err := split(line)
	if err != nil {
		return err
	}
	p.conn, p.inside = 0, true
	return p.headWords(words[1:], &Opening{})
}

func (p *textParser) headWords(words []word, o *Opening) (err error) {
	p.base = notation
	if len(words)%2 != 0 {
		return fmt.Errorf("read %q: it has no value", words[len(words)-1].s)
	}
	for i := 0; i < len(words); i += 2 {
		value := words[i+1].s
		switch words[i].s {
		case "source":
			o.Source = value
		case "keys":
			o.Keys = ParseSeen(value)
		case "why-not":
			o.WhyNot = value
		case "self":
			o.Self = parseSide(value)
		case "scheme":
			o.Scheme = value
		case "parent":
			id, err := strconv.ParseUint(strings.TrimPrefix(value, "c"), 10, 64)
			if err != nil {
				return fmt.Errorf("read parent %q: not a connection id", value)
			}
			o.Parent = ConnID(id)
		case "at":
			if p.base, err = time.Parse(time.RFC3339Nano, value); err != nil {
				return fmt.Errorf("read start %q: not an RFC 3339 time", value)
			}
			if y := p.base.Year(); y < 1970 || y > 2200 {
				return fmt.Errorf("read start %q: not between the years 1970 and 2200", value)
			}
		default:
			return fmt.Errorf("read %q: not a word of a head line (source, keys, why-not, self, parent, scheme, at)", words[i].s)
		}
	}
	return nil
}

func parseSide(s string) Side {
	switch s {
	case "client":
		return Client
	case "server":
		return Server
	}
	return Unknown
}

func parseAddr(s string) (netip.AddrPort, error) {
	if s == "?" {
		return netip.AddrPort{}, nil
	}
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		return a, fmt.Errorf("read address %q: expected IP:port", s)
	}
	return a, nil
}

func (p *textParser) headerLine(field string) error {
	last := len(p.events) - 1
	if last < 0 || p.events[last].Kind == Open {
		return fmt.Errorf("read header field %q: no event before it", field)
	}
	if name, quoted, found := strings.Cut(field, ":= "); found && !strings.Contains(name, ":") {
		value, err := strconv.Unquote(quoted)
		if err != nil {
			return fmt.Errorf("read header field %q: behind := stands a quoted string", field)
		}
		field = value
		if name != "" {
			field = name + ": " + value
		}
	}
	e := &p.events[last]
	e.Header = append(append(e.Header, field...), "\r\n"...)
	return nil
}

func (p *textParser) eventLine(line string) error {
	words, err := split(line)
	if err != nil {
		return err
	}
	for len(words) > 0 {
		end := 1
		for end < len(words) && !words[end].isOffset() {
			end++
		}
		e, err := parseEvent(words[:end], p.base)
		if err != nil {
			return err
		}
		e.Conn = p.conn
		p.events = append(p.events, e)
		words = words[end:]
	}
	return nil
}

func parseEvent(words []word, base time.Time) (e Event, err error) {
	if e.At, err = parseOffset(words[0].s, base); err != nil {
		return e, err
	}
	words = words[1:]
	if len(words) > 0 && !words[0].quoted {
		switch words[0].s {
		case ">":
			e.From, words = Client, words[1:]
		case "<":
			e.From, words = Server, words[1:]
		}
	}
	if len(words) == 0 {
		return e, fmt.Errorf("read event at %s: it has no kind", formatOffset(e.At, base))
	}
	if words, err = parseKindWords(&e, words); err != nil {
		return e, err
	}
	return e, parseRest(&e, words)
}

func parseKindWords(e *Event, words []word) ([]word, error) {
	first := words[0].s
	if e.Kind = ParseKind(first); e.Kind != KindUnknown {
		return words[1:], nil
	}
	if status, err := strconv.Atoi(first); err == nil && len(first) == 3 {
		e.Kind, e.Status = Response, status
		return words[1:], nil
	}
	if len(words) >= 2 && isRequestText(first+" x") {
		e.Kind, e.Text = Request, first+" "+words[1].s
		return words[2:], nil
	}
	return nil, fmt.Errorf("read event %q: not an event kind, a status or METHOD target", first)
}

func parseRest(e *Event, words []word) error {
	for len(words) > 0 {
		w := words[0]
		next := func() string {
			if len(words) > 1 {
				return words[1].s
			}
			return ""
		}
		n, isNumber := w.number()
		switch {
		case w.key != "":
			e.Attrs = append(e.Attrs, Attr{w.key, w.s})
		case w.quoted:
			e.Text = w.s
		case isNumber && next() == "B" && !words[1].quoted:
			e.Bytes = n
			words = words[1:]
		case isNumber:
			e.Status = int(n)
		case w.s == "by":
			e.From = parseSide(next())
			words = words[min(1, len(words)-1):]
		case w.s == "for":
			id, err := parseExchange(next())
			if err != nil {
				return err
			}
			e.Parent, words = id, words[1:]
		case strings.HasPrefix(w.s, "[#"):
			packet, err := strconv.Atoi(strings.TrimSuffix(w.s[2:], "]"))
			if err != nil {
				return fmt.Errorf("read packet %q: expected [#NUMBER]", w.s)
			}
			e.Packet = packet
		case w.s[0] == 'x' && isNumberOrExchange(w.s) && len(w.s) > 1:
			id, err := parseExchange(w.s)
			if err != nil {
				return err
			}
			e.Exchange = id
		case e.Text == "":
			e.Text = w.s
		default:
			return fmt.Errorf("read %q of event %s: quote text of several words", w.s, e.Kind)
		}
		words = words[1:]
	}
	return nil
}

func parseExchange(s string) (ExchangeID, error) {
	id, err := strconv.ParseUint(strings.TrimPrefix(s, "x"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read exchange %q: expected xNUMBER", s)
	}
	return ExchangeID(id), nil
}

// maxOffset is ten years in seconds; it keeps times inside what nanoseconds can
// count.
const maxOffset = 10 * 366 * 24 * 3600

func parseOffset(s string, base time.Time) (time.Time, error) {
	s = strings.TrimPrefix(s, "+")
	if s == "?" {
		return time.Time{}, nil
	}
	negative := strings.HasPrefix(s, "-")
	whole, frac, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	seconds, err := strconv.ParseInt(whole, 10, 32)
	if err != nil || len(frac) > 9 || seconds > maxOffset {
		return time.Time{}, fmt.Errorf("read time +%s: expected seconds such as +0.021", s)
	}
	var nanos int64
	if frac != "" {
		if nanos, err = strconv.ParseInt((frac + "000000000")[:9], 10, 64); err != nil || nanos < 0 {
			return time.Time{}, fmt.Errorf("read time +%s: expected seconds such as +0.021", s)
		}
	}
	d := time.Duration(seconds)*time.Second + time.Duration(nanos)
	if negative {
		d = -d
	}
	return base.Add(d), nil
}

// word is one word of a line: text, or key=text.
type word struct {
	key, s string
	quoted bool
}

func (w word) isOffset() bool {
	return w.key == "" && !w.quoted && len(w.s) > 1 && w.s[0] == '+' && (w.s[1] == '?' || w.s[1] == '-' || w.s[1] >= '0' && w.s[1] <= '9')
}

func (w word) number() (int64, bool) {
	if w.key != "" || w.quoted || w.s == "" || w.s[0] < '0' || w.s[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseInt(w.s, 10, 64)
	return n, err == nil
}

// split cuts a line into words at blanks, understanding quoted strings and
// key=value with a quoted value.
func split(line string) ([]word, error) {
	var words []word
	for {
		line = strings.TrimLeft(line, " \t")
		if line == "" {
			return words, nil
		}
		var w word
		if i := strings.IndexAny(line, "= \t\""); i > 0 && line[i] == '=' && isKey(line[:i]) {
			w.key, line = line[:i], line[i+1:]
		}
		if strings.HasPrefix(line, `"`) {
			q, err := strconv.QuotedPrefix(line)
			if err != nil {
				return nil, fmt.Errorf("read %q: the quoted string does not end", line)
			}
			if w.s, err = strconv.Unquote(q); err != nil {
				return nil, fmt.Errorf("read %s: not a quoted string", q)
			}
			w.quoted, line = true, line[len(q):]
		} else {
			end := strings.IndexAny(line, " \t")
			if end < 0 {
				end = len(line)
			}
			w.s, line = line[:end], line[end:]
		}
		words = append(words, w)
	}
}

func isKey(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' && r != '-'
	}) < 0
}
