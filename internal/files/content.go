package files

import (
	"crypto/rand"
	"io"
	"os"
	"strings"
)

// content is the answer that carries bytes: the whole file, one part, or
// several parts as multipart/byteranges (RFC 9110 section 14.6). It owns
// rep.file.
func content(rep representation, spans []span) *Response {
	switch len(spans) {
	case 0:
		return &Response{
			Status: 200, Fields: rep.fields(rep.mediaType), Length: rep.size,
			Body: body{part(rep.file, span{0, rep.size}), rep.file},
		}
	case 1:
		fields := append(rep.fields(rep.mediaType), [2]string{"Content-Range", spans[0].contentRange(rep.size)})
		return &Response{
			Status: 206, Fields: fields, Length: spans[0].length,
			Body: body{part(rep.file, spans[0]), rep.file},
		}
	}
	return severalParts(rep, spans)
}

func severalParts(rep representation, spans []span) *Response {
	boundary := rand.Text()
	var length int64
	var parts []io.Reader
	text := func(s string) {
		length += int64(len(s))
		parts = append(parts, strings.NewReader(s))
	}
	delimiter := "--" + boundary
	for _, s := range spans {
		text(delimiter + "\r\nContent-Type: " + rep.mediaType + "\r\nContent-Range: " + s.contentRange(rep.size) + "\r\n\r\n")
		length += s.length
		parts = append(parts, part(rep.file, s))
		delimiter = "\r\n--" + boundary
	}
	text(delimiter + "--\r\n")
	return &Response{
		Status: 206, Fields: rep.fields("multipart/byteranges; boundary=" + boundary), Length: length,
		Body: body{io.MultiReader(parts...), rep.file},
	}
}

type body struct {
	io.Reader
	io.Closer
}

// partReader reads one part and calls a file that ends within it by its name.
type partReader struct {
	section *io.SectionReader
	left    int64
}

func part(file *os.File, s span) *partReader {
	return &partReader{io.NewSectionReader(file, s.first, s.length), s.length}
}

func (r *partReader) Read(p []byte) (int, error) {
	n, err := r.section.Read(p)
	r.left -= int64(n)
	if err == io.EOF && r.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
