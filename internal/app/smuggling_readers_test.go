package app_test

import (
	"bytes"
	"strconv"
	"strings"
)

// reader is one way in which servers have been known to read HTTP/1.1. What the
// door sends must be the same requests to each of them.
type reader struct {
	name        string
	anyLineEnd  bool // LF alone, or CR alone, ends a line
	lengthFirst bool // Content-Length wins over Transfer-Encoding
	lastLength  bool // the last of several lengths counts, not the first
	looseNames  bool // blanks, control bytes and underscores in names are overlooked
	looseCoding bool // any value with chunked inside counts, not just the word
	looseChunks bool // sizes are read like C's strtol, and end at any line end
	unfolds     bool // a line that begins with a blank belongs to the one before
}

func readers() []reader {
	return []reader{
		{name: "by the book"},
		{name: "any line end", anyLineEnd: true},
		{name: "length first", lengthFirst: true},
		{name: "last length", lastLength: true},
		{name: "loose names", looseNames: true},
		{name: "loose coding", looseCoding: true},
		{name: "loose chunks", looseChunks: true},
		{name: "unfolding", unfolds: true, looseNames: true},
		{name: "loosest", anyLineEnd: true, looseNames: true, looseCoding: true, looseChunks: true, unfolds: true},
		{name: "loosest, length first", anyLineEnd: true, lengthFirst: true, lastLength: true, looseNames: true, looseCoding: true, looseChunks: true, unfolds: true},
	}
}

// requests gives method and target of every request that begins in a stream,
// and whether the last one is there to its end.
func (r reader) requests(stream []byte) (lines []string, whole bool) {
	for whole = true; len(stream) > 0; {
		line, rest, ok := r.line(stream)
		if !ok {
			return append(lines, string(line)), false
		}
		parts := strings.Split(string(line), " ")
		if len(parts) > 2 {
			parts = parts[:2]
		}
		lines = append(lines, strings.Join(parts, " "))
		if stream, whole = r.message(rest); !whole {
			return lines, false
		}
	}
	return lines, whole
}

func (r reader) line(b []byte) (line, rest []byte, ok bool) {
	if r.anyLineEnd {
		i := bytes.IndexAny(b, "\r\n")
		if i < 0 {
			return b, nil, false
		}
		next := i + 1
		if b[i] == '\r' && next < len(b) && b[next] == '\n' {
			next++
		}
		return b[:i], b[next:], true
	}
	return bytes.Cut(b, []byte("\r\n"))
}

// message reads fields and body and gives what is behind them.
func (r reader) message(b []byte) (rest []byte, whole bool) {
	length, chunked := "", false
	for {
		line, next, ok := r.line(b)
		if !ok {
			return nil, false
		}
		b = next
		if len(line) == 0 {
			break
		}
		for r.unfolds && len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
			more, next, _ := r.line(b)
			line, b = append(bytes.Clone(line), more...), next
		}
		name, value, _ := strings.Cut(string(line), ":")
		switch r.fieldName(name) {
		case "content-length":
			if length == "" || r.lastLength {
				length = strings.TrimSpace(value)
			}
		case "transfer-encoding":
			chunked = chunked || r.isChunked(value)
		}
	}
	switch {
	case chunked && (length == "" || !r.lengthFirst):
		return r.chunks(b)
	case length == "":
		return b, true
	}
	n, _, err := r.number(length, 10)
	if err != nil || n < 0 || n > int64(len(b)) {
		return nil, false
	}
	return b[n:], true
}

func (r reader) fieldName(name string) string {
	if r.looseNames {
		name = strings.ReplaceAll(strings.TrimFunc(name, func(c rune) bool { return c <= ' ' || c >= 0x7f }), "_", "-")
	}
	return strings.ToLower(name)
}

func (r reader) isChunked(value string) bool {
	value = strings.ToLower(value)
	if r.looseCoding {
		return strings.Contains(value, "chunked")
	}
	return strings.TrimSpace(value) == "chunked"
}

// number reads the digits at the start of text.
func (r reader) number(text string, base int) (n int64, used int, err error) {
	if r.looseChunks {
		trimmed := strings.TrimLeft(text, " \t+")
		if base == 16 {
			trimmed = strings.TrimPrefix(strings.TrimPrefix(trimmed, "0x"), "0X")
		}
		used, text = len(text)-len(trimmed), trimmed
	}
	digits := 0
	for digits < len(text) && strings.IndexByte("0123456789abcdefABCDEF"[:map[int]int{10: 10, 16: 22}[base]], text[digits]) >= 0 {
		digits++
	}
	n, err = strconv.ParseInt(text[:digits], base, 64)
	return n, used + digits, err
}

func (r reader) chunks(b []byte) (rest []byte, whole bool) {
	for {
		line, next, ok := r.line(b)
		if r.looseChunks {
			line, next, ok = bytes.Cut(b, []byte("\n"))
		}
		size, _, err := r.number(string(line), 16)
		if !ok || err != nil {
			return nil, false
		}
		b = next
		if size == 0 {
			break
		}
		if size > int64(len(b))-2 {
			return nil, false
		}
		b = b[size+2:]
	}
	for { // trailers
		line, next, ok := r.line(b)
		if !ok {
			return nil, false
		}
		if b = next; len(line) == 0 {
			return b, true
		}
	}
}
