package filter

import "fanlight/internal/httpwire"

// Reading is how the bytes of a request were read when something was found in
// them.
type Reading uint8

// Readings.
const (
	Received Reading = iota // as they came
	Decoded                 // with %XX and %uXXXX undone once
	Folded                  // decoded, then look-alikes made ASCII, a backslash a slash, and a plus in the query a blank
	Resolved                // folded, then slashes merged and dot segments resolved
)

// String is how a cause tells of it.
func (r Reading) String() string {
	return [...]string{"as received", "decoded once", "as a careless decoder reads it", "with dot segments resolved"}[r]
}

// look is a request under judgement.
type look struct {
	f *Filter
	h *httpwire.Head

	url   part
	query part

	ownURL, ownQuery             bool // the checks of the URL, or the query, are skipped
	sequencesURL, sequencesQuery bool // those of its sequences are

	dot  [1]byte   // see named
	room [5][]byte // what readings are written to
}

// part is the URL or the query.
type part struct {
	name     string
	at       int // where it begins in the target
	received []byte
	readings [3]reading
	count    int
}

type reading struct {
	how  Reading
	text []byte
}

func (p *part) add(how Reading, text []byte) {
	p.readings[p.count] = reading{how, text}
	p.count++
}

func (p *part) all() []reading { return p.readings[:p.count] }

// begin makes the readings that the policy asks for.
func (l *look) begin(h *httpwire.Head) {
	l.h = h
	target := h.Bytes(h.Target)
	path, query := httpwire.SplitTarget(target)
	end := len(target)
	l.query = part{name: "query", received: query}
	if query != nil {
		l.query.at = end - len(query)
		end = l.query.at - 1
	}
	l.url = part{name: "URL", received: path, at: end - len(path)}
	l.readURL()
	l.readQuery()
	l.ownURL, l.ownQuery, l.sequencesURL, l.sequencesQuery = false, false, false, false
}

func (l *look) readURL() {
	p := &l.url
	if l.f.p.RawURL {
		p.add(Received, p.received)
		return
	}
	text := l.decoded(p, 0)
	if folds(text, '\\') {
		l.room[1] = fold(l.room[1][:0], text, '\\', '/', nil)
		text = l.room[1]
		p.add(Folded, text)
	}
	if resolves(text) {
		l.room[2] = resolve(l.room[2][:0], text, nil)
		p.add(Resolved, l.room[2])
	}
}

func (l *look) readQuery() {
	p := &l.query
	if len(p.received) == 0 {
		return
	}
	if l.f.p.RawQuery {
		p.add(Received, p.received)
		return
	}
	if escaped(p.received) >= 0 {
		p.add(Received, p.received)
	}
	if text := l.decoded(p, 3); folds(text, '+') {
		l.room[4] = fold(l.room[4][:0], text, '+', ' ', nil)
		p.add(Folded, l.room[4])
	}
}

// decoded adds the decoded reading of a part, which is what was received if
// there is nothing to decode.
func (l *look) decoded(p *part, room int) []byte {
	if escaped(p.received) < 0 {
		p.add(Received, p.received)
		return p.received
	}
	l.room[room] = decode(l.room[room][:0], p.received, nil)
	p.add(Decoded, l.room[room])
	return l.room[room]
}

// spans gives, for a reading of a part, the bytes of what was received that each
// of its bytes stands for. It is for what was found: it allocates.
func (p *part) spans(how Reading) []span {
	var at []span
	if how == Received {
		for i := range p.received {
			note(&at, i, i+1, 1)
		}
		return at
	}
	text := decode(nil, p.received, &at)
	if how == Decoded {
		return at
	}
	from, to := byte('+'), byte(' ')
	if p.name == "URL" {
		from, to = '\\', '/'
	}
	var folded []span
	text = fold(nil, text, from, to, &folded)
	at = through(folded, at)
	if how == Folded {
		return at
	}
	var resolved []span
	resolve(nil, text, &resolved)
	return through(resolved, at)
}
