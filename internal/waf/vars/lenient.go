package vars

import (
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// lenient reads what is no JSON, as far as there is something to be found in it.
// How far that is only the reader that Coraza uses can say.
func (f *flat) lenient() {
	f.mixed = true // mostly not; but this is not the path to be fast on
	f.items(gjson.Parse(f.text), f.v.limits.JSONDepth)
	switch {
	case f.fault != "":
	case deeper(f.text, f.v.limits.JSONDepth):
		f.fault = tooDeep
	default:
		f.fault = noJSON
	}
}

// items adds what a value has in it, to some depth.
func (f *flat) items(value gjson.Result, depth int) {
	if depth <= 0 {
		f.fault = tooDeep
		return
	}
	n, array := len(f.path), 0
	value.ForEach(func(key, value gjson.Result) bool {
		if !f.item() {
			return false
		}
		f.path = append(f.path[:n], '.')
		if key.Type == gjson.String {
			f.path = append(f.path, key.Str...)
		} else {
			f.path = strconv.AppendInt(f.path, int64(key.Num), 10)
			array++
		}
		switch value.Type {
		case gjson.JSON:
			f.items(value, depth-1)
			return f.fault == ""
		case gjson.String:
			f.leaf(value.Str)
		case gjson.Null:
			f.leaf("")
		default:
			f.leaf(value.Raw)
		}
		return f.fault == ""
	})
	f.path = f.path[:n]
	if array > 0 && f.fault == "" {
		f.length(array)
	}
}

// deeper tells whether brackets outside of quotes stand deeper than limit.
func deeper(text string, limit int) bool {
	depth := 0
	for text != "" {
		i := strings.IndexAny(text, `"{}[]`)
		if i < 0 {
			return false
		}
		c := text[i]
		text = text[i+1:]
		switch c {
		case '"':
			text = behindQuote(text)
		case '{', '[':
			if depth++; depth > limit {
				return true
			}
		default:
			depth--
		}
	}
	return false
}

// behindQuote is what follows the quote that ends a text.
func behindQuote(text string) string {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return text[i+1:]
		}
	}
	return ""
}
