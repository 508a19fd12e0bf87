// Package filter judges requests as UrlScan 3.1 and the request filtering of
// IIS do: by their method, URL, query, header fields and lengths. It says which
// rule refused, and which bytes it did not like.
//
// It sees a request as it was received and changes nothing of it. Where Windows
// and other servers are known to read more into a URL than its bytes say (a
// backslash for a slash, an overlong UTF-8 sequence for a letter, a dot at the
// end for nothing), the filter looks at that reading too: it refuses what the
// documentation says is refused, and what an origin may take for it.
package filter

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// Policy is what a site refuses. Its zero value refuses nothing. Texts and names
// are compared in any letter case but where a member says otherwise.
type Policy struct {
	Verbs      Verbs
	Extensions Extensions

	DenyURL        []string // texts; %XX in them stands for a byte
	DenyQuery      []string // texts; %XX in them stands for a byte
	DenyHeaders    []string // names of fields
	HiddenSegments []string // whole segments of the URL

	DenyDoubleEscaping bool // has no effect with RawURL
	DenyHighBit        bool
	DenyDots           bool // more than one dot in the URL
	DenyUnescaped      bool // a percent sign in the target that escapes nothing

	RawURL   bool // look at the URL as received; otherwise at the decoded one
	RawQuery bool // look at the query as received alone; otherwise at the decoded one too

	Max   Max
	Allow Allow
	Rules []Rule
}

// Verbs are the methods that are let in, or those that are not; both nil: all
// are.
type Verbs struct {
	Allow      []string
	Deny       []string
	IgnoreCase bool
}

// Extensions are what URLs may end in, or what they may not; both nil: anything.
// An extension begins with a dot; "." stands for URLs without one.
type Extensions struct{ Allow, Deny []string }

// Max bounds the parts of a request, in bytes. Zero: no limit.
type Max struct {
	URL, Query int
	Body       int64
	Headers    map[string]int // of the value by the name of the field; 0: it must be empty
}

// Allow is what passes without the checks that Skips names.
type Allow struct {
	URLs    []string // whole URLs
	Queries []string // whole queries
	Skips   Skips
}

// Skips are the checks that an allowed URL or query is not put to.
type Skips uint8

// Skips of UrlScan 3.1, UrlScan 3.0 and IIS, as each documents it.
const (
	SkipAll       Skips = iota
	SkipOwn             // those of the URL, or of the query
	SkipSequences       // DenyURL, or DenyQuery
)

// Rule looks for texts in some parts of some requests.
type Rule struct {
	Name          string
	Extensions    []string // of the URLs it is for; nil: all
	URL           bool
	Query         bool
	Raw           bool     // the header fields as they were sent
	Headers       []string // the values of these fields
	Deny          []string // texts; %XX in them stands for a byte
	DenyUnescaped bool     // a percent sign that escapes nothing, but in the URL
}

// Filter is a policy made ready. Its methods may be called concurrently.
type Filter struct {
	p          Policy
	extensions words
	allowsExt  bool // extensions are those that are let in
	denyURL    *sequences
	denyQuery  *sequences
	segments   words
	maxHeaders []headerLimit
	allowURL   words
	allowQuery words
	rules      []rule

	looks sync.Pool // of *look
}

type headerLimit struct {
	name string
	most int
}

type rule struct {
	*Rule
	extensions words
	deny       *sequences
}

// New makes a policy ready. The policy must not be changed afterwards.
func New(p *Policy) *Filter {
	f := &Filter{p: *p}
	f.extensions, f.allowsExt = newWords(p.Extensions.Deny), p.Extensions.Allow != nil
	if f.allowsExt {
		f.extensions = newWords(p.Extensions.Allow)
	}
	f.denyURL, f.denyQuery = newSequences(p.DenyURL), newSequences(p.DenyQuery)
	f.segments = newWords(p.HiddenSegments)
	for _, name := range slices.Sorted(maps.Keys(p.Max.Headers)) {
		f.maxHeaders = append(f.maxHeaders, headerLimit{name, p.Max.Headers[name]})
	}
	f.allowURL, f.allowQuery = newWords(p.Allow.URLs), newWords(p.Allow.Queries)
	for i := range p.Rules {
		r := &p.Rules[i]
		f.rules = append(f.rules, rule{r, newWords(r.Extensions), newSequences(r.Deny)})
	}
	f.looks.New = func() any { return &look{f: f, dot: [1]byte{'.'}} }
	return f
}

const unescapedIn = "a percent sign that escapes nothing is in the "

// words are texts that are compared as a whole, by their lower case.
type words map[string]string

func newWords(list []string) words {
	if len(list) == 0 {
		return nil
	}
	out := words{}
	for _, w := range list {
		out[strings.ToLower(w)] = w
	}
	return out
}

// find gives the word as it was configured. It allocates nothing for words of
// usual length.
func (w words) find(b []byte) (word string, found bool) {
	if len(w) == 0 {
		return "", false
	}
	var room [128]byte
	word, found = w[string(appendLower(room[:0], b))]
	return word, found
}

func appendLower(dst, b []byte) []byte {
	for _, c := range b {
		dst = append(dst, lower(c))
	}
	return dst
}

// lower is for ASCII alone: which further letters are the same depends on who
// compares.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}
