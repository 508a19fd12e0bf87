package flow

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// ConnID names a connection within one source; 0 is none. Written c7.
type ConnID uint64

// ExchangeID names an exchange within one source; 0 is none. Written x12.
type ExchangeID uint64

func (id ConnID) String() string     { return "c" + strconv.FormatUint(uint64(id), 10) }
func (id ExchangeID) String() string { return "x" + strconv.FormatUint(uint64(id), 10) }

// Side is an end of one connection.
type Side uint8

const (
	Unknown Side = iota
	Client
	Server
)

func (s Side) String() string { return [...]string{"unknown", "client", "server"}[s%3] }

// Other is the opposite end; Unknown stays Unknown.
func (s Side) Other() Side {
	switch s {
	case Client:
		return Server
	case Server:
		return Client
	}
	return Unknown
}

// Seen is a fact with three states.
type Seen uint8

const (
	NotObserved Seen = iota
	Yes
	No
)

func (s Seen) String() string { return [...]string{"", "yes", "no"}[s%3] }

// ParseSeen is the inverse of String.
func ParseSeen(s string) Seen {
	switch s {
	case "yes":
		return Yes
	case "no":
		return No
	}
	return NotObserved
}

// SeenIf is Yes or No for something that was looked at.
func SeenIf(b bool) Seen {
	if b {
		return Yes
	}
	return No
}

// Attr is one further fact of an event.
type Attr struct{ Key, Value string }

// Opening holds the facts of an Open event.
type Opening struct {
	Parent         ConnID // the client connection this origin connection was made for
	Self           Side   // which side we were; Unknown for captures
	Source         string // provenance: "live", or the file's name
	Client, Server netip.AddrPort
	Scheme         string // "https", "http": what the listener or dialler expects; empty if not known
	Keys           Seen   // whether the content can be read: Yes for our own connections
	WhyNot         string // why it cannot
}

// Event is one thing that happened. Events are small and are only ever
// appended; which fields count depends on Kind. Header and the strings may
// point into buffers that are reused: Log.Add copies them.
type Event struct {
	At       time.Time // zero: not observed
	Conn     ConnID
	Exchange ExchangeID
	Parent   ExchangeID // Request on an origin connection: the exchange it was made for
	Kind     Kind
	From     Side
	Status   int
	Packet   int // number of the packet that showed it; 0: none
	Bytes    int64
	Text     string
	Header   []byte // header field lines as they were on the wire, each ended by CRLF or LF
	Attrs    []Attr
	Open     *Opening
}

// Attr gives the value of a key, empty if the event has none.
func (e *Event) Attr(key string) string {
	for _, a := range e.Attrs {
		if a.Key == key {
			return a.Value
		}
	}
	return ""
}

// Attrs builds attributes from pairs of key and value, leaving out pairs with
// an empty value.
func Attrs(pairs ...string) []Attr {
	if len(pairs)%2 != 0 {
		panic(fmt.Sprintf("flow.Attrs: odd number of strings: %q", pairs))
	}
	out := make([]Attr, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			out = append(out, Attr{pairs[i], pairs[i+1]})
		}
	}
	return out
}

// IncidentAttrs are those of an Incident; substatus is 0 if it has none.
func IncidentAttrs(cause string, substatus int) []Attr {
	if substatus == 0 {
		return Attrs(KeyCause, cause)
	}
	return Attrs(KeyCause, cause, KeySubStatus, strconv.Itoa(substatus))
}

// Field is one header field, order and letter case kept by the slice it is in.
type Field struct{ Name, Value string }

// ParseFields splits header field lines. It is tolerant: a line without a
// colon becomes a field with an empty name, a folded line continues the value
// before it.
func ParseFields(raw []byte) []Field {
	if len(raw) == 0 {
		return nil
	}
	lines := strings.Split(string(raw), "\n")
	fields := make([]Field, 0, len(lines))
	for _, line := range lines {
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			continue
		}
		if (line[0] == ' ' || line[0] == '\t') && len(fields) > 0 {
			fields[len(fields)-1].Value += " " + strings.TrimSpace(line)
			continue
		}
		name, value, found := strings.Cut(line, ":")
		if !found {
			name, value = "", line
		}
		fields = append(fields, Field{name, strings.Trim(value, " \t")})
	}
	return fields
}

// FormatFields is the inverse of ParseFields.
func FormatFields(fields []Field) []byte {
	var b strings.Builder
	for _, f := range fields {
		b.WriteString(f.Name)
		b.WriteString(": ")
		b.WriteString(f.Value)
		b.WriteString("\r\n")
	}
	return []byte(b.String())
}

// Get gives the first value of a field, letter case ignored; found tells a
// field that is absent from one that is empty.
func Get(fields []Field, name string) (value string, found bool) {
	for _, f := range fields {
		if strings.EqualFold(f.Name, name) {
			return f.Value, true
		}
	}
	return "", false
}

// Ref points at evidence.
type Ref struct {
	Conn     ConnID
	Exchange ExchangeID
	Event    int // index in Conn.Events, -1 if the whole connection is meant
	Packet   int
}
