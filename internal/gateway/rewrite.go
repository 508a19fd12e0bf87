package gateway

import (
	"regexp"
	"slices"
	"strings"

	"fanlight/internal/httpwire"
)

// Rewrite changes the target that an origin or a folder is asked for: Strip is
// taken off the path, then Prefix put before it; or what Pattern matches is
// replaced by Replace, in which $1 is the first group. Query, if not nil,
// becomes the query. Pattern excludes Strip and Prefix.
//
// It works on the encoded path of httpwire.EncodedPath, and what comes out is
// such a path again: an encoded slash stays encoded, and no dot segment is left
// for an origin to resolve.
type Rewrite struct {
	Strip   string // decoded, begins with a slash; taken off whole segments only
	Prefix  string // encoded, begins with a slash
	Pattern *regexp.Regexp
	Replace string
	Query   *Text // what placeholders stand for is escaped, but for {query}
}

// target gives the new target; ok is false where the rewritten path is none
// that could be sent.
func (w *Rewrite) target(f *facts) (target string, ok bool) {
	path, ok := httpwire.EncodedPath(f.req.Head.Bytes(f.req.Head.Target))
	if !ok || string(path) == "*" {
		return f.req.Target, ok
	}
	if path = slices.Clone(path); w.Pattern == nil {
		path = w.cut(path, f.req.Path)
	} else if path, ok = w.replace(path, f.req.Path); !ok {
		return "", false
	}
	if len(path) == 0 || path[0] != '/' {
		path = append([]byte("/"), path...)
	}
	if path, ok = httpwire.EncodedPath(path); !ok {
		return "", false
	}
	return string(w.appendQuery(slices.Clone(path), f)), true
}

// cut takes Strip off and puts Prefix before.
func (w *Rewrite) cut(path []byte, clean string) []byte {
	strip := strings.TrimSuffix(w.Strip, "/")
	if rest, found := strings.CutPrefix(clean, strip); found && (rest == "" || rest[0] == '/') {
		path = path[httpwire.EncodedOffset(path, len(strip)):]
	}
	if prefix := strings.TrimSuffix(w.Prefix, "/"); prefix != "" {
		path = append([]byte(prefix), path...)
	}
	return path
}

// replace is ReplaceAllString on the clean path with the groups taken from the
// encoded one. ok is false for a match that ends inside of an encoded slash, and
// where more comes out than anybody reads.
func (w *Rewrite) replace(path []byte, clean string) (out []byte, ok bool) {
	done := 0
	for _, groups := range w.Pattern.FindAllStringSubmatchIndex(clean, -1) {
		for i, at := range groups {
			if at < 0 {
				continue
			}
			if groups[i] = httpwire.EncodedOffset(path, at); groups[i] < 0 {
				return nil, false
			}
		}
		out = append(out, path[done:groups[0]]...)
		out = w.Pattern.Expand(out, []byte(w.Replace), path, groups)
		if done = groups[1]; len(out) > mostPath {
			return nil, false
		}
	}
	return append(out, path[done:]...), true
}

// mostPath bounds what replacing makes of a path: a request can have as many
// matches as it has bytes.
const mostPath = 64 << 10

func (w *Rewrite) appendQuery(path []byte, f *facts) []byte {
	if w.Query == nil {
		if _, query := f.split(); query != nil {
			path = append(append(path, '?'), query...)
		}
		return path
	}
	mark := len(path)
	path = w.Query.append(append(path, '?'), f, quoteQuery)
	if len(path) == mark+1 {
		return path[:mark]
	}
	return harmless(path, mark)
}
