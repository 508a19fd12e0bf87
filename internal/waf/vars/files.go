package vars

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
)

// FileBytes is how many bytes of a body of parts are what files hold, read as
// Body reads them. What stands behind a fault counts as no file. It takes time in
// proportion to the length of the body.
func FileBytes(contentType string, body []byte) (sum int) {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return 0
	}
	r := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		p, err := r.NextPart()
		if err != nil {
			return sum
		}
		if !isFile(p) {
			continue
		}
		n, err := io.Copy(io.Discard, p)
		sum += int(n)
		if err != nil {
			return sum
		}
	}
}

func isFile(p *multipart.Part) bool {
	field := p.Header.Get("Content-Disposition")
	_, params, err := mime.ParseMediaType(field)
	name := readFileName(field, params, err)
	return name.any() != ""
}
