package files

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"
)

// representation is the form of a file that was chosen for one request
// (RFC 9110 section 3.2).
type representation struct {
	validators
	file      *os.File
	size      int64
	mediaType string
	coding    string // content coding; empty: identity
	varies    bool   // a precompressed form exists
}

// coding is a content coding and the suffix its precompressed files carry.
type coding struct {
	name, alias, suffix string
}

// codings are in order of preference.
var codings = [...]coding{
	{name: "br", suffix: ".br"},
	{name: "gzip", alias: "x-gzip", suffix: ".gz"},
}

// negotiate chooses between the file and its precompressed forms. A GET with a
// Range is always about the identity form: a client that resumes a download
// must not be given bytes of another form. It owns file.
func negotiate(root *os.Root, name string, file *os.File, info fs.FileInfo, req Request) representation {
	now := time.Now()
	rep := representation{
		file: file, size: info.Size(), mediaType: mediaType(name),
		validators: validatorsOf(info, "", now),
	}
	accept := parseAccept(req.Get("Accept-Encoding"))
	best := coding{}
	bestWeight := accept.identity()
	for _, c := range codings {
		if !c.freshIn(root, name, info) {
			continue
		}
		rep.varies = true
		if w := accept.weight(c); w > 0 && (w > bestWeight || best.name == "" && w == bestWeight) {
			best, bestWeight = c, w
		}
	}
	if best.name != "" && !req.hasRange() {
		rep.replaceWith(root, name, best, now)
	}
	return rep
}

// freshIn reports whether the precompressed form is there and no older than the
// file: a stale one would show some clients yesterday's page. Whole seconds,
// because archives keep no more.
func (c coding) freshIn(root *os.Root, name string, info fs.FileInfo) bool {
	if strings.HasSuffix(name, c.suffix) {
		return false
	}
	form, err := root.Stat(name + c.suffix)
	return err == nil && form.Mode().IsRegular() && form.ModTime().Unix() >= info.ModTime().Unix()
}

// replaceWith puts a precompressed form in the place of the identity form, if
// it can still be opened.
func (rep *representation) replaceWith(root *os.Root, name string, c coding, now time.Time) {
	file, info, err := openPlain(root, name+c.suffix)
	if err != nil {
		return
	}
	if info.IsDir() {
		file.Close()
		return
	}
	rep.file.Close()
	rep.file, rep.size, rep.coding = file, info.Size(), c.name
	rep.validators = validatorsOf(info, c.suffix, now)
}

// ranges are the parts the request asks for and its If-Range allows; none means
// the whole. Only GET has ranges (RFC 9110 section 14.2).
func (rep *representation) ranges(req Request) (spans []span, satisfiable bool) {
	if !req.hasRange() || !ifRange(req.Get("If-Range"), rep.validators) {
		return nil, true
	}
	return parseRange(req.Get("Range"), rep.size)
}

func (req Request) hasRange() bool {
	return req.Method == "GET" && req.Get("Range") != ""
}

func (rep *representation) vary() [][2]string {
	if !rep.varies {
		return nil
	}
	return [][2]string{{"Vary", "Accept-Encoding"}}
}

// fields describe the representation in a 200 or 206. A coded form offers no
// ranges, since a request for one is answered from the identity form.
func (rep *representation) fields(contentType string) [][2]string {
	fields := [][2]string{{"Content-Type", contentType}, {"X-Content-Type-Options", "nosniff"}, {"ETag", rep.etag}}
	if !rep.modified.IsZero() {
		fields = append(fields, [2]string{"Last-Modified", rep.modified.UTC().Format(httpDate)})
	}
	if rep.coding != "" {
		fields = append(fields, [2]string{"Content-Encoding", rep.coding})
	} else {
		fields = append(fields, [2]string{"Accept-Ranges", "bytes"})
	}
	return append(fields, rep.vary()...)
}

// validatorsOf derives the validators from size and modification time. A time
// in the future is no Last-Modified (RFC 9110 section 8.8.2.1), and the epoch
// means that the file system did not know.
func validatorsOf(info fs.FileInfo, suffix string, now time.Time) validators {
	changed := info.ModTime()
	v := validators{etag: fmt.Sprintf(`"%x-%x%s"`, changed.UnixNano(), info.Size(), suffix)}
	if changed.Unix() > 0 && !changed.After(now) {
		v.modified = changed.Truncate(time.Second)
		v.settled = now.Sub(changed) >= 2*time.Second
	}
	return v
}
