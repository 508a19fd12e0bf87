package files

import (
	"strings"
)

const indexName = "index.html"

// localName turns a request path into a name below the folder, with "/" between
// segments; a path that ends in a slash means the folder's index. A path that is
// never served gives the reason instead.
func localName(path string, windows bool) (name, why string) {
	if !strings.HasPrefix(path, "/") {
		return "", "path without a leading slash"
	}
	var segments []string
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "" {
			continue // as nginx does, // counts as /
		}
		if segment[0] == '.' && (len(segments) > 0 || segment != ".well-known") {
			return "", "name begins with a dot"
		}
		if why := badName(segment, windows); why != "" {
			return "", why
		}
		segments = append(segments, segment)
	}
	if strings.HasSuffix(path, "/") {
		segments = append(segments, indexName)
	}
	return strings.Join(segments, "/"), ""
}

// badName says why a segment cannot be an honest file name.
func badName(segment string, windows bool) string {
	if strings.ContainsAny(segment, "\x00\\") {
		return "name with NUL or backslash"
	}
	if !windows {
		return ""
	}
	if strings.ContainsAny(segment, `:*?"<>|`) || strings.TrimRight(segment, ". ") != segment {
		return "name that Windows reads differently"
	}
	if hasShortForm(segment) {
		return "name that may be a short (8.3) alias"
	}
	if reservedOnWindows(segment) {
		return "name of a Windows device"
	}
	return ""
}

// hasShortForm reports a tilde before a digit: GIT~1 can be .git.
func hasShortForm(segment string) bool {
	for i := 0; i+1 < len(segment); i++ {
		if segment[i] == '~' && segment[i+1] >= '0' && segment[i+1] <= '9' {
			return true
		}
	}
	return false
}

// reservedOnWindows reports names that open a device in any folder and with
// any extension: CON, PRN, AUX, NUL, COM0-9, LPT0-9 (also with superscript
// digits), CONIN$, CONOUT$.
func reservedOnWindows(segment string) bool {
	stem, _, _ := strings.Cut(segment, ".")
	stem = strings.ToUpper(strings.TrimRight(stem, " "))
	switch stem {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	port, ok := strings.CutPrefix(stem, "COM")
	if !ok {
		port, ok = strings.CutPrefix(stem, "LPT")
	}
	return ok && port != "" && strings.Contains("0123456789¹²³", port)
}
