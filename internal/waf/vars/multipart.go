package vars

import (
	"errors"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"slices"
	"strings"
)

// readParts reads a body of parts, as mime/multipart does; what it gives is a
// fault, or nothing. What was read before the fault stays.
//
// MULTIPART_STRICT_ERROR says that another reader may find something else in
// the body. One that we cut ourselves is not held against its client.
func (v *Values) readParts(text string) string {
	media, params, err := mime.ParseMediaType(v.contentType())
	if err != nil {
		v.Set(MultipartStrictError, "1")
		return err.Error()
	}
	if !strings.HasPrefix(media, "multipart/") {
		return "not a multipart body"
	}
	cut := v.Get(InboundDataError) == "1"
	r := multipart.NewReader(strings.NewReader(text), params["boundary"])
	for total := 0; ; {
		p, err := r.NextPart()
		if err == io.EOF || cut && errors.Is(err, io.EOF) {
			return ""
		}
		if err == nil {
			err = v.part(p, &total)
			if errors.Is(err, io.ErrUnexpectedEOF) {
				if !cut {
					v.Set(MultipartStrictError, "1")
				}
				return ""
			}
		}
		if err != nil {
			v.Set(MultipartStrictError, "1")
			return err.Error()
		}
	}
}

// contentType is what the first Content-Type says.
func (v *Values) contentType() string {
	for _, p := range v.Of(RequestHeaders) {
		if p.Fold == "content-type" {
			return p.Value
		}
	}
	return ""
}

// part adds what a part says of itself and, if it is a field, what it holds;
// total counts the bytes of all parts. A part that ends with the body is added,
// with io.ErrUnexpectedEOF.
func (v *Values) part(p *multipart.Part, total *int) error {
	field := p.Header.Get("Content-Disposition")
	kind, params, err := mime.ParseMediaType(field)
	name := ""
	if err == nil && kind == "form-data" {
		name = params["name"]
	}
	file := readFileName(field, params, err)
	fold := v.fold(name)
	if v.partHeaders(name, fold, p) {
		file.repeated = true
	}
	v.partNames(name, fold, &file)
	v.content.Reset()
	size := 0
	var end error
	if file.any() != "" {
		var n int64
		n, end = io.Copy(io.Discard, p)
		size = int(n)
	} else {
		_, end = v.content.ReadFrom(p)
		size = v.content.Len()
	}
	if end != nil && !errors.Is(end, io.ErrUnexpectedEOF) {
		return end
	}
	if file.any() != "" {
		v.file(name, &file, size)
	} else {
		v.addArgument(name, v.arena.String(v.content.Bytes()))
	}
	*total += size
	v.Set(FilesCombinedSize, v.decimal(*total))
	return end
}

// partHeaders adds the header of a part, and tells whether a name in it stands
// there twice.
func (v *Values) partHeaders(name, fold string, p *multipart.Part) (repeated bool) {
	for _, key := range slices.Sorted(maps.Keys(p.Header)) {
		values := p.Header[key]
		repeated = repeated || len(values) > 1
		for _, value := range values {
			v.add(MultipartPartHeaders, name, fold, v.arena.Join(key, ": ", value))
		}
	}
	return repeated
}

// partNames adds the names of a part, and what is wrong with them.
func (v *Values) partNames(name, fold string, f *fileName) {
	if f.repeated {
		v.Set(MultipartDuplicatePartHeader, "1")
	}
	if f.quoted {
		v.Set(MultipartInvalidQuoting, "1")
	}
	if f.repeated || f.quoted || f.malformed {
		v.Set(MultipartStrictError, "1")
	}
	v.add(MultipartName, name, fold, name)
	for _, file := range [...]string{f.name, f.other} {
		if file != "" {
			v.add(MultipartFilename, name, fold, file)
		}
	}
	if f.extended {
		v.add(MultipartFilenameCharset, name, fold, f.charset)
		v.add(MultipartFilenameLanguage, name, fold, f.language)
	}
}

// file adds a file: what it holds no rule looks at.
func (v *Values) file(name string, f *fileName, size int) {
	text := v.decimal(size)
	v.add(Files, "", "", f.any())
	v.fileSize(f.any(), text)
	if f.other != "" && f.other != f.any() {
		v.add(Files, "", "", f.other)
		v.fileSize(f.other, text)
	}
	v.add(FilesNames, "", "", name)
}

// sizesKept is from how many files on a request leaves no table to the next.
const sizesKept = 64

// fileSize notes the size of a file; of two with one name the second counts.
func (v *Values) fileSize(name, size string) {
	fold := v.fold(name)
	if i, known := v.sizes[fold]; known {
		v.lists[FilesSizes-singles][i] = Pair{name, fold, size}
		return
	}
	if v.sizes == nil {
		v.sizes = map[string]int{}
	}
	v.sizes[fold] = len(v.lists[FilesSizes-singles])
	v.add(FilesSizes, name, fold, size)
}
