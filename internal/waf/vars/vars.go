// Package vars gathers what the rules look at from a request, each value once:
// the collections that Coraza 3.8 would fill, with the names and values it would
// fill them with.
package vars

import (
	"bytes"
	"strconv"
	"unsafe"

	"fanlight/internal/waf/arena"
)

// Pair is a member of a collection.
type Pair struct {
	Key   string // as the client wrote it; empty in a collection of one value
	Fold  string // Key in lower case: what keys in rules are compared with, expressions too
	Value string
}

// Limits bound what is read from a request.
type Limits struct {
	Arguments int // of the query, and of the body again; what follows is not looked at
	JSONDepth int // of objects and arrays inside each other; see Body for what it costs
}

// Values are the collections of one request. They are used again for the next:
// the zero value is ready for Begin. What they give lives until Reset or the next
// Begin; it aliases what the caller gave. Not safe for concurrent use.
type Values struct {
	limits  Limits
	single  [singles]Pair
	lists   [collections - singles][]Pair
	args    []Pair         // those of the query, then those of the body
	query   int            // how many of args are of the query
	typed   bool           // there was a Content-Type
	within  []string       // of the members of XML: the element or the attribute
	json    string         // a body that was read as JSON
	path    []byte         // of the member of JSON that is being read
	sizes   map[string]int // by folded name of a file: its place in FilesSizes
	content bytes.Buffer   // of the part that is being read
	arena   arena.Arena
}

// Begin starts a request.
func (v *Values) Begin(l Limits) {
	v.Reset()
	v.limits = l
	for _, id := range [...]ID{
		ArgumentsLimitReached, Duration, FilesCombinedSize, FullRequestLength, MultipartDataAfter,
		MultipartDuplicatePartHeader, MultipartInvalidQuoting, OutboundDataError, ReqbodyError, ReqbodyProcessorError,
		RequestBodyLength, URIParseError, URLEncodedError,
	} {
		v.Set(id, "0")
	}
	v.size()
}

// mostKept is how many members a collection has room for at most that is kept
// for the next request.
const mostKept = 2 << 10

func emptied(pairs []Pair) []Pair {
	if cap(pairs) > mostKept {
		return nil
	}
	clear(pairs)
	return pairs[:0]
}

// Size is how many bytes the collections take, roughly.
func (v *Values) Size() int {
	n := v.arena.Size() + v.content.Cap()
	for i := range v.lists {
		n += len(v.lists[i]) * int(unsafe.Sizeof(Pair{}))
	}
	n += len(v.within) * int(unsafe.Sizeof(""))
	return n
}

// Reset lets go of what the caller gave.
func (v *Values) Reset() {
	clear(v.single[:])
	v.lists[Args-singles], v.lists[ArgsGet-singles], v.lists[ArgsPost-singles] = nil, nil, nil
	v.lists[ArgsGetNames-singles], v.lists[ArgsPostNames-singles] = nil, nil
	for i := range v.lists {
		v.lists[i] = emptied(v.lists[i])
	}
	v.args, v.query, v.typed, v.json = emptied(v.args), 0, false, ""
	if clear(v.within); cap(v.within) > mostKept {
		v.within = nil
	}
	v.within = v.within[:0]
	if len(v.sizes) > sizesKept {
		v.sizes = nil
	}
	clear(v.sizes)
	if v.content.Cap() > arena.Kept {
		v.content = bytes.Buffer{}
	}
	v.arena.Reset()
}

// Of is what a collection holds, in the order in which it came. One that holds a
// single value always has it, though it may be empty.
func (v *Values) Of(id ID) []Pair {
	if id < singles {
		return v.single[id : id+1]
	}
	if id >= collections {
		return nil
	}
	return v.lists[id-singles]
}

// Get is the value of a collection that holds one; empty for others.
func (v *Values) Get(id ID) string {
	if id < singles {
		return v.single[id].Value
	}
	return ""
}

// Set sets the value of a collection that holds one.
func (v *Values) Set(id ID, value string) { v.single[id].Value = value }

// JSON is the body if it was read as JSON without a fault; rules find it as
// TX:json_request_body.
func (v *Values) JSON() string { return v.json }

func (v *Values) add(id ID, key, fold, value string) {
	v.lists[id-singles] = append(v.lists[id-singles], Pair{key, fold, value})
}

// addArgument adds a parameter behind the others.
func (v *Values) addArgument(key, value string) {
	v.args = append(v.args, Pair{key, v.fold(key), value})
}

// argumentsDone says that the parameters of the query, or of the body, have all
// been added.
func (v *Values) argumentsDone() {
	v.lists[Args-singles] = v.args
	v.lists[ArgsGet-singles] = v.args[:v.query:v.query]
	v.lists[ArgsPost-singles] = v.args[v.query:]
	names := &v.lists[ArgsNames-singles]
	for i := len(*names); i < len(v.args); i++ {
		p := v.args[i]
		*names = append(*names, Pair{p.Key, p.Fold, p.Key})
	}
	v.lists[ArgsGetNames-singles] = (*names)[:v.query:v.query]
	v.lists[ArgsPostNames-singles] = (*names)[v.query:]
	v.size()
}

// size counts the bytes of all parameters and their names.
func (v *Values) size() {
	n := 0
	for i := range v.args {
		n += len(v.args[i].Key) + len(v.args[i].Value)
	}
	v.Set(ArgsCombinedSize, v.decimal(n))
}

func (v *Values) decimal(n int) string {
	var digits [20]byte
	return v.arena.String(strconv.AppendInt(digits[:0], int64(n), 10))
}
