package vars

import (
	"io"
	"mime"
	"mime/multipart"
)

// FileBytes is how many bytes of a body of parts are what files hold, read as
// Body reads them. What stands behind a fault counts as no file, and neither does
// what stands behind more than most bytes that are none. It takes time in
// proportion to the length of the body.
func FileBytes(contentType string, body []byte, most int) int {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return 0
	}
	apart := &apart{body: body, most: most}
	r := multipart.NewReader(apart, params["boundary"])
	for {
		p, err := r.NextPart()
		if err != nil {
			return apart.files
		}
		if !isFile(p) {
			continue
		}
		if _, err := io.Copy(apart, p); err != nil {
			return apart.files
		}
	}
}

// apart reads a body, and is told of what files in it hold. It ends once there is
// too much beside them: a head of a part that is as long as the files may be
// takes a second to read.
type apart struct {
	body              []byte
	read, files, most int
}

// readAhead is more than a reader of parts has in its buffer.
const readAhead = 16 << 10

func (a *apart) Read(p []byte) (int, error) {
	if a.read == len(a.body) || a.read-a.files > a.most+readAhead {
		return 0, io.EOF
	}
	n := copy(p, a.body[a.read:])
	a.read += n
	return n, nil
}

func (a *apart) Write(p []byte) (int, error) {
	a.files += len(p)
	return len(p), nil
}

func isFile(p *multipart.Part) bool {
	field := p.Header.Get("Content-Disposition")
	_, params, err := mime.ParseMediaType(field)
	name := readFileName(field, params, err)
	return name.any() != ""
}
