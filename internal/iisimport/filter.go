package iisimport

// Filter is what is printed under the key filter. Its fields stand in the order of
// the keys.
type Filter struct {
	Watch          bool
	Verbs          Names
	Extensions     Names
	DenyURL        []string // %XX stands for a byte; so in all lists of texts
	DenyQuery      []string
	DenyHeaders    []string
	HiddenSegments []string
	DoubleEscaping bool // denied; so the two that follow
	HighBit        bool
	DotsInPath     bool
	RawURL         bool // the URL is looked at as received
	RawQuery       bool // the query is looked at as received only
	Max            Limits
	Always         Always
	Rules          []Rule
	Status         int // of every refusal; 0: that of the check
	Server         Server
}

// Names is a list of what is let in or of what is refused; an empty one is no
// list.
type Names struct {
	Allow bool
	List  []string
	Exact bool // letter case counts in a list of what is refused too
}

// Limits are lengths in bytes; 0 is none.
type Limits struct {
	URL, Query, Body int64
	Headers          []HeaderLimit
}

// HeaderLimit is the greatest length of a field's value; with 0 it must be empty.
type HeaderLimit struct {
	Name  string
	Bytes int64
}

// Always is what is let in whatever else says.
type Always struct {
	URLs, Queries []string
	Skips         string // all, own or sequences
}

// Rule is a named rule.
type Rule struct {
	Name             string
	Extensions       []string
	URL, Query, Raw  bool
	Headers          []string
	Deny             []string
	UnescapedPercent bool // denied
}

// Server is what becomes of the field Server of responses.
type Server struct {
	Remove bool
	Set    string
}
