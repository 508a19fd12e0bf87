package waf

import (
	"bytes"

	"fanlight/internal/httpwire"
	"fanlight/internal/waf/vars"
)

// LongestBody is how many bytes the body of a request may have. In a form with
// files (multipart/form-data) what the files hold counts apart: no rule reads it.
func (p *Policy) LongestBody(h *httpwire.Head) int {
	if formOf(h) != nil {
		return p.BodyLimit + p.FilesLimit
	}
	return p.BodyLimit
}

// Sees is how many bytes of a body, or of the beginning of one, rules see: all
// of them, or the first BodyLimit where there are more than they take.
func (p *Policy) Sees(h *httpwire.Head, body []byte) int {
	if len(body) <= p.BodyLimit {
		return len(body)
	}
	form := formOf(h)
	if form == nil || len(body) > p.BodyLimit+p.FilesLimit || len(body)-vars.FileBytes(string(form), body, p.BodyLimit) > p.BodyLimit {
		return p.BodyLimit
	}
	return len(body)
}

// formOf is the Content-Type of a form with files, nil for any other body. With
// two of them the rules may read the body as something else, which costs more.
func formOf(h *httpwire.Head) (field []byte) {
	for i := range h.Fields {
		if f := &h.Fields[i]; bytes.EqualFold(h.Bytes(f.Name), []byte("Content-Type")) {
			if field != nil {
				return nil
			}
			field = h.Bytes(f.Value)
		}
	}
	const form = "multipart/form-data"
	if len(field) < len(form) || !bytes.EqualFold(field[:len(form)], []byte(form)) {
		return nil
	}
	return field
}
