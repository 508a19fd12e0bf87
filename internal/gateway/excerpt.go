package gateway

import "strings"

const (
	mostValue = 240 // bytes of a value in a record
	around    = 80  // of them before what was found
	omitted   = "…" // stands for what was cut
)

// excerpt is the part of a value around what was found in it.
func excerpt(value, found string) string {
	if len(value) <= mostValue {
		return value
	}
	start := 0
	if at := strings.Index(value, found); found != "" && at > around {
		start = min(at-around, len(value)-mostValue)
	}
	out := value[start : start+mostValue]
	if start > 0 {
		out = omitted + out
	}
	if start+mostValue < len(value) {
		out += omitted
	}
	return out
}
