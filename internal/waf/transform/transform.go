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
	acts  string // bytes; a value with none of them comes out as it is, not said to be changed
	whole bool   // it acts on any value, the empty one too: digests, encodings, length
	self  Set
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

var known = numbered([]*Transformation{
	{name: "base64Decode", apply: base64Decode, whole: true},
	{name: "base64DecodeExt", apply: base64DecodeExt, whole: true},
	{name: "base64Encode", apply: base64Encode, whole: true},
	{name: "cmdLine", apply: cmdLine, acts: capitals + `"'\^,; ` + "\t\r\n"},
	{name: "compressWhitespace", apply: compressWhitespace, acts: asciiSpaces + beyondASCII},
	{name: "cssDecode", apply: cssDecode, acts: `\`},
	{name: "escapeSeqDecode", apply: escapeSeqDecode, acts: `\`},
	{name: "hexDecode", apply: hexDecode, whole: true},
	{name: "hexEncode", apply: hexEncode, whole: true},
	{name: "htmlEntityDecode", apply: htmlEntityDecode, acts: "&"},
	{name: "jsDecode", apply: jsDecode, acts: `\`},
	{name: "length", apply: length, whole: true},
	{name: "lowercase", apply: lowercase, acts: capitals + beyondASCII},
	{name: "md5", apply: md5Sum, whole: true},
	{name: "none", apply: none},
	{name: "normalisePath", apply: normalizePath, acts: "/."},
	{name: "normalisePathWin", apply: normalizePathWin, acts: `/\.: `},
	{name: "normalizePath", apply: normalizePath, acts: "/."},
	{name: "normalizePathWin", apply: normalizePathWin, acts: `/\.: `},
	{name: "removeComments", apply: removeComments, acts: "/<-#"},
	{name: "removeCommentsChar", apply: removeCommentsChar, acts: "/*<-#"},
	{name: "removeNulls", apply: removeNulls, acts: "\x00"},
	{name: "removeWhitespace", apply: removeWhitespace, acts: asciiSpaces + beyondASCII},
	{name: "replaceComments", apply: replaceComments, acts: "/"},
	{name: "replaceNulls", apply: replaceNulls, acts: "\x00"},
	{name: "sha1", apply: sha1Sum, whole: true},
	{name: "trim", apply: trim, acts: asciiSpaces},
	{name: "trimLeft", apply: trimLeft, acts: asciiSpaces},
	{name: "trimRight", apply: trimRight, acts: asciiSpaces},
	{name: "uppercase", apply: uppercase, acts: smalls + beyondASCII},
	{name: "urlDecode", apply: urlDecode, acts: "%+"},
	{name: "urlDecodeUni", apply: urlDecodeUni, acts: "%+"},
	{name: "urlEncode", apply: urlEncode, acts: bytesWhere(isURLEscaped)},
	{name: "utf8toUnicode", apply: utf8ToUnicode, acts: beyondASCII},
})

func none(_ *arena.Arena, s string) (string, bool) { return s, false }
