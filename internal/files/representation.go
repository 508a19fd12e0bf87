package files

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"fanlight/internal/coding"
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

// form is a precompressed form of a file: its content coding, and the suffix its
// name carries. No coding, Identity, is no form.
type form struct {
	coding coding.Coding
	suffix string
}

// forms are in order of preference.
var forms = [...]form{{coding.Brotli, ".br"}, {coding.Zstd, ".zst"}, {coding.Gzip, ".gz"}}

// negotiate chooses between the file and its precompressed forms. A GET with a
// Range is always about the identity form: a client that resumes a download
// must not be given bytes of another form. It owns file.
func negotiate(root *os.Root, name string, file *os.File, info fs.FileInfo, req Request) representation {
	now := time.Now()
	rep := representation{
		file: file, size: info.Size(), mediaType: mediaType(name),
		validators: validatorsOf(info, "", now),
	}
	var fresh []coding.Coding
	for _, f := range forms {
		if f.freshIn(root, name, info) {
			fresh = append(fresh, f.coding)
		}
	}
	rep.varies = len(fresh) > 0
	var accept coding.Accept
	accept.Add([]byte(req.Get("Accept-Encoding")))
	chosen := accept.Choose(fresh)
	for _, f := range forms {
		if f.coding == chosen && !req.hasRange() {
			rep.replaceWith(root, name, f, now)
		}
	}
	return rep
}

// freshIn reports whether the precompressed form is there and no older than the
// file: a stale one would show some clients yesterday's page. Whole seconds,
// because archives keep no more.
func (f form) freshIn(root *os.Root, name string, info fs.FileInfo) bool {
	if strings.HasSuffix(name, f.suffix) {
		return false
	}
	there, err := root.Stat(name + f.suffix)
	return err == nil && there.Mode().IsRegular() && there.ModTime().Unix() >= info.ModTime().Unix()
}

// replaceWith puts a precompressed form in the place of the identity form, if
// it can still be opened.
func (rep *representation) replaceWith(root *os.Root, name string, f form, now time.Time) {
	file, info, err := openPlain(root, name+f.suffix)
	if err != nil {
		return
	}
	if info.IsDir() {
		file.Close()
		return
	}
	rep.file.Close()
	rep.file, rep.size, rep.coding = file, info.Size(), f.coding.String()
	rep.validators = validatorsOf(info, f.suffix, now)
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
