package filter

import "bytes"

// extension gives what UrlScan takes for the extension of a URL (UrlScan 3
// Reference, AllowDotInPath): from the last dot to the first slash or question
// mark after it. A URL without a dot, or with nothing after it, has "." at its
// end.
func extension(url []byte) span {
	dot := bytes.LastIndexByte(url, '.')
	if dot < 0 {
		return span{int32(len(url)), int32(len(url))}
	}
	end := len(url)
	if i := bytes.IndexAny(url[dot:], "/?"); i >= 0 {
		end = dot + i
	}
	return span{int32(dot), int32(end)}
}

// bareExtension is the extension of what is left of the segment that ext stands
// in when a parameter (;x=1), the name of an NTFS stream (::$DATA), and dots and
// blanks at the end, which Windows drops, are taken off.
func bareExtension(url []byte, ext span) span {
	start := bytes.LastIndexByte(url[:ext.from], '/') + 1
	bare := extension(bareSegment(url[start:ext.to]))
	return span{bare.from + int32(start), bare.to + int32(start)}
}

func bareSegment(segment []byte) []byte {
	if i := bytes.IndexAny(segment, ";:"); i >= 0 {
		segment = segment[:i]
	}
	return bytes.TrimRight(segment, " .")
}

// extensions calls f for each extension the URL may be taken to have, until f
// reports true.
func (l *look) extensions(f func(r reading, at span, ext []byte) bool) bool {
	for _, r := range l.url.all() {
		at := extension(r.text)
		bare := bareExtension(r.text, at)
		if f(r, at, l.named(r.text, at)) || bare != at && f(r, bare, l.named(r.text, bare)) {
			return true
		}
	}
	return false
}

// named is an extension as lists have it.
func (l *look) named(url []byte, ext span) []byte {
	if ext.to-ext.from < 2 {
		return l.dot[:]
	}
	return url[ext.from:ext.to]
}
