// Package transform makes of a value what SecLang's t: actions say, as Coraza
// 3.8.1 does it, oddities included: not one verdict may differ.
//
// Most values of benign requests come out as they went in. Each transformation
// finds that out in one scan, and then gives back the same string; what it
// changes lives in an arena of the caller.
package transform

import (
	"strings"

	"fanlight/internal/waf/arena"
)

// Transformation is one t: action. It is immutable.
type Transformation struct {
	name  string
	apply func(*arena.Arena, string) (string, bool)
	acts  Bytes
	whole bool
}

// Name is its name as the rules write it, without "t:".
func (t *Transformation) Name() string { return t.name }

// Apply gives the value as the transformation leaves it, and whether it says to
// have changed it. The two can disagree (urlDecode of "%" says so and has not;
// removeWhitespace replaces malformed UTF-8 and does not say so): rules with
// multiMatch go by what it says, all others take the value. One that fails
// (hexDecode) leaves the value as it was. The result may alias value or live in
// a.
func (t *Transformation) Apply(a *arena.Arena, value string) (out string, changed bool) {
	return t.apply(a, value)
}

// Acts is a set of bytes outside of which the transformation does nothing: a
// value that has none of them comes out as it is, without saying to be changed.
func (t *Transformation) Acts() Bytes { return t.acts }

// Whole tells that the transformation acts on any value, the empty one too:
// digests, encodings, length.
func (t *Transformation) Whole() bool { return t.whole }

// Lookup finds a transformation by its name, in any case.
func Lookup(name string) (*Transformation, bool) {
	lower := strings.ToLower(name)
	for _, t := range known {
		if strings.ToLower(t.name) == lower {
			return t, true
		}
	}
	return nil, false
}

const (
	asciiSpaces = " \t\n\v\f\r"
	capitals    = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	smalls      = "abcdefghijklmnopqrstuvwxyz"
)

var known = []*Transformation{
	{name: "base64Decode", apply: base64Decode, whole: true},
	{name: "base64DecodeExt", apply: base64DecodeExt, whole: true},
	{name: "base64Encode", apply: base64Encode, whole: true},
	{name: "cmdLine", apply: cmdLine, acts: BytesOf(capitals + `"'\^,; ` + "\t\r\n")},
	{name: "compressWhitespace", apply: compressWhitespace, acts: BytesOf(asciiSpaces).Union(beyondASCII())},
	{name: "cssDecode", apply: cssDecode, acts: BytesOf(`\`)},
	{name: "escapeSeqDecode", apply: escapeSeqDecode, acts: BytesOf(`\`)},
	{name: "hexDecode", apply: hexDecode, whole: true},
	{name: "hexEncode", apply: hexEncode, whole: true},
	{name: "htmlEntityDecode", apply: htmlEntityDecode, acts: BytesOf("&")},
	{name: "jsDecode", apply: jsDecode, acts: BytesOf(`\`)},
	{name: "length", apply: length, whole: true},
	{name: "lowercase", apply: lowercase, acts: BytesOf(capitals).Union(beyondASCII())},
	{name: "md5", apply: md5Sum, whole: true},
	{name: "none", apply: none},
	{name: "normalisePath", apply: normalizePath, acts: BytesOf("/.")},
	{name: "normalisePathWin", apply: normalizePathWin, acts: BytesOf(`/\.: `)},
	{name: "normalizePath", apply: normalizePath, acts: BytesOf("/.")},
	{name: "normalizePathWin", apply: normalizePathWin, acts: BytesOf(`/\.: `)},
	{name: "removeComments", apply: removeComments, acts: BytesOf("/<-#")},
	{name: "removeCommentsChar", apply: removeCommentsChar, acts: BytesOf("/*<-#")},
	{name: "removeNulls", apply: removeNulls, acts: BytesOf("\x00")},
	{name: "removeWhitespace", apply: removeWhitespace, acts: BytesOf(asciiSpaces).Union(beyondASCII())},
	{name: "replaceComments", apply: replaceComments, acts: BytesOf("/")},
	{name: "replaceNulls", apply: replaceNulls, acts: BytesOf("\x00")},
	{name: "sha1", apply: sha1Sum, whole: true},
	{name: "trim", apply: trim, acts: BytesOf(asciiSpaces)},
	{name: "trimLeft", apply: trimLeft, acts: BytesOf(asciiSpaces)},
	{name: "trimRight", apply: trimRight, acts: BytesOf(asciiSpaces)},
	{name: "uppercase", apply: uppercase, acts: BytesOf(smalls).Union(beyondASCII())},
	{name: "urlDecode", apply: urlDecode, acts: BytesOf("%+")},
	{name: "urlDecodeUni", apply: urlDecodeUni, acts: BytesOf("%+")},
	{name: "urlEncode", apply: urlEncode, acts: urlEncoded()},
	{name: "utf8toUnicode", apply: utf8ToUnicode, acts: beyondASCII()},
}

func none(_ *arena.Arena, s string) (string, bool) { return s, false }
