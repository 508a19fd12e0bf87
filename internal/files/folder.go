// Package files serves a folder: GET and HEAD with conditions, ranges,
// index.html and precompressed forms, and nothing outside the folder, no
// dotfiles and no listings.
package files

import (
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Folder is a folder to serve. It is safe for concurrent use and holds nothing
// open between requests.
type Folder struct {
	path string
}

// Request is what of an HTTP request decides the answer.
type Request struct {
	Method string
	Path   string // decoded, dot segments resolved, relative to the folder, begins with "/"
	Query  string // raw, without "?"; only kept in a redirect
	// Get returns a field's value, several lines joined by ", "; absent: "".
	Get func(name string) string
}

// Response is an answer to be sent. Framing fields (Content-Length, Date) are
// the sender's.
type Response struct {
	Status int
	Fields [][2]string
	// Length is how many bytes the body has, or for HEAD would have.
	Length int64
	// Body is nil where no bytes follow: HEAD, 304, redirects and every refusal.
	// It yields exactly Length bytes or fails with io.ErrUnexpectedEOF, which
	// means that the file became shorter and the message cannot be completed.
	// The receiver closes it.
	Body io.ReadCloser
	// Why says for a refusal (4xx) what was wrong, for the record and not for
	// the client.
	Why string
}

// New checks that path is a folder that can be opened. A relative path starts
// at the working folder of this moment.
func New(path string) (*Folder, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("serve folder %s: %w", path, err)
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, fmt.Errorf("serve folder: %w", err)
	}
	return &Folder{path: abs}, root.Close()
}

// Open answers req. A refusal is a Response (403, 404, 405, 412, 416); an error
// means that the folder could not be read and is the server's own fault (5xx).
func (f *Folder) Open(req Request) (*Response, error) {
	if req.Method != "GET" && req.Method != "HEAD" {
		return &Response{Status: 405, Fields: [][2]string{{"Allow", "GET, HEAD"}}, Why: "method " + req.Method + " on a file"}, nil
	}
	name, why := localName(req.Path, onWindows)
	if why != "" {
		return refuse(404, why), nil
	}
	// Opened anew each time, so that a folder which a deployment deletes and
	// makes again, or a symlink it moves, is seen at once.
	root, err := os.OpenRoot(f.path)
	if err != nil {
		return nil, fmt.Errorf("serve folder: %w", err)
	}
	defer root.Close()

	file, info, err := openPlain(root, name)
	if err != nil {
		return refusal(err)
	}
	if info.IsDir() {
		file.Close()
		return slashRedirect(root, name, req.Query), nil
	}
	return answer(req, negotiate(root, name, file, info, req)), nil
}

// openPlain opens a regular file or a folder; anything else is errNotRegular.
func openPlain(root *os.Root, name string) (*os.File, fs.FileInfo, error) {
	file, err := root.OpenFile(name, openFlags, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.IsDir() && !info.Mode().IsRegular() {
		err = errNotRegular
	}
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return file, info, nil
}

// slashRedirect sends the client to the slash form of a folder, but only where
// an index waits there: otherwise the redirect would tell which folders exist.
func slashRedirect(root *os.Root, name, query string) *Response {
	info, err := root.Stat(name + "/" + indexName)
	if err != nil || !info.Mode().IsRegular() {
		return refuse(404, "folder without "+indexName)
	}
	// A leading "./" keeps a name with a colon from being read as a scheme
	// (RFC 3986 section 4.2).
	location := "./" + url.PathEscape(name[strings.LastIndexByte(name, '/')+1:]) + "/"
	if query != "" {
		location += "?" + query
	}
	return &Response{Status: 308, Fields: [][2]string{{"Location", location}}}
}

// answer decides between the whole file, parts of it, and no body at all.
// It owns rep.file.
func answer(req Request, rep representation) *Response {
	if status := precondition(req.Get, rep.validators); status != 0 {
		rep.file.Close()
		return withoutBody(status, rep)
	}
	spans, satisfiable := rep.ranges(req)
	if !satisfiable {
		rep.file.Close()
		resp := refuse(416, "range outside the file")
		resp.Fields = [][2]string{{"Content-Range", fmt.Sprintf("bytes */%d", rep.size)}}
		return resp
	}
	resp := content(rep, spans)
	if req.Method == "HEAD" {
		resp.Body.Close()
		resp.Body = nil
	}
	return resp
}

// withoutBody is the answer to a condition: 304 repeats what a cache needs
// (RFC 9110 section 15.4.5), 412 nothing.
func withoutBody(status int, rep representation) *Response {
	if status == 412 {
		return refuse(412, "precondition failed")
	}
	return &Response{Status: status, Fields: append([][2]string{{"ETag", rep.etag}}, rep.vary()...)}
}

func refuse(status int, why string) *Response {
	return &Response{Status: status, Why: why}
}
