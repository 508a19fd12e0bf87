package files

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// span is a part of a file: length bytes (at least one) from first.
type span struct {
	first, length int64
}

// maxSpans bounds the parts of one answer; who asks for more gets the whole.
const maxSpans = 64

func (s span) contentRange(size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", s.first, s.first+s.length-1, size)
}

// parseRange reads a Range field (RFC 9110 section 14.2). No spans means the
// whole file: the field is malformed, in another unit, asks for too many parts
// or for overlapping ones, or the file is empty. satisfiable is false when every part
// lies outside the file.
func parseRange(field string, size int64) (spans []span, satisfiable bool) {
	unit, set, ok := strings.Cut(field, "=")
	if !ok || !strings.EqualFold(unit, "bytes") || strings.Count(set, ",") > 2*maxSpans {
		return nil, true
	}
	asked := 0
	for spec := range strings.SplitSeq(set, ",") {
		spec = trim(spec)
		if spec == "" {
			continue
		}
		s, ok := parseSpan(spec, size)
		if !ok {
			return nil, true
		}
		asked++
		if s.length > 0 {
			spans = append(spans, s)
		}
	}
	if asked == 0 || asked > maxSpans || size == 0 || overlapping(spans) {
		return nil, true
	}
	return spans, len(spans) > 0
}

// parseSpan reads `first-last`, `first-` or `-suffix`; a part outside the file
// has length 0.
func parseSpan(spec string, size int64) (s span, ok bool) {
	from, to, ok := strings.Cut(spec, "-")
	if !ok || from == "" && to == "" {
		return span{}, false
	}
	first, last := int64(0), int64(math.MaxInt64)
	if from != "" {
		if first, ok = parsePosition(from); !ok {
			return span{}, false
		}
	}
	if to != "" {
		if last, ok = parsePosition(to); !ok {
			return span{}, false
		}
	}
	if from == "" {
		length := min(last, size)
		return span{size - length, length}, true
	}
	if last < first {
		return span{}, false
	}
	if first >= size {
		return span{}, true
	}
	return span{first, min(last, size-1) - first + 1}, true
}

// parsePosition reads 1*DIGIT; a number too large to hold is as good as the
// largest.
func parsePosition(digits string) (int64, bool) {
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return math.MaxInt64, true
	}
	return n, true
}

func overlapping(spans []span) bool {
	sorted := slices.SortedFunc(slices.Values(spans), func(a, b span) int { return cmp.Compare(a.first, b.first) })
	for i := 1; i < len(sorted); i++ {
		if sorted[i-1].first+sorted[i-1].length > sorted[i].first {
			return true
		}
	}
	return false
}
